"""Loading what `Trainer.save` and `Population.save` wrote."""

from __future__ import annotations

import os
from typing import Any

from .formats.modelfile import files
from .population.files import is_population
from .population.population import Population
from .training.trainer import Trainer

Path = str | os.PathLike[str]


def load(path: Path) -> Any:
    """Load what `Trainer.save` or `Population.save` wrote; it continues exactly where that stood.

    Continued training gives the same bits as training without a break would have, on the same machine and version,
    even in the middle of an epoch. Nothing in the file is executed or imported; components are found by name among
    the built-in ones, those registered and those of installed plugins.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Trainer or Population
        With its history, and with `metadata` as it was saved.

    Raises
    ------
    ModelFileError
        If the file cannot be read or is damaged, or a component in it is not available; the message names the field,
        and the distribution that had provided the component. A missing file is also a FileNotFoundError.

    Examples
    --------
    >>> import nbtrain
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> trainer.save("model.nbt")
    >>> bool((nbtrain.load("model.nbt").theta == trainer.theta).all())
    True
    """
    data, where = files.read(path), files.checked_path(path)
    return Population._restored(data, where) if is_population(data) else Trainer._loaded(data, where)
