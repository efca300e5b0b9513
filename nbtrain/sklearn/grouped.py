"""GroupedMLPRegressor."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ..checks.messages import brief, wrong
from ..errors import InputError
from .data import Array
from .many import ManyNetworks, held_out
from .texts import documented_many

Weights = Array | None


class Scale(NamedTuple):
    """Mean and standard deviation of each column, for each group: (groups, columns) float64."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, columns: Array, member: Array, groups: int, weight: Weights) -> Self:
        """The weighted scale of each group's rows; a column that is constant in a group has deviation 1."""
        w = np.ones(len(columns)) if weight is None else weight.astype(np.float64)
        total = np.bincount(member, w, groups)
        mean = np.stack([np.bincount(member, w * column, groups) / total for column in columns.T], axis=1)
        squares = (columns - mean[member]) ** 2
        variance = np.stack([np.bincount(member, w * column, groups) / total for column in squares.T], axis=1)
        tiny = np.sqrt(variance) <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(tiny, 1.0, np.sqrt(variance)))

    def apply(self, columns: Array, member: Array) -> Array:
        """Rows in units of their group."""
        found: Array = ((columns - self.mean[member]) / self.deviation[member]).astype(columns.dtype)
        return found

    def undo(self, columns: Array, member: Array) -> Array:
        """The opposite of `apply`, in float64."""
        found: Array = columns * self.deviation[member] + self.mean[member]
        return found


