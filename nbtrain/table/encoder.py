"""TableEncoder: the columns of a DataFrame as inputs of a network, with a state that is plain data."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from ..checks import arrays as checks
from ..checks.arguments import explain_arguments
from ..checks.messages import brief, unknown, wrong
from ..errors import InputError, ModelFileError
from .column import Column
from .fitting import MOST_TEXTS, Rules, fitted
from .frames import as_frame, listed, pandas
from .parsing import MISSING, Cells, Words

Array = np.ndarray[Any, Any]
VERSION = 1
PARAMETERS = ("categorical", "drop", "min_count", "max_categories", "far", "dates", "missing", "dtype")
SLACK = 0.1  # of training's range, beyond which `check` tells of a number


class TableEncoder:
    """Numbers, dates, texts and booleans of a DataFrame as the inputs of a network.

    A transformer as scikit-learn has them: it works in a `Pipeline`, in `cross_val_score`, and with `set_output`.
    What each column became stands in `columns_`, and what should be known about it in `notes_`.

    - Numbers become (x - mean) / deviation. Those farther than `far` quartile distances outside of the quartiles are
      brought near by a logarithm, and all end at the range of training, at prediction too.
    - Number-like text (`5.1%`, `$1,047`, `12 kg`, `4.625,34 €`) is read as numbers. Codes such as `02139` stay texts.
    - Dates become the time since 1970 and the sine and cosine of season, weekday and hour, each if it varies.
    - Texts become one input each; rare and unseen ones share one. Beyond `max_categories` the most frequent have an
      input each, and one more input is the logarithm of how frequent a text is. Two texts share one input, -1 or 1.
    - Missing numbers and dates become the median, and an input of its own is 1 there; so it is for missing texts.
    - Columns that are constant or empty, and texts of which nearly every row has its own, give nothing.

    Parameters
    ----------
    categorical : sequence of str, default ()
        Columns whose numbers are codes.
    drop : sequence of str, default ()
        Columns to leave out.
    min_count : int, default 5
        Texts that occur less often in training share one input.
    max_categories : int, default 50
        Inputs of a column for texts, at most; up to 1,000.
    far : float, default 10.0
        Quartile distances outside of the quartiles from which on a number is far.
    dates : {"parts", "number"}, default "parts"
        "number" gives the time since 1970 alone.
    missing : sequence of str
        What stands for a missing cell, in any case; the empty cell always does. By default NA, N/A, #N/A, NaN, null,
        None, ? and the like.
    dtype : {"float32", "float64"}, default "float32"
        Of the inputs.

    Attributes
    ----------
    columns_ : list of Column
    notes_ : list of str
    feature_names_in_ : ndarray of str
    n_features_in_ : int

    Examples
    --------
    >>> import pandas as pd
    >>> from nbtrain.table import TableEncoder
    >>> frame = pd.DataFrame({"size": [1.0, 2.0, 3.0], "colour": ["red", "blue", "red"]})
    >>> encoder = TableEncoder(dtype="float64")
    >>> encoder.fit_transform(frame).round(2).tolist()
    [[-1.22, 1.0], [0.0, -1.0], [1.22, 1.0]]
    >>> encoder.get_feature_names_out().tolist()
    ['size', 'colour=red']
    """

    categorical: Sequence[str]
    drop: Sequence[str]
    min_count: int
    max_categories: int
    far: float
    dates: str
    missing: Sequence[str]
    dtype: Any
    columns_: list[Column]
    notes_: list[str]
    n_features_in_: int
    feature_names_in_: Array

    @explain_arguments
    def __init__(
        self,
        *,
        categorical: Sequence[str] = (),
        drop: Sequence[str] = (),
        min_count: int = 5,
        max_categories: int = 50,
        far: float = 10.0,
        dates: str = "parts",
        missing: Sequence[str] = MISSING,
        dtype: Any = "float32",
    ) -> None:
        self.categorical, self.drop = categorical, drop
        self.min_count, self.max_categories = min_count, max_categories
        self.far, self.dates, self.missing, self.dtype = far, dates, missing, dtype

    def __repr__(self) -> str:
        plain = type(self)()
        changed = [f"{key}={value!r}" for key, value in self.get_params().items() if value != getattr(plain, key)]
        return f"TableEncoder({', '.join(changed)})"

    # ---- fitting

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find out what the columns are.

        Parameters
        ----------
        X : DataFrame, or an object with `__arrow_c_stream__`
            At least one row.
        y : ignored
            It is there for scikit-learn.

        Returns
        -------
        TableEncoder
            Itself.

        Raises
        ------
        InputError
            If X is no table, or a parameter is invalid or names a column that X has not.

        Examples
        --------
        >>> import pandas as pd
        >>> from nbtrain.table import TableEncoder
        >>> encoder = TableEncoder().fit(pd.DataFrame({"size": [1.0, 2.0, 3.0]}))
        >>> encoder.transform(pd.DataFrame({"size": [2.0]})).tolist()
        [[0.0]]
        >>> len(encoder.check(pd.DataFrame({"size": [1e6]}))), encoder.text_columns
        (1, [])
        >>> TableEncoder.from_dict(encoder.to_dict()).get_feature_names_out().tolist()
        ['size']
        """
        self._fit(X, encode=False)
        return self

    def fit_transform(self, X: Any, y: Any = None, **parameters: Any) -> Any:
        """Do `fit(X).transform(X)`, with every cell parsed once.

        Parameters
        ----------
        X : DataFrame, or an object with `__arrow_c_stream__`
            As for `fit`.
        y : ignored
            It is there for scikit-learn.
        **parameters : ignored
            They are there for scikit-learn.

        Returns
        -------
        ndarray or DataFrame of shape (rows, len(get_feature_names_out()))
            As `transform` gives it.

        Raises
        ------
        InputError
            As `fit` raises it.
        """
        frame, blocks = self._fit(X, encode=True)
        return self._out(_joined(blocks, len(frame), self._dtype()), frame)

    def _fit(self, X: Any, encode: bool) -> tuple[Any, list[Array]]:
        frame = as_frame(X, "X")
        rules, words, dtype = self._rules(frame), self._words(), self._dtype()
        if not len(frame):
            raise InputError(wrong("X", "have at least one row", "none"))
        columns: list[Column] = []
        notes: list[str] = []
        blocks = []
        for name in frame.columns:
            cells = Cells(frame[name], words)
            column, found = fitted(name, cells, rules)
            columns.append(column)
            notes += found
            if encode and column.names:
                blocks.append(column.encode(cells, dtype))
        self.columns_, self.notes_ = columns, notes + _left_out(columns)
        self.n_features_in_, self.feature_names_in_ = len(columns), np.array(list(frame.columns), object)
        return frame, blocks

    def _rules(self, frame: Any) -> Rules:
        """The parameters, checked."""
        for argument in ("categorical", "drop"):
            value = getattr(self, argument)
            names = [value] if isinstance(value, str) else value
            if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
                raise InputError(wrong(argument, "be a list of names of columns", brief(value)))
            for name in names:
                if name not in frame.columns:
                    raise InputError(f"{argument}: {unknown('column', name, list(frame.columns))}")
        if self.dates not in ("parts", "number"):
            raise InputError(wrong("dates", "be 'parts' or 'number'", brief(self.dates)))
        most = checks.whole_number(self.max_categories, "max_categories", 1)
        if most > MOST_TEXTS:
            raise InputError(wrong("max_categories", f"be an integer from 1 to {MOST_TEXTS}", most))
        return Rules(
            _names(self.categorical),
            _names(self.drop),
            checks.whole_number(self.min_count, "min_count", 1),
            most,
            checks.positive_number(self.far, "far"),
            self.dates,
        )

    def _words(self) -> Words:
        given = [self.missing] if isinstance(self.missing, str) else self.missing
        if not isinstance(given, Iterable):
            raise InputError(wrong("missing", "be a list of texts", brief(given)))
        return Words.of(given)

    def _dtype(self) -> np.dtype[Any]:
        try:
            found: np.dtype[Any] = np.dtype(self.dtype)
        except TypeError:
            found = np.dtype(object)
        if found not in (np.float32, np.float64):
            raise InputError(wrong("dtype", "be 'float32' or 'float64'", brief(self.dtype)))
        return found

    # ---- transforming

    def transform(self, X: Any) -> Any:
        """Make the inputs of a table.

        Parameters
        ----------
        X : DataFrame, or an object with `__arrow_c_stream__`
            Its columns are found by name, in any order and among others.

        Returns
        -------
        ndarray or DataFrame of shape (rows, len(get_feature_names_out()))
            An array, unless `set_output` chose something else.

        Raises
        ------
        InputError
            If a column is missing, or a cell is neither missing nor what the column held in training; the message
            names the row, the column and the cell.
        """
        frame = self._matched(X)
        words, dtype = self._words(), self._dtype()
        blocks = []
        for column in self._used():
            cells = Cells(frame[column.name], words)
            _refuse_unreadable(column, cells)
            blocks.append(column.encode(cells, dtype))
        return self._out(_joined(blocks, len(frame), dtype), frame)

    def check(self, frame: Any) -> list[str]:
        """List what `transform` changes without a word: far cells, and texts and gaps that training did not see.

        Parameters
        ----------
        frame : DataFrame, or an object with `__arrow_c_stream__`
            As for `transform`.

        Returns
        -------
        list of str
            A sentence for each column that has such cells, with the first of them.

        Raises
        ------
        InputError
            As `transform` raises it.
        """
        frame, words = self._matched(frame), self._words()
        told = []
        for column in self._used():
            cells = Cells(frame[column.name], words)
            _refuse_unreadable(column, cells)
            for rows, what in _strange(column, cells):
                if rows.any():
                    row, count = int(rows.argmax()), int(rows.sum())
                    others = "is 1 other cell" if count == 2 else f"are {count - 1} other cells"
                    more = f"; so {others} of the column" if count > 1 else ""
                    told.append(f"row {row + 1}, column {column.name!r}: {_cell(cells, row)} {what}{more}")
        return told

    def _matched(self, X: Any) -> Any:
        self._check_fitted()
        frame = as_frame(X, "X")
        lacking = [column.name for column in self._used() if column.name not in frame.columns]
        if lacking:
            s = "s" if len(lacking) > 1 else ""
            raise InputError(f"column{s} {listed(lacking)} missing; the table has {listed(frame.columns)}")
        return frame

    def _used(self) -> list[Column]:
        return [column for column in self.columns_ if column.names]

    def _check_fitted(self) -> None:
        if not hasattr(self, "columns_"):
            raise InputError("TableEncoder: call fit first")

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Give the names of the inputs: a column's own, or with what the input tells of it, such as `colour=red`.

        Parameters
        ----------
        input_features : ignored
            It is there for scikit-learn.

        Returns
        -------
        ndarray of str
            In the order of the inputs.

        Raises
        ------
        InputError
            If `fit` was not called.
        """
        self._check_fitted()
        return np.array([name for column in self.columns_ for name in column.names], object)

    @property
    def text_columns(self) -> list[str]:
        """Columns that files must give as text: codes such as 01, and numbers with marks of their own."""
        self._check_fitted()
        return [column.name for column in self.columns_ if column.as_text]

    # ---- JSON

    def to_dict(self) -> dict[str, Any]:
        """Give the whole state; `from_dict` makes an encoder of it.

        Returns
        -------
        dict
            Of what JSON can hold.

        Raises
        ------
        InputError
            If `fit` was not called.
        """
        self._check_fitted()
        words = [self.missing] if isinstance(self.missing, str) else list(map(str, self.missing))
        return {
            "version": VERSION,
            "missing": words,
            "dtype": str(self._dtype()),
            "columns": [column.to_dict() for column in self.columns_],
            "notes": list(self.notes_),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make the fitted encoder of which `to_dict` gave the state.

        Parameters
        ----------
        given : mapping
            What `to_dict` gave.

        Returns
        -------
        TableEncoder
            It encodes alike.

        Raises
        ------
        ModelFileError
            If it is of another version, or not what `to_dict` gives.
        """
        try:
            if given["version"] != VERSION:
                raise ModelFileError(f"encoder of version {given['version']!r}; this nbtrain reads version {VERSION}")
            made = cls(missing=tuple(given["missing"]), dtype=given["dtype"])
            made.columns_ = [Column.from_dict(column) for column in given["columns"]]
            made.notes_ = [str(note) for note in given["notes"]]
            made._words(), made._dtype()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(f"the description of the columns cannot be read: {error!r}") from error
        names = [column.name for column in made.columns_]
        if len(set(names)) < len(names):
            raise ModelFileError("the description of the columns cannot be read: two columns have one name")
        made.n_features_in_, made.feature_names_in_ = len(names), np.array(names, object)
        return made

    # ---- what scikit-learn asks of a transformer

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool, default True
            It is there for scikit-learn.

        Returns
        -------
        dict
            Those of the constructor.
        """
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name.

        Parameters
        ----------
        **parameters : object
            Those of the constructor; `fit` checks the values.

        Returns
        -------
        TableEncoder
            Itself.

        Raises
        ------
        InputError
            If there is no parameter of that name.

        Examples
        --------
        >>> from nbtrain.table import TableEncoder
        >>> TableEncoder().set_params(min_count=10).get_params()["min_count"]
        10
        """
        for name, value in parameters.items():
            if name not in PARAMETERS:
                raise InputError(unknown("parameter", name, PARAMETERS))
            setattr(self, name, value)
        return self

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what `transform` returns.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            "default" is an array, the others a frame with the inputs' names; None changes nothing.

        Returns
        -------
        TableEncoder
            Itself.

        Raises
        ------
        InputError
            If there is no such choice.

        Examples
        --------
        >>> import pandas as pd
        >>> from nbtrain.table import TableEncoder
        >>> encoder = TableEncoder().set_output(transform="pandas")
        >>> encoder.fit_transform(pd.DataFrame({"size": [1.0, 2.0, 3.0]})).columns.tolist()
        ['size']
        """
        if transform not in (None, "default", "pandas", "polars"):
            raise InputError(wrong("transform", "be 'default', 'pandas', 'polars' or None", brief(transform)))
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # the name that scikit-learn's clone copies
        return self

    def _out(self, X: Array, frame: Any) -> Any:
        """X in the form that was chosen here or in scikit-learn's configuration."""
        sklearn: Any = sys.modules.get("sklearn")
        common = sklearn.get_config()["transform_output"] if hasattr(sklearn, "get_config") else "default"
        form = getattr(self, "_sklearn_output_config", {}).get("transform", common)
        names = list(self.get_feature_names_out())
        if form == "pandas":
            return pandas().DataFrame(X, columns=names, index=frame.index, copy=False)
        if form == "polars":
            import polars  # type: ignore[import-not-found,unused-ignore]

            return polars.DataFrame(X, schema=names, orient="row")
        return X

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "columns_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        inputs = InputTags(string=True, categorical=True, allow_nan=True)
        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=inputs,
        )


