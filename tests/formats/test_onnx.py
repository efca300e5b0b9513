"""Exported networks, run by ONNX Runtime, give what `predict` gives; what cannot be exported is refused."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from author_components import ACTIVATIONS
from common import assert_close
from onnx_runtime import run

import nbtrain
from nbtrain import cli
from nbtrain.formats.onnx.components import activation
from nbtrain.formats.onnx.graph import Graph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
BUILTIN = ["sigmoid", "tanh", "relu", "leaky_relu", "identity", nbtrain.activation("leaky_relu", slope=0.3)]
LOSSES = ["mse", "binary_cross_entropy", "softmax_cross_entropy", "poisson_deviance"]
PLUGINS = ["elu", "selu", "silu", "gelu", "gelu_tanh", "softplus", "softsign", "mish", "hard_sigmoid", "hard_swish"]
PLUGIN_LOSSES = ["mae", "huber", "quantile", "poisson", "hinge", "focal"]
# atan(z) + asinh(z) + asin(tanh(z)) / 2: where tanh is rounded to 1 or above, asin magnifies that
OF_AUTHORS = [entry for entry in ACTIVATIONS if entry.spec.name != "arcs"]
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def trained(layers, loss="mse", dtype="float64", inputs=4, **options):
    """A trainer whose weights and biases are no longer those it began with."""
    trainer = nbtrain.Trainer(nbtrain.Network(inputs, layers), loss=loss, dtype=dtype, rng=0, **options)
    random = np.random.default_rng(5)
    trainer.set_weights([(2.5 * w, random.normal(size=b.size)) for w, b in trainer.weights])
    return trainer


def rows(count, dtype, inputs=4):
    return (2.0 * np.random.default_rng(7).normal(size=(count, inputs))).astype(dtype)


def check(trainer, tolerance=0.0):
    """The export against predict, for a batch of one and one of many."""
    model = trainer.to_onnx()
    for count in (1, 300):
        x = rows(count, trainer.dtype, trainer.network.inputs)
        got, wanted = run(model, x)["prediction"], trainer.predict(x)
        assert got.dtype == trainer.dtype
        assert_close(got, wanted, tolerance or TOLERANCE[str(trainer.dtype)])


def alone(function, dtype="float64", slope=lambda z: 1.0, **parameters):
    """A function as the activation of a network that leaves its input as it is."""
    spec = nbtrain.Activation("tried", function, slope, parameters)
    network = nbtrain.Network(1, [nbtrain.Dense(1, spec)])
    trainer = nbtrain.Trainer(network, loss="mse", dtype=dtype, rng=0)
    trainer.set_weights([(np.ones((1, 1)), np.zeros(1))])
    return trainer


# ---- what is exported


@both_dtypes
@pytest.mark.parametrize("given", BUILTIN, ids=str)
def test_built_in_activations(given, dtype):
    check(trained([nbtrain.Dense(6, given), nbtrain.Dense(3, given)], dtype=dtype))


@both_dtypes
@pytest.mark.parametrize("loss", LOSSES)
def test_built_in_losses_with_their_output_activations(loss, dtype):
    check(trained([nbtrain.Dense(6, "tanh"), nbtrain.Dense(3)], loss, dtype))


@both_dtypes
@pytest.mark.parametrize("name", PLUGINS)
def test_activations_of_plugins(name, dtype):
    pytest.importorskip("nbtrain_activations")
    check(trained([nbtrain.Dense(6, name), nbtrain.Dense(3, name)], dtype=dtype))


@both_dtypes
@pytest.mark.parametrize("name", PLUGIN_LOSSES)
def test_losses_of_plugins(name, dtype):
    pytest.importorskip("nbtrain_losses")
    check(trained([nbtrain.Dense(6, "tanh"), nbtrain.Dense(2)], name, dtype))


@both_dtypes
@pytest.mark.parametrize("entry", OF_AUTHORS, ids=lambda entry: entry.spec.name)
def test_activations_however_they_are_written(entry, dtype):
    given = nbtrain.activation(entry.spec, **dict(zip(entry.spec.parameters, entry.values, strict=True)))
    trainer = trained([nbtrain.Dense(6, given), nbtrain.Dense(3)], dtype=dtype)
    check(trainer, 4.0 * TOLERANCE[dtype])


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_networks_of_any_depth(depth):
    hidden = [nbtrain.Dense(7 + index, ("tanh", "relu")[index % 2], dropout=0.5) for index in range(depth - 1)]
    check(trained([*hidden, nbtrain.Dense(2)], "softmax_cross_entropy", dtype="float32", inputs=5), 1e-5)


def test_a_trained_network_by_the_formula():
    x, y = rows(64, "float64"), np.sign(rows(64, "float64"))[:, :2]
    trainer = trained([nbtrain.Dense(8, "tanh", dropout=0.3), nbtrain.Dense(2)])
    trainer.fit(x, y, epochs=3)
    (w1, b1), (w2, b2) = trainer.weights
    assert_close(run(trainer.to_onnx(), x)["prediction"], np.tanh(x @ w1 + b1) @ w2 + b2, 1e-14)


def test_usual_activations_are_operators_of_their_own():
    layers = [nbtrain.Dense(3, name) for name in ("relu", "sigmoid", "tanh", "leaky_relu", "identity")]
    model = trained([*layers, nbtrain.Dense(3)], "softmax_cross_entropy", "float32").to_onnx()
    found = [node.op_type for node in model.graph.node if node.op_type != "Gemm"]
    assert found == ["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Softmax"]


def test_the_model_says_what_it_is():
    trainer = trained([nbtrain.Dense(3)], dtype="float32")
    trainer.metadata = {"units": ["m", "s"]}
    model = trainer.to_onnx()
    assert (model.producer_name, model.producer_version) == ("nbtrain", nbtrain.__version__)
    assert (model.ir_version, [(entry.domain, entry.version) for entry in model.opset_import]) == (8, [("", 17)])
    assert {entry.key: json.loads(entry.value) for entry in model.metadata_props} == trainer.metadata
    (given,) = model.graph.input
    first, second = given.type.tensor_type.shape.dim
    assert (given.name, first.dim_param, second.dim_value) == ("x", "batch", 4)
    onnx.checker.check_model(model, full_check=True)


def test_the_reference_implementation_agrees():
    from onnx.reference import ReferenceEvaluator

    trainer = trained([nbtrain.Dense(6, "leaky_relu"), nbtrain.Dense(3)], "softmax_cross_entropy")
    x = rows(20, "float64")
    (got,) = ReferenceEvaluator(trainer.to_onnx()).run(None, {"x": x})
    assert_close(got, trainer.predict(x), 1e-14)


# ---- functions and statements


FUNCTIONS = {
    "exp": (np.exp, lambda z: math.exp(z)),
    "exp2": (np.exp2, lambda z: np.exp2(z)),
    "expm1": (np.expm1, lambda z: math.expm1(z)),
    "log": (lambda z: np.log(np.abs(z)), lambda z: math.log(abs(z))),
    "log of base": (lambda z: np.log(np.abs(z)) / np.log(3), lambda z: math.log(abs(z), 3)),
    "log2": (lambda z: np.log2(np.abs(z)), lambda z: math.log2(abs(z))),
    "log10": (lambda z: np.log10(np.abs(z)), lambda z: np.log10(abs(z))),
    "log1p": (lambda z: np.log1p(np.abs(z)), lambda z: np.log1p(abs(z))),
    "logaddexp": (lambda z: np.logaddexp(0, z), lambda z: np.logaddexp(0, z)),
    "sinh": (np.sinh, lambda z: math.sinh(z)),
    "cosh": (np.cosh, lambda z: math.cosh(z)),
    "sin and cos": (lambda z: np.sin(z) * np.cos(z), lambda z: math.sin(z) * np.cos(z)),
    "tan": (lambda z: np.tan(z / 4), lambda z: math.tan(z / 4)),
    "asin": (lambda z: np.arcsin(z / 8), lambda z: math.asin(z / 8)),
    "acos": (lambda z: np.arccos(z / 8), lambda z: np.arccos(z / 8)),
    "atan": (np.arctan, lambda z: math.atan(z)),
    "atan2": (lambda z: np.arctan2(z, 1 - z), lambda z: math.atan2(z, 1 - z)),
    "asinh": (np.arcsinh, lambda z: math.asinh(z)),
    "acosh": (lambda z: np.arccosh(1 + np.abs(z)), lambda z: np.arccosh(1 + abs(z))),
    "atanh": (lambda z: np.arctanh(z / 8), lambda z: math.atanh(z / 8)),
    "erf": (lambda z: np.vectorize(math.erf)(z), lambda z: math.erf(z)),
    "erfc": (lambda z: np.vectorize(math.erfc)(z), lambda z: math.erfc(z)),
    "cbrt": (np.cbrt, lambda z: math.cbrt(z)),
    "hypot": (lambda z: np.hypot(z, 2), lambda z: math.hypot(z, 2)),
    "powers": (lambda z: z**3 + z**2 - 1 / z**2, lambda z: z**3 + np.power(z, 2) - z**-2),
    "root": (lambda z: np.abs(z) ** 0.5, lambda z: abs(z) ** 0.5),
    "other power": (lambda z: np.abs(z) ** 1.7, lambda z: math.pow(abs(z), 1.7)),
    "power of 2": (lambda z: 2.0**z, lambda z: 2**z),
    "%": (lambda z: z % 0.75 + z % -0.7, lambda z: z % 0.75 + np.mod(z, -0.7)),
    "fmod": (lambda z: np.fmod(z, 0.75), lambda z: math.fmod(z, 0.75)),
    "//": (lambda z: z // 0.3, lambda z: z // 0.3),
    "floor": (np.floor, lambda z: math.floor(z)),
    "ceil": (np.ceil, lambda z: math.ceil(z)),
    "trunc": (np.trunc, lambda z: int(z)),
    "round": (np.rint, lambda z: round(z)),
    "sign": (np.sign, lambda z: np.sign(z)),
    "copysign": (lambda z: np.copysign(2, z), lambda z: math.copysign(2, z)),
    "heaviside": (lambda z: np.heaviside(z, 0.5), lambda z: np.heaviside(z, 0.5)),
    "clip": (lambda z: np.clip(z, -1, 2), lambda z: np.clip(z, -1, a_max=2)),
    "minimum": (lambda z: np.minimum(z, 1 - z), lambda z: np.minimum(z, 1 - z)),
    "max": (lambda z: np.maximum(np.maximum(z, -z), 1), lambda z: max(1, z, -z)),
    "fmax": (lambda z: np.maximum(z, 1), lambda z: np.fmax(z, 1)),
    "where": (lambda z: np.where(z > 1, z, -1), lambda z: np.where(z > 1, z, -1)),
    "truths": (lambda z: (z > 1) * z + (z < 0), lambda z: (z > 1) * z + float(z < 0)),
    "and, or, not": (
        lambda z: np.where(((z > -1) & (z < 1)) | ~(z < 2), z, 0),
        lambda z: z if (-1 < z < 1) or not z < 2 else 0,
    ),
    "bits": (lambda z: np.where((z > -1) & ~(z > 1), z, 0), lambda z: np.where((z > -1) & ~(z > 1), z, 0)),
    "constant": (lambda z: np.full_like(z, 2.5), lambda z: 2.5),
    "float32": (lambda z: 0.1 * z, lambda z: np.float32(0.1) * z),
}


@both_dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_numbers(name, dtype):
    oracle, function = FUNCTIONS[name]
    x = np.linspace(-4.033, 3.967, 801).astype(dtype)[:, None]
    got = run(alone(function, dtype).to_onnx(), x)["prediction"]
    wanted = oracle(x.astype(np.float64))
    error = np.abs(got - wanted) / np.maximum(1.0, np.abs(wanted))
    if name in ("%", "fmod", "//"):  # beside their steps
        error = error[np.abs(wanted - alone(function, dtype).predict(x)) < 1e-3]
        assert error.size > 700
    assert error.max() < 4.0 * TOLERANCE[dtype]


def softened(z):
    if z < -2.0:
        return -1.0
    total = 0.0
    for k in range(1, 4):
        total += z**k / k if z > k else 0.25 * z
    if z != z or total > 50:
        return total
    return total + helped(z)


def helped(z, shift=0.5):
    return -shift if z < shift else shift


def test_returns_loops_and_helpers():
    trainer = alone(softened)
    x = np.linspace(-5.0, 9.0, 500)[:, None]
    got = run(trainer.to_onnx(), x)["prediction"]
    assert_close(got[:, 0], [softened(z) for z in x[:, 0]], 1e-14)


def test_parameters_are_constants():
    trainer = alone(lambda z, b: b * z if z > b else 0.0, slope=lambda z, b: 1.0, b=0.7)
    x = np.linspace(-2.0, 2.0, 50)[:, None]
    assert_close(run(trainer.to_onnx(), x)["prediction"], np.where(x > 0.7, 0.7 * x, 0.0), 1e-15)


def shares(z, out):
    """Softmax of a row, by parts of the row."""
    peak = np.max(z)
    rest, total = out[1:], 0.0
    out[0] = math.exp(z[0] - peak)
    for k in range(rest.size):
        rest[k] = math.exp(z[k + 1] - peak)
    for k in range(z.size):
        total += out[k]
    for k in range(z.size):
        out[k] /= total


def all_shares(z, out, outputs):
    for row in range(z.size // outputs):
        shares(z[row * outputs : (row + 1) * outputs], out[row * outputs : (row + 1) * outputs])


def row_loss(z, y, slope):
    slope[:] = z
    return 0.0


def rows_loss(z, y, slope, losses, outputs):
    slope[:] = z


@both_dtypes
@pytest.mark.parametrize(
    "loss",
    [
        nbtrain.Loss("by_row", row=row_loss, row_output=shares),
        nbtrain.Loss("by_rows", rows=rows_loss, rows_output=all_shares),
    ],
    ids=lambda loss: loss.name,
)
def test_outputs_of_whole_rows(loss, dtype):
    trainer = trained([nbtrain.Dense(5)], loss, dtype)
    x = rows(40, dtype)
    ((w, b),) = trainer.weights
    e = np.exp(x.astype(float) @ w + b)
    assert_close(run(trainer.to_onnx(), x)["prediction"], e / e.sum(axis=1, keepdims=True), 4.0 * TOLERANCE[dtype])
    check(trainer)


def copied_largest(z, out):
    """Python's max along the row, which is no decision of the function's."""
    peak = z[0]
    for k in range(1, z.size):
        peak = max(peak, z[k])
    for k in range(z.size):
        out[k] = z[k] - peak


def test_the_larger_of_two_makes_no_ways_through_a_function():
    trainer = trained([nbtrain.Dense(40)], nbtrain.Loss("lowered", row=row_loss, row_output=copied_largest))
    check(trainer)


# ---- what is refused


def steps_down(z):
    while z > 1.0:
        z -= 1.0
    return z


def many_ways(z):
    total = 0.0
    for k in range(12):
        total += z if z > k else -z
        total = total if total > k else 2.0 * total
    return total


REFUSED = {
    "a loop that ends by a value": (steps_down, "more than 64 decisions"),
    "too many ways": (many_ways, "more than 512 execution paths"),
    "an element by a computed index": (lambda z: (1.0, 2.0)[int(z > 0.0)], "computed value"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_form_is_refused_with_its_provider(what, tmp_path):
    function, words = REFUSED[what]
    trainer = alone(function)
    with pytest.raises(nbtrain.InputError, match=words) as caught:
        trainer.to_onnx(tmp_path / "model.onnx")
    assert str(caught.value).startswith(
        "activation 'tried' of an unregistered spec cannot be written in ONNX operators"
    )
    assert not list(tmp_path.iterdir())


def winner(z, out):
    for k in range(z.size):
        out[k] = 0.0
    out[np.argmax(z)] = 1.0


def test_what_a_row_has_no_form_for_is_refused():
    trainer = trained([nbtrain.Dense(3)], nbtrain.Loss("winning", row=row_loss, row_output=winner))
    with pytest.raises(nbtrain.InputError, match=r"^loss 'winning' of .*: winner: it calls np.argmax on a row"):
        trainer.to_onnx()


class Held:
    """A function where no name of the module stands for it."""

    f = staticmethod(lambda z: math.exp(z))


def test_a_value_in_an_unknown_function_is_refused():
    component = nbtrain.activation(nbtrain.Activation("held", lambda z: Held.f(z), lambda z: 1.0))
    with pytest.raises(nbtrain.InputError, match="a function that is unknown here"):
        activation(Graph(np.dtype("float64")), component, "x")


def test_parameters_that_are_not_finite_are_refused(tmp_path):
    trainer = trained([nbtrain.Dense(2)])
    trainer.weights[0][0][1, 1] = np.nan
    with pytest.raises(nbtrain.DivergenceError, match=r"layers.0.W holds NaN or infinity"):
        trainer.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(nbtrain.Error, match=r"^to_onnx needs onnx: pip install onnx$"):
        trained([nbtrain.Dense(2)]).to_onnx()


def test_the_package_is_imported_when_it_is_needed_and_not_before():
    program = "import sys, nbtrain, nbtrain.cli; print('onnx' in sys.modules, 'nbtrain.formats.onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "False False\n"


def test_the_page_s_example_runs(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "onnx.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, cwd=tmp_path, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-5


# ---- files and the command


def test_the_file_is_the_model_and_replaces_what_was_there(tmp_path):
    path, trainer = tmp_path / "model.onnx", trained([nbtrain.Dense(2)])
    path.write_bytes(b"old")
    made = trainer.to_onnx(path)
    assert onnx.load(path) == made
    assert [found.name for found in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("path", [3, "", "a\0b"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(nbtrain.InputError, match=r"^path must "):
        trained([nbtrain.Dense(2)]).to_onnx(path)


def test_the_command_writes_the_file(tmp_path, capsys):
    saved, path = str(tmp_path / "model.nbt"), str(tmp_path / "model.onnx")
    trainer = trained([nbtrain.Dense(3, "tanh"), nbtrain.Dense(2)])
    trainer.save(saved)
    assert cli.main(["export", saved, path]) == 0
    assert capsys.readouterr().err == f"wrote {path}: from x, 4 float64 numbers a row, to prediction, 2\n"
    x = rows(5, "float64")
    assert_close(run(onnx.load(path), x)["prediction"], trainer.predict(x), 1e-14)


def test_the_command_refuses_what_it_cannot_use(tmp_path, capsys):
    saved = str(tmp_path / "model.nbt")
    trained([nbtrain.Dense(2)]).save(saved)
    for arguments, words in (
        ([saved, saved], "is the model, which would be overwritten"),
        ([saved, str(tmp_path / "none" / "a.onnx")], "a.onnx' does not exist"),
        ([str(tmp_path / "none.nbt"), str(tmp_path / "a.onnx")], "no such file"),
    ):
        assert cli.main(["export", *arguments]) == 1
        assert words in capsys.readouterr().err


def test_the_model_of_a_table_takes_its_columns(tmp_path, capsys):
    data, saved, path = (str(tmp_path / name) for name in ("data.csv", "model.nbt", "model.onnx"))
    with open(data, "w", encoding="utf-8") as file:
        file.write("width,kind,price\n")
        file.writelines(f"{k % 17},{'ab'[k % 2]},{k % 17 + k % 2 + 0.5}\n" for k in range(120))
    assert cli.main(["train", data, "--target", "price", "--save", saved, "--epochs", "2", "--quiet"]) == 0
    capsys.readouterr()
    assert cli.main(["export", saved, path]) == 0
    assert "from the columns 'width', 'kind' to prediction" in capsys.readouterr().err
    made, row = onnx.load(path), {"width": np.array([[3.0]]), "kind": np.array([["b"]], object)}
    expected = nbtrain.table.load(saved).predict({name: cells[:, 0] for name, cells in row.items()})
    np.testing.assert_allclose(run(made, row)["prediction"][:, 0], expected, rtol=1e-5)
    assert [one.name for one in made.graph.input] == ["width", "kind"]
