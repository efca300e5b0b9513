"""Bad input is an InputError that names the argument; good input of any layout is the same."""

from __future__ import annotations

import re
import subprocess
import sys
import types

import numpy as np
import pytest
from common import SUPPORT, theta, times

import nbtrain

NAN, INF = float("nan"), float("inf")


def network(outputs=2, last="identity"):
    return nbtrain.Network(3, [nbtrain.Dense(4, "tanh"), nbtrain.Dense(outputs, last)])


def trainer(loss="mse", outputs=2, **options):
    return nbtrain.Trainer(network(outputs), loss=loss, rng=0, **{"dtype": "float64", **options})


X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.random.default_rng(1).normal(size=(6, 2))
LABELS = np.array([0, 1, 1, 0, 1, 0])


def changed(array, value, index=(1, 1)):
    array = np.array(array, dtype=np.result_type(array, np.asarray(value)))
    array[index] = value
    return array


def refused(argument, call):
    """The call raises an InputError, also a ValueError, that names the argument (x or X) on one line."""
    with pytest.raises(nbtrain.InputError, match=rf"(?i)\b{re.escape(argument)}\b") as caught:
        call()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, nbtrain.Error)
    assert "\n" not in str(caught.value)


# ---- declarations


@pytest.mark.parametrize("inputs", [0, -1, 2.0, "3", True, None, NAN])
def test_network_inputs(inputs):
    refused("inputs", lambda: nbtrain.Network(inputs, [nbtrain.Dense(2)]))


@pytest.mark.parametrize("layers", [[], None, 5, ["relu"], [3], [None]], ids=str)
def test_network_layers(layers):
    refused("layers", lambda: nbtrain.Network(3, layers))


@pytest.mark.parametrize("units", [0, -1, 2.0, "3", True, None, NAN])
def test_dense_units(units):
    refused("units", lambda: nbtrain.Dense(units))


@pytest.mark.parametrize("rate", [1.0, 1, 1.5, -0.1, NAN, INF, "0.5", None, True])
def test_dense_dropout(rate):
    refused("dropout", lambda: nbtrain.Dense(4, "relu", dropout=rate))


def test_dropout_on_the_last_layer():
    refused("dropout", lambda: nbtrain.Network(3, [nbtrain.Dense(4, "relu"), nbtrain.Dense(2, dropout=0.5)]))


@pytest.mark.parametrize("activation", ["rleu", 5, None, nbtrain.regularizer("l2"), ""], ids=str)
def test_dense_activation(activation):
    refused("activation", lambda: nbtrain.Dense(4, activation))


@pytest.mark.parametrize("initializer", ["glorot", 5, nbtrain.activation("relu")], ids=str)
def test_dense_initializer(initializer):
    refused("initializer", lambda: nbtrain.Dense(4, "relu", initializer=initializer))


@pytest.mark.parametrize(
    ("make", "wrong", "nearest"),
    [
        (nbtrain.activation, "rleu", "relu"),
        (nbtrain.activation, "leaky-relu", "leaky_relu"),
        (nbtrain.regularizer, "l3", "l2"),
        (nbtrain.optimizer, "addam", "adam"),
        (nbtrain.loss, "softmax_crossentropy", "softmax_cross_entropy"),
        (nbtrain.initializer, "glorot_unifrom", "glorot_uniform"),
        (nbtrain.schedule, "cosin", "cosine"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(make, wrong, nearest):
    with pytest.raises(nbtrain.InputError, match=rf"{nearest}") as caught:
        make(wrong)
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("make", "name", "parameters", "named"),
    [
        (nbtrain.activation, "leaky_relu", {"slop": 0.1}, "slop"),
        (nbtrain.activation, "leaky_relu", {"slope": 1.5}, "slope"),
        (nbtrain.activation, "leaky_relu", {"slope": -0.1}, "slope"),
        (nbtrain.activation, "leaky_relu", {"slope": NAN}, "slope"),
        (nbtrain.activation, "leaky_relu", {"slope": "0.1"}, "slope"),
        (nbtrain.activation, "relu", {"slope": 0.1}, "slope"),
        (nbtrain.regularizer, "l2", {"strength": -1.0}, "strength"),
        (nbtrain.regularizer, "l2", {"strength": INF}, "strength"),
        (nbtrain.optimizer, "sgd", {"learning_rate": 0.0}, "learning_rate"),
        (nbtrain.optimizer, "sgd", {"learning_rate": -1e-3}, "learning_rate"),
        (nbtrain.optimizer, "sgd", {"learning_rate": NAN}, "learning_rate"),
        (nbtrain.optimizer, "sgd", {"learning_rate": "fast"}, "learning_rate"),
        (nbtrain.optimizer, "momentum", {"beta": 1.0}, "beta"),
        (nbtrain.optimizer, "momentum", {"beta": -0.1}, "beta"),
        (nbtrain.optimizer, "rmsprop", {"beta": 1.0}, "beta"),
        (nbtrain.optimizer, "rmsprop", {"epsilon": -1e-8}, "epsilon"),
        (nbtrain.optimizer, "adam", {"beta1": 1.0}, "beta1"),
        (nbtrain.optimizer, "adam", {"beta2": 1.0}, "beta2"),
        (nbtrain.optimizer, "adam", {"epsilon": -1.0}, "epsilon"),
        (nbtrain.optimizer, "adam", {"beta": 0.9}, "beta"),
    ],
)
def test_component_parameters(make, name, parameters, named):
    refused(named, lambda: make(name, **parameters))


# ---- the trainer's own arguments


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("loss", "msee"),
        ("loss", None),
        ("loss", nbtrain.activation("relu")),
        ("optimizer", "addam"),
        ("optimizer", 1e-3),
        ("regularizer", "l3"),
        ("regularizer", 0.1),
        ("batch_size", 0),
        ("batch_size", -1),
        ("batch_size", 2.5),
        ("batch_size", "32"),
        ("batch_size", True),
        ("batch_size", None),
        ("shuffle", "yes"),
        ("shuffle", None),
        ("shuffle", 1),
        ("dtype", "float16"),
        ("dtype", "int64"),
        ("dtype", "nonsense"),
        ("dtype", np.complex64),
        ("rng", -1),
        ("rng", 1.5),
        ("rng", "seed"),
        ("rng", True),
        ("threads", 0),
        ("threads", -1),
        ("threads", 1.5),
        ("threads", True),
    ],
)
def test_trainer_arguments(argument, value):
    options = {"loss": "mse", "rng": 0} | {argument: value}
    refused(argument, lambda: nbtrain.Trainer(network(), **options))


@pytest.mark.parametrize("given", [None, 3, "relu", [nbtrain.Dense(2)]], ids=str)
def test_trainer_network(given):
    refused("network", lambda: nbtrain.Trainer(given, loss="mse"))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy"])
def test_a_loss_with_its_own_output_wants_identity_below_it(loss):
    with pytest.raises(nbtrain.InputError, match="identity"):
        nbtrain.Trainer(network(2, "tanh"), loss=loss)


def test_a_loss_of_labels_wants_an_output_for_each_class():
    with pytest.raises(
        nbtrain.InputError, match=r"network must have one output per class .* got 1; .*Dense\(2\).*binary_cross_entropy"
    ):
        nbtrain.Trainer(network(1), loss="softmax_cross_entropy")


# ---- data

BAD_X = {
    "one dimension": X[0],
    "three dimensions": X[None],
    "a number": 1.0,
    "nothing": None,
    "too many columns": np.ones((6, 4)),
    "too few columns": np.ones((6, 2)),
    "no samples": np.ones((0, 3)),
    "NaN": changed(X, NAN),
    "infinity": changed(X, -INF),
    "NaN in the last place": changed(X, NAN, (-1, -1)),
    "strings": [["a", "b", "c"]] * 6,
    "objects": np.array([[object()] * 3] * 6),
    "complex numbers": X.astype(complex),
    "ragged rows": [[1.0, 2.0, 3.0], [1.0]],
    "dates": np.full((6, 3), np.datetime64("2020-01-01")),
    "None inside": [[1.0, None, 2.0]] * 6,
}
BAD_Y = {
    "nothing": None,
    "too few samples": Y[:5],
    "too many samples": np.ones((7, 2)),
    "one column": Y[:, :1],
    "one dimension": Y[:, 0],
    "three columns": np.ones((6, 3)),
    "transposed": Y.T,
    "NaN": changed(Y, NAN),
    "infinity": changed(Y, INF),
    "strings": [["a", "b"]] * 6,
    "complex numbers": Y.astype(complex),
}
BAD_LABELS = {
    "ragged rows": [[0], [1, 0], [1], [0], [1], [0]],
    "nothing": None,
    "negative": changed(LABELS, -1, 2),
    "too large": changed(LABELS, 2, 2),
    "huge": changed(LABELS, 2**62, 2),
    "fractions": LABELS + 0.5,
    "NaN": changed(LABELS, NAN, 2),
    "strings": LABELS.astype(str),
    "one-hot rows": np.eye(2)[LABELS],
    "too few": LABELS[:5],
    "unsigned and too large": changed(LABELS, 2**63, 2).astype(np.uint64),
}
BAD_WEIGHTS = {
    "negative": [1.0, 1.0, -0.1, 1.0, 1.0, 1.0],
    "NaN": [1.0, NAN, 1.0, 1.0, 1.0, 1.0],
    "infinity": [1.0, INF, 1.0, 1.0, 1.0, 1.0],
    "too few": [1.0] * 5,
    "two dimensions": np.ones((6, 1)),
    "a number": 1.0,
    "strings": ["a"] * 6,
}
ON_DATA = ["fit", "train_step", "loss_and_gradient", "evaluate"]