def _names(given: str | Iterable[str]) -> frozenset[str]:
    return frozenset([given] if isinstance(given, str) else given)


def _joined(blocks: list[Array], rows: int, dtype: Any) -> Array:
    return np.concatenate(blocks, axis=1) if blocks else np.empty((rows, 0), dtype)


def _left_out(columns: Iterable[Column]) -> list[str]:
    """A sentence for each reason for which columns give nothing."""
    found = []
    for kind, words in (("constant", "the same in every row"), ("empty", "without any cell")):
        names = [column.name for column in columns if column.kind == kind]
        if names:
            found.append(f"left out, {words}: {listed(names)}")
    return found


def _cell(cells: Cells, row: int) -> str:
    value = cells.series.iloc[row]
    text = str(value) if cells.is_number or cells.is_date else brief(value)
    return text


def _refuse_unreadable(column: Column, cells: Cells) -> None:
    """Raise InputError for a cell that is there and not what the column's cells are."""
    if column.kind == "category" or (cells.is_number and column.kind == "number"):
        return
    gone = np.isnan(column.values(cells))
    if not gone.any():
        return
    known = np.array([text in column.words for text in cells.texts] + [True], bool)  # the last is a missing cell
    odd = gone & ~known[cells.codes]
    if odd.any():
        row = int(odd.argmax())
        what = {"number": "a number", "date": "a date", "boolean": "true or false"}[column.kind]
        form = f" of the form {column.form}" if column.form else ""
        raise InputError(
            wrong(
                f"row {row + 1}, column {column.name!r}",
                f"be {what}{form}, as in training",
                _cell(cells, row),
                "correct it, or leave the cell empty",
            )
        )


def _strange(column: Column, cells: Cells) -> list[tuple[Array, str]]:
    """Rows that `transform` bends, and how."""
    if column.kind == "category":
        known = {*column.categories, *column.rest}
        new = np.array([text not in known for text in cells.texts] + [False], bool)[cells.codes]
        found = [(new & (not column.other), "is a text that training did not see")]
        return found + [(cells.codes < 0, "is missing, as no cell was in training")] * (not column.indicator)
    x = column.values(cells)
    found = []
    if column.kind != "boolean":
        slack = SLACK * (column.most - column.least)
        with np.errstate(invalid="ignore"):
            far = (x < column.least - slack) | (x > column.most + slack)
        found.append((far, "is outside of what training saw, and cut off"))
    if not column.indicator:
        stands = "0" if column.kind == "boolean" else "the median"
        found.append((np.isnan(x), f"is missing, as no cell was in training; {stands} stands for it"))
    return found
