"""A small table of rectangles, and the command line called as a function."""

from __future__ import annotations

import csv

import numpy as np

from nbtrain.cli import main

QUICK = ("--epochs", "30", "--hidden", "16", "--quiet")
FAST = ("--learning-rate", "0.01")


def shapes(rows, seed=0):
    """Rectangles: whether they are wide, from their sides and a colour that says nothing."""
    random = np.random.default_rng(seed)
    for _ in range(rows):
        width, height = random.uniform(1, 9, 2)
        yield [f"{width:.3f}", f"{height:.3f}", random.choice(["red", "blue"]), "wide" if width > height else "tall"]


def write(path, rows, header=("width", "height", "colour", "form"), delimiter=",", encoding="utf-8"):
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        if header:
            writer.writerow(header)
        writer.writerows(rows)
    return str(path)


def called(capsys, *arguments):
    """Exit code, output, and errors without the notices of what is compiled for the first time."""
    code = main(list(arguments))
    out, err = capsys.readouterr()
    told = [line for line in err.splitlines(keepends=True) if not line.startswith("nbtrain: compil")]
    return code, out, "".join(told)