@documented_many("standardize early_stopping")
class GroupedMLPRegressor(RegressorMixin, ManyNetworks):
    """A network of its own for each group of rows, all trained in one call: a forecaster for each shop or sensor.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    groups_ : ndarray of shape (n_groups,)
        The groups, sorted; network k belongs to `groups_[k]`. Without groups there is one network.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from nbtrain.sklearn import GroupedMLPRegressor
    >>> random = np.random.default_rng(0)
    >>> X, shop = random.uniform(-1, 1, (600, 1)), random.choice(["Berlin", "Oslo", "Porto"], 600)
    >>> y = np.where(shop == "Oslo", 100 + X[:, 0], 5 * X[:, 0] ** 2)
    >>> model = GroupedMLPRegressor(hidden_layer_sizes=16, learning_rate_init=0.01, random_state=0)
    >>> bool(model.fit(X, y, groups=shop).score(X, y, groups=shop) > 0.99)
    True
    """

    n_outputs_: Any
    groups_: Array

    def __init__(
        self,
        hidden_layer_sizes: Any = (16,),
        activation: Any = "relu",
        *,
        standardize: bool = True,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = 32,
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        dropout: Any = 0.0,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        threads: int | str = 1,
    ) -> None:
        self.__dict__.update((name, value) for name, value in locals().items() if name != "self")

    def _loss(self) -> str:
        return "mse"

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Train a network for each group.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array_like of shape (n_samples,), optional
        groups : array_like of shape (n_samples,), optional
            The group of each row: text or numbers. None: all rows are one group.

        Returns
        -------
        GroupedMLPRegressor

        Raises
        ------
        ValueError
            If an argument is invalid, or all networks diverged; with early stopping also if a group has too few rows.
        """
        random = self._checked_parameters()
        X, y, weight = self._checked_data(X, y, sample_weight, multi_output=True, y_numeric=True)
        self._flat, self._has_groups = y.ndim == 1, groups is not None
        targets = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        self.n_outputs_ = targets.shape[1]
        self.groups_, member = np.unique(self._named(groups, len(X)), return_inverse=True)
        return self._fit(X, targets, weight, member, random)

    def _fit(self, X: Array, targets: Array, weight: Weights, member: Array, random: Any) -> Self:
        """Train on checked data, of which each row belongs to group `member`."""
        train, validation = self._split(member, random)
        self._check_weights(member[train], None if weight is None else weight[train])
        self._scales = self._scales_of(
            X[train], targets[train], member[train], None if weight is None else weight[train]
        )
        if self._scales is not None:
            X, targets = (scale.apply(array, member) for scale, array in zip(self._scales, (X, targets), strict=True))
        largest = int(np.bincount(member[train]).max())
        population = self._make(len(self.groups_), X.shape[1], self.n_outputs_, largest, X.dtype, random)
        options: dict[str, Any] = {}
        if validation is not None:
            kept = None if weight is None else weight[validation]
            options["validation_data"] = X[validation], targets[validation], kept
            options["validation_groups"] = member[validation]
        options |= {"sample_weight": None if weight is None else weight[train], "groups": member[train]}
        self._train(population, X[train], targets[train], **options)
        return self

    def _check_weights(self, member: Array, weight: Weights) -> None:
        if weight is None:
            return
        empty = np.bincount(member, weight, len(self.groups_)) == 0
        if empty.any():
            name = self.groups_[int(empty.argmax())].item()
            raise InputError(f"group {brief(name)}: " + wrong("sample_weight", "have a positive weight", "only zeros"))

    def _split(self, member: Array, random: Any) -> tuple[Any, Array | None]:
        """The rows for training and, with early stopping, for validation: the same fraction of each group."""
        if not self.early_stopping:
            return slice(None), None
        shuffled = random.permutation(len(member))
        order = shuffled[np.argsort(member[shuffled], kind="stable")]  # group after group
        counts = np.bincount(member)
        ends, chosen = np.cumsum(counts), []
        for name, first, rows in zip(self.groups_, ends - counts, counts, strict=True):
            try:
                chosen.append(order[first : first + held_out(int(rows), self.validation_fraction)])
            except ValueError as error:
                raise ValueError(f"group {brief(name.item())}: {error}") from None
        validation = np.sort(np.concatenate(chosen))
        return np.setdiff1d(np.arange(len(member)), validation), validation

    def _scales_of(self, X: Array, y: Array, member: Array, weight: Weights) -> tuple[Scale, Scale] | None:
        if not self.standardize:
            return None
        return Scale.of(X, member, len(self.groups_), weight), Scale.of(y, member, len(self.groups_), weight)

    def _named(self, groups: Any, rows: int) -> Array:
        """The group of each row."""
        if groups is None:
            return np.zeros(rows, np.int64)
        given = np.asarray(groups)
        if given.ndim != 1:
            raise InputError(wrong("groups", f"have shape ({rows},), one for each row of X", str(given.shape)))
        check_consistent_length(given, np.empty(rows))
        return np.asarray(given.tolist()) if given.dtype == object else given

    def predict(self, X: Any, *, groups: Any = None) -> Array:
        """Predict each row with the network of its group.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        groups : array_like of shape (n_samples,), optional
            The group of each row; needed if `fit` had groups.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), as y was

        Raises
        ------
        ValueError
            If a group is not among those of `fit`; the message names it.
        """
        check_is_fitted(self)
        if (groups is not None) != self._has_groups:
            expected = "be given, as fit had groups" if self._has_groups else "be None, as fit had no groups"
            raise InputError(wrong("groups", expected, "None" if groups is None else "some"))
        X = self._checked_inputs(X)
        member = self._members_of(self._named(groups, len(X)))
        if self._scales is None:
            found = self.population_.predict(X, groups=member)
        else:
            own, target = self._scales
            found = target.undo(self.population_.predict(own.apply(X, member), groups=member), member)
        return found[:, 0] if self._flat else found

    def _members_of(self, given: Array) -> Array:
        member = np.minimum(np.searchsorted(self.groups_, given), len(self.groups_) - 1)
        unseen = self.groups_[member] != given
        if unseen.any():
            row = int(unseen.argmax())
            raise InputError(
                wrong("groups", "be among those of fit (groups_)", f"{brief(given[row].item())} at index {row}")
            )
        return np.asarray(member)

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> float:
        """R² of the predictions.

        Parameters
        ----------
        X, y, sample_weight, groups
            As for `fit`.

        Returns
        -------
        float
        """
        return float(r2_score(y, self.predict(X, groups=groups), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
