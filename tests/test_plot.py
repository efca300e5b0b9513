"""`nbtrain.plot`: histograms against NumPy's, and dead units against networks whose dead units are known."""

from __future__ import annotations

import sys

import numpy as np
import processes
import pytest

import nbtrain
from nbtrain import plot

matplotlib = pytest.importorskip("matplotlib")

X = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def no_window():
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")
    matplotlib.use(before)


@pytest.fixture
def trainer():
    """A network whose units 1 and 4 of the first layer are 0 for all of X."""
    network = nbtrain.Network(3, [nbtrain.Dense(6, "relu"), nbtrain.Dense(4, "tanh"), nbtrain.Dense(2)])
    made = nbtrain.Trainer(network, loss="mse", batch_size=64, rng=0)
    made.weights[0][1][[1, 4]] = -1000.0
    return made


def layers(trainer):
    """The activations by NumPy."""
    (W1, b1), (W2, b2), (W3, b3) = trainer.weights
    first = np.maximum(X @ W1 + b1, 0.0)
    second = np.tanh(first @ W2 + b2)
    return [first, second, second @ W3 + b3]


def heights(axes):
    """The bars of all series of a histogram, added up, and the total of each series."""
    series = [[bar.get_height() for bar in container] for container in axes.containers]
    return np.sum(series, axis=0), [sum(one) for one in series]


def test_weights_have_a_histogram_for_each_layer(trainer):
    found = plot.weights(trainer, bins=9)
    assert len(found) == 3
    for axes, (W, _) in zip(found, trainer.weights, strict=True):
        counts, edges = np.histogram(W, bins=9)
        np.testing.assert_array_equal(heights(axes)[0], counts)
        np.testing.assert_allclose([bar.get_x() for bar in axes.containers[0]], edges[:-1], rtol=1e-6)
    said = [f"mean {W.mean():.2g}, std {W.std():.2g}" for W, _ in trainer.weights]
    names = ["layer 1, relu", "layer 2, tanh", "layer 3, identity"]
    assert [axes.get_title().split("\n") for axes in found] == [[*both] for both in zip(names, said, strict=True)]


def test_activations_have_those_of_dead_units_apart(trainer):
    found = plot.activations(trainer, X, bins=20)
    for axes, a in zip(found, layers(trainer), strict=True):
        total, _ = heights(axes)
        assert total.sum() == a.size
        np.testing.assert_array_less(abs(total - np.histogram(a, bins=20)[0]), 3)  # rounding at the edges of bars
    said = [axes.get_title().split("\n")[1] for axes in found]
    assert said == ["2 of 6 units dead: 1, 4", "0 of 4 units dead", "0 of 2 units dead"]
    assert heights(found[0])[1] == [4 * len(X), 2 * len(X)]
    assert [text.get_text() for text in found[0].get_legend().get_texts()] == ["alive", "dead"]
    assert found[1].get_legend() is None


def test_dead_units_say_the_same_for_every_sample(trainer):
    trainer.weights[1][1][2] = 1e6  # a tanh that is 1 for every sample
    found = plot.dead_units(trainer, X)
    assert [one.tolist() for one in found] == [[1, 4], [2], []]
    alive = X.copy()
    alive[0] = 1e5 * np.sign(trainer.weights[0][0][:, 4])  # a sample to which unit 4 answers
    assert 4 not in plot.dead_units(trainer, alive)[0]


def test_many_dead_units_are_counted_only():
    network = nbtrain.Network(3, [nbtrain.Dense(20, "relu"), nbtrain.Dense(1)])
    trainer = nbtrain.Trainer(network, loss="mse", rng=0)
    trainer.weights[0][1][:] = -1000.0
    assert plot.activations(trainer, X)[0].get_title() == "layer 1, relu\n20 of 20 units dead"


@pytest.mark.parametrize("draw", [plot.weights, lambda trainer, **options: plot.activations(trainer, X, **options)])
def test_axes_and_scale_of_ones_own(trainer, draw):
    from matplotlib import pyplot

    own = pyplot.subplots(1, 3)[1]
    assert draw(trainer, axes=own, log=True) is own
    assert [axes.get_yscale() for axes in own] == ["log"] * 3
    assert all(axes.containers for axes in own)
    with pytest.raises(nbtrain.InputError, match="axes must be 3 matplotlib axes, one for each layer, got 2"):
        draw(trainer, axes=own[:2])
    with pytest.raises(nbtrain.InputError, match="axes must be 3 matplotlib axes"):
        draw(trainer, axes="here")
    alone = nbtrain.Trainer(nbtrain.Network(3, [nbtrain.Dense(1)]), loss="mse", rng=0)
    single = pyplot.subplots()[1]
    assert draw(alone, axes=single) is single


def test_many_layers_have_rows_of_four():
    network = nbtrain.Network(3, [nbtrain.Dense(2, "tanh")] * 6)
    found = plot.weights(nbtrain.Trainer(network, loss="mse", rng=0))
    assert len(found) == len(found[0].figure.axes) == 6
    assert {axes.get_subplotspec().rowspan.start for axes in found} == {0, 1}


def test_bad_arguments_are_named(trainer):
    for call, message in [
        (lambda: plot.weights("net"), "trainer must be a Trainer, got 'net'"),
        (lambda: plot.weights(trainer, bins=0), "bins must be an integer >= 1, got 0"),
        (lambda: plot.activations(trainer, X[:1]), "X must have at least 2 rows, got 1"),
        (lambda: plot.dead_units(trainer, X[:, :2]), "X must"),
    ]:
        with pytest.raises(nbtrain.InputError, match=message):
            call()
    trainer.weights[1][0][0, 0] = np.nan
    with pytest.raises(nbtrain.InputError, match="trainer must have finite weights, got NaN or infinity in layer 2"):
        plot.weights(trainer)
    with pytest.raises(nbtrain.InputError, match="X must give finite activations, got NaN or infinity in layer 2"):
        plot.activations(trainer, X)


def test_an_estimator_is_told_where_its_trainer_is():
    sklearn = pytest.importorskip("nbtrain.sklearn")
    with pytest.raises(nbtrain.InputError, match=r"trainer must be a Trainer.*pass its attribute trainer_"):
        plot.weights(sklearn.MLPRegressor())


def test_matplotlib_is_needed_for_drawing_only(monkeypatch, trainer):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot.dead_units(trainer, X)[0].tolist() == [1, 4]
    with pytest.raises(nbtrain.Error, match=r"needs matplotlib: pip install nbtrain\[plot\]"):
        plot.weights(trainer)
    code = "import sys, nbtrain; nbtrain.plot.weights; assert 'matplotlib' not in sys.modules"
    assert processes.run([sys.executable, "-c", code]).returncode == 0
