"""Updates in several passes: gradient clipping, optimizers that need norms, constraints on weights."""

from __future__ import annotations

import re

import numpy as np
import pytest
from common import assert_close, data, network, theta
from numba import njit
from oracle import Oracle, draw, flat

import nbtrain
from nbtrain import kernel
from nbtrain.model import threads as team

SIZES, ACTIVATIONS = (
    (40, 70, 30, 2),
    ("relu", "tanh", "identity"),
)  # the first W is longer than a block, and no multiple
BATCH, STRENGTH = 16, 0.3
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam", "heavy_ball")


def make(optimizer="sgd", *, dtype="float64", l2=STRENGTH, constraint=None, seed=0, **options):
    layers = network(SIZES, ACTIVATIONS).layers
    if constraint is not None:
        kept = [constraint, None, constraint]
        layers = [
            nbtrain.Dense(layer.units, layer.activation, constraint=c) for layer, c in zip(layers, kept, strict=True)
        ]
    options = {"batch_size": BATCH, "shuffle": False, "loss": "mse"} | options
    regularizer = nbtrain.regularizer("l2", strength=l2) if l2 else None
    made = nbtrain.Trainer(
        nbtrain.Network(SIZES[0], layers),
        optimizer=optimizer,
        regularizer=regularizer,
        dtype=dtype,
        rng=seed,
        **options,
    )
    made.set_weights(draw(SIZES, seed))
    return made


def samples(count=BATCH, dtype="float64"):
    X, y = data("mse", count, SIZES[0], SIZES[-1])
    return X.astype(dtype), y.astype(dtype)


# ---- the definitions, in plain NumPy


def clipped(gradients, value, norm):
    """By value, then by the norm of everything."""
    if value is not None:
        gradients = [np.clip(g, -value, value) for g in gradients]
    if norm is not None:
        length = np.sqrt(sum((g**2).sum() for g in gradients))
        gradients = [g * min(1.0, norm / length) for g in gradients]
    return gradients


class Reference:
    """Training with a rule for each array of parameters, and what comes before and after it."""

    def __init__(self, rule, value=None, norm=None, constrain=None):
        self.oracle = Oracle(draw(SIZES, 0), ACTIVATIONS, "mse", "sgd", {}, STRENGTH)
        self.rule, self.value, self.norm, self.constrain = rule, value, norm, constrain
        self.t = 0

    def step(self, X, y):
        _, pairs = self.oracle.loss_and_gradients(X, y)
        gradients = clipped([g for pair in pairs for g in pair], self.value, self.norm)
        parameters = [p for pair in self.oracle.weights for p in pair]
        self.t += 1
        moved = self.rule(parameters, gradients, self.t)
        if self.constrain is not None:
            for index in (0, 4):  # W of the first and the last layer
                moved[index] = self.constrain(moved[index])
        self.oracle.weights = list(zip(moved[::2], moved[1::2], strict=True))

    @property
    def theta(self):
        return flat(self.oracle.weights)


def descent(rate):
    return lambda parameters, gradients, t: [w - rate * g for w, g in zip(parameters, gradients, strict=True)]


# ---- clipping

CLIPPING = {
    "value": {"clip_value": 0.01},
    "norm": {"clip_norm": 0.2},
    "both": {"clip_value": 0.02, "clip_norm": 0.2},
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("clipping", CLIPPING)
def test_clipping_follows_its_formula(clipping, dtype):
    options = CLIPPING[clipping]
    reference = Reference(descent(0.1), options.get("clip_value"), options.get("clip_norm"))
    trainer = make(nbtrain.optimizer("sgd", learning_rate=0.1), dtype=dtype, **options)
    X, y = samples()
    unclipped = make(nbtrain.optimizer("sgd", learning_rate=0.1), dtype=dtype)
    for _ in range(25):
        trainer.train_step(X, y)
        unclipped.train_step(X, y)
        reference.step(X, y)
    assert_close(theta(trainer), reference.theta, 1e-12 if dtype == "float64" else 1e-5)
    assert np.abs(theta(unclipped) - reference.theta).max() > 1e-2


@njit
def compiled_step(model, x, y):
    return kernel.train_step(model, x, y)


@njit
def compiled_halves(model, x, y):
    kernel.loss_and_gradient(model, x, y)
    return kernel.update(model)


def test_clipping_and_constraints_act_wherever_an_update_is_made():
    X, y = samples()
    options = {"clip_norm": 0.2, "constraint": MAX_NORM}
    stepped, fitted, compiled, halves = (make("adam", **options) for _ in range(4))
    for _ in range(3):
        stepped.train_step(X, y)
        compiled_step(compiled.model, X, y)
        assert compiled_halves(halves.model, X, y) == 0
    fitted.fit(X, y, epochs=3)
    for other in (fitted, compiled, halves):
        np.testing.assert_array_equal(other.theta, stepped.theta)
    assert stepped.iteration == 3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_clipping_that_never_clips_changes_no_bit(optimizer, dtype):
    plain, generous = trained_with_and_without_generous_clipping(optimizer, dtype, l2=0.0)
    np.testing.assert_array_equal(plain.theta, generous.theta)
    np.testing.assert_array_equal(plain.model.state, generous.model.state)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_a_penalty_it_changes_what_sums_are_rounded_to_alone(optimizer, dtype):
    plain, generous = trained_with_and_without_generous_clipping(optimizer, dtype, l2=STRENGTH)
    close = {"rtol": 1e-11, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-3, "atol": 1e-5}
    np.testing.assert_allclose(generous.theta, plain.theta, **close)
    np.testing.assert_allclose(generous.model.state, plain.model.state, **close)


def slope_with_a_loop(w):
    total = 0.0
    for _ in range(40):
        total += 0.05 * w
    return total


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_penalty_whose_slope_has_a_loop_does_what_one_without_does(optimizer):
    X, y = samples()
    thetas = []
    for slope in (lambda w: 2.0 * w, slope_with_a_loop):
        penalty = nbtrain.Regularizer("ridge", penalty=lambda w: w * w, slope=slope)
        sizes = (SIZES[0], 1500, SIZES[-1])  # several blocks
        layers = [nbtrain.Dense(units, "tanh") for units in sizes[1:]]
        trainer = nbtrain.Trainer(
            nbtrain.Network(sizes[0], layers),
            loss="mse",
            optimizer=optimizer,
            regularizer=penalty,
            dtype="float64",
            batch_size=BATCH,
            rng=0,
        )
        trainer.fit(X, y, epochs=3)
        thetas.append(trainer.theta.copy())
    np.testing.assert_allclose(thetas[1], thetas[0], rtol=1e-10, atol=1e-12)


def trained_with_and_without_generous_clipping(optimizer, dtype, l2):
    X, y = samples(dtype=dtype)
    trainers = [
        make(optimizer, dtype=dtype, l2=l2, **options) for options in ({}, {"clip_value": 1e9, "clip_norm": 1e9})
    ]
    for trainer in trainers:
        trainer.fit(X, y, epochs=10)
    return trainers


def test_clipping_leaves_loss_and_gradient_alone():
    X, y = samples()
    _, clipped_one = make(clip_value=1e-6, clip_norm=1e-6).loss_and_gradient(X, y)
    _, plain = make().loss_and_gradient(X, y)
    np.testing.assert_array_equal(clipped_one, plain)


@pytest.mark.parametrize("options", [{"clip_norm": 1.0}, {"clip_value": 1.0}])
def test_clipping_hides_no_divergence(options):
    X, y = samples()
    slope_of_nan = nbtrain.Loss("hollow", value=lambda p, y: 0.5 * (p - y) ** 2, slope=lambda p, y: (p - y) / 0.0 * 0.0)
    trainer = make(loss=slope_of_nan, **options)
    before = trainer.theta.copy()
    with pytest.raises(nbtrain.DivergenceError, match="the gradient"):
        trainer.train_step(X, y)
    with pytest.raises(nbtrain.DivergenceError, match="the gradient"):
        trainer.fit(X, y)
    np.testing.assert_array_equal(trainer.theta, before)


@njit
def compiled_update(model):
    return kernel.update(model)


@pytest.mark.parametrize("limit", [1.0, 1e160, 1e203])
def test_a_gradient_whose_squares_overflow_is_clipped_by_its_norm(limit):
    trainer = make(nbtrain.optimizer("sgd", learning_rate=1e-200), clip_norm=limit, l2=0.0)
    gradient = 1e200 * np.random.default_rng(0).normal(size=trainer.theta.size)
    before, length = trainer.theta.copy(), 1e200 * np.linalg.norm(gradient / 1e200)
    trainer.model.gradient[:] = gradient
    assert compiled_update(trainer.model) == 0
    np.testing.assert_allclose(trainer.theta, before - 1e-200 * gradient * min(1.0, limit / length), rtol=1e-12)


def test_clipping_is_as_pytorchs():
    torch = pytest.importorskip("torch")
    X, y = samples()
    trainer = make(nbtrain.optimizer("sgd", learning_rate=1.0), clip_norm=0.2, l2=0.0)
    before = theta(trainer)
    _, gradient = trainer.loss_and_gradient(X, y)
    trainer.train_step(X, y)
    parameter = torch.zeros(len(gradient), dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([parameter], 0.2)
    assert_close(before - theta(trainer), parameter.grad.numpy(), 1e-5)  # it adds 1e-6 to the norm


@pytest.mark.parametrize("argument", ["clip_value", "clip_norm"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_limits_that_make_no_sense_are_refused(argument, value):
    given = re.escape(repr(value))
    words = rf"^{argument} must be a finite number > 0 or None, got {given}$"
    with pytest.raises(nbtrain.InputError, match=words):
        make(**{argument: value})


# ---- optimizers that need norms


def direction(w, g, slots, prepared, hyper):
    V = hyper.beta * slots.velocity + prepared[0] * g
    return V * prepared[1] + hyper.decay * w, (V,)


def corrections(t, hyper):
    return 1.0 - hyper.beta, 1.0 / (1.0 - hyper.beta**t)


def trust(norm_w, norm_u, hyper):
    return hyper.learning_rate * (norm_w / norm_u if norm_w > 0.0 and norm_u > 0.0 else 1.0)


def trusting(norms):
    return nbtrain.Optimizer(
        f"trusting_{norms}",
        direction,
        slots=("velocity",),
        prepare=corrections,
        parameters={"beta": 0.9, "decay": 0.01},
        learning_rate=0.01,
        norms=norms,
        scale=trust,
    )


def trusting_rule(norms):
    velocities = {}

    def rule(parameters, gradients, t):
        updates = []
        for index, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            v = velocities[index] = 0.9 * velocities.get(index, 0.0) + 0.1 * g
            updates.append(v / (1 - 0.9**t) + 0.01 * w)
        lengths = [(np.linalg.norm(w), np.linalg.norm(u)) for w, u in zip(parameters, updates, strict=True)]
        if norms == "global":
            both = tuple(np.sqrt(sum(length**2 for length in column)) for column in zip(*lengths, strict=True))
            lengths = [both] * len(lengths)
        return [w - 0.01 * a / b * u for w, u, (a, b) in zip(parameters, updates, lengths, strict=True)]

    return rule


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("norms", ["layer", "global"])
def test_scales_from_norms_follow_their_formula(norms, dtype):
    reference, trainer = Reference(trusting_rule(norms), norm=0.3), make(trusting(norms), dtype=dtype, clip_norm=0.3)
    X, y = samples()
    for _ in range(20):
        trainer.train_step(X, y)
        reference.step(X, y)
    assert_close(theta(trainer), reference.theta, 1e-12 if dtype == "float64" else 1e-5)


def test_norms_and_state_go_on_in_pieces():
    X, y = samples()
    whole, pieces = make(trusting("layer")), make(trusting("layer"))
    whole.fit(X, y, epochs=6)
    for _ in range(3):
        pieces.fit(X, y, epochs=2)
    np.testing.assert_array_equal(whole.theta, pieces.theta)
    np.testing.assert_array_equal(whole.model.state, pieces.model.state)


def test_a_scale_of_zero_stops_training():
    def never(norm_w, norm_u, hyper):
        return 0.0

    trainer = make(nbtrain.Optimizer("never", direction_alone, norms="layer", scale=never))
    before = theta(trainer)
    trainer.fit(*samples(), epochs=2)
    np.testing.assert_array_equal(theta(trainer), before)
    assert trainer.iteration == 2


def direction_alone(w, g, slots, prepared, hyper):
    return g, ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norms": "all", "scale": trust}, "norms must be 'layer', 'global' or None, got 'all'"),
        ({"norms": "layer"}, "norms and scale go together"),
        ({"scale": trust}, "norms and scale go together"),
        (
            {"norms": "layer", "scale": lambda norm: norm},
            "must take 3 arguments \\(norm_w, norm_u, hyper\\), got <lambda>",
        ),
    ],
)
def test_a_scale_that_does_not_fit_is_refused(options, message):
    with pytest.raises(nbtrain.InputError, match=message):
        nbtrain.Optimizer("wrong", direction_alone, **options)


def test_a_scale_that_is_no_number_is_refused():
    spec = nbtrain.Optimizer("no_number", direction_alone, norms="layer", scale=lambda w, u, hyper: (w, u))
    with pytest.raises(nbtrain.PluginError, match=r"'no_number': scale .* returns .*; it must return a number"):
        make(spec)


# ---- constraints


def max_norm(norm, limit):
    return limit / norm if norm > limit else 1.0


def bound(w, limit):
    return limit if w > limit else -limit if w < -limit else w


MAX_NORM = nbtrain.Constraint("my_max_norm", scale=max_norm, parameters={"limit": 0.8})
BOUND = nbtrain.Constraint("my_bound", project=bound, parameters={"limit": 0.05})


def norm_limited(w):
    length = np.linalg.norm(w, axis=0)
    return w * np.minimum(1.0, 0.8 / length)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("constraint", "formula"), [(MAX_NORM, norm_limited), (BOUND, lambda w: np.clip(w, -0.05, 0.05))]
)
def test_constraints_hold_after_every_step(constraint, formula, dtype):
    reference = Reference(descent(0.1), constrain=formula)
    trainer = make(nbtrain.optimizer("sgd", learning_rate=0.1), dtype=dtype, constraint=constraint)
    X, y = samples()
    for _ in range(20):
        trainer.train_step(X, y)
        reference.step(X, y)
        for index in (0, 2):
            w = trainer.weights[index][0]
            if constraint is BOUND:
                assert np.abs(w).max() <= np.dtype(dtype).type(0.05)
            else:
                assert np.linalg.norm(w.astype(np.float64), axis=0).max() <= 0.8 * (1 + 2 * np.finfo(dtype).eps)
    assert_close(theta(trainer), reference.theta, 1e-12 if dtype == "float64" else 1e-5)
    assert np.abs(trainer.weights[1][0]).max() > 0.05  # no constraint there, nor on biases


def test_a_constraint_that_holds_changes_no_bit():
    wide = nbtrain.Constraint("my_max_norm", scale=max_norm, parameters={"limit": 1e6})
    X, y = samples(dtype="float32")
    plain, constrained = make("adam", dtype="float32"), make("adam", dtype="float32", constraint=wide)
    for trainer in (plain, constrained):
        trainer.fit(X, y, epochs=5)
    np.testing.assert_array_equal(plain.theta, constrained.theta)


def test_a_batch_of_weight_0_makes_no_update_and_no_projection():
    X, y = samples()
    trainer = make("adam", constraint=BOUND, clip_norm=1.0)
    before = theta(trainer)
    assert trainer.train_step(X, y, np.zeros(BATCH)) == 0.0
    np.testing.assert_array_equal(theta(trainer), before)
    assert trainer.iteration == 0
    assert np.abs(trainer.weights[0][0]).max() > 0.05


def test_constraints_come_by_name_from_plugins():
    class Plugin:
        @nbtrain.hookimpl
        def nbtrain_constraints(self):
            yield MAX_NORM

    plugin = Plugin()
    nbtrain.register(plugin)
    try:
        layer = nbtrain.Dense(4, constraint=nbtrain.constraint("my_max_norm", limit=2))
        assert repr(layer) == "Dense(4, 'identity', constraint=constraint('my_max_norm', limit=2.0))"
        assert nbtrain.Dense(4, constraint="my_max_norm").constraint.values == (0.8,)
        assert layer != nbtrain.Dense(4)
    finally:
        nbtrain.unregister(plugin)
    with pytest.raises(nbtrain.InputError, match="unknown constraint 'my_max_norm'"):
        nbtrain.Dense(4, constraint="my_max_norm")


def test_a_constraint_is_one_thing_or_the_other():
    for functions in ({}, {"project": bound, "scale": max_norm}):
        with pytest.raises(nbtrain.InputError, match="must have exactly one of project and scale, got "):
            nbtrain.Constraint("both_or_none", parameters={"limit": 1.0}, **functions)


# ---- threads

THREADED = {
    "clipping": dict(optimizer="adam", clip_value=0.02, clip_norm=0.2),
    "norms by layer": dict(optimizer=trusting("layer")),
    "norms of all": dict(optimizer=trusting("global"), clip_norm=0.3),
    "norms of units": dict(optimizer="rmsprop", constraint=MAX_NORM),
    "elements": dict(optimizer=trusting("layer"), constraint=BOUND),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", THREADED)
def test_the_bits_do_not_depend_on_the_number_of_threads(case, dtype, monkeypatch):
    monkeypatch.setattr(team, "CALL_FLOPS", 0.0)
    X, y = samples(53, dtype)
    alone = make(dtype=dtype, **THREADED[case])
    alone.fit(X, y, epochs=4)
    for threads in (2, 3):
        trainer = make(dtype=dtype, threads=threads, **THREADED[case])
        d = trainer.engine.descriptor  # a leader that waits for all of its helpers
        d["team_patience"], d["team_awaited"], d["team_late"] = 10**17, threads - 1, 30 * 10**9
        trainer.fit(X, y, epochs=4)
        assert d["team_tasks"][0] > 0
        np.testing.assert_array_equal(trainer.theta, alone.theta)
        np.testing.assert_array_equal(trainer.model.state, alone.model.state)


# ---- state


def nadam_prepare(t, scalars, hyper):
    momentum = hyper.beta1 * (1.0 - 0.5 * 0.96 ** (t * hyper.decay))
    following = hyper.beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * hyper.decay))
    product = (scalars.product if t > 1 else 1.0) * momentum
    now = ((1.0 - momentum) / (1.0 - product), following / (1.0 - product * following), 1.0 / (1.0 - hyper.beta2**t))
    return now, (product,)


