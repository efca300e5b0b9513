"""`nbtrain plugins`: list, check, new and plot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import numpy as np
import processes
import pytest

import nbtrain
from nbtrain import cli
from nbtrain.components import KINDS


def run(capsys, *arguments):
    code = cli.main(["plugins", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def registered():
    """Components registered for one test."""
    kept = []

    def register(spec):
        nbtrain.register(spec)
        kept.append(spec)

    yield register
    for spec in kept:
        nbtrain.unregister(spec)


def test_the_list_tells_where_each_comes_from(capsys, registered):
    registered(nbtrain.Activation("of_mine", lambda z, k: k * z, lambda z, k: k, {"k": 2.0}))
    code, out, _ = run(capsys, "list")
    assert code == 0
    lines = {tuple(line.split()[:2]): line for line in out.splitlines() if line}
    assert lines["activation", "relu"].split()[-2:] == ["nbtrain", nbtrain.__version__]
    assert "k=2" in lines["activation", "of_mine"]
    assert "registered at run time" in lines["activation", "of_mine"]


def test_check_says_ok_or_what_to_change(capsys, registered):
    registered(nbtrain.Schedule("sound", lambda t, rate: rate / t, {"rate": 0.1}))
    registered(nbtrain.Schedule("unsound", lambda t: 0.5 - t))
    assert run(capsys, "check", "sound")[0] == 0
    code, out, _ = run(capsys, "check", "schedule:unsound")
    assert code == 1
    assert "wrong  schedule unsound" in out
    assert "rate: at t = 1 it must be finite and >= 0, got -0.5" in out
    assert "1 checked, 1 wrong" in out


def test_check_tells_what_is_slow(capsys, registered):
    def looping(z):
        x = abs(z)
        while 1.0 < x < 1e300:
            x = 0.5 * x
        return z + 0.0 * x

    registered(nbtrain.Activation("slow_one", looping, lambda z: 1.0))
    code, out, _ = run(capsys, "check", "slow_one")
    assert code == 0
    assert "slow: activation 'slow_one' is not vectorized in float32" in out


@pytest.mark.parametrize("action", ["check", "plot"])
def test_an_unknown_name_is_told(action, capsys):
    code, _, err = run(capsys, action, "no_such_thing")
    assert code == 1
    assert err.startswith("nbtrain: unknown component or distribution 'no_such_thing'; see `nbtrain plugins list`")


def test_a_new_plugin_installs_and_passes_its_own_tests(tmp_path, capsys):
    pytest.importorskip("hatchling")
    code, out, _ = run(capsys, "new", "nbtrain-of-the-test", "--directory", str(tmp_path))
    folder, site = tmp_path / "nbtrain-of-the-test", tmp_path / "site"
    assert code == 0
    assert f"pip install -e '{folder}[test]'" in out
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--target", site, folder], check=True, timeout=300)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *sys.path])}
    for command in (["pytest", "-q", "-p", "no:cacheprovider", folder], ["nbtrain", "plugins", "check", "of_the_test"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, env=environment, timeout=600, cwd=folder
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "ok     activation of_the_test of nbtrain-of-the-test 0.1.0\n1 checked, none wrong\n" in done.stdout


def in_an_environment(source, site):
    """Have a distribution's source found as if it were installed there: its entry point, and a path to its package."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (points,) = project["entry-points"].items()
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[{points[0]}]\n" + "\n".join(map(" = ".join, points[1].items())))
    assert (source / project["readme"]).exists()


