"""Activations for nbtrain: the smooth and the hard relatives of relu and sigmoid.

Each is its value and its slope for one number. Forms are chosen so that no intermediate overflows into NaN, in
float32 either, and so that NaN comes through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
SQRT_HALF = math.sqrt(0.5)
NORMAL_DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)
GELU_SCALE = math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715


def elu(z: float, alpha: float) -> float:
    """z where z > 0, else α (e^z - 1).

    D.-A. Clevert, T. Unterthiner, S. Hochreiter: Fast and accurate deep network learning by exponential linear units
    (ELUs). ICLR 2016.
    """
    return z if z > 0.0 else alpha * math.expm1(z)


def elu_slope(z: float, a: float, alpha: float) -> float:
    """1 where z > 0, else α e^z = a + α."""
    return 1.0 if z > 0.0 else a + alpha


def selu(z: float) -> float:
    """λ elu(z) with the α and λ at which mean 0 and variance 1 are a fixed point.

    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter: Self-normalizing neural networks. NeurIPS 2017.
    """
    return SELU_SCALE * (z if z > 0.0 else SELU_ALPHA * math.expm1(z))


def selu_slope(z: float, a: float) -> float:
    """λ where z > 0, else λ α e^z = a + λ α."""
    return SELU_SCALE if z > 0.0 else a + SELU_SCALE * SELU_ALPHA


def silu(z: float) -> float:
    """z σ(z), also called swish.

    S. Elfwing, E. Uchibe, K. Doya: Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning. Neural Networks 107, 2018.
    """
    return z / (1.0 + math.exp(-z))


def silu_slope(z: float) -> float:
    """σ(z) (1 + z (1 - σ(z)))."""
    s = 1.0 / (1.0 + math.exp(-z))
    return s * (1.0 + z * (1.0 - s))


def gelu(z: float) -> float:
    """z Φ(z), Φ the normal distribution, written with erfc, which loses nothing for negative z.

    D. Hendrycks, K. Gimpel: Gaussian error linear units (GELUs). arXiv:1606.08415, 2016.
    """
    return 0.5 * z * math.erfc(-z * SQRT_HALF)


def gelu_slope(z: float) -> float:
    """Φ(z) + z φ(z)."""
    return 0.5 * math.erfc(-z * SQRT_HALF) + z * NORMAL_DENSITY_AT_0 * math.exp(-0.5 * z * z)


def gelu_tanh(z: float) -> float:
    """z/2 (1 + tanh(√(2/π) (z + 0.044715 z³))): the approximation of the same paper, as GPT-2 has it."""
    return 0.5 * z * (1.0 + math.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z)))


def gelu_tanh_slope(z: float) -> float:
    """(1 + t)/2 + z/2 (1 - t²) √(2/π) (1 + 3 · 0.044715 z²); beyond |z| = 12 the second part is 0, not 0 · ∞."""
    t = math.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z))
    near = z if abs(z) < 12.0 else 0.0
    return 0.5 * (1.0 + t) + 0.5 * near * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * near * near)


def softplus(z: float, beta: float) -> float:
    """log(1 + e^(β z)) / β, as (max(β z, 0) + log(1 + e^-|β z|)) / β.

    C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia: Incorporating second-order functional knowledge for better
    option pricing. NeurIPS 2000.
    """
    x = beta * z
    return ((x if x > 0.0 else 0.0) + math.log1p(math.exp(-abs(x)))) / beta


def softplus_slope(z: float, beta: float) -> float:
    """σ(β z)."""
    e = math.exp(-abs(beta * z))
    return (1.0 if z >= 0.0 else e) / (1.0 + e)


def softsign(z: float) -> float:
    """z / (1 + |z|).

    J. Bergstra, G. Desjardins, P. Lamblin, Y. Bengio: Quadratic polynomials learn better image features. 2009.
    """
    return z / (1.0 + abs(z))


def softsign_slope(z: float) -> float:
    """1 / (1 + |z|)²."""
    r = 1.0 / (1.0 + abs(z))
    return r * r


def mish(z: float) -> float:
    """z tanh(log(1 + e^z)) = z n / (n + 2) with n = e^z (e^z + 2), scaled by e^-2z for positive z.

    D. Misra: Mish: a self regularized non-monotonic activation function. BMVC 2020.
    """
    e = math.exp(-abs(z))
    n = 1.0 + 2.0 * e if z >= 0.0 else e * (e + 2.0)
    return z * n / (n + (2.0 * e * e if z >= 0.0 else 2.0))


def mish_slope(z: float) -> float:
    """t + z t' with t = n / (n + 2) and t' = 4 e^z (1 + e^z) / (n + 2)²."""
    e = math.exp(-abs(z))
    n = 1.0 + 2.0 * e if z >= 0.0 else e * (e + 2.0)
    d = n + (2.0 * e * e if z >= 0.0 else 2.0)
    rise = 4.0 * e * (1.0 + e) * (e if z >= 0.0 else 1.0)
    return n / d + z * rise / (d * d)


def hard_sigmoid(z: float) -> float:
    """z/6 + 1/2, cut off at 0 and 1.

    M. Courbariaux, Y. Bengio, J.-P. David: BinaryConnect. NeurIPS 2015; with the 6 of A. Howard et al.: Searching for
    MobileNetV3. ICCV 2019.
    """
    y = z / 6.0 + 0.5
    return 0.0 if y < 0.0 else (1.0 if y > 1.0 else y)


def hard_sigmoid_slope(z: float) -> float:
    """1/6 where |z| < 3, else 0."""
    return 1.0 / 6.0 if abs(z) < 3.0 else 0.0


def hard_swish(z: float) -> float:
    """z hard_sigmoid(z). A. Howard et al.: Searching for MobileNetV3. ICCV 2019."""
    y = z / 6.0 + 0.5
    return z * (0.0 if y < 0.0 else (1.0 if y > 1.0 else y))


def hard_swish_slope(z: float) -> float:
    """0 where z <= -3, z/3 + 1/2 between, 1 where z >= 3."""
    return 0.0 if z <= -3.0 else (1.0 if z >= 3.0 else z / 3.0 + 0.5)


@nbtrain.hookimpl
def nbtrain_activations() -> Iterator[nbtrain.Activation]:
    yield nbtrain.Activation("elu", elu, elu_slope, {"alpha": nbtrain.Parameter(1.0, minimum=0.0)})
    yield nbtrain.Activation("selu", selu, selu_slope)
    yield nbtrain.Activation("silu", silu, silu_slope)
    yield nbtrain.Activation("gelu", gelu, gelu_slope)
    yield nbtrain.Activation("gelu_tanh", gelu_tanh, gelu_tanh_slope)
    beta = nbtrain.Parameter(1.0, above=0.0)
    yield nbtrain.Activation("softplus", softplus, softplus_slope, {"beta": beta})
    yield nbtrain.Activation("softsign", softsign, softsign_slope)
    yield nbtrain.Activation("mish", mish, mish_slope)
    yield nbtrain.Activation("hard_sigmoid", hard_sigmoid, hard_sigmoid_slope)
    yield nbtrain.Activation("hard_swish", hard_swish, hard_swish_slope)
