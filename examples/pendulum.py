"""Pendulum: a rod swung up and balanced by a weak motor, learned by TD3 inside one compiled function.

    python examples/pendulum.py

TD3 (S. Fujimoto, H. van Hoof, D. Meger: Addressing function approximation error in actor-critic methods. ICML 2018)
trains an actor, which chooses the torque, through a critic, which judges it: the actor's weights follow the derivative
of the critic's output with respect to its *input*, the torque. Six networks, the physics and the replay memory are
used in `learn`, an `@njit` function that does not return to Python before it is done. The task is Pendulum-v1's:
episodes of 200 steps, a return between -2000 and 0, and about -150 for a policy that swings up and balances. Here
a mean return above -200 over 100 new episodes is called solved.
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
from nbtrain.model import Model

EPISODE, BATCH, SOLVED = 200, 64, -200.0
GRAVITY, SECONDS, TORQUE, FASTEST = 10.0, 0.05, 2.0, 8.0
DISCOUNT, TAU, EXPLORE, SMOOTH, RANDOM_STEPS = 0.98, 0.01, 0.1, 0.2, 1000


class Agent(NamedTuple):
    """Models: the actor, two critics, and the slowly following targets of all three."""

    actor: Model
    critic: Model
    second: Model
    actor_target: Model
    critic_target: Model
    second_target: Model


class Memory(NamedTuple):
    """What happened in each step: state and action (n, 4), reward (n, 1), and the state after it (n, 3)."""

    before: np.ndarray
    reward: np.ndarray
    after: np.ndarray


class Batch(NamedTuple):
    """A sample of the memory, and space for what is computed from it."""

    before: np.ndarray  # (m, 4): state and action
    reward: np.ndarray  # (m, 1)
    after: np.ndarray  # (m, 4): state and the target actor's action
    state: np.ndarray  # (m, 3)
    action: np.ndarray  # (m, 1)
    q: np.ndarray  # (m, 1)
    other: np.ndarray  # (m, 1)
    slope: np.ndarray  # (m, 1): derivative of the objective by the critic's output
    by_input: np.ndarray  # (m, 4): and by its inputs


@njit(cache=True)
def move(state, torque):
    """One step of the physics -> reward. state: angle, 0 is up, and angular velocity."""
    angle, speed = state
    torque = min(max(torque, -TORQUE), TORQUE)
    lean = (angle + math.pi) % (2.0 * math.pi) - math.pi
    cost = lean * lean + 0.1 * speed * speed + 0.001 * torque * torque
    speed += (1.5 * GRAVITY * math.sin(angle) + 3.0 * torque) * SECONDS
    speed = min(max(speed, -FASTEST), FASTEST)
    state[0], state[1] = angle + speed * SECONDS, speed
    return -cost


@njit(cache=True)
def observe(state, row):
    """What the networks see of a state."""
    row[0], row[1], row[2] = math.cos(state[0]), math.sin(state[0]), state[1] / FASTEST


@njit(cache=True)
def new_state(random, state):
    """The start of an episode."""
    state[0], state[1] = random.uniform(-math.pi, math.pi), random.uniform(-1.0, 1.0)


@njit(cache=True)
def sample(memory, count, random, batch):
    """Draw a batch from the first `count` steps."""
    for i in range(batch.before.shape[0]):
        k = random.integers(0, count)
        for c in range(4):
            batch.before[i, c] = memory.before[k, c]
        for c in range(3):
            batch.state[i, c] = memory.before[k, c]
            batch.after[i, c] = memory.after[k, c]
        batch.reward[i, 0] = memory.reward[k, 0]


@njit(cache=True)
def train_critics(agent, batch, random):
    """Both critics towards reward + discount * the smaller of the targets' values -> sum of the statuses."""
    bad = kernel.predict(agent.actor_target, batch.after[:, :3].copy(), batch.action)
    for i in range(batch.action.shape[0]):
        noise = min(max(SMOOTH * random.standard_normal(), -0.5), 0.5)
        batch.after[i, 3] = min(max(batch.action[i, 0] + noise, -1.0), 1.0)
    bad += kernel.predict(agent.critic_target, batch.after, batch.q)
    bad += kernel.predict(agent.second_target, batch.after, batch.other)
    for i in range(batch.q.shape[0]):
        batch.q[i, 0] = batch.reward[i, 0] + DISCOUNT * min(batch.q[i, 0], batch.other[i, 0])
    bad += kernel.status_of(kernel.train_step(agent.critic, batch.before, batch.q))
    return bad + kernel.status_of(kernel.train_step(agent.second, batch.before, batch.q))


