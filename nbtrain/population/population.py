"""Population: many networks, trained in one call; what users call."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..callbacks import Checkpoint
from ..checks.arguments import check_attribute, explain_arguments
from ..checks.messages import brief, unknown, wrong
from ..components import Component
from ..components.by_name import resolve
from ..components.network import Network
from ..errors import Error, InputError, ModelFileError
from ..formats.modelfile import files as modelfiles
from ..formats.modelfile import writing
from ..formats.modelfile.description import Parts
from ..formats.modelfile.reading import warn_of_altered
from ..metrics import smaller_is_better
from ..model import MembersModel
from ..model.seeds import spawned_words
from ..training.trainer import Trainer
from . import files, prediction
from .data import Groups, Reader, chosen_members, chosen_places
from .declaring import check_counts, check_same, limits_of, networks_of, recipe_of, sequence_of, threads_of
from .fitting import Options, fit
from .history import PopulationHistory
from .hyperparameters import Declared, Hyperparameters, numbers_of, with_numbers
from .members import Family, Members
from .training import Log, reason

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]


class Population:
    """Trains many networks in one call: ensembles, sweeps, a network for each customer or sensor.

    Every member has its own parameters, optimizer state, random stream and hyperparameters, and ends at the bits at
    which a `Trainer` with the seed `population.seed(k)` ends, for any number of threads.

    Parameters
    ----------
    network : Network or list of Network
        What the members are: one network for all of them, or one for each; all with the same inputs and outputs.
    members : int
        How many there are; not needed with a list of networks.
    loss, optimizer, regularizer, batch_size, shuffle, dtype
        As for `Trainer`. A number of a component (of the optimizer, its schedule, the regularizer, the loss, an
        activation or a constraint), and a layer's dropout rate, may also be a list or an array: one for each member.
    rng : int, numpy.random.SeedSequence, numpy.random.Generator or None
        Seed from which those of the members are spawned.
    clip_value, clip_norm : float or array_like of shape (members,), optional
        As for `Trainer`.
    threads : int or "auto", default 1
        Threads that train members, each one at a time; "auto" is one for each core that the process may use.

    Attributes
    ----------
    groups : ndarray or None
        The groups that the members belong to, sorted; known after the first `fit` with `groups`.
    history : PopulationHistory
        The numbers of all epochs of all members.

    Raises
    ------
    InputError
        If an argument is invalid; the message names it.

    Notes
    -----
    A member takes parameters × (1 + arrays of the optimizer's state) numbers and some 350 bytes. Members are trained
    one after the other, each until its last epoch, so that a network stays in the processor's cache. The code is that
    of `Trainer`, which is compiled once per dtype.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> network = nbtrain.Network(8, [nbtrain.Dense(16, "tanh"), nbtrain.Dense(1)])
    >>> rates = np.geomspace(1e-3, 1e-1, 20)
    >>> many = nbtrain.Population(
    ...     network, 20, loss="mse", optimizer=nbtrain.optimizer("adam", learning_rate=rates), rng=0
    ... )
    >>> random = np.random.default_rng(0)
    >>> X, y = random.normal(size=(64, 8)), random.normal(size=64)
    >>> many.fit(X, y, epochs=3)["loss"].shape
    (20, 3)
    >>> many.predict(X).shape, many.predict(X, reduce="mean").shape
    ((20, 64, 1), (64, 1))
    >>> many.evaluate(X, y)["loss"].shape
    (20,)
    >>> bool(many.history.last("loss")[many.best()] == many.history.last("loss").min())
    True
    >>> int(many.epoch[0]), int(many.iteration[0]), int(many.status[0]), many.why(0)
    (3, 6, 0, '')
    >>> many.groups is None, many.threads
    (True, 1)
    """

    history: PopulationHistory

    @explain_arguments
    def __init__(
        self,
        network: Network | Sequence[Network],
        members: int | None = None,
        *,
        loss: str | Component,
        optimizer: str | Component = "adam",
        regularizer: str | Component | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        dtype: Any = "float32",
        rng: Any = None,
        clip_value: Any = None,
        clip_norm: Any = None,
        threads: int | str = 1,
    ) -> None:
        networks, count = networks_of(network, members)
        declared = [
            Declared(
                each,
                resolve("loss", loss, "loss"),
                resolve("optimizer", optimizer, "optimizer"),
                None if regularizer is None else resolve("regularizer", regularizer, "regularizer"),
                limits_of(clip_value, "clip_value"),
                limits_of(clip_norm, "clip_norm"),
            )
            for each in networks
        ]
        recipes = [recipe_of(each, batch_size, shuffle, dtype, rng is not None) for each in declared]
        numbers = [numbers_of(each) for each in declared]
        for found in numbers:
            check_counts(found, count, recipes[0])
        threads, families = (
            threads_of(threads, count),
            [Family(*pair) for pair in zip(recipes, networks.values(), strict=True)],
        )
        sequence = sequence_of(rng)
        words = spawned_words(families[0].workers[0].engine.native, sequence, count)
        self._set_up(Members(families, words, numbers), sequence, threads, rng is not None)

    def _set_up(self, members: Members, sequence: Any, threads: int, seeded: bool) -> None:
        self._members, self._sequence, self._threads, self._seeded = members, sequence, threads, seeded
        self._groups = Groups(members.count)
        self._back = np.zeros(members.count, np.int64)  # epochs from the last one back to that of the parameters
        declared = hashlib.blake2b(digest_size=8)
        for name, array in members.hyperparameters.items():
            declared.update(name.encode() + np.ascontiguousarray(array).tobytes())
        self._declared = declared.hexdigest()
        self._log: Log | None = None  # of a call of fit, until its epochs are in the history
        self.metadata: dict[str, Any] = {}
        self.history = PopulationHistory(members.count)

    def __setattr__(self, name: str, value: Any) -> None:
        if type(self) is Population and "history" in self.__dict__:  # __init__ is done
            check_attribute(self, name, fixed=("history",))
        object.__setattr__(self, name, value)

    # ---- what it consists of

    def __len__(self) -> int:
        return self._members.count

    def __repr__(self) -> str:
        r, families = self._members.families[0].recipe, self._members.families
        what = repr(r.network) if len(families) == 1 else f"[{len(families)} different networks]"
        epochs = self.epoch
        low, high = int(epochs.min()), int(epochs.max())
        done = f"{low} epochs" if low == high else f"{low} to {high} epochs"
        bad = int(np.count_nonzero(self._members.marked))
        return (
            f"<Population of {len(self):,} members of {what}, loss={r.loss!r}, optimizer={r.optimizer.name!r}, "
            f"{r.dtype}, {self._threads} thread{'s' * (self._threads != 1)}; {done}"
            + (f", {bad:,} diverged" if bad else "")
            + ">"
        )

    @property
    def theta(self) -> Any:
        """All parameters: a view (members, parameters) that can be written; a list of views for several networks."""
        members = self._members
        if len(members.families) == 1:
            return members.families[0].theta
        return [members.families[members.family[k]].theta[members.place[k]] for k in range(len(self))]

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The members' hyperparameters by name, such as `learning_rate`: views (members,) that can be written.

        Examples
        --------
        Each member's rate is halved:

        >>> import nbtrain
        >>> many = nbtrain.Population(nbtrain.Network(2, [nbtrain.Dense(1)]), 3, loss="mse", rng=0)
        >>> many.hyperparameters["learning_rate"][...] *= 0.5
        >>> many.hyperparameters["learning_rate"].tolist()
        [0.0005, 0.0005, 0.0005]
        """
        return self._members.hyperparameters

    @property
    def status(self) -> Array:
        """(members,) int64: 0, or why a member was given up; `nbtrain.status.WORDS` has the words, `why` says more."""
        return self._members.tasks["status"].copy()

    @property
    def epoch(self) -> Array:
        """(members,) int64: epochs finished so far."""
        return self._members.records["epoch"].copy()

    @property
    def iteration(self) -> Array:
        """(members,) int64: updates made so far."""
        return self._members.records["iteration"].copy()

    @property
    def groups(self) -> Array | None:
        """The groups that the members belong to, sorted; None before the first `fit` with `groups`."""
        return None if self._groups.values is None else self._groups.values.copy()

    @property
    def threads(self) -> int:
        """Threads that train members."""
        return self._threads

    @property
    def model(self) -> MembersModel:
        """What compiled callers pass to `nbtrain.kernel.train_members`. As many may call at once as there are threads.

        Raises
        ------
        Error
            If the members have different networks.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> from nbtrain import kernel
        >>> many = nbtrain.Population(nbtrain.Network(2, [nbtrain.Dense(1)]), 3, loss="mse", rng=0)
        >>> out = np.empty((3, 4, 1), np.float32)
        >>> kernel.predict_members(many.model, np.ones((4, 2), np.float32), out, 0, 3)
        0
        """
        families = self._members.families
        if len(families) > 1:
            raise Error(
                "a population of different networks has no model for compiled callers; make one for each network"
            )
        return self._members.model(families[0], self._threads)

    def why(self, k: int) -> str:
        """Why a member was given up, and where.

        Parameters
        ----------
        k : int
            Index of the member.

        Returns
        -------
        str
            Empty if it was not given up.

        Raises
        ------
        InputError
            If there is no such member.
        """
        return reason(self._members, self._index(k))

    def seed(self, k: int) -> Any:
        """The seed of a member: `Trainer(rng=many.seed(k))` has the same initial weights and random numbers.

        Parameters
        ----------
        k : int
            Index of the member.

        Returns
        -------
        numpy.random.SeedSequence
            A child of the population's own.

        Raises
        ------
        InputError
            If there is no such member.

        Examples
        --------
        >>> import nbtrain
        >>> network = nbtrain.Network(2, [nbtrain.Dense(1)])
        >>> many = nbtrain.Population(network, 3, loss="mse", rng=0)
        >>> trainer = nbtrain.Trainer(network, loss="mse", rng=many.seed(2))
        >>> bool((trainer.theta == many.theta[2]).all())
        True
        """
        own, index = self._sequence, self._index(k)
        key = (*own.spawn_key, own.n_children_spawned + index)
        return np.random.SeedSequence(own.entropy, spawn_key=key, pool_size=own.pool_size)

    def _index(self, k: Any) -> int:
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or not -len(self) <= k < len(self):
            raise IndexError(f"members are numbered from 0 to {len(self) - 1}, got {brief(k)}")
        return int(k) % len(self)

    # ---- single members

    def __getitem__(self, k: int) -> Trainer:
        """A Trainer that is a copy of a member: parameters, optimizer state, random stream, history."""
        k, members = self._index(k), self._members
        recipe = with_numbers(members.families[members.family[k]].recipe, members.numbers(k))
        state = members.state(k)
        return Trainer._of(replace(recipe, seed=state.seed), state, self.history.member(k))

    def __setitem__(self, k: int, trainer: Trainer) -> None:
        """Let a member stand where a trainer stands, with its hyperparameters; the mark of divergence is removed.

        Raises
        ------
        InputError
            If the trainer's network, components, dtype, batch size or order differ from the member's.
        """
        if not isinstance(trainer, Trainer):
            raise InputError(wrong("trainer", "be an nbtrain.Trainer", brief(trainer)))
        k, members = self._index(k), self._members
        own = members.families[members.family[k]].recipe
        theirs = {number.name: float(number.value) for number in numbers_of(trainer.engine.recipe)}
        check_same(own, trainer.engine.recipe)
        members.put(k, trainer.engine.take())
        for name in members.numbers(k):
            if name != "optimizer.learning_rate":
                self.hyperparameters[name][k] = theirs.get(name, 0.0)
        self.history.put(k, trainer.history)
        self._back[k] = 0

    def __iter__(self) -> Iterator[Trainer]:
        return (self[k] for k in range(len(self)))

    def copy(self, target: Any, source: Any) -> None:
        """Copy members: parameters, optimizer state and its t; not seeds, epochs or hyperparameters.

        The marks of divergence of the targets are removed.

        Parameters
        ----------
        target, source : int or array_like of int
            As many targets as sources, or one source; all of the same network.

        Raises
        ------
        InputError
            If a member does not exist, or a target has another network than its source.

        Examples
        --------
        The worst of three members goes on from where the best one stands, as in population-based training:

        >>> import numpy as np, nbtrain
        >>> many = nbtrain.Population(nbtrain.Network(2, [nbtrain.Dense(1)]), 3, loss="mse", rng=0)
        >>> losses = many.fit(np.ones((8, 2)), np.ones(8), epochs=2)["loss"][:, -1]
        >>> many.copy(int(losses.argmax()), int(losses.argmin()))
        """
        targets = np.atleast_1d(chosen_places(target, len(self), "target"))
        sources = np.atleast_1d(chosen_places(source, len(self), "source"))
        if len(sources) not in (1, len(targets)):
            raise InputError(wrong("source", f"be 1 member or {len(targets)}", f"{len(sources)}"))
        members, sources = self._members, np.broadcast_to(sources, targets.shape)
        if (members.family[targets] != members.family[sources]).any():
            raise InputError("source must have the network of its target, got another one")
        rows = [members.row(int(k)).copy() for k in sources]
        counters = members.records[["iteration", "optimizer_start"]][sources].copy()
        for k, row in zip(targets, rows, strict=True):
            members.row(int(k))[...] = row
        for name in ("iteration", "optimizer_start"):
            members.records[name][targets] = counters[name]
        members.unmark(targets)

    # ---- training

    @explain_arguments
    def fit(
        self,
        X: Any,
        y: Any,
        epochs: Any = 1,
        *,
        groups: Any = None,
        sample_weight: Any = None,
        validation_data: Any = None,
        validation_groups: Any = None,
        early_stopping: Any = None,
        members: Any = None,
        callbacks: Any = (),
        progress: bool | str = False,
        checkpoint: Path | Checkpoint | None = None,
    ) -> PopulationHistory:
        """Train every member for `epochs` epochs. Calling it again continues training.

        Parameters
        ----------
        X : array_like of shape (samples, inputs) or (members, samples, inputs)
            Data for all members, or of each member. What `np.broadcast_to` has made is not copied.
        y : array_like of shape (samples, …) or (members, samples, …)
            As for `Trainer.fit`; of each member exactly where X is.
        epochs : int or array_like of shape (members,), default 1
        groups : array_like of shape (samples,), optional
            The group that each row belongs to, with X of shape (samples, inputs): each group's rows are the data of one
            member, however many they are. At the first call the members are given to the sorted groups
            (`many.groups`); later calls may have fewer, whose members alone are trained.
        sample_weight : array_like, optional
            Of shape (samples,), or (members, samples) where X is of each member.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after every epoch of a member, in compiled code: for all members, or of each member.
        validation_groups : array_like, optional
            The group that each row of validation_data belongs to.
        early_stopping : dict or nbtrain.callbacks.EarlyStopping, optional
            Stops each member for itself, by its `loss`, `accuracy`, `val_loss` or `val_accuracy`; a dict has the
            arguments, such as `{"patience": 5}`. A member that has stopped trains again in the next call.
        members : array_like of int or bool, optional
            Train these alone; data of each member are then in their order.
        callbacks : sequence of functions or Callback, optional
            Called after every epoch with (population, epoch of this call, metrics): metrics are (members,) arrays by
            name. What is returned ends the training: True of all members, an array of bool of some. All members then
            train an epoch before the first trains its second, which costs small networks several times as much.
        progress : bool, "tqdm" or "plain", default False
            Show how many members are finished, in a bar where tqdm is installed.
        checkpoint : path or nbtrain.callbacks.Checkpoint, optional
            Save the population there every minute (or as many minutes as the `Checkpoint` says) and at the end. If the
            file exists, resume from it, bit for bit; `epochs` is then the total.

        Returns
        -------
        PopulationHistory
            Of this call; with `checkpoint` of all epochs.

        Raises
        ------
        InputError
            If an argument is invalid; the message names it, and the member or group.
        DivergenceError
            If all members diverged.
        KeyboardInterrupt
            On Ctrl-C, within a fraction of a second. Every member then stands at the end of an epoch; the next call
            trains so many epochs more of each (`many.epoch` says how many they have).

        Warns
        -----
        RuntimeWarning
            If some members diverged: `status` marks them. A marked member is at its last finite epoch; it is left out
            of later calls until it is copied over or set.
        """
        chosen = chosen_members(members, len(self))
        watched = validation_data, validation_groups, early_stopping
        options = Options(epochs, chosen, callbacks, progress, checkpoint)
        with self._alone():
            return fit(self, (X, y, sample_weight, groups), watched, options)

    def _reader(self, chosen: Array) -> Reader:
        return Reader(self._members.families[0].workers[0].engine.inputs, self._groups, chosen)

    def _alone(self) -> Any:
        """Work during which other threads of Python wait."""
        return self._members.families[0].workers[0].engine.alone()

    # ---- prediction and evaluation

    def predict(self, X: Any, *, groups: Any = None, reduce: str | None = None, members: Any = None) -> Array:
        """Predict with all members.

        Parameters
        ----------
        X : array_like of shape (samples, inputs) or (members, samples, inputs)
        groups : array_like of shape (samples,), optional
            Predict each row with the member of its group.
        reduce : {None, "mean", "std", "vote"}, default None
            What to make of the members' predictions for the same rows: all of them; their mean or standard deviation
            (float64); or the class that most of them predict, the lowest of several. Members that are marked as
            diverged do not count.
        members : array_like of int or bool, optional
            Predict with these alone.

        Returns
        -------
        ndarray of shape (members, samples, outputs)
            With `groups` (samples, outputs); with `reduce` (samples, outputs), or for "vote" integer labels (samples,)
            where y is labels, else 0 or 1 (samples, outputs).

        Raises
        ------
        InputError
            If an argument is invalid, for example a group that no member belongs to.
        """
        if reduce is not None and reduce not in prediction.REDUCTIONS:
            raise InputError(unknown("reduce", reduce, prediction.REDUCTIONS))
        if reduce is not None and groups is not None:
            raise InputError("reduce needs predictions of all members for the same rows; leave out groups")
        with self._alone():
            reader = self._reader(chosen_members(members, len(self)))
            predictor = prediction.Predictor(self._members, self._groups, reader, self._threads)
            if groups is not None:
                return predictor.of_groups(X, groups)
            return predictor.of_all(X) if reduce is None else predictor.reduced(X, reduce)

    def evaluate(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, members: Any = None
    ) -> dict[str, Array]:
        """Compute each member's mean data loss, and accuracy (classification) or R² (float targets); dropout is off.

        Parameters
        ----------
        X, y, sample_weight, groups, members
            As for `fit`.

        Returns
        -------
        dict
            `loss`, then `accuracy` or `r2`: ndarrays of shape (members,), NaN for members that were left out.

        Raises
        ------
        InputError
            If an argument is invalid, for example a group that no member belongs to.
        """
        with self._alone():
            chosen = chosen_members(members, len(self))
            known = self._groups.values
            if groups is not None and known is None:
                raise InputError("groups: no member belongs to a group yet; call fit with groups first")
            data = self._reader(chosen).read(X, y, sample_weight, groups)
            return prediction.evaluate(self._members, data, chosen, self._threads)

    def best(self, metric: str = "loss") -> int:
        """The member that is best by a column of the history; the lowest number of several.

        Its last epoch counts, or the one whose parameters early stopping has restored.
        NaN and diverged members are never the best. Losses and errors are better when they are smaller, scores when
        they are larger.

        Parameters
        ----------
        metric : str, default "loss"
            A column of the history.

        Returns
        -------
        int
            Index of the member.

        Raises
        ------
        InputError
            If the history has no such column, or no member has a number in it.
        """
        if metric not in self.history:
            hint = "val_* columns need validation_data" if str(metric).startswith("val_") else ""
            raise InputError(unknown("metric", metric, self.history, hint))
        numbers = np.where(self._members.marked, np.nan, self.history.last(metric, self._back))
        if np.isnan(numbers).all():
            raise InputError(f"metric: no member has a number for {metric!r}")
        return int(np.nanargmin(numbers) if smaller_is_better(metric) else np.nanargmax(numbers))

    # ---- files

    def save(self, path: Path, *, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the population to a file; `nbtrain.load` restores one that continues bit for bit.

        The file is written as `Trainer.save` writes its own: whole or not at all.

        Parameters
        ----------
        path : str or path-like
        metadata : dict, optional
            Anything that JSON can hold; becomes `population.metadata`, which is saved with it.

        Raises
        ------
        InputError
            If the path or the metadata are invalid.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import nbtrain
        >>> many = nbtrain.Population(nbtrain.Network(2, [nbtrain.Dense(1)]), 3, loss="mse", rng=0)
        >>> many.save("many.nbt", metadata={"region": "north"})
        >>> nbtrain.load("many.nbt").metadata
        {'region': 'north'}
        """
        text = writing.metadata_text(self.metadata if metadata is None else metadata)
        with self._alone():
            self.metadata = json.loads(text)
            modelfiles.write(path, self._encoded(self.history, {}, {}))

    def _encoded(
        self, history: PopulationHistory, best: Mapping[int, Array], run: Mapping[str, Any]
    ) -> list[memoryview]:
        """The bytes of its file, in parts; `best` and `run` are of a call of fit that is in progress."""
        own = self._sequence
        entropy = own.entropy if isinstance(own.entropy, int) else [int(word) for word in own.entropy]
        described = {
            "seed": {
                **{"entropy": entropy, "spawn_key": [int(key) for key in own.spawn_key]},
                **{"pool_size": own.pool_size, "spawned": own.n_children_spawned},
            },
            "seeded": self._seeded,
            "threads": self._threads,
            "run": dict(run) | {"declared": self._declared, "back": self._back.tolist()},
        }
        text = writing.metadata_text(self.metadata)
        return files.encoded(self._members, history, history.epochs, described, self._groups.values, best, text)

    @classmethod
    def _restored(cls, data: bytes | bytearray, where: str, known: Any = None) -> Population:
        """A population from the bytes of its file."""
        found = files.saved(data, where, known)
        warn_of_altered(found.where, found.altered, stacklevel=4)
        many = cls.__new__(cls)
        try:
            families = [Family(recipe, np.flatnonzero(found.family == i)) for i, recipe in enumerate(found.recipes)]
            numbers = [numbers_of(recipe) for recipe in found.recipes]
            members = Members(families, found.words[:, :4].astype(np.uint32), numbers, drawn=False)
        except (MemoryError, OverflowError) as error:
            raise ModelFileError(f"{where}: not enough memory for its members: {error}") from error
        except Error as error:
            raise ModelFileError(f"{where}: {error}") from error
        files.put(members, found)
        seed = found.seed
        sequence = np.random.SeedSequence(
            seed["entropy"],
            spawn_key=tuple(seed["spawn_key"]),
            pool_size=seed["pool_size"],
            n_children_spawned=seed["spawned"],
        )
        many._set_up(members, sequence, found.threads, True)
        many._declared = str(found.run.get("declared"))
        many._groups.values, many.metadata = found.groups, found.metadata
        many.history.replace(found.history, found.epochs)
        many._back = files.back_of(found)
        return many

    def __reduce__(self) -> tuple[Any, ...]:
        with self._alone():
            data = b"".join(self._encoded(self.history, {}, {}))
        recipes = [family.recipe for family in self._members.families]
        parts = [(recipe.network, recipe.loss, recipe.optimizer, recipe.regularizer) for recipe in recipes]
        return type(self)._unpickled, (data, parts)

    @classmethod
    def _unpickled(cls, data: bytes, parts: list[tuple[Any, ...]]) -> Population:
        return cls._restored(data, "bytes of a population", [Parts(*each) for each in parts])

    def __deepcopy__(self, memo: Any) -> Population:
        made, arguments = self.__reduce__()
        return made(*arguments)  # type: ignore[no-any-return]


Population.__module__ = "nbtrain"  # as users and pickles name it
