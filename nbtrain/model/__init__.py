"""A model: plain arrays over one block of memory, as compiled callers hold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..errors import Error


class Model(NamedTuple):
    """What compiled callers hold: pass it to the functions of `nbtrain.kernel`.

    The arrays are views of the trainer's own memory: training through a model trains the trainer. The name and the
    module of this class are part of users' caches of compiled functions and do not change.

    Attributes
    ----------
    descriptor : ndarray of shape (1,), structured
        Sizes, addresses and counters, read-only; its dtype carries the version of the layout.
    theta : ndarray of shape (parameters,)
        The weights of all layers, then their biases.
    gradient : ndarray of shape (parameters,)
        What the last step or `loss_and_gradient` left: after a step, with or without the penalty's slope.
    state : ndarray of shape (slots, parameters)
        The optimizer's state.
    learning_rate : ndarray of shape (1,), float64
        Used by the next step, times the factor of `Trainer.scale_learning_rate`; a schedule sets it anew.
    iteration : ndarray of shape (1,), int64
        How many updates were made.
    status : ndarray of shape (1,), int64
        0 when the last call went well, by whichever thread; `nbtrain.status.WORDS` has the words for the others.
    """

    descriptor: np.ndarray[Any, Any]
    theta: np.ndarray[Any, Any]
    gradient: np.ndarray[Any, Any]
    state: np.ndarray[Any, Any]
    learning_rate: np.ndarray[Any, Any]
    iteration: np.ndarray[Any, Any]
    status: np.ndarray[Any, Any]

    def __repr__(self) -> str:
        return f"<nbtrain.Model of {self.theta.size:,} parameters, {self.theta.dtype}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise Error(
            "a Model holds addresses of this process and is neither pickled nor copied; "
            "save its trainer with Trainer.save(path) and load it with nbtrain.load(path)"
        )

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(2)

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(2)


class MembersModel(NamedTuple):
    """What compiled callers hold of a population: pass it to `nbtrain.kernel.train_members` and its siblings.

    The arrays are views of the population's own memory. The name and the module of this class are part of users' caches
    of compiled functions and do not change.

    Attributes
    ----------
    population : ndarray of shape (1,), structured
        Addresses and sizes; its dtype carries the version of the layout.
    theta : ndarray of shape (members, parameters)
        The weights of all layers of each member, then their biases; rows are not contiguous with each other.
    learning_rate : ndarray of shape (members,), float64
    iteration, epoch : ndarray of shape (members,), int64
        Updates and epochs made so far.
    status : ndarray of shape (members,), int64
        0, or why a member was given up: `nbtrain.status.WORDS` has the words. Members that are marked so are left out.
    loss : ndarray of shape (members,), float64
        Mean data loss of the last steps that `train_members` has made.
    """

    population: np.ndarray[Any, Any]
    theta: np.ndarray[Any, Any]
    learning_rate: np.ndarray[Any, Any]
    iteration: np.ndarray[Any, Any]
    epoch: np.ndarray[Any, Any]
    status: np.ndarray[Any, Any]
    loss: np.ndarray[Any, Any]

    def __repr__(self) -> str:
        members, parameters = self.theta.shape
        return f"<nbtrain.MembersModel of {members:,} members with {parameters:,} parameters, {self.theta.dtype}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise Error(
            "a MembersModel holds addresses of this process and is neither pickled nor copied; "
            "save its population with Population.save(path) and load it with nbtrain.load(path)"
        )

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(2)

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(2)


def layer_views(model: Model, sizes: Sequence[int]) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """(W, b) of every layer as views into the model's theta."""
    return layer_arrays(model.theta, sizes)


def layer_arrays(
    theta: np.ndarray[Any, Any], sizes: Sequence[int]
) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """(W, b) of every layer as views into flat parameters: the weights of all layers, then their biases."""
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    start, bias = 0, sum(inputs * units for inputs, units in pairs)
    views = []
    for inputs, units in pairs:
        w = theta[start : start + inputs * units].reshape(inputs, units)
        views.append((w, theta[bias : bias + units]))
        start, bias = start + inputs * units, bias + units
    return views
