"""Components as people write them who come from NumPy and PyTorch, each beside the formula on arrays in float64.

The ways of writing are on purpose many: `math` and `numpy`, conditional expressions, early returns, np.where, helpers,
constants of the module, closures, integers where floats are meant.
"""

from __future__ import annotations

import math
from math import exp, log1p, sqrt, tanh
from typing import Any, NamedTuple

import numpy as np
from numpy import pi

import nbtrain

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
SELU = (1.6732632423543772, 1.0507009873554805)
GELU_CUBE = np.float64(0.044715)
COEFFICIENTS = [1, -0.5, 0.25, -0.125]
THREE = 3
Array = Any


class Entry(NamedTuple):
    """A component and its functions on arrays, by role."""

    spec: Any
    oracle: dict[str, Any]
    values: tuple[float, ...] = ()


def activation(name: str, value: Any, slope: Any, oracle: Any, **parameters: float) -> Entry:
    return Entry(nbtrain.Activation(name, value, slope, parameters), {"value": oracle}, tuple(parameters.values()))


def loss(name: str, value: Any, slope: Any, oracle: Any, **parameters: float) -> Entry:
    return Entry(nbtrain.Loss(name, value, slope, parameters=parameters), {"value": oracle}, tuple(parameters.values()))


# Activations


def normal_cdf(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def gelu(z):
    return z * normal_cdf(z)


def gelu_slope(z):
    return normal_cdf(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def gelu_tanh(z):
    return 0.5 * z * (1 + np.tanh(SQRT_2_OVER_PI * (z + GELU_CUBE * np.power(z, 3))))


def gelu_tanh_slope(z):
    t = tanh(SQRT_2_OVER_PI * (z + 0.044715 * z**THREE))
    return 0.5 * (1 + t) + 0.5 * z * (1 - np.square(t)) * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * z * z)


def softplus(z):
    return np.logaddexp(0, z)


def softplus_slope(z):
    return 1 / (1 + np.exp(-z))


def mish(z):
    return z * math.tanh(softplus(z))


def mish_slope(z):
    s = np.tanh(softplus(z))
    return s + z * softplus_slope(z) * (1 - s**2)


def thresholded_softplus(z, beta, threshold):
    if z * beta > threshold:
        return z
    return log1p(exp(z * beta)) / beta


def thresholded_softplus_slope(z, beta, threshold):
    return 1 if z * beta > threshold else 1 / (1 + exp(-z * beta))


def selu(z):
    alpha, scale = SELU
    return scale * (max(0, z) + min(0, alpha * (np.exp(z) - 1)))


def selu_slope(z):
    return SELU[1] * (1 if z > 0 else SELU[0] * np.exp(z))


def hardswish(z):
    return z * np.clip(z + 3, 0, 6) / 6


def hardswish_slope(z):
    if z <= -3:
        return 0
    elif z >= 3:
        return 1
    else:
        return (2 * z + 3) / 6


def make_snake(frequency):
    def snake(z):
        return z + np.sin(frequency * z) ** 2 / frequency

    def slope(z):
        return 1 + np.sin(2 * frequency * z)

    return snake, slope


def swish(z, beta):
    return z / (1 + np.exp(-beta * z))


def swish_slope(z, a, beta):
    s = 1 / (1 + np.exp(-beta * z))
    return beta * a + s * (1 - beta * a)


def elu(z, alpha):
    return np.where(z > 0, z, alpha * np.expm1(z))


def elu_slope(z, a, alpha):
    return np.where(z > 0, 1.0, a + alpha)


def celu(z, alpha):
    return np.maximum(0, z) + np.minimum(0, alpha * (np.exp(z / alpha) - 1))


def celu_slope(z, alpha):
    return float(z > 0) + float(z <= 0) * np.exp(min(z, 0.0) / alpha)


def bent(z):
    return (np.hypot(z, 1) - 1) / 2 + z


def bent_slope(z):
    return z / (2 * (z**2 + 1) ** 0.5) + 1


def symmetric_log(z):
    return math.copysign(math.log(1 + abs(z)), z)


def symmetric_log_slope(z):
    return np.reciprocal(1 + np.abs(z))


def triangle(z):
    return 2 * abs(z / 2 - math.floor(z / 2 + 0.5))


def triangle_slope(z):
    sign = 1 if z % 2 < 1 else -1
    return sign * np.float32(1.0)


def arcs(z):
    return np.arctan(z) + np.arcsinh(z) + math.asin(tanh(z)) / 2


def arcs_slope(z):
    return 1 / (1 + z * z) + 1 / np.sqrt(z * z + 1) + 0.5 / math.cosh(z)


def rational(z):
    total = 0
    for c in COEFFICIENTS:
        total = total * z * z / (1 + z * z) + c
    return total


def rational_slope(z):
    u, du = z * z / (1 + z * z), 2 * z / (1 + z * z) ** 2
    return (3 * u * u - u + 0.25) * du


def logit(z):
    p = np.clip(z, a_min=1e-3, a_max=1 - 1e-3)
    return np.log(p / (1 - p))


def logit_slope(z):
    return 0 if z <= 1e-3 or z >= 0.999 else 1 / (z * (1 - z))


gelu_erf = np.vectorize(math.erf)
snake, snake_slope = make_snake(0.5)

ACTIVATIONS = (
    activation("gelu", gelu, gelu_slope, lambda z: z * 0.5 * (1 + gelu_erf(z / np.sqrt(2)))),
    activation(
        "gelu_tanh",
        gelu_tanh,
        gelu_tanh_slope,
        lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    ),
    activation("softplus", softplus, softplus_slope, lambda z: np.logaddexp(0, z)),
    activation("mish", mish, mish_slope, lambda z: z * np.tanh(np.logaddexp(0, z))),
    activation(
        "thresholded_softplus",
        thresholded_softplus,
        thresholded_softplus_slope,
        lambda z: np.where(z * 1.5 > 20, z, np.logaddexp(0, 1.5 * z) / 1.5),
        beta=1.5,
        threshold=20.0,
    ),
    activation(
        "selu",
        selu,
        selu_slope,
        lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0))),
    ),
    activation("hardswish", hardswish, hardswish_slope, lambda z: z * np.minimum(np.maximum(z + 3, 0), 6) / 6),
    activation("snake", snake, snake_slope, lambda z: z + (1 - np.cos(z)) / (2 * 0.5)),
    activation("swish", swish, swish_slope, lambda z: z * 0.5 * (1 + np.tanh(0.75 * z)), beta=1.5),
    activation("elu", elu, elu_slope, lambda z: np.maximum(z, 0.7 * np.expm1(np.minimum(z, 0))), alpha=0.7),
    activation("celu", celu, celu_slope, lambda z: np.where(z > 0, z, 0.5 * np.expm1(2 * np.minimum(z, 0))), alpha=0.5),
    activation("bent", bent, bent_slope, lambda z: (np.sqrt(z * z + 1) - 1) / 2 + z),
    activation("symmetric_log", symmetric_log, symmetric_log_slope, lambda z: np.sign(z) * np.log1p(np.abs(z))),
    activation("triangle", triangle, triangle_slope, lambda z: np.arccos(np.cos(np.pi * z)) / np.pi),
    activation("arcs", arcs, arcs_slope, lambda z: np.arctan(z) + np.arcsinh(z) + np.arctan(np.sinh(z)) / 2),
    activation(
        "rational",
        rational,
        rational_slope,
        lambda z: np.polyval([1, -0.5, 0.25, -0.125], z * z / (1 + z * z)),
    ),
    activation("logit", logit, logit_slope, lambda z: -np.log(1 / np.minimum(np.maximum(z, 1e-3), 0.999) - 1)),
)


# Losses


def huber(p, y, delta):
    r = np.abs(p - y)
    if r <= delta:
        return 0.5 * r**2
    return delta * (r - 0.5 * delta)


def huber_slope(p, y, delta):
    return np.clip(p - y, -delta, delta)


def log_cosh(p, y):
    r = abs(p - y)
    return r + np.log1p(np.exp(-2 * r)) - np.log(2)


def log_cosh_slope(p, y):
    return np.tanh(p - y)