def unharmed(subject):
    """The trainer still works after bad input, and nothing was trained."""
    assert int(subject.model.iteration[0]) == 0
    assert np.isfinite(theta(subject)).all()
    subject.predict(X)


@pytest.mark.parametrize("method", [*ON_DATA, "predict"])
@pytest.mark.parametrize("bad", BAD_X)
def test_x(bad, method):
    subject = trainer()
    arguments = [BAD_X[bad]] if method == "predict" else [BAD_X[bad], Y]
    refused("X", lambda: getattr(subject, method)(*arguments))
    unharmed(subject)


@pytest.mark.parametrize("method", ON_DATA)
@pytest.mark.parametrize("bad", BAD_Y)
def test_float_targets(bad, method):
    subject = trainer()
    refused("y", lambda: getattr(subject, method)(X, BAD_Y[bad]))
    unharmed(subject)


@pytest.mark.parametrize(
    ("given", "advice"),
    [(LABELS[:, None], "y.ravel()"), (np.eye(2)[LABELS], "y.argmax(axis=1)")],
    ids=["column", "one-hot"],
)
def test_what_is_advised_for_labels_of_another_shape_gives_the_labels(given, advice):
    subject = trainer("softmax_cross_entropy")
    with pytest.raises(nbtrain.InputError, match=re.escape(advice)):
        subject.fit(X, given, epochs=1)
    np.testing.assert_array_equal(eval(advice, {"y": given}), LABELS)


def test_numbers_beyond_the_dtype_are_told_from_infinity():
    with pytest.raises(
        nbtrain.InputError, match=r"X must be finite, got \d.*e\+\d+ at row 0, .* the largest float32 is 3\.4e\+38"
    ):
        trainer(dtype="float32").predict(np.abs(X) * 1e300)


@pytest.mark.parametrize("method", ON_DATA)
@pytest.mark.parametrize("bad", BAD_LABELS)
def test_labels(bad, method):
    subject = trainer("softmax_cross_entropy")
    refused("y", lambda: getattr(subject, method)(X, BAD_LABELS[bad]))
    unharmed(subject)


@pytest.mark.parametrize("method", ON_DATA)
@pytest.mark.parametrize("value", [-0.5, 1.5])
def test_targets_of_binary_cross_entropy_lie_between_0_and_1(value, method):
    subject = trainer("binary_cross_entropy")
    refused("y", lambda: getattr(subject, method)(X, changed(np.zeros((6, 2)), value)))
    unharmed(subject)


@pytest.mark.parametrize("method", ON_DATA)
@pytest.mark.parametrize("bad", BAD_WEIGHTS)
def test_sample_weights(bad, method):
    subject = trainer()
    refused("sample_weight", lambda: getattr(subject, method)(X, Y, sample_weight=BAD_WEIGHTS[bad]))
    unharmed(subject)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_sample_weights_that_are_all_zero(method):
    subject = trainer()
    refused("sample_weight", lambda: getattr(subject, method)(X, Y, sample_weight=np.zeros(6)))
    unharmed(subject)


@pytest.mark.parametrize("epochs", [-1, 1.5, "3", None, True, NAN])
def test_epochs(epochs):
    refused("epochs", lambda: trainer().fit(X, Y, epochs=epochs))