@njit(cache=True)
def train_actor(agent, batch):
    """The actor towards actions that the critic values more, through the critic -> sum of the statuses."""
    bad = kernel.forward(agent.actor, batch.state, batch.action)
    for i in range(batch.action.shape[0]):
        batch.before[i, 3] = batch.action[i, 0]
    bad += kernel.forward(agent.critic, batch.before, batch.q)
    bad += kernel.input_gradient(agent.critic, batch.before, batch.slope, batch.by_input)
    for i in range(batch.action.shape[0]):
        batch.action[i, 0] = batch.by_input[i, 3]  # from now on the derivative by the action
    bad += kernel.backward(agent.actor, batch.state, batch.action)
    bad += kernel.update(agent.actor)
    bad += kernel.blend(agent.actor_target, agent.actor, TAU)
    bad += kernel.blend(agent.critic_target, agent.critic, TAU)
    return bad + kernel.blend(agent.second_target, agent.second, TAU)


@njit(cache=True)
def learn(agent, memory, batch, random, steps):
    """Act and train for `steps` steps -> return of every episode, sum of the statuses: 0 if nothing went wrong."""
    returns, bad = np.zeros(steps // EPISODE), 0
    state, seen, chosen = np.zeros(2), np.empty((1, 3), np.float32), np.empty((1, 1), np.float32)
    for t in range(steps):
        if t % EPISODE == 0:
            new_state(random, state)
        observe(state, seen[0])
        action = random.uniform(-1.0, 1.0)
        if t >= RANDOM_STEPS:
            bad += kernel.predict(agent.actor, seen, chosen)
            action = min(max(chosen[0, 0] + EXPLORE * random.standard_normal(), -1.0), 1.0)
        memory.before[t, :3], memory.before[t, 3] = seen[0], action
        reward = move(state, TORQUE * action)
        observe(state, memory.after[t])
        memory.reward[t, 0] = 0.1 * reward
        returns[t // EPISODE] += reward
        if t >= RANDOM_STEPS:
            sample(memory, t + 1, random, batch)
            bad += train_critics(agent, batch, random)
            if t % 2 == 0:
                bad += train_actor(agent, batch)
    return returns, bad


@njit(cache=True)
def judge(model, episodes, random):
    """Mean return of new episodes without exploration."""
    total, state = 0.0, np.zeros(2)
    seen, chosen = np.empty((1, 3), np.float32), np.empty((1, 1), np.float32)
    for _ in range(episodes):
        new_state(random, state)
        for _ in range(EPISODE):
            observe(state, seen[0])
            kernel.predict(model, seen, chosen)
            total += move(state, TORQUE * chosen[0, 0])
    return total / episodes


def make_batch(rows):
    """A batch whose objective is minus the mean of the critic's values."""
    made = Batch(*(np.zeros((rows, columns), np.float32) for columns in (4, 1, 4, 3, 1, 1, 1, 1, 4)))
    made.slope[:] = -1.0 / rows
    return made


def make_trainers(hidden, rate, seed):
    """The trainers of an agent: targets begin as copies."""

    def trainer(inputs, activation, number):
        layers = [nbtrain.Dense(hidden, "relu"), nbtrain.Dense(hidden, "relu"), nbtrain.Dense(1, activation)]
        adam = nbtrain.optimizer("adam", learning_rate=rate)
        network, seeds = nbtrain.Network(inputs, layers), np.random.SeedSequence([seed, number])
        return nbtrain.Trainer(network, loss="mse", optimizer=adam, batch_size=BATCH, rng=seeds)

    kinds = [(3, "tanh", 0), (4, "identity", 1), (4, "identity", 2)]
    return [trainer(*kind) for kind in kinds * 2]  # the same seeds give the same weights


def main(arguments: list[str] | None = None) -> int:
    """Learn to swing up, and show it in new episodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12_000, help="steps of the simulation (default 12000)")
    parser.add_argument("--hidden", type=int, default=64, help="units of each hidden layer (default 64)")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="default 0.001")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    trainers = make_trainers(options.hidden, options.learning_rate, options.seed)
    agent, batch = Agent(*(trainer.model for trainer in trainers)), make_batch(BATCH)
    memory = Memory(*(np.zeros((options.steps, columns), np.float32) for columns in (4, 1, 3)))
    random = np.random.default_rng(options.seed)
    print("compiling the simulation, once on this machine ...", flush=True)
    learn(agent, memory, batch, random, 0)  # compiles, or loads what an earlier run has compiled
    start = time.perf_counter()
    returns, bad = learn(agent, memory, batch, random, options.steps)
    seconds = time.perf_counter() - start
    for turn in range(0, len(returns), max(1, len(returns) // 10)):
        print(f"episode {turn + 1:3}  return {returns[turn]:7.1f}")
    each = 1e6 * seconds / max(1, options.steps - RANDOM_STEPS)
    print(f"{options.steps} steps: {seconds:.2f} s, {each:.0f} µs for each with training; sum of statuses {bad}")
    result = judge(agent.actor, 100, random)
    solved = result >= SOLVED and bad == 0
    print(f"mean return over 100 new episodes {result:.1f}: {'solved' if solved else 'not solved'}")
    return 0 if solved else 1


if __name__ == "__main__":
    sys.exit(main())