def quantile(p, y, tau):
    return np.maximum(tau * (y - p), (tau - 1) * (y - p))


def quantile_slope(p, y, tau):
    return np.where(y > p, -tau, 1 - tau)


def focal(p, y, gamma):
    p = min(max(p, 1e-6), 1 - 1e-6)
    pt = p if y == 1 else 1 - p
    return -((1 - pt) ** gamma) * math.log(pt)


def focal_slope(p, y, gamma):
    q = np.clip(p, 1e-6, 1 - 1e-6)
    pt = q if y == 1 else 1 - q
    sign = 1 if y == 1 else -1
    inside = p > 1e-6 and p < 1 - 1e-6
    return sign * (gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt) * float(inside)


def poisson_nll(p, y):
    return np.exp(p) - y * p


def poisson_nll_slope(p, y):
    return np.exp(p) - y


def tukey(p, y, c):
    u = (p - y) / c
    if abs(u) > 1:
        return c**2 / 6
    return c**2 / 6 * (1 - (1 - u**2) ** 3)


def tukey_slope(p, y, c):
    u = (p - y) / c
    return 0 if abs(u) > 1 else (p - y) * (1 - u**2) ** 2


def angle(p, y):
    d = math.atan2(np.sin(p - y), np.cos(p - y))
    return 0.5 * d * d


def angle_slope(p, y):
    return (p - y + pi) % (2 * pi) - pi


def huber_oracle(p, y):
    r = np.minimum(np.abs(p - y), 1.0)
    return 0.5 * r * r + (np.abs(p - y) - r)


def focal_oracle(p, y):
    pt = np.where(y == 1, np.clip(p, 1e-6, 1 - 1e-6), 1 - np.clip(p, 1e-6, 1 - 1e-6))
    return -((1 - pt) ** 2) * np.log(pt)


LOSSES = (
    loss("huber", huber, huber_slope, huber_oracle, delta=1.0),
    loss("log_cosh", log_cosh, log_cosh_slope, lambda p, y: np.log(np.cosh(p - y))),
    loss("quantile", quantile, quantile_slope, lambda p, y: (0.9 - (y < p)) * (y - p), tau=0.9),
    loss("poisson", poisson_nll, poisson_nll_slope, lambda p, y: np.exp(p) - y * p),
    loss("tukey", tukey, tukey_slope, lambda p, y: 9 / 6 * (1 - np.maximum(1 - ((p - y) / 3) ** 2, 0) ** 3), c=3.0),
    loss("angle", angle, angle_slope, lambda p, y: 0.5 * np.angle(np.exp(1j * (p - y))) ** 2),
    Entry(
        nbtrain.Loss("focal", focal, focal_slope, parameters={"gamma": 2.0}, minimum=0.0, maximum=1.0),
        {"value": focal_oracle},
        (2.0,),
    ),
)


# Regularizers


def elastic_net(w, l1, l2):
    return l1 * np.abs(w) + 0.5 * l2 * np.square(w)


def elastic_net_slope(w, l1, l2):
    return l1 * np.sign(w) + l2 * w


def log_penalty(w, strength):
    return strength * math.log(1 + w**2)


def log_penalty_slope(w, strength):
    return 2 * strength * w / (1 + w * w)


REGULARIZERS = (
    Entry(
        nbtrain.Regularizer("elastic", elastic_net, elastic_net_slope, {"l1": 0.1, "l2": 0.2}),
        {"penalty": lambda w: 0.1 * np.abs(w) + 0.1 * w * w, "slope": lambda w: 0.1 * np.sign(w) + 0.2 * w},
        (0.1, 0.2),
    ),
    Entry(
        nbtrain.Regularizer("log_penalty", log_penalty, log_penalty_slope, {"strength": 0.5}),
        {"penalty": lambda w: 0.5 * np.log1p(w * w), "slope": lambda w: w / (1 + w * w)},
        (0.5,),
    ),
)


# Constraints


def box(w, limit):
    return np.clip(w, -limit, limit)


def sparse(w, least):
    if abs(w) < least:
        return 0
    return w


def no_less(w):
    return max(w, 0)


