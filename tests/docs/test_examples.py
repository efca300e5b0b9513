"""The examples run, as programs, with settings that make them quick, and give the results that they promise."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nbtrain.datasets

EXAMPLES = Path(__file__).parents[2] / "examples"

# name: quick arguments, packages it needs, and for each number in its output the pattern and the bounds
TABLE = {
    "autoencoder.py": (
        "--epochs 60",
        (),
        {r"sum of statuses (\d+)": (0, 0), r"networks leave (\d+) %": (20.0, 80.0)},
    ),
    "c_host.py": (
        "",
        (),
        {r"mean loss on new states: ([\d.]+)": (0.0, 1e-3), r"in a row: ([\d.]+) radians": (0.0, 0.05)},
    ),
    "cartpole.py": ("", (), {r"100 new episodes ([\d.]+): solved": (475.0, 500.0)}),
    "compare_scikit_learn.py": (
        "--seeds 1 --data wine",
        ("sklearn",),
        {r"\| wine \|[^|]*\|[^|]*\| ([\d.]+) \|": (0.85, 1.0)},
    ),
    "custom_loss.py": ("--samples 2000 --epochs 25", (), {r"inside the band ([\d.]+) %": (70.0, 90.0)}),
    "dask_cluster.py": (
        "--rows 4000 --epochs 3 --shards 3",
        ("distributed",),
        {r"validation R² ([\d.]+)": (0.3, 1.0)},
    ),
    "dask_search.py": (
        "--trials 2 --samples 400",
        ("distributed", "sklearn"),
        {r"best accuracy ([\d.]+)": (0.7, 1.0)},
    ),
    "drift.py": (
        "--steps 60000",
        (),
        {r"at the end: ([\d.]+) learning": (0.05, 0.08), r"([\d.]+) frozen;": (0.2, 5.0)},
    ),
    "fashion_mnist.py": ("--data DATA --epochs 20", (), {r"test accuracy ([\d.]+)": (0.5, 1.0)}),
    "fashion_mnist_memmap.py": (
        "--data DATA --epochs 20 --check",
        (),
        {r"test accuracy ([\d.]+)": (0.5, 1.0)},
    ),
    "inverse_design.py": (
        "--throws 2000 --epochs 120 --designs 50",
        (),
        {r"distance ([\d.]+) m": (0.0, 0.3), r"height ([\d.]+) m": (0.0, 0.3)},
    ),
    "pendulum.py": (
        "--steps 8000",
        (),
        {r"sum of statuses (\d+)": (0, 0), r"100 new episodes (-[\d.]+): solved": (-200.0, -100.0)},
    ),
    "ppo.py": ("", (), {r"sum of statuses (\d+)": (0, 0), r"100 new episodes ([\d.]+): solved": (475.0, 500.0)}),
    "forecasters.py": (
        "--customers 40 --epochs 30",
        ("sklearn",),
        {
            r"a network for each +([\d.]+)": (2.0, 6.0),
            r"one network for all +([\d.]+)": (6.0, 100.0),
            r"the best that is possible +([\d.]+)": (2.0, 4.0),
        },
    ),
    "population_based_training.py": ("--rounds 12", (), {r"new digits ([\d.]+)": (0.9, 1.0)}),
    "scipy_minimize.py": (
        "--iterations 40",
        ("scipy",),
        {r"s: J ([\d.]+)": (0.0, 0.5), r"test accuracy ([\d.]+)": (0.9, 1.0)},
    ),
    "sklearn_pipeline.py": (
        "--flats 800 --folds 2",
        ("sklearn",),
        {r"nbtrain +R² ([\d.]+)": (0.8, 1.0), r"test R² ([\d.]+)": (0.8, 1.0)},
    ),
    "sweep.py": (
        "--epochs 15 --repeats 1 --picture=",
        (),
        {r"validation accuracy ([\d.]+)\n": (0.9, 1.0), r"\n +64 +([\d.]+)": (0.3, 0.99)},
    ),
    "ten_models_ten_threads.py": (
        "--models 4 --epochs 8 --hidden 32",
        (),
        {r"test accuracy of the ensemble ([\d.]+)": (0.9, 1.0)},
    ),
}


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=600
    )


def write_idx(folder, part, images, labels):
    """The format of MNIST, as examples/fashion_mnist.py describes it."""
    for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
        (folder / name).write_bytes(head + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def digits_as_idx(tmp_path_factory):
    """The digits in the form of Fashion-MNIST, whose 70,000 images are not everywhere."""
    folder = tmp_path_factory.mktemp("idx")
    X, y = nbtrain.datasets.load_digits()
    images = (255 * X).reshape(-1, 8, 8)
    write_idx(folder, "train", images[:600], y[:600])
    write_idx(folder, "t10k", images[600:800], y[600:800])
    return folder


@pytest.mark.parametrize("name", TABLE)
def test_the_example_does_what_it_says(name, digits_as_idx):
    arguments, needed, results = TABLE[name]
    for package in needed:
        pytest.importorskip(package)
    if name == "c_host.py" and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    done = run(name, *arguments.replace("DATA", str(digits_as_idx)).split())
    assert done.returncode == 0, done.stderr
    for pattern, (low, high) in results.items():
        found = re.search(pattern, done.stdout)
        assert found, done.stdout
        assert low <= float(found[1]) <= high, done.stdout


def test_the_search_with_optuna():
    for package in ("distributed", "sklearn", "optuna"):
        pytest.importorskip(package)
    done = run("dask_search.py", "--optuna", "--trials", "3", "--samples", "400")
    assert done.returncode == 0, done.stderr
    assert 0.7 < float(re.search(r"best accuracy ([\d.]+)", done.stdout)[1]) <= 1.0


def test_every_example_is_in_the_table_and_in_their_readme():
    files = {path.name for path in EXAMPLES.glob("*.py")}
    assert files == set(TABLE)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(files) if f"]({name})" not in readme] == []


@pytest.mark.parametrize("name", TABLE)
def test_every_example_has_a_help_and_a_seed(name):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert f"python examples/{name}" in text
    assert '"--seed' in text
    assert "description=__doc__" in text


def test_fashion_mnist_is_timed_beside_other_libraries(digits_as_idx):
    done = run("fashion_mnist.py", "--data", str(digits_as_idx), "--compare", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    assert re.search(r"nbtrain +\d+\.\d+ s per epoch, 1\.00 times", done.stdout)
    if importlib.util.find_spec("sklearn"):
        assert re.search(r"scikit-learn +\d+\.\d+ s per epoch", done.stdout)


def test_fashion_mnist_from_a_file_has_the_bits_of_memory_and_does_without_the_data(tmp_path):
    for shuffle in ("exact", "blocks"):
        options = "--data", str(tmp_path), "--epochs", "1", "--check", "--shuffle", shuffle
        done = run("fashion_mnist_memmap.py", *options)
        assert done.returncode == 0, done.stderr
        assert "made-up images" in done.stderr
        assert "the same bits as in memory: True" in done.stdout
    assert run("fashion_mnist_memmap.py", "--data", str(tmp_path), "--shuffle", "batches").returncode == 0


def test_fashion_mnist_says_where_the_data_comes_from(tmp_path):
    done = run("fashion_mnist.py", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr
