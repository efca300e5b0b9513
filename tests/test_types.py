"""What type checkers and editors see of the public classes in a user's program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from typing import reveal_type

from nbtrain.callbacks import Checkpoint, EarlyStopping
from nbtrain.sklearn import MLPClassifier, MLPRegressor

model = MLPRegressor(hidden_layer_sizes=(8,), alpha=0.1)
reveal_type(MLPClassifier(dropout=0.1))
reveal_type(model.fit([[0.0]], [0.0]))
reveal_type(model.predict([[0.0]]))
reveal_type(EarlyStopping("loss", patience=3))
MLPClassifier(hiden_layer_sizes=(3,))
EarlyStopping(monitor="loss")
Checkpoint("file.nbt", every_epochs="one")
"""
SEEN = [
    (8, 'Revealed type is "nbtrain.sklearn.classifier.MLPClassifier"'),
    (9, 'Revealed type is "nbtrain.sklearn.regressor.MLPRegressor"'),
    (10, 'Revealed type is "numpy.ndarray[Any, Any]"'),
    (11, 'Revealed type is "nbtrain.callbacks.plateau.EarlyStopping"'),
    (12, 'Unexpected keyword argument "hiden_layer_sizes" for "MLPClassifier"'),
    (13, 'Unexpected keyword argument "monitor" for "EarlyStopping"'),
    (14, 'Argument "every_epochs" to "Checkpoint" has incompatible type "str"'),
]


def test_estimators_and_callbacks_keep_their_types(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=root)
    for line, said in SEEN:
        assert any(f"{program.name}:{line}: " in text and said in text for text in done.stdout.splitlines()), (
            done.stdout
        )
    assert "Found 3 errors in 1 file" in done.stdout