CONSTRAINTS = (
    Entry(
        nbtrain.Constraint("box", project=box, parameters={"limit": 1.0}),
        {"project": lambda w: np.clip(w, -1, 1)},
        (1.0,),
    ),
    Entry(
        nbtrain.Constraint("sparse", project=sparse, parameters={"least": 0.5}),
        {"project": lambda w: w * (np.abs(w) >= 0.5)},
        (0.5,),
    ),
    Entry(nbtrain.Constraint("no_less", project=no_less), {"project": lambda w: np.maximum(w, 0)}),
)


# Optimizers; the oracle is (w, g, slots, t) -> w on arrays, and changes its slots


def lion(w, g, slots, prepared, hyper):
    update = np.sign(hyper.beta1 * slots.m + (1 - hyper.beta1) * g)
    m = hyper.beta2 * slots.m + (1 - hyper.beta2) * g
    return w - hyper.learning_rate * (update + hyper.weight_decay * w), (m,)


def lion_oracle(w, g, slots, t):
    c = 0.9 * slots[0] + 0.1 * g
    slots[0] = 0.99 * slots[0] + 0.01 * g
    return w - 0.01 * (np.where(c > 0, 1, -1) * (c != 0) + 0.1 * w)


def bias_corrections(t, hyper):
    return 1 / (1 - hyper.beta1**t), 1 / (1 - hyper.beta2**t)


def adabelief(w, g, slots, prepared, hyper):
    c1, c2 = prepared
    m = hyper.beta1 * slots.m + (1 - hyper.beta1) * g
    s = hyper.beta2 * slots.s + (1 - hyper.beta2) * (g - m) ** 2 + 1e-12
    return w - hyper.learning_rate * (m * c1) / (sqrt(s * c2) + 1e-6), (m, s)


def adabelief_oracle(w, g, slots, t):
    slots[0] = 0.9 * slots[0] + 0.1 * g
    slots[1] = 0.99 * slots[1] + 0.01 * (g - slots[0]) ** 2 + 1e-12
    return w - 0.01 * slots[0] / (1 - 0.9**t) / (np.sqrt(slots[1] / (1 - 0.99**t)) + 1e-6)


def nadam(w, g, slots, prepared, hyper):
    m = hyper.beta1 * slots.m + (1 - hyper.beta1) * g
    v = hyper.beta2 * slots.v + (1 - hyper.beta2) * g**2
    look_ahead = hyper.beta1 * m * prepared[0] + (1 - hyper.beta1) * g * prepared[0]
    return w - hyper.learning_rate * look_ahead / ((v * prepared[1]) ** 0.5 + 1e-8), (m, v)


def nadam_oracle(w, g, slots, t):
    slots[0] = 0.9 * slots[0] + 0.1 * g
    slots[1] = 0.99 * slots[1] + 0.01 * g * g
    ahead = (0.9 * slots[0] + 0.1 * g) / (1 - 0.9**t)
    return w - 0.01 * ahead / (np.sqrt(slots[1] / (1 - 0.99**t)) + 1e-8)


def rmsprop_momentum(w, g, slots, prepared, hyper):
    square = hyper.rho * slots.square + (1 - hyper.rho) * np.square(g)
    mean = hyper.rho * slots.mean + (1 - hyper.rho) * g
    velocity = hyper.momentum * slots.velocity + hyper.learning_rate * g / np.sqrt(
        np.maximum(square - mean**2, 0) + 1e-4
    )
    return w - velocity, (square, mean, velocity)


def rmsprop_oracle(w, g, slots, t):
    slots[0] = 0.95 * slots[0] + 0.05 * g * g
    slots[1] = 0.95 * slots[1] + 0.05 * g
    slots[2] = 0.8 * slots[2] + 0.01 * g / np.sqrt(slots[0] - slots[1] ** 2 + 1e-4)
    return w - slots[2]


def clipped_sgd(w, g, slots, prepared, hyper):
    step = hyper.learning_rate * max(-hyper.limit, min(hyper.limit, g))
    return w - step, ()


