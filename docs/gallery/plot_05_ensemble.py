"""
Thirty networks know what they do not know
==========================================

Networks that start from different weights agree where there are data, and disagree where there are none. A population
trains all of them in one call.
"""

import matplotlib.pyplot as plt
import numpy as np

import nbtrain

random = np.random.default_rng(0)
x = np.concatenate([random.uniform(-3, -0.7, 60), random.uniform(0.9, 3, 60)])[:, None]  # nothing between -0.7 and 0.9
y = np.sin(2 * x) + 0.3 * x + random.normal(0, 0.15, x.shape)

# %%
# Each member also gets a sample of its own, drawn with replacement (a bootstrap sample), so that the noise of the data
# is in the band, too.

MEMBERS = 30
rows = random.integers(0, len(x), (MEMBERS, len(x)))
network = nbtrain.Network(1, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(32, "tanh"), nbtrain.Dense(1)])
adam = nbtrain.optimizer("adam", learning_rate=0.01)
ensemble = nbtrain.Population(network, MEMBERS, loss="mse", optimizer=adam, rng=0)
ensemble.fit(x[rows], y[rows], epochs=300)

# %%
# ``predict`` gives the outputs of every member. The band has 90 % of them. It widens where there are no data. Far
# outside it is still too narrow: there the networks agree on something that none of them can know.

grid = np.linspace(-4, 4, 300)[:, None]
curves = ensemble.predict(grid)[..., 0]
low, middle, high = np.quantile(curves, [0.05, 0.5, 0.95], axis=0)

figure, axes = plt.subplots(figsize=(7, 4))
axes.fill_between(grid[:, 0], low, high, color="C0", alpha=0.25, label="90 % of the networks")
axes.plot(grid, curves[:5].T, color="C0", alpha=0.4, linewidth=0.7)
axes.plot(grid, middle, color="C0", label="median")
axes.plot(grid, np.sin(2 * grid) + 0.3 * grid, "--", color="0.5", label="truth")
axes.scatter(x, y, s=9, color="C1", label="data", zorder=3)
axes.set_ylim(-3, 3)
axes.legend(ncols=2)
