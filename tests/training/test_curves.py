"""`history.plot`: panels, colours, the best epoch, and axes of one's own."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbtrain

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def no_window():
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")
    matplotlib.use(before)


@pytest.fixture
def history():
    made = nbtrain.History()
    for loss, val_loss, accuracy in [(1.0, 1.1, 0.5), (0.5, 0.4, 0.7), (0.2, 0.9, 0.9), (0.1, math.nan, 0.95)]:
        made.append({"loss": loss, "val_loss": val_loss, "accuracy": accuracy, "val_accuracy": accuracy / 2})
    made.first_epoch = 11
    return made


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_losses_and_other_metrics_have_panels_of_their_own(history):
    left, right = history.plot()
    assert {*lines(left)} == {"loss", "val_loss", "best epoch 12"}
    assert {*lines(right)} == {"accuracy", "val_accuracy", "best epoch 12"}
    for name in history:
        line = lines(left if "loss" in name else right)[name]
        np.testing.assert_array_equal(line.get_xdata(), [11, 12, 13, 14])
        np.testing.assert_array_equal(line.get_ydata(), history[name])


def test_a_metric_has_one_colour_and_validation_is_dashed(history):
    for axes in history.plot():
        found = lines(axes)
        (name,) = {"loss", "accuracy"} & {*found}
        assert found[name].get_color() == found[f"val_{name}"].get_color()
        assert (found[name].get_linestyle(), found[f"val_{name}"].get_linestyle()) == ("-", "--")


def test_the_best_epoch_has_the_smallest_validation_loss(history):
    for axes in history.plot():
        assert list(lines(axes)["best epoch 12"].get_xdata()) == [12, 12]
    del history["val_loss"]
    assert all("best" not in label for axes in history.plot() for label in lines(axes))


def test_the_loss_alone_is_logarithmic(history):
    left, right = history.plot(log=True)
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")


def test_axes_of_ones_own(history):
    from matplotlib import pyplot

    own = pyplot.subplots()[1]
    assert history.plot(own) is own
    assert {*history} <= {*lines(own)}
    assert len(own.lines) == 5
    colours = {name: line.get_color() for name, line in lines(own).items()}
    assert colours["loss"] != colours["accuracy"]
    panels = pyplot.subplots(1, 2)[1]
    assert history.plot(panels) is panels
    with pytest.raises(nbtrain.InputError, match="axes must be one matplotlib axes, or 2 for the panels, got 3"):
        history.plot(pyplot.subplots(1, 3)[1])


def test_an_empty_history_is_an_empty_picture():
    (axes,) = nbtrain.History().plot(log=True)
    assert len(axes.lines) == 0
