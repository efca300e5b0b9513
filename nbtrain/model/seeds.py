"""Seeds of many members at once: what NumPy's SeedSequence gives each of them, without an object a member."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .native import Native
from .quick import address

Array = np.ndarray[Any, Any]
UINT32, UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)
POOL = 4  # words in the pool of a SeedSequence by default
WORD = 32  # bits


def spawned_words(native: Native, sequence: Any, count: int, words: int = 8) -> Array:
    """Words of the seeds of `count` members: row k is what `sequence.spawn(count)[k].generate_state(words)` gives.

    The sequence itself is unchanged: it is asked for the same members again.

    Parameters
    ----------
    native : Native
    sequence : numpy.random.SeedSequence
    count : int
        At most 2**32.
    words : int, default 8
        As `seed_words` has them: four for the compiled random stream, four for the initial weights.

    Returns
    -------
    ndarray of shape (count, words), uint32
    """
    keys = np.arange(sequence.n_children_spawned, sequence.n_children_spawned + count, dtype=np.int64)
    common = _assembled(sequence)
    if common is None or not hashes_agree(native) or keys.size == 0 or keys[-1] >= 2**WORD:
        found = [_child(sequence, int(key)).generate_state(words) for key in keys]
        return np.array(found, UINT32).reshape(count, words)
    entropy = np.empty((count, len(common) + 1), UINT32)
    entropy[:, :-1], entropy[:, -1] = common, keys
    return hashed(native, entropy, words)


def hashed(native: Native, entropy: Array, words: int) -> Array:
    """SeedSequence(row).generate_state(words) for each row of uint32 words of entropy, in compiled code."""
    entropy = np.ascontiguousarray(entropy, UINT32)
    out = np.empty((len(entropy), words), UINT32)
    native.hash_seeds(address(entropy), entropy.shape[1], 0, len(entropy), address(out), words)
    return out


def pcg_states(native: Native, words: Array) -> Array:
    """What seeds NumPy's PCG64: (members, 4) uint64 for rows of uint32 words."""
    if hashes_agree(native):
        return hashed(native, words, 8).view(UINT64)
    return np.array([np.random.SeedSequence(row).generate_state(4, UINT64) for row in words.tolist()], UINT64)


@cache
def hashes_agree(native: Native) -> bool:
    """Whether the compiled hash is NumPy's; looked at once in a process, since other code may be another NumPy's."""
    for length in (1, 4, 7):
        entropy = np.arange(1, 3 * length + 1, dtype=UINT32).reshape(3, length) * UINT32.type(0x9E3779B9)
        theirs = [np.random.SeedSequence(row).generate_state(9) for row in entropy.tolist()]
        if not np.array_equal(hashed(native, entropy, 9), theirs):
            return False
    return True


def _assembled(sequence: Any) -> list[int] | None:
    """The words that all children of a sequence share, before the last of their spawn keys; None for a rare kind."""
    if sequence.pool_size != POOL:
        return None
    try:
        own, key = _as_words(sequence.entropy), _as_words(sequence.spawn_key)
    except (TypeError, ValueError):
        return None
    common = own + [0] * (POOL - len(own)) + key
    one = np.random.SeedSequence([*common, 0]).generate_state(POOL)
    return common if np.array_equal(one, _child(sequence, 0).generate_state(POOL)) else None


def _as_words(entropy: Any) -> list[int]:
    """An int, or a sequence of them, as 32-bit words, the lowest first."""
    if not isinstance(entropy, int | np.integer):
        return [word for number in entropy for word in _as_words(number)]
    found: list[int] = []
    number = int(entropy)
    while number > 0 or not found:
        found.append(number % 2**WORD)
        number >>= WORD
    return found


def _child(sequence: Any, key: int) -> Any:
    """A child of a sequence, by the last of its spawn keys."""
    return np.random.SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, key), pool_size=sequence.pool_size)
