"""
Is a network right as often as it says?
=======================================

A classifier is calibrated if it is right in 80 % of the cases in which it says 80 %. One that was trained for long on
few samples usually is too sure. A single number, the temperature, mends that.
"""

import matplotlib.pyplot as plt
import numpy as np

import nbtrain

random = np.random.default_rng(0)
X = random.normal(size=(4000, 10))
truth = 1 / (1 + np.exp(-2 * X[:, 0] * X[:, 1] - X[:, 2]))  # the probability of class 1
y = (random.random(4000) < truth).astype(np.int64)
train, validation, test = slice(0, 600), slice(600, 2000), slice(2000, 4000)

network = nbtrain.Network(10, [nbtrain.Dense(64, "relu"), nbtrain.Dense(64, "relu"), nbtrain.Dense(2)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
trainer.fit(X[train], y[train], epochs=30)

# %%
# Dividing the logits by a temperature above 1 makes the network less sure, without changing its decisions. The
# temperature is the one with the smallest loss on validation data.


def probability(rows, temperature):
    z = trainer.activations(X[rows])[-1].astype(float)  # the last layer's activations are the logits
    return 1 / (1 + np.exp((z[:, 0] - z[:, 1]) / temperature))


def log_loss(p, labels):
    return -np.log(np.where(labels == 1, p, 1 - p)).mean()


temperatures = np.geomspace(0.5, 10, 200)
losses = [log_loss(probability(validation, t), y[validation]) for t in temperatures]
best = temperatures[np.argmin(losses)]
for name, temperature in (("before", 1.0), ("after", best)):
    print(f"{name}: temperature {temperature:.2f}, test loss {log_loss(probability(test, temperature), y[test]):.3f}")

# %%
# A reliability diagram: the test samples are put into ten bins by what the network says, and each point shows how
# often it was class 1 in a bin. A calibrated network lies on the diagonal.

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8))
left.plot([0, 1], [0, 1], ":", color="0.5", label="calibrated")
for name, temperature, style in (("before", 1.0, "o-"), ("after", best, "s--")):
    p = probability(test, temperature)
    bins = np.minimum((10 * p).astype(int), 9)
    filled = [k for k in range(10) if (bins == k).any()]
    left.plot([p[bins == k].mean() for k in filled], [y[test][bins == k].mean() for k in filled], style, label=name)
    right.hist(p, bins=20, range=(0, 1), alpha=0.55, label=name)
left.set_xlabel("what the network says")
left.set_ylabel("how often it is so")
left.legend()
right.set_xlabel("what the network says")
right.set_ylabel("samples")
right.legend()
