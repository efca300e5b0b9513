"""
A decision boundary that grows
==============================

Train a classifier on points in the plane, and look at its boundary after 1, 5, 20 and 200 epochs.
"""

import matplotlib.pyplot as plt
import numpy as np

import nbtrain

random = np.random.default_rng(0)
angle = np.pi * random.random(400)
y = np.repeat([0, 1], 200)
moon = np.stack([np.cos(angle), np.sin(angle)], axis=1)
X = np.where(y[:, None] == 0, moon, [1.0, 0.4] - moon) + random.normal(0, 0.15, (400, 2))

network = nbtrain.Network(2, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(32, "tanh"), nbtrain.Dense(2)])
adam = nbtrain.optimizer("adam", learning_rate=0.005)
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", optimizer=adam, rng=0)

# %%
# ``fit`` continues where the last call stopped, so the training can pause for a picture. The shade is the probability
# of the orange points; the line is where both classes are equally probable.

across, up = np.meshgrid(np.linspace(-1.6, 2.6, 120), np.linspace(-1.3, 1.7, 100))
grid = np.stack([across.ravel(), up.ravel()], axis=1)

figure, panels = plt.subplots(2, 2, figsize=(7, 5.4), sharex=True, sharey=True)
for axes, epochs in zip(panels.flat, [1, 5, 20, 200], strict=True):
    trainer.fit(X, y, epochs=epochs - trainer.epoch)
    probability = trainer.predict(grid)[:, 1].reshape(across.shape)
    axes.contourf(across, up, probability, np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.4)
    axes.contour(across, up, probability, [0.5], colors="0.5", linewidths=1.5)
    axes.scatter(*X.T, s=8, c=np.where(y == 0, "C0", "C1"))
    accuracy = trainer.evaluate(X, y)["accuracy"]
    axes.set_title(f"{epochs} epoch{'s' * (epochs > 1)}, accuracy {accuracy:.1%}", fontsize="medium")
