"""
How much regularization?
========================

A network that is large for its data learns their errors by heart. Train it with 25 strengths of an L2 penalty, all in
one call, and see what the strength does to the accuracy and to the weights.
"""

import matplotlib.pyplot as plt
import numpy as np

import nbtrain
from nbtrain.datasets import load_digits

X, y = load_digits()
X_train, y_train, X_val, y_val = X[:300], y[:300].copy(), X[1000:], y[1000:]
random = np.random.default_rng(0)
wrong = random.random(300) < 0.2
y_train[wrong] = random.integers(0, 10, wrong.sum())  # a fifth of the labels are anything

strengths = np.geomspace(1e-2, 2e1, 25)
network = nbtrain.Network(64, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(10)])
many = nbtrain.Population(
    network,
    len(strengths),
    loss="softmax_cross_entropy",
    regularizer=nbtrain.regularizer("l2", strength=strengths),  # one for each member
    rng=0,
)
history = many.fit(X_train, y_train, epochs=150, validation_data=(X_val, y_val))

# %%
# Left: the accuracy on the labels that the network has seen, and on other digits, whose labels are right. Right: every
# line is one weight of the last layer. A penalty draws all weights towards zero; too much of it, and nothing is left to
# tell digits apart.

figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
left.plot(strengths, history.last("accuracy"), label="training")
left.plot(strengths, history.last("val_accuracy"), "--", label="validation")
left.set_ylabel("accuracy")
left.legend()
weights = np.array([many[k].weights[1][0].ravel() for k in range(len(strengths))])
right.plot(strengths, weights[:, ::4], color="C0", alpha=0.35, linewidth=0.8)
right.set_ylabel("weight")
for axes in (left, right):
    axes.set_xscale("log")
    axes.set_xlabel("strength of the penalty")
    axes.grid()

best = history.last("val_accuracy").argmax()
print(f"best strength {strengths[best]:.2g}: validation accuracy {history.last('val_accuracy')[best]:.1%}")