BETAS = {"beta1": 0.9, "beta2": 0.99}
OPTIMIZERS = (
    Entry(
        nbtrain.Optimizer("lion", lion, slots=("m",), parameters={**BETAS, "weight_decay": 0.1}, learning_rate=0.01),
        {"step": lion_oracle},
    ),
    Entry(
        nbtrain.Optimizer(
            "adabelief", adabelief, ("m", "s"), prepare=bias_corrections, parameters=BETAS, learning_rate=0.01
        ),
        {"step": adabelief_oracle},
    ),
    Entry(
        nbtrain.Optimizer("nadam", nadam, ("m", "v"), prepare=bias_corrections, parameters=BETAS, learning_rate=0.01),
        {"step": nadam_oracle},
    ),
    Entry(
        nbtrain.Optimizer(
            "rmsprop_momentum",
            rmsprop_momentum,
            ("square", "mean", "velocity"),
            parameters={"rho": 0.95, "momentum": 0.8},
            learning_rate=0.01,
        ),
        {"step": rmsprop_oracle},
    ),
    Entry(
        nbtrain.Optimizer("clipped_sgd", clipped_sgd, parameters={"limit": 0.5}, learning_rate=0.01),
        {"step": lambda w, g, slots, t: w - 0.01 * np.clip(g, -0.5, 0.5)},
    ),
)


# Schedules; the oracle is of an array of iterations


def warm_up_cosine(t, rate, warm, total):
    if t < warm:
        return rate * t / warm
    progress = min(1, (t - warm) / (total - warm))
    return 0.5 * rate * (1 + math.cos(math.pi * progress))


def warm_restarts(t, rate, period):
    return rate * 0.5 * (1 + np.cos(np.pi * ((t - 1) % period) / period))


def stairs(t, rate, every):
    return rate * 0.5 ** int((t - 1) / every)


def stairs_floor(t, rate, every):
    return rate * 0.5 ** ((t - 1) // every)


def inverse_root(t, rate, warm):
    return rate * min(t**-0.5, t * warm**-1.5)


def growing_cycles(t, rate, first):
    cycle = math.floor(math.log((t - 1) / first + 1, 2))
    start = first * (2**cycle - 1)
    return rate * (1 - (t - 1 - start) / (first * 2**cycle))


def growing_oracle(t):
    rates, length, at = [], 8, 0
    while len(rates) < t.size:
        rates += [0.1 * (1 - k / length) for k in range(length)]
        at, length = at + length, length * 2
    return np.array(rates[: t.size])


SCHEDULES = (
    Entry(
        nbtrain.Schedule("warm_up_cosine", warm_up_cosine, {"rate": 0.1, "warm": 10.0, "total": 100.0}),
        {"rate": lambda t: np.where(t < 10, 0.01 * t, 0.1 * np.cos(np.pi / 2 * np.clip((t - 10) / 90, 0, 1)) ** 2)},
    ),
    Entry(
        nbtrain.Schedule("warm_restarts", warm_restarts, {"rate": 0.1, "period": 7.0}),
        {"rate": lambda t: 0.1 * np.cos(np.pi / 14 * np.mod(t - 1, 7)) ** 2},
    ),
    Entry(
        nbtrain.Schedule("stairs", stairs, {"rate": 0.1, "every": 9.0}),
        {"rate": lambda t: 0.1 / 2.0 ** np.floor((t - 1) / 9)},
    ),
    Entry(
        nbtrain.Schedule("stairs_floor", stairs_floor, {"rate": 0.1, "every": 9.0}),
        {"rate": lambda t: 0.1 / 2.0 ** np.floor((t - 1) / 9)},
    ),
    Entry(
        nbtrain.Schedule("inverse_root", inverse_root, {"rate": 0.1, "warm": 16.0}),
        {"rate": lambda t: 0.1 * np.minimum(1 / np.sqrt(t), t / 64)},
    ),
    Entry(nbtrain.Schedule("growing_cycles", growing_cycles, {"rate": 0.1, "first": 8.0}), {"rate": growing_oracle}),
)

ALL = (*ACTIVATIONS, *LOSSES, *REGULARIZERS, *CONSTRAINTS, *OPTIMIZERS, *SCHEDULES)
