"""The random stream and the orders that are drawn from it, in plain Python."""

from __future__ import annotations


def philox_in_python(counter, key):
    """Salmon et al., table 2 and figure 2, in whole numbers."""
    (c0, c1, c2, c3), (k0, k1), word = counter, key, 2**32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = p1 // word ^ c1 ^ k0, p1 % word, p0 // word ^ c3 ^ k1, p0 % word
        k0, k1 = (k0 + 0x9E3779B9) % word, (k1 + 0xBB67AE85) % word
    return c0, c1, c2, c3


def order_in_python(seed, epoch, n, block=0):
    """Durstenfeld's form of Fisher and Yates, from the last element on; element i has word i % 4 of counter i // 4."""
    key = philox_in_python(philox_in_python((epoch, 0, block, 2), seed[:2]), seed[2:])
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = philox_in_python((i // 4, 0, *key[2:]), key[:2])[i % 4] * (i + 1) // 2**32
        order[i], order[j] = order[j], order[i]
    return order
