"""Initial weights and seeds from compiled code have the bits of NumPy's generators, for one member and for many."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import nbtrain
from nbtrain.model import draws, seeds

UNIFORM = ("glorot_uniform", "he_uniform", "lecun_uniform")
VARIANCES = {"glorot": lambda i, o: 2.0 / (i + o), "he": lambda i, o: 2.0 / i, "lecun": lambda i, o: 1.0 / i}
SIZES = [(5, 7, 3, 1), (1, 1), (30, 64, 64, 2), (3, 33, 9)]
SEQUENCES = [
    np.random.SeedSequence(0),
    np.random.SeedSequence(2**32 - 1),
    np.random.SeedSequence(2**40 + 17),
    np.random.SeedSequence(3**130),  # seven words
    np.random.SeedSequence([1, 2**33, 0, 5]),
    np.random.SeedSequence(7, spawn_key=(3, 2**35)),
    np.random.SeedSequence(7, pool_size=8),
]


def network(sizes, initializers):
    layers = [
        nbtrain.Dense(units, "tanh", initializer=initializers[i % len(initializers)])
        for i, units in enumerate(sizes[1:])
    ]
    return nbtrain.Network(sizes[0], layers)


def native(dtype="float32"):
    trainer = nbtrain.Trainer(network((1, 1), UNIFORM), loss="mse", dtype=dtype)
    return trainer.engine.native


def by_numpy(sizes, initializers, words, dtype):
    """Weights and biases as NumPy draws them."""
    random, found = np.random.default_rng(words), []
    for index, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        kind, _, law = initializers[index % len(initializers)].partition("_")
        if kind == "zeros":
            found.append(np.zeros(fan_in * fan_out))
        elif law == "uniform":
            bound = np.sqrt(3.0 * VARIANCES[kind](fan_in, fan_out))
            found.append(random.uniform(-bound, bound, fan_in * fan_out))
        else:
            found.append(random.normal(0.0, np.sqrt(VARIANCES[kind](fan_in, fan_out)), fan_in * fan_out))
    return np.concatenate([*found, np.zeros(sum(sizes[1:]))]).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(
    "initializers",
    [UNIFORM, ("zeros", "he_uniform"), ("he_uniform", "zeros"), ("lecun_uniform", "he_normal"), ("glorot_normal",)],
    ids="-".join,
)
@pytest.mark.parametrize("few", [0, 1 << 30], ids=["compiled", "by NumPy"])
def test_weights_of_a_trainer_are_numpys(sizes, initializers, dtype, few, monkeypatch):
    monkeypatch.setattr(draws, "FEW", few)
    trainer = nbtrain.Trainer(network(sizes, initializers), loss="mse", dtype=dtype, rng=5)
    words = np.random.SeedSequence(5).generate_state(8)[4:]
    assert np.array_equal(trainer.theta, by_numpy(sizes, initializers, words, dtype))


@pytest.mark.parametrize("agree", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("initializers", [UNIFORM, ("he_normal", "glorot_uniform")], ids="-".join)
def test_many_members_are_drawn_as_each_alone(monkeypatch, initializers, dtype, agree):
    if not agree:
        monkeypatch.setattr(draws, "draws_agree", lambda native: False)
        monkeypatch.setattr(draws, "hashes_agree", lambda native: False)
        monkeypatch.setattr(seeds, "hashes_agree", lambda native: False)
    sizes, count = (5, 8, 3), 9
    declared = network(sizes, initializers)
    rows = np.full((count, declared.parameter_count + 5), 9.0, dtype)
    words = np.random.default_rng(1).integers(0, 2**32, (count, 4), dtype=np.uint64).astype(np.uint32)
    words[::3, 1:] = 0
    draws.draw(declared, native(dtype), words, rows[:, : declared.parameter_count])
    for row, own in zip(rows, words, strict=True):
        assert np.array_equal(row[:-5], by_numpy(sizes, initializers, own, dtype))
    assert (rows[:, -5:] == 9.0).all()  # what lies between the members


def test_members_that_compiled_code_must_not_draw_are_seeded_anew(monkeypatch):
    monkeypatch.setattr(draws, "draws_agree", lambda native: False)
    declared, words = network((4, 3), ("he_uniform",)), np.arange(12, dtype=np.uint32).reshape(3, 4)
    theta = np.empty((3, declared.parameter_count))
    draws.draw(declared, native("float64"), words, theta)
    for row, own in zip(theta, words, strict=True):
        assert np.array_equal(row, by_numpy((4, 3), ("he_uniform",), own, "float64"))


def test_an_initializer_that_draws_halves_of_numbers_leaves_none_to_the_next_member():
    def initializer(fan_in, fan_out, rng):
        return rng.random((fan_in, fan_out), np.float32) + rng.integers(0, 5, (fan_in, fan_out), np.uint32)

    declared = network((3, 1), (nbtrain.Initializer("halves", initializer),))
    words, theta = np.arange(12, dtype=np.uint32).reshape(3, 4), np.empty((3, 4))
    draws.draw(declared, native("float64"), words, theta)
    for row, own in zip(theta, words, strict=True):
        assert np.array_equal(row[:3], initializer(3, 1, np.random.default_rng(own))[:, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_draws_agree_with_this_numpy_and_others_are_noticed(dtype):
    real = native(dtype)
    assert draws.draws_agree(real)
    assert seeds.hashes_agree(real)

    class Idle:
        """A core that draws nothing."""

        hash_seeds, draw_uniform = staticmethod(real.hash_seeds), staticmethod(lambda *_: 0)

    class Constant:
        """A core whose hashes are all 0."""

        @staticmethod
        def hash_seeds(entropy, length, first, last, out, words):
            ctypes.memset(out, 0, (last - first) * words * 4)

    assert not draws.draws_agree(Idle())
    assert not seeds.hashes_agree(Constant())


@pytest.mark.parametrize("sequence", SEQUENCES, ids=repr)
def test_words_of_members_are_those_of_spawned_sequences(sequence):
    expected = [
        np.random.SeedSequence(sequence.entropy, spawn_key=sequence.spawn_key, pool_size=sequence.pool_size)
        .spawn(40)[k]
        .generate_state(8)
        for k in range(40)
    ]
    found = seeds.spawned_words(native(), sequence, 40)
    assert found.dtype == np.uint32
    assert np.array_equal(found, expected)
    assert np.array_equal(seeds.spawned_words(native(), sequence, 3), expected[:3])  # for any number of members


def test_a_sequence_that_has_spawned_goes_on_with_its_next_children():
    sequence, other = np.random.SeedSequence(3), np.random.SeedSequence(3)
    sequence.spawn(5)
    expected = [child.generate_state(8) for child in other.spawn(9)[5:]]
    assert np.array_equal(seeds.spawned_words(native(), sequence, 4), expected)
    assert seeds.spawned_words(native(), sequence, 0).shape == (0, 8)