def nadam(w, g, slots, prepared, hyper):
    V = hyper.beta1 * slots.velocity + (1.0 - hyper.beta1) * g
    S = hyper.beta2 * slots.square + (1.0 - hyper.beta2) * g * g
    ahead = prepared[0] * g + prepared[1] * V
    return w - hyper.learning_rate * ahead / (np.sqrt(S * prepared[2]) + hyper.epsilon), (V, S)


NADAM = nbtrain.Optimizer(
    "my_nadam",
    nadam,
    slots=("velocity", "square"),
    scalars=("product",),
    prepare=nadam_prepare,
    parameters={"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 0.004},
)


def nadam_rule():
    state = {"product": 1.0}

    def rule(parameters, gradients, t):
        mu, later = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (t, t + 1))
        state["product"] *= mu
        moved = []
        for index, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            v, s = state.get(index, (0.0, 0.0))
            v, s = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g**2
            state[index] = v, s
            ahead = later * v / (1 - state["product"] * later) + (1 - mu) * g / (1 - state["product"])
            moved.append(w - 1e-3 * ahead / (np.sqrt(s / (1 - 0.999**t)) + 1e-8))
        return moved

    return rule


def test_numbers_of_the_whole_optimizer_go_on_from_iteration_to_iteration():
    reference, trainer = Reference(nadam_rule()), make(NADAM)
    X, y = samples()
    for _ in range(5):
        trainer.fit(X, y, epochs=4)
    for _ in range(20):
        reference.step(X, y)
    assert_close(theta(trainer), reference.theta, 1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_state_below_the_smallest_normal_number_is_flushed(dtype):
    trainer = make("adam", dtype=dtype, l2=0.0)
    smallest = np.finfo(dtype).smallest_normal
    trainer.model.state[0, ::3], trainer.model.state[1, ::2] = smallest, -smallest
    trainer.model.state[0, 5] = np.nan
    trainer.model.gradient[:] = 0.0
    compiled_update(trainer.model)
    state = trainer.model.state.copy()
    assert np.isnan(state[0, 5])
    state[0, 5] = 0.0
    assert not state[0].any()  # 0.9 of it is no normal number
    assert not state[1].any()
    trainer.model.state[0, :] = 2 * smallest
    compiled_update(trainer.model)
    assert (trainer.model.state[0] > smallest).all()
