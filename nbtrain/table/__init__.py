"""Tables: from files or DataFrames to a model that predicts one column from the others.

table = nbtrain.table.read("houses.csv")
model = nbtrain.table.train(table, target="price")
model.save("houses.nbt")
nbtrain.table.load("houses.nbt").predict(new_houses)

pandas is imported when something here is used first: pip install nbtrain[table].

    reading    files into DataFrames: which files, and of what kind
    options    what a caller says of files
    textfile   text files, by pandas
    dialect    what a text file is like: delimiter, header, decimal mark
    formats    Parquet, Feather, Excel, npy and npz
    parsing    the cells of a column: numbers, dates, texts, and the forms of number-like text
    fitting    what each column is
    column     how it becomes inputs of a network, as plain data
    encoder    TableEncoder, which is all columns
    target     the column to be predicted
    split      rows for training, validation and test
    weights    of rows and classes
    scores     how good predictions are
    training   Training and train
    model      TableModel: networks and encoder, in memory and in a file
    onnx       both as an ONNX model
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .column import Column
    from .encoder import TableEncoder
    from .model import TableModel, load
    from .parsing import MISSING
    from .reading import Table, read
    from .target import Target
    from .training import Training, train

__all__ = ["MISSING", "Column", "Table", "TableEncoder", "TableModel", "Target", "Training", "load", "read", "train"]

_HOMES = {
    "MISSING": "parsing",
    "Column": "column",
    "Table": "reading",
    "TableEncoder": "encoder",
    "TableModel": "model",
    "Target": "target",
    "Training": "training",
    "load": "model",
    "read": "reading",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