def test_a_new_plugin_of_every_kind_passes_its_own_tests(tmp_path, capsys):
    site, folders = tmp_path / "site", []
    for kind in KINDS:
        code, out, _ = run(capsys, "new", f"nbtrain-new-{kind}", "--kind", kind, "--directory", str(tmp_path))
        assert (code, f" with a{'n' * (kind[0] in 'aeiou')} {kind}. Next" in out) == (0, True)
        folders.append(tmp_path / f"nbtrain-new-{kind}")
        in_an_environment(folders[-1], site)
        blocks = re.findall(r"```python\n(.*?)```", (folders[-1] / "README.md").read_text(), re.DOTALL)
        (folders[-1] / "tests" / f"test_readme_{kind}.py").write_text("".join(blocks) + "\ndef test_it():\n    pass\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [site, *folders, *sys.path]))}
    options = ["-q", "-ra", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *folders],
        capture_output=True, text=True, env=environment, timeout=600, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d\d passed in", done.stdout, re.MULTILINE), done.stdout


RUN_BENCHMARKS = """
from benchmarks.training import Training
for values in Training.params:
    training = Training()
    training.setup(values)
    before = training.trainer.iteration
    training.time_epoch(values)
    training.time_new_trainer(values)
    assert training.trainer.iteration == before + 256
    print(values)
"""


def test_a_new_plugin_of_every_kind_has_benchmarks_beside_what_is_built_in(tmp_path, capsys):
    for kind in KINDS:
        folder = tmp_path / f"nbtrain-timed-{kind}"
        assert run(capsys, "new", folder.name, "--kind", kind, "--directory", str(tmp_path))[0] == 0
        in_an_environment(folder, tmp_path / "site")
    for kind in KINDS:
        folder = tmp_path / f"nbtrain-timed-{kind}"
        paths = [tmp_path / "site", *tmp_path.glob("nbtrain-timed-*"), *sys.path]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [folder, *paths]))}
        done = processes.run([sys.executable, "-W", "error", "-c", RUN_BENCHMARKS], env=environment, cwd=folder)
        assert done.returncode == 0, done.stderr
        own, other = done.stdout.split()
        assert own == f"timed_{kind}"
        provider = {row["name"]: row["provider"] for row in nbtrain.registry.components() if row["kind"] == kind}
        assert provider.get(other) == "nbtrain" or (other, kind) == ("None", "constraint")


def test_asv_runs_the_benchmarks_of_a_new_plugin(tmp_path, capsys):
    pytest.importorskip("asv")
    assert run(capsys, "new", "nbtrain-followed", "--directory", str(tmp_path))[0] == 0
    folder, home = tmp_path / "nbtrain-followed", tmp_path / "home"
    home.mkdir()
    in_an_environment(folder, tmp_path / "site")
    paths = os.pathsep.join(map(str, [tmp_path / "site", folder]))
    environment = os.environ | {"ASV_PYTHONPATH": paths, "HOME": str(home)}  # asv passes on no PYTHONPATH
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    commands = [
        [*git, "init", "--quiet"], [*git, "add", "."], [*git, "commit", "--quiet", "-m", "first"],
        *([sys.executable, "-m", "asv", *words] for words in (
            ["machine", "--yes"],
            ["check", "--environment", f"existing:{sys.executable}"],
            ["run", "--quick", "--show-stderr", "--environment", f"existing:{sys.executable}"],
        )),
    ]  # fmt: skip
    for command in commands:
        done = processes.run(command, cwd=folder, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"followed +\d", done.stdout), done.stdout
    assert re.search(r"relu +\d", done.stdout), done.stdout
    ignored = processes.run([*git, "status", "--porcelain"], cwd=folder, env=environment)
    assert ignored.stdout == ""  # results and environments are not for the repository


def test_an_unknown_kind_is_told(tmp_path, capsys):
    code, _, err = run(capsys, "new", "nbtrain-mine", "--kind", "optimiser", "--directory", str(tmp_path))
    assert code == 1
    assert err.startswith(
        "nbtrain: --kind: unknown kind 'optimiser'; did you mean 'optimizer'? Available: activation, regul"
    )
    assert list(tmp_path.iterdir()) == []


def test_names_are_those_of_a_kind(tmp_path, capsys):
    """There may be a schedule of an activation's name."""
    assert run(capsys, "new", "relu", "--kind", "schedule", "--directory", str(tmp_path))[0] == 0
    code, _, err = run(capsys, "new", "cosine", "--kind", "schedule", "--directory", str(tmp_path))
    assert (code, err) == (1, "nbtrain: NAME: a schedule 'cosine' exists already; choose another name\n")


