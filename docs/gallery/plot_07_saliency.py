"""
What the network looks at
=========================

The gradient with respect to the inputs says which pixels matter for an answer. Following it uphill draws the image that
the network likes best.
"""

import matplotlib.pyplot as plt
import numpy as np

import nbtrain
from nbtrain.datasets import load_digits

X, y = load_digits()
network = nbtrain.Network(64, [nbtrain.Dense(64, "relu", dropout=0.3), nbtrain.Dense(10)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
trainer.fit(X[:1400], y[:1400], epochs=60)

# %%
# Digits that the network has not seen, with its answers.

images = np.array([X[1400:][y[1400:] == digit][0] for digit in range(10)])


def show(rows, titles, **options):
    panels = plt.subplots(1, 10, figsize=(9, 1.3))[1]
    for axes, row, title in zip(panels, rows, titles, strict=True):
        axes.imshow(row.reshape(8, 8), **options)
        axes.set_title(title, fontsize="small")
        axes.set_axis_off()


show(images, trainer.predict(images).argmax(axis=1), cmap="gray_r")

# %%
# ``input_gradient`` needs the derivative of the objective by the outputs. Here the objective is the output of the
# image's own class, so that this derivative has a one in its column. Red: more ink there makes the network surer.
# Blue: less sure.

saliency = trainer.input_gradient(images, np.eye(10))
most = abs(saliency).max()
show(saliency, range(10), cmap="RdBu_r", vmin=-most, vmax=most)

# %%
# Now the inputs are what is trained. From a grey image, forty steps uphill lead to an image for each digit that the
# network is very sure of. People are less so: what a network looks at is not what people look at.

drawn = np.full((10, 64), 0.3)
for _ in range(40):
    logits = trainer.activations(drawn)[-1]
    probability = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability /= probability.sum(axis=1, keepdims=True)
    uphill = trainer.input_gradient(drawn, np.eye(10) - probability)  # of the logarithm of the probability
    drawn = np.clip(drawn + 0.1 * uphill / np.linalg.norm(uphill, axis=1, keepdims=True), 0, 1)

show(drawn, [f"{p:.0%}" for p in trainer.predict(drawn).diagonal()], cmap="gray_r", vmin=0, vmax=1)
