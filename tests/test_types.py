"""What type checkers and editors see of the public classes in a user's program."""

from __future__ import annotations

import sys

import processes
import pytest
from common import ROOT

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
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(program)]
    done = processes.run(command, cwd=ROOT)
    for line, said in SEEN:
        assert any(f"{program.name}:{line}: " in text and said in text for text in done.stdout.splitlines()), (
            done.stdout
        )
    assert "Found 3 errors in 1 file" in done.stdout