@pytest.mark.parametrize(
    "given",
    [X, (X,), (X, Y, np.ones(6), 1), 5, (X[:, :2], Y), (X, Y[:3]), (X, changed(Y, NAN)), (X, Y, -np.ones(6))],
    ids=["an array", "one", "four", "a number", "columns", "samples", "NaN", "weights"],
)
def test_validation_data(given):
    refused("validation_data", lambda: trainer().fit(X, Y, epochs=1, validation_data=given))


@pytest.mark.parametrize("given", [5, [5], "early", ["print"], [None], lambda: None, [lambda epoch: None]], ids=repr)
def test_callbacks(given):
    subject = trainer()
    refused("callbacks", lambda: subject.fit(X, Y, epochs=1, callbacks=given))
    assert subject.epoch == 0


W0, B0, W1, B1 = np.ones((3, 4)), np.ones(4), np.ones((4, 2)), np.ones(2)


@pytest.mark.parametrize(
    "given",
    [
        None,
        5,
        [],
        [(W0, B0)],
        [(W0, B0), (W1, B1), (W1, B1)],
        [(W0, B0), W1],
        [(W0, B0), (W1,)],
        [(W0.T, B0), (W1, B1)],
        [(W0, B0), (W1, np.ones(3))],
        [(W0, B0), (changed(W1, NAN), B1)],
        [(W0, B0), (W1, np.array([1.0, INF]))],
        [(W0, B0), (W1, ["a", "b"])],
    ],
    ids=range(12),
)
def test_weights(given):
    subject = trainer()
    before = theta(subject)
    refused("weights", lambda: subject.set_weights(given))
    np.testing.assert_array_equal(theta(subject), before)


# ---- what is accepted


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


def misaligned(array):
    array = np.ascontiguousarray(array)
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "every second row and column": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=-1)[::2, ::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "read-only": read_only,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "misaligned": misaligned,
    "lists": lambda a: a.tolist(),
    "objects": lambda a: a.astype(object),
    "float16": lambda a: a.astype(np.float16),
    "long double": lambda a: a.astype(np.longdouble),
    "int8": lambda a: a.astype(np.int8),
    "uint64": lambda a: np.abs(a).astype(np.uint64),
    "bool": lambda a: a > 0,
}


def outcome(x, y, dtype, loss="mse"):
    subject = trainer(loss, batch_size=4, dtype=dtype)
    history = subject.fit(x, y, epochs=2)
    step = subject.train_step(x, y)
    scores = list(subject.evaluate(x, y).values())
    numbers = [history["loss"], [step], subject.predict(x), theta(subject), scores]
    return b"".join(np.asarray(part).tobytes() for part in numbers)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_gives_the_bits_of_the_converted_array(layout, dtype):
    random = np.random.default_rng(3)
    x = LAYOUTS[layout](random.integers(-3, 4, (10, 3)).astype(float))
    y = LAYOUTS[layout](random.integers(-3, 4, (10, 2)).astype(float))
    plain_x, plain_y = (np.array(np.asarray(a), dtype=dtype, order="C") for a in (x, y))
    assert outcome(x, y, dtype) == outcome(plain_x, plain_y, dtype)


KINDS = ["int8", "uint8", "int32", ">i8", "uint64", "float32", "bool", "list", "strided"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_labels_gives_the_bits_of_int64(kind):
    given = {"list": LABELS.tolist(), "strided": np.repeat(LABELS, 3)[::3]}
    y = given[kind] if kind in given else LABELS.astype(kind)
    assert outcome(X, y, "float32", "softmax_cross_entropy") == outcome(
        X, LABELS.astype(np.int64), "float32", "softmax_cross_entropy"
    )


def test_one_output_takes_targets_of_one_dimension():
    found = []
    for y in (Y[:, 0], Y[:, :1]):
        subject = trainer(outputs=1)
        subject.fit(X, y, epochs=2)
        found.append(theta(subject).tobytes())
    assert found[0] == found[1]


def test_the_callers_arrays_are_never_written_to():
    x, y, weight = X.copy(), Y.copy(), np.arange(6.0)
    subject = trainer(batch_size=4)
    subject.fit(x, y, epochs=2, sample_weight=weight, validation_data=(x, y))
    subject.train_step(x, y)
    subject.loss_and_gradient(x, y)
    subject.predict(x)
    for array, kept in ((x, X), (y, Y), (weight, np.arange(6.0))):
        np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize(
    "rng", [0, np.int64(3), 2**100, np.random.SeedSequence(1), np.random.default_rng(1), None], ids=str
)
def test_kinds_of_rng(rng):
    nbtrain.Trainer(network(), loss="mse", rng=rng).fit(X, Y, epochs=1)


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("f4"), "f8", float])
def test_kinds_of_dtype(dtype):
    subject = trainer(dtype=dtype)
    assert subject.weights[0][0].dtype == np.dtype(dtype)
    assert subject.predict(X).dtype == np.dtype(dtype)


