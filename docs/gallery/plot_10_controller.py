"""
A controller trained inside a compiled simulation
=================================================

A network learns to balance a stick. Simulation, training and the derivative of the one through the other are a single
function that Numba compiles; no step returns to Python.
"""

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

import nbtrain
from nbtrain import kernel

# %%
# The stick falls by its weight, and a motor at its foot pushes with what the network says:
# speed' = sin(angle) + push. The cost is angle² + 0.1 speed² + 0.01 push², summed over four seconds.

STEPS, BATCH, DT = 80, 32, 0.05


@njit
def move(state, push, after):
    for row in range(len(state)):
        after[row, 1] = state[row, 1] + DT * (np.sin(state[row, 0]) + push[row, 0])
        after[row, 0] = state[row, 0] + DT * after[row, 1]


# %%
# One iteration: 32 sticks fall at once, while all their states are kept. Then the derivative of the cost is carried
# back through time, from the last moment to the first. ``slope`` is the derivative by a state; ``kernel.backward`` adds
# up the gradient of the parameters, and gives the derivative by what the network saw.


@njit
def learn(model, states, push, by_push, by_input):
    cost = 0.0
    for t in range(STEPS):
        kernel.forward(model, states[t], push)
        move(states[t], push, states[t + 1])
    slope = np.zeros((BATCH, 2))
    for t in range(STEPS - 1, -1, -1):
        kernel.forward(model, states[t], push)
        for row in range(BATCH):
            angle, speed = states[t + 1, row]
            cost += (angle**2 + 0.1 * speed**2 + 0.01 * push[row, 0] ** 2) / BATCH
            by_angle = slope[row, 0] + 2 * angle / BATCH
            by_speed = slope[row, 1] + 0.2 * speed / BATCH + DT * by_angle  # the speed moves the angle
            by_push[row, 0] = DT * by_speed + 0.02 * push[row, 0] / BATCH
            slope[row, 0] = by_angle + DT * np.cos(states[t, row, 0]) * by_speed
            slope[row, 1] = by_speed
        kernel.backward(model, states[t], by_push, by_input, t < STEPS - 1)
        slope += by_input
    kernel.update(model)
    return cost


network = nbtrain.Network(2, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(1)])
adam = nbtrain.optimizer("adam", learning_rate=0.01)
options = {"optimizer": adam, "batch_size": BATCH, "dtype": "float64", "clip_norm": 10.0, "rng": 0}
trainer = nbtrain.Trainer(network, loss="mse", **options)


@njit
def train(model, starts, costs):
    states = np.zeros((STEPS + 1, BATCH, 2))
    push, by_push, by_input = np.zeros((BATCH, 1)), np.zeros((BATCH, 1)), np.zeros((BATCH, 2))
    for k in range(len(starts)):
        states[0] = starts[k]
        costs[k] = learn(model, states, push, by_push, by_input)


starts, costs = np.random.default_rng(0).uniform(-1, 1, (400, BATCH, 2)), np.zeros(400)
train(trainer.model, starts, costs)
print(f"cost {costs[0]:.0f} at first, {costs[-1]:.1f} at the end")

# %%
# Five sticks before and after. Without a controller they fall over; with it they stand within two seconds.


def fall(push_of):
    states = np.zeros((STEPS + 1, 5, 2))
    states[0, :, 0] = np.linspace(-1, 1, 5)
    for t in range(STEPS):
        move(states[t], push_of(states[t]), states[t + 1])
    return states[..., 0]


time = DT * np.arange(STEPS + 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
left.plot(costs)
left.set_yscale("log")
left.set_xlabel("iteration")
left.set_ylabel("cost")
right.plot(time, fall(lambda states: np.zeros((5, 1))), ":", color="0.5", linewidth=1)
right.plot(time, fall(trainer.predict), color="C0")
right.set_ylim(-3.2, 3.2)
right.set_xlabel("seconds")
right.set_ylabel("angle (dotted: without controller)")
