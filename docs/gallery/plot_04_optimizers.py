"""
Optimizers on their way down
============================

Five optimizers fit a line to data, and then a network to digits.
"""

import matplotlib.pyplot as plt
import numpy as np

import nbtrain
from nbtrain.datasets import load_digits

# %%
# A line y = w x + b has two parameters, so that its loss can be drawn. Because the mean of x is not zero, the
# contours are a long, narrow valley: steep across, flat along.

RATES = {"sgd": 0.25, "momentum": 0.2, "rmsprop": 0.02, "adam": 0.1, "adagrad": 0.4}
STYLES = ("-", "--", "-.", ":", "-")

random = np.random.default_rng(0)
x = random.uniform(0.0, 2.0, (100, 1))
y = 1.5 * x - 0.5 + random.normal(0, 0.1, x.shape)
line = nbtrain.Network(1, [nbtrain.Dense(1)])

w, b = np.meshgrid(np.linspace(-1.4, 2.6, 100), np.linspace(-1.6, 2.6, 100))
loss = ((w[..., None] * x[:, 0] + b[..., None] - y[:, 0]) ** 2).mean(axis=-1)

figure, axes = plt.subplots(figsize=(7, 4.6))
axes.contour(w, b, loss, np.geomspace(0.012, loss.max(), 16), colors="0.5", linewidths=0.5)
for (name, rate), style in zip(RATES.items(), STYLES, strict=True):
    optimizer = nbtrain.optimizer(name, learning_rate=rate)
    trainer = nbtrain.Trainer(line, loss="mse", optimizer=optimizer, batch_size=100, rng=0)
    trainer.set_weights([([[-1.0]], [1.0])])
    path = [trainer.theta.copy()]
    for _ in range(80):
        trainer.train_step(x, y)
        path.append(trainer.theta.copy())
    axes.plot(*np.transpose(path), style, marker=".", markersize=3, label=f"{name}, learning rate {rate}")
axes.set_ylim(-1.6, 2.6)
axes.plot(*np.polyfit(x[:, 0], y[:, 0], 1), "x", color="0.5", markersize=9, label="least squares")
axes.set_xlabel("w")
axes.set_ylabel("b")
axes.legend(fontsize="small", loc="lower left")

# %%
# Which of them is fastest depends on the task and on the learning rate. Here they train the same network from the same
# weights, each with a learning rate that suits it.

X, labels = load_digits()
network = nbtrain.Network(64, [nbtrain.Dense(64, "relu"), nbtrain.Dense(10)])

RATES = {"sgd": 0.1, "momentum": 0.1, "rmsprop": 0.001, "adam": 0.002, "adagrad": 0.02}

figure, axes = plt.subplots()
for (name, rate), style in zip(RATES.items(), STYLES, strict=True):
    optimizer = nbtrain.optimizer(name, learning_rate=rate)
    trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", optimizer=optimizer, rng=0)
    history = trainer.fit(X, labels, epochs=30)
    axes.plot(range(1, 31), history["loss"], style, label=f"{name}, learning rate {rate}")
axes.set_yscale("log")
axes.set_xlabel("epoch")
axes.set_ylabel("training loss")
axes.grid()
axes.legend()