@pytest.mark.parametrize("name", ["nbtrain_", "9lives", "a b", "../x", "nbtrain-9"])
def test_a_name_that_cannot_be_is_refused(name, tmp_path, capsys):
    code, _, err = run(capsys, "new", name, "--directory", str(tmp_path))
    assert code == 1
    assert err.startswith("nbtrain: NAME must consist of letters, digits and -, such as nbtrain-squareplus, got")
    assert err.endswith(f", got {name!r}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["relu", "nbtrain-Leaky-Relu"])
def test_a_name_that_nbtrain_has_is_refused(name, tmp_path, capsys):
    code, _, err = run(capsys, "new", name, "--directory", str(tmp_path))
    component = name.lower().removeprefix("nbtrain-").replace("-", "_")
    assert (code, err) == (1, f"nbtrain: NAME: an activation {component!r} exists already; choose another name\n")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    code, _, err = run(capsys, "new", "mine", "--directory", str(tmp_path))
    assert (code, "mine exists already" in err) == (1, True)


PLOTTED = ["activation:relu", "regularizer:l2", "loss:mse", "schedule:cosine", "adam", "glorot_uniform"]


@pytest.mark.parametrize("name", PLOTTED)
def test_a_plot(name, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    file = tmp_path / "plot.svg"
    code, out, err = run(capsys, "plot", name, "--output", str(file))
    assert (code, out) == (0, f"{file}\n"), err
    assert file.read_text().count("<path") > 5


@pytest.mark.parametrize("name", ["relu", "cosine", "exponential", "step", "a_long_name_with_parameters"])
def test_the_title_of_a_plot_is_not_cut(name, registered):
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from nbtrain.cli.drawing import figure_of

    numbers = {f"long_{letter}": 0.123456789 for letter in "abcde"}
    rate = lambda t, long_a, long_b, long_c, long_d, long_e: 0.1  # noqa: E731
    registered(nbtrain.Schedule("a_long_name_with_parameters", rate, numbers))
    component = nbtrain.activation(name) if name == "relu" else nbtrain.schedule(name)
    figure = figure_of(component)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    extents = [text.get_window_extent(canvas.get_renderer()) for text in (figure._suptitle, figure.axes[0].title)]
    assert all(extent.x0 >= 0 and extent.x1 <= figure.bbox.x1 and extent.y1 <= figure.bbox.y1 for extent in extents)
    shown = (figure.get_suptitle() or figure.axes[0].get_title()).split()
    assert shown == repr(component).split()


def test_a_plot_with_parameters(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    file = tmp_path / "plot.svg"
    code, _, _ = run(capsys, "plot", "leaky_relu", "--output", str(file), "--parameter", "slope=0.5")
    assert code == 0
    code, _, err = run(capsys, "plot", "leaky_relu", "--output", str(file), "--parameter", "slope=half")
    assert (code, "--parameter must be NAME=VALUE with a number, got 'slope=half'" in err) == (1, True)


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = run(capsys, "plot", "relu")
    assert (code, err) == (1, "nbtrain: plot needs matplotlib: pip install nbtrain[plot]\n")


def sum_of_squares(z, y, slope):
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[k]
        total += 0.5 * slope[k] * slope[k]
    return total


def test_what_has_no_picture_is_told(registered, capsys):
    pytest.importorskip("matplotlib")
    registered(nbtrain.Loss("sum_of_squares", row=sum_of_squares))
    code, _, err = run(capsys, "plot", "sum_of_squares")
    assert (code, "other than a loss of whole rows" in err) == (1, True)


def test_the_picture_of_softmax_cross_entropy_is_that_of_two_classes():
    from nbtrain.cli.drawing import curves

    (_, z, value), (_, _, slope) = curves(nbtrain.loss("softmax_cross_entropy"))
    np.testing.assert_allclose(value, np.log1p(np.exp(-z)), atol=1e-12)
    np.testing.assert_allclose(slope, -1.0 / (1.0 + np.exp(z)), atol=1e-12)


def test_the_path_of_an_optimizer_is_its_formula():
    from nbtrain.cli.drawing import descent

    rate, path = descent(nbtrain.optimizer("sgd", learning_rate=0.05))
    steps = np.arange(61)[:, None]
    assert rate == 0.05
    np.testing.assert_allclose(path, [-2.0, 0.7] * (1.0 - 0.05 * np.array([1.0, 10.0])) ** steps, atol=1e-12)


def test_the_path_of_an_optimizer_with_its_default_rate_comes_near_the_minimum():
    from nbtrain.cli.drawing import descent, valley

    for name in ("sgd", "adam"):
        rate, path = descent(nbtrain.optimizer(name))
        assert valley(path[-1]) < 0.05 * valley(path[0])
        assert rate != nbtrain.optimizer(name).learning_rate


def test_the_histogram_of_an_initializer_has_its_variance():
    from nbtrain.cli.drawing import weights

    drawn = weights(nbtrain.initializer("he_normal"))
    assert drawn.shape == (256, 128)
    np.testing.assert_allclose(drawn.var(), 2.0 / 256, rtol=0.05)


def test_the_picture_of_a_constraint_is_its_projection(registered):
    from nbtrain.cli.drawing import curves

    clip = nbtrain.Constraint("clip", project=lambda w, limit: min(max(w, -limit), limit), parameters={"limit": 1.5})
    ((_, before, after),) = curves(nbtrain.constraint(clip))
    np.testing.assert_array_equal(after, np.clip(before, -1.5, 1.5))
