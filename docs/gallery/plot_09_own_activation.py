"""
An activation of your own
=========================

Write a wavelet, sin(b z) exp(-z²/2), as two plain Python functions. nbtrain compiles them, checks the derivative, and
trains with them as fast as with its own.
"""

from math import cos, exp, sin

import matplotlib.pyplot as plt
import numpy as np

import nbtrain
from nbtrain import testing


def wavelet(z, b):
    return 0.0 if abs(z) > 40.0 else sin(b * z) * exp(-0.5 * z * z)  # the sine of a huge number is NaN


def derivative(z, b):
    return 0.0 if abs(z) > 40.0 else (b * cos(b * z) - z * sin(b * z)) * exp(-0.5 * z * z)


frequency = nbtrain.Parameter(3.0, above=0.0)
spec = nbtrain.Activation("wavelet", value=wavelet, slope=derivative, parameters={"b": frequency})
testing.check(spec)  # silent, since it found nothing: derivative, float32, large numbers, NaN

# %%
# What it looks like. (``nbtrain plugins plot`` draws this picture for components that are installed.)

z = np.linspace(-4, 4, 400)
figure, axes = plt.subplots()
axes.plot(z, [wavelet(one, 3.0) for one in z], label="value")
axes.plot(z, [derivative(one, 3.0) for one in z], "--", label="derivative")
axes.set_xlabel("z")
axes.grid()
axes.legend()

# %%
# Wavelets are good at signals that come and go. Both networks have the same size, the same initial weights and the same
# data.

x = np.linspace(-3, 3, 500)[:, None]
y = np.sin(8 * x) * np.exp(-(x**2))

figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
left.plot(x, y, ":", color="0.5", label="target")
for name, activation, style in (("tanh", "tanh", "--"), ("wavelet", nbtrain.activation(spec, b=3.0), "-")):
    network = nbtrain.Network(1, [nbtrain.Dense(32, activation), nbtrain.Dense(32, activation), nbtrain.Dense(1)])
    adam = nbtrain.optimizer("adam", learning_rate=0.005)
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=adam, rng=0)
    history = trainer.fit(x, y, epochs=200)
    left.plot(x, trainer.predict(x), style, label=name)
    right.plot(range(1, 201), history["loss"], style, label=name)
left.legend()
right.set_yscale("log")
right.set_xlabel("epoch")
right.set_ylabel("training loss")
right.legend()
