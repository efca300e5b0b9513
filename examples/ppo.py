"""PPO: a pole balanced on a cart by policy and value in one network, trained with an objective of its own.

    python examples/ppo.py

Proximal policy optimization (J. Schulman, F. Wolski, P. Dhariwal, A. Radford, O. Klimov: Proximal policy optimization
algorithms, 2017) with a network of three outputs: two logits of the actions, and the value of the state. Its objective
is none of the losses of a library: the clipped ratio of new to old probabilities, entropy, and the error of the value.
So the network runs `forward`, a few lines of Python give the derivative of the objective by its outputs, and
`backward` and `update` do the rest: all in compiled functions, as are the physics of 16 carts. As for CartPole-v1,
solved means a mean return of at least 475 of 500 over 100 new episodes.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import NamedTuple

import numpy as np
from numba import njit

import nbtrain
from nbtrain import kernel

STEPS, CARTS, HORIZON, ROWS, SOLVED = 500, 16, 64, 256, 475.0
DISCOUNT, LAMBDA, CLIP, ENTROPY, VALUE, EPOCHS = 0.99, 0.95, 0.2, 0.001, 0.5, 4
REWARD = 0.05  # of a step: values of a few units leave the two objectives of the network in balance
GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
EDGE, LEANING = 2.4, 12 * math.pi / 180


class Carts(NamedTuple):
    """Carts that run on from one round to the next."""

    states: np.ndarray  # (carts, 4)
    ages: np.ndarray  # (carts,): steps of the episode
    seen: np.ndarray  # (carts, 4) float32
    outputs: np.ndarray  # (carts, 3): two logits and the value
    lengths: np.ndarray  # (1,): smoothed length of the episodes that ended


class Rollout(NamedTuple):
    """What happened in a round: a row for each step and cart."""

    states: np.ndarray  # (steps, carts, 4) float32
    actions: np.ndarray  # (steps, carts)
    rewards: np.ndarray  # (steps, carts)
    ended: np.ndarray  # (steps, carts)
    chances: np.ndarray  # (steps, carts): log-probability of the action
    values: np.ndarray  # (steps + 1, carts)
    advantages: np.ndarray  # (steps, carts)


class Batch(NamedTuple):
    """A part of a round, and the network's outputs and derivatives for it."""

    x: np.ndarray  # (m, 4)
    outputs: np.ndarray  # (m, 3)
    delta: np.ndarray  # (m, 3)


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
def new_state(random, state):
    """The start of an episode."""
    for k in range(4):
        state[k] = random.uniform(-0.05, 0.05)


@njit(cache=True)
def log_chance(outputs, action):
    """Log-probability of an action: that of the other one, without overflow, is 1 minus its probability."""
    ahead = float(outputs[1 - action]) - float(outputs[action])
    return -(max(ahead, 0.0) + math.log1p(math.exp(-abs(ahead))))


@njit(cache=True)
def look(model, carts):
    """Outputs of the network for every cart -> status."""
    carts.seen[:] = carts.states
    return kernel.predict(model, carts.seen, carts.outputs)


@njit(cache=True)
def advance(cart, t, carts, rollout, random):
    """One step of a cart, recorded; a cart whose episode ends begins another."""
    action = 1 if math.log(random.random()) < log_chance(carts.outputs[cart], 1) else 0
    rollout.states[t, cart], rollout.actions[t, cart] = carts.seen[cart], action
    rollout.chances[t, cart] = log_chance(carts.outputs[cart], action)
    stands = move(carts.states[cart], FORCE if action == 1 else -FORCE)
    carts.ages[cart] += 1
    rollout.rewards[t, cart], rollout.ended[t, cart] = REWARD, not stands
    if not stands or carts.ages[cart] >= STEPS:
        if stands:  # cut off, not fallen: what would have followed is worth about as much as now
            rollout.rewards[t, cart] += DISCOUNT * rollout.values[t, cart]
        rollout.ended[t, cart] = True
        carts.lengths[0] = 0.95 * carts.lengths[0] + 0.05 * carts.ages[cart]
        carts.ages[cart] = 0
        new_state(random, carts.states[cart])


@njit(cache=True)
def roll_out(model, carts, rollout, random):
    """A round of all carts, and the advantages of their actions -> sum of the statuses."""
    bad = 0
    for t in range(HORIZON + 1):
        bad += look(model, carts)
        for cart in range(CARTS):
            rollout.values[t, cart] = carts.outputs[cart, 2]
            if t < HORIZON:
                advance(cart, t, carts, rollout, random)
    for cart in range(CARTS):
        later = 0.0
        for t in range(HORIZON - 1, -1, -1):
            goes_on = 0.0 if rollout.ended[t, cart] else 1.0
            surprise = rollout.rewards[t, cart] + DISCOUNT * goes_on * rollout.values[t + 1, cart]
            later = surprise - rollout.values[t, cart] + DISCOUNT * LAMBDA * goes_on * later
            rollout.advantages[t, cart] = later
    return bad


