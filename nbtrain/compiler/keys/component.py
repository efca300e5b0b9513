"""Keys of compiled components: what a component's functions do, not where they are defined."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from .. import sources
from ..fingerprint import machine
from ..sources import digest
from .describe import Describer, PlainDescriber


def component_key(spec: Any, dtype: np.dtype[Any], here: str | None = None) -> str:
    """Key of a component's block functions for a dtype, as its functions and all that they use are now.

    Parameters
    ----------
    spec : Activation, Optimizer, …
    dtype : numpy.dtype
    here : str, optional
        The result of `machine()`, if the caller has just asked for it.
    """
    return digest([here or machine(), sources.loaded()[0], str(dtype), *described(spec, Describer())])


def joined_key(specs: Iterable[Any], dtype: np.dtype[Any], here: str | None = None) -> str:
    """Key of one loop made of several components."""
    return digest(component_key(spec, dtype, here) for spec in specs)


def behaviour(spec: Any) -> str:
    """What a component's functions do, wherever they are defined and whatever compiles them; with the interpreter.

    Model files hold it, and a reader compares. Interpreters have bytecodes of their own: where the part before the
    blank differs, the rest cannot be compared.
    """
    return f"{sys.implementation.cache_tag} {digest(described(spec, PlainDescriber()))}"


def described(spec: Any, describer: Describer) -> list[str]:
    """A component as text."""
    parts = [spec.kind, *spec.parameters]
    for name in ("prepared_count", "slope_arguments", *(field.name for field in fields(spec))):
        value = getattr(spec, name, None)
        if name != "name" and isinstance(value, str | int | tuple):
            parts.append(f"{name}={value!r}")
    for role, function in spec.functions.items():
        parts += [role, describer.function(function)]
    return parts
