"""CartPole: a pole balanced on a cart by a policy network, all of it inside one compiled function.

    python examples/cartpole.py

Physics, rollouts, returns and training run in `learn`, an `@njit` function that trains through `nbtrain.kernel` and
never comes back to Python until the policy is good: policy gradient (REINFORCE) with 32 carts at a time, discounted
rewards to go, and the mean over the carts at the same time step as baseline. The loss of the policy gradient is not
built in; it is written here in six lines. As for CartPole-v1, solved means a mean return of at least 475 of 500 over
100 new episodes.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from types import SimpleNamespace

import numpy as np
from numba import njit

import nbtrain
from nbtrain import kernel

STEPS, CARTS, SOLVED = 500, 32, 475.0
GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
EDGE, LEANING = 2.4, 12 * math.pi / 180


def policy_gradient(z, y, slope):
    """-Σ_k y_k log softmax(z)_k, where y holds the advantage at the place of the action that was taken, else 0."""
    peak = max(z[0], z[1])
    total = math.exp(z[0] - peak) + math.exp(z[1] - peak)
    for k in range(2):
        slope[k] = (y[0] + y[1]) * math.exp(z[k] - peak) / total - y[k]
    return (y[0] + y[1]) * (math.log(total) + peak) - y[0] * z[0] - y[1] * z[1]


def softmax(z, out):
    """Probabilities of the two actions."""
    peak = max(z[0], z[1])
    total = math.exp(z[0] - peak) + math.exp(z[1] - peak)
    for k in range(2):
        out[k] = math.exp(z[k] - peak) / total


@nbtrain.hookimpl
def nbtrain_losses():
    """The plugin hook: once registered, the loss that it yields is available by name."""
    yield nbtrain.Loss("policy_gradient", row=policy_gradient, row_output=softmax)


@njit(cache=True)
def move(state, push):
    """One step of the physics of A. G. Barto, R. S. Sutton and C. W. Anderson (1983) -> whether the pole stands."""
    position, speed, angle, turning = state
    total = CART + POLE
    sine, cosine = math.sin(angle), math.cos(angle)
    common = (push + POLE * HALF_LENGTH * turning * turning * sine) / total
    angular = (GRAVITY * sine - cosine * common) / (HALF_LENGTH * (4.0 / 3.0 - POLE * cosine * cosine / total))
    linear = common - POLE * HALF_LENGTH * angular * cosine / total
    state[0], state[1] = position + SECONDS * speed, speed + SECONDS * linear
    state[2], state[3] = angle + SECONDS * turning, turning + SECONDS * angular
    return abs(state[0]) <= EDGE and abs(state[2]) <= LEANING


@njit(cache=True)
def roll_out(model, states, actions, random, greedy):
    """Run all carts until they fall or time is up, and record states and actions -> the steps of each."""
    carts = states.shape[1]
    lengths = np.zeros(carts, np.int64)
    probabilities = np.empty((carts, 2), np.float32)
    current = random.uniform(-0.05, 0.05, (carts, 4))
    standing = np.ones(carts, np.bool_)
    for t in range(STEPS):
        states[t] = current
        kernel.predict(model, states[t], probabilities)
        for cart in range(carts):
            if standing[cart]:
                chance = 0.5 if greedy else random.random()
                actions[t, cart] = 1 if chance < probabilities[cart, 1] else 0
                lengths[cart] += 1
                standing[cart] = move(current[cart], FORCE if actions[t, cart] == 1 else -FORCE)
        if not standing.any():
            break
    return lengths


@njit(cache=True)
def make_batch(states, actions, lengths, discount, x, y):
    """Rows of states, and of advantages at the place of the action -> how many there are."""
    togo = np.zeros((STEPS, states.shape[1]))
    squares, rows = 0.0, 0
    for t in range(lengths.max() - 1, -1, -1):
        mean = 0.0
        for cart in range(states.shape[1]):  # a cart that has fallen gets no more rewards, and counts in the mean
            if t < lengths[cart]:
                togo[t, cart] = 1.0 + (discount * togo[t + 1, cart] if t + 1 < STEPS else 0.0)
            mean += togo[t, cart] / states.shape[1]
        for cart in range(states.shape[1]):
            if t < lengths[cart]:
                x[rows], y[rows] = states[t, cart], 0.0
                y[rows, actions[t, cart]] = togo[t, cart] - mean
                squares += (togo[t, cart] - mean) ** 2
                rows += 1
    deviation = math.sqrt(squares / rows) + 1e-6
    for row in range(rows):
        y[row] /= deviation
    return rows


@njit(cache=True)
def learn(model, rounds, discount, random):
    """Train the policy of `model` -> mean return of each round; it stops after four good rounds."""
    returns = np.zeros(rounds)
    states, actions = np.empty((STEPS, CARTS, 4), np.float32), np.empty((STEPS, CARTS), np.int64)
    x, y = np.empty((STEPS * CARTS, 4), np.float32), np.empty((STEPS * CARTS, 2), np.float32)
    for turn in range(rounds):
        lengths = roll_out(model, states, actions, random, False)
        returns[turn] = lengths.mean()
        if turn >= 3 and returns[turn - 3 : turn + 1].min() >= SOLVED:
            return returns[: turn + 1]
        rows = make_batch(states, actions, lengths, discount, x, y)
        kernel.train_step(model, x[:rows], y[:rows])
    return returns


@njit(cache=True)
def judge(model, episodes, random):
    """Steps that new episodes last when the likelier action is always taken."""
    states, actions = np.empty((STEPS, episodes, 4), np.float32), np.empty((STEPS, episodes), np.int64)
    return roll_out(model, states, actions, random, True)


def main(arguments: list[str] | None = None) -> int:
    """Learn to balance, and show it in new episodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000, help="most rounds, of 32 episodes each (default 1000)")
    parser.add_argument("--hidden", type=int, default=32, help="hidden units (default 32)")
    parser.add_argument("--learning-rate", type=float, default=0.01, help="default 0.01")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    nbtrain.register(SimpleNamespace(nbtrain_losses=nbtrain_losses))
    policy = nbtrain.Network(4, [nbtrain.Dense(options.hidden, "tanh"), nbtrain.Dense(2)])
    adam = nbtrain.optimizer("adam", learning_rate=options.learning_rate)
    trainer = nbtrain.Trainer(policy, loss="policy_gradient", optimizer=adam, batch_size=1024, rng=options.seed)
    random = np.random.default_rng(options.seed)
    print("compiling the simulation, once on this machine ...", flush=True)
    learn(trainer.model, 0, 0.99, random)  # compiles, or loads what an earlier run has compiled
    start = time.perf_counter()
    returns = learn(trainer.model, options.rounds, 0.99, random)
    seconds = time.perf_counter() - start
    for turn in range(0, len(returns), max(1, len(returns) // 10)):
        print(f"round {turn + 1:3}  mean return {returns[turn]:5.1f}")
    steps = int(CARTS * returns.sum())
    print(f"{len(returns)} rounds, {steps} steps of the simulation: {seconds:.2f} s")
    result = judge(trainer.model, 100, random).mean()
    print(f"mean return over 100 new episodes {result:.1f}: {'solved' if result >= SOLVED else 'not solved'}")
    return 0 if result >= SOLVED else 1


if __name__ == "__main__":
    sys.exit(main())