@njit(cache=True)
def slopes(outputs, action, chance, advantage, target, delta):
    """Derivatives of -min(r A, clip(r) A) - entropy + error of the value, for one row, by the outputs."""
    ratio = math.exp(log_chance(outputs, action) - chance)
    clipped = (advantage > 0 and ratio > 1 + CLIP) or (advantage < 0 and ratio < 1 - CLIP)
    logs = log_chance(outputs, 0), log_chance(outputs, 1)
    entropy = -(math.exp(logs[0]) * logs[0] + math.exp(logs[1]) * logs[1])
    for k in range(2):
        p = math.exp(logs[k])
        slope = ENTROPY * p * (logs[k] + entropy)
        if not clipped:
            slope -= advantage * ratio * ((1.0 if k == action else 0.0) - p)
        delta[k] = slope / ROWS
    delta[2] = VALUE * (outputs[2] - target) / ROWS


@njit(cache=True)
def improve(model, rollout, batch, order, random):
    """Some epochs over a round, in parts -> sum of the statuses."""
    mean, deviation = rollout.advantages.mean(), rollout.advantages.std() + 1e-8
    bad = 0
    for _ in range(EPOCHS):
        random.shuffle(order)
        for first in range(0, HORIZON * CARTS, ROWS):
            for i in range(ROWS):
                t, cart = order[first + i] // CARTS, order[first + i] % CARTS
                batch.x[i] = rollout.states[t, cart]
            bad += kernel.forward(model, batch.x, batch.outputs)
            for i in range(ROWS):
                t, cart = order[first + i] // CARTS, order[first + i] % CARTS
                target = rollout.advantages[t, cart] + rollout.values[t, cart]
                advantage = (rollout.advantages[t, cart] - mean) / deviation
                action, chance = rollout.actions[t, cart], rollout.chances[t, cart]
                slopes(batch.outputs[i], action, chance, advantage, target, batch.delta[i])
            bad += kernel.backward(model, batch.x, batch.delta)
            bad += kernel.update(model)
    return bad


@njit(cache=True)
def learn(model, rounds, carts, rollout, batch, random):
    """Train until episodes last -> their smoothed length after each round, sum of the statuses."""
    curve, bad, order = np.zeros(rounds), 0, np.arange(HORIZON * CARTS)
    for cart in range(CARTS):
        new_state(random, carts.states[cart])
    for turn in range(rounds):
        bad += roll_out(model, carts, rollout, random)
        bad += improve(model, rollout, batch, order, random)
        curve[turn] = carts.lengths[0]
        if curve[turn] > 0.98 * STEPS:
            return curve[: turn + 1], bad
    return curve, bad


@njit(cache=True)
def judge(model, episodes, random):
    """Mean length of new episodes when the likelier action is always taken."""
    state, seen, outputs = np.zeros(4), np.empty((1, 4), np.float32), np.empty((1, 3), np.float32)
    total = 0
    for _ in range(episodes):
        new_state(random, state)
        for _ in range(STEPS):
            seen[0] = state
            kernel.predict(model, seen, outputs)
            total += 1
            if not move(state, FORCE if outputs[0, 1] > outputs[0, 0] else -FORCE):
                break
    return total / episodes


def make_space():
    """Arrays for carts, a round and a batch."""
    size, columns = (HORIZON, CARTS), (4, 3, 3)
    carts = Carts(
        np.zeros((CARTS, 4)),
        np.zeros(CARTS, np.int64),
        *(np.zeros((CARTS, count), np.float32) for count in columns[:2]),
        np.full(1, 20.0),
    )
    rollout = Rollout(
        np.zeros((*size, 4), np.float32),
        np.zeros(size, np.int64),
        np.zeros(size),
        np.zeros(size, np.bool_),
        np.zeros(size),
        np.zeros((HORIZON + 1, CARTS)),
        np.zeros(size),
    )
    return carts, rollout, Batch(*(np.zeros((ROWS, count), np.float32) for count in columns))


def main(arguments: list[str] | None = None) -> int:
    """Learn to balance, and show it in new episodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400, help="most rounds, of 1024 steps each (default 400)")
    parser.add_argument("--hidden", type=int, default=64, help="units of each of two layers (default 64)")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="default 0.001")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    hidden = [nbtrain.Dense(options.hidden, "tanh") for _ in range(2)]
    trainer = nbtrain.Trainer(
        nbtrain.Network(4, [*hidden, nbtrain.Dense(3)]),
        loss="mse",  # not used
        optimizer=nbtrain.optimizer("adam", learning_rate=options.learning_rate),
        clip_norm=0.5,
        batch_size=ROWS,
        rng=options.seed,
    )
    space, random = make_space(), np.random.default_rng(options.seed)
    print("compiling the simulation, once on this machine ...", flush=True)
    learn(trainer.model, 0, *space, random)  # compiles, or loads what an earlier run has compiled
    start = time.perf_counter()
    curve, bad = learn(trainer.model, options.rounds, *space, random)
    seconds = time.perf_counter() - start
    for turn in range(0, len(curve), max(1, len(curve) // 10)):
        print(f"round {turn + 1:3}  smoothed length {curve[turn]:5.1f}")
    print(f"{len(curve)} rounds, {len(curve) * HORIZON * CARTS} steps: {seconds:.2f} s; sum of statuses {bad}")
    result = judge(trainer.model, 100, random)
    solved = result >= SOLVED and bad == 0
    print(f"mean return over 100 new episodes {result:.1f}: {'solved' if solved else 'not solved'}")
    return 0 if solved else 1


if __name__ == "__main__":
    sys.exit(main())