def test_random_calls_raise_nothing_foreign_and_never_end_the_process():
    program = SUPPORT / "fuzz_input.py"
    command = [sys.executable, "-W", "error", program, str(times(1000, 10_000))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


def test_masked_elements_are_refused_as_their_mask_would_be_lost():
    masked = np.ma.masked_greater(X, 0.5)
    for use in (masked, masked.astype(np.float32)):
        refused("X", lambda use=use: trainer().predict(use))
        refused("X", lambda use=use: trainer().fit(use, Y))
    refused("y", lambda: trainer().fit(X, np.ma.masked_greater(Y, 0.5)))
    refused("sample_weight", lambda: trainer().fit(X, Y, sample_weight=np.ma.masked_equal(LABELS, 1)))
    np.testing.assert_array_equal(trainer().predict(np.ma.masked_array(X)), trainer().predict(X))


def test_an_import_of_masked_arrays_in_another_thread_does_no_harm(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy.ma", types.ModuleType("numpy.ma"))  # as it is while its import runs
    assert trainer().predict(X).shape == Y.shape


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("Rome", "X must contain real numbers, got 'Rome' at row 2, column 'town'; encode text as numbers first"),
        ("NA", "X must contain real numbers, got <NA> at row 2, column 'town'; fill or remove missing values"),
    ],
)
def test_a_frame_s_column_without_numbers_is_named(cell, said):
    pandas = pytest.importorskip("pandas")
    cells = [1.0, 2.5, pandas.NA if cell == "NA" else cell, 4.0, 5.0, 6.0]
    frame = pandas.DataFrame({"age": range(6), "town": pandas.Series(cells, dtype=object), "size": 1.5})
    with pytest.raises(nbtrain.InputError, match=re.escape(said)):
        trainer().predict(frame)
    with pytest.raises(nbtrain.InputError, match=re.escape(said.replace("column 'town'", "column 1"))):
        trainer().predict(frame.to_numpy())


def test_text_labels_and_missing_labels_come_with_the_remedy():
    pandas = pytest.importorskip("pandas")
    for text in (np.array(list("abbaba")), pandas.Series(list("abbaba")), list("abbaba")):
        with pytest.raises(
            nbtrain.InputError, match=r"np\.unique\(y, return_inverse=True\)\[1\] turns text into class"
        ):
            trainer("softmax_cross_entropy").fit(X, text)
    with pytest.raises(nbtrain.InputError, match=r"^y must be integer class labels 0, 1, …, got nan at index 3$"):
        trainer("softmax_cross_entropy").fit(X, [0.0, 1.0, 1.0, NAN, 0.0, 1.0])


def test_integers_beyond_all_floats_are_refused():
    refused("X", lambda: trainer().predict([[10**400, 0, 0]]))
    refused("y", lambda: trainer().fit(X[:1], [[10**400, 0]]))


CHANGING = """
import sys, threading, time
import numpy as np, nbtrain
outputs, shuffle = int(sys.argv[1]), sys.argv[2] == "shuffled"
network = nbtrain.Network(4, [nbtrain.Dense(6, "tanh"), nbtrain.Dense(outputs)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0, shuffle=shuffle)
x, good = np.ones((300_000, 4), np.float32), np.arange(300_000) % outputs
y = good.copy()

def spoil():
    time.sleep(0.01)
    y[:] = 10**11

for call in (trainer.fit, trainer.train_step, trainer.loss_and_gradient, trainer.evaluate):
    y[:] = good
    other = threading.Thread(target=spoil)
    other.start()
    try:
        call(x, y)
    except nbtrain.InputError as error:
        assert "label" in str(error)
    other.join()
print("alive")
"""


@pytest.mark.parametrize("outputs", ["2", "3"])
@pytest.mark.parametrize("order", ["shuffled", "as they are"])
def test_labels_that_another_thread_changes_meanwhile_do_no_harm(outputs, order):
    command = [sys.executable, "-c", CHANGING, outputs, order]
    found = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (found.returncode, found.stdout) == (0, "alive\n"), found.stderr
