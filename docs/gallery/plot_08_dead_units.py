"""
Weights, activations and dead units
===================================

A look inside a network. A relu whose input is negative for every sample always gives 0: it is dead. It gets no gradient
any more, so it stays so.
"""

import nbtrain
from nbtrain import plot
from nbtrain.datasets import load_digits

X, y = load_digits()


def trained(activation, learning_rate):
    layers = [nbtrain.Dense(64, activation), nbtrain.Dense(64, activation), nbtrain.Dense(10)]
    adam = nbtrain.optimizer("adam", learning_rate=learning_rate)
    trainer = nbtrain.Trainer(nbtrain.Network(64, layers), loss="softmax_cross_entropy", optimizer=adam, rng=0)
    trainer.fit(X[:1400], y[:1400], epochs=20)
    print("dead units of each layer:", [len(dead) for dead in plot.dead_units(trainer, X)])
    print(f"accuracy on other digits: {trainer.evaluate(X[1400:], y[1400:])['accuracy']:.1%}")
    return trainer


# %%
# With a suitable learning rate few units are dead. The bar at zero is as it should be: each unit answers to some digits
# only. The scale is logarithmic.

healthy = trained("relu", 0.001)
plot.activations(healthy, X, log=True)

# %%
# With a learning rate thirty times as large, the first steps throw many units to where they never answer again. Such a
# unit takes time and memory, and contributes nothing.

hurt = trained("relu", 0.03)
plot.activations(hurt, X, log=True)

# %%
# Its weights are spread more widely than the initial ones, which are within ±0.22 in the first two layers.

plot.weights(hurt)

# %%
# An activation whose derivative is nowhere zero cannot die, and survives even this learning rate.

alive = trained("leaky_relu", 0.03)
plot.activations(alive, X, log=True)
