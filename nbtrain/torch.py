"""A trainer's network as a layer of a PyTorch model: `layer(trainer)` is a `torch.nn.Module` that nbtrain computes.

    import nbtrain.torch

    model = torch.nn.Sequential(torch.nn.Linear(20, 30), nbtrain.torch.layer(trainer), torch.nn.Linear(2, 1))

Needs the extra `torch`: pip install nbtrain[torch]. Of nbtrain, only this module imports PyTorch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from .checks.messages import brief, wrong
from .core import layout
from .errors import Error, InputError
from .status import check
from .training import gradients
from .training.trainer import Trainer

try:
    import torch
except ImportError as error:
    raise ImportError("nbtrain.torch needs PyTorch: pip install nbtrain[torch]") from error

__all__ = ["Layer", "layer"]

Tensor = Any  # PyTorch's annotations are not used, so that the types are the same with and without it
DRAWS = 1 << 62


def layer(trainer: Trainer) -> Layer:
    """Make a PyTorch module of a trainer's network.

    Its parameters are views of `trainer.theta`: whatever trains the one trains the other. It computes what
    `trainer.forward` does, logits where the loss has an output activation of its own; the trainer's loss, optimizer and
    regularizer are not used, except by `Layer.step`.

    Parameters
    ----------
    trainer : Trainer
        Its `batch_size` is the largest number of rows that the module takes at once.

    Returns
    -------
    Layer

    Raises
    ------
    ImportError
        On import of this module, if PyTorch is not installed.

    Examples
    --------
    >>> import nbtrain, torch
    >>> import nbtrain.torch
    >>> network = nbtrain.Network(3, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(2)])
    >>> inner = nbtrain.torch.layer(nbtrain.Trainer(network, loss="mse", rng=0))
    >>> model = torch.nn.Sequential(inner, torch.nn.Linear(2, 1))
    >>> optimizer = torch.optim.Adam(model.parameters())
    >>> model(torch.ones(5, 3)).mean().backward()
    >>> optimizer.step()
    """
    return Layer(trainer)


class Dense(torch.nn.Module):  # type: ignore[misc]
    """The parameters of one layer, which are views of theta: weight (units, inputs) and bias (units,)."""

    weight: torch.nn.Parameter
    bias: torch.nn.Parameter

    def __init__(self, w: Any, b: Any) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.from_numpy(w).t())
        self.bias = torch.nn.Parameter(torch.from_numpy(b))

    def extra_repr(self) -> str:
        """Inputs and units."""
        return f"inputs={self.weight.shape[1]}, units={self.weight.shape[0]}"


class Layer(torch.nn.Module):  # type: ignore[misc]
    """A trainer's network in a PyTorch model, made by `layer`.

    Tensors are on the CPU and have the trainer's dtype. In training mode dropout is on; its masks are drawn by
    PyTorch's random generator, so that `torch.manual_seed` repeats them. A forward pass may be followed by others
    before its backward pass, as in siamese networks: backward then repeats it. There are no second derivatives.

    The weights are transposed views, so they are not contiguous; of PyTorch's optimizers, LBFGS needs contiguous ones.

    Parameters
    ----------
    trainer : Trainer
        Whose parameters the layer has.

    Attributes
    ----------
    trainer : Trainer
        The same.
    layers : torch.nn.ModuleList
        For each layer `weight` (units, inputs) and `bias` (units,).

    Raises
    ------
    InputError
        If `trainer` is no Trainer.

    Examples
    --------
    >>> import torch, nbtrain
    >>> network = nbtrain.Network(3, [nbtrain.Dense(4, "tanh"), nbtrain.Dense(2)])
    >>> layer = nbtrain.torch.Layer(nbtrain.Trainer(network, loss="mse", rng=0))
    >>> out = layer(torch.ones(5, 3))  # calls layer.forward
    >>> out.square().mean().backward()
    >>> layer.step()
    >>> layer.trainer.iteration
    1
    """

    def __init__(self, trainer: Trainer) -> None:
        if not isinstance(trainer, Trainer):
            raise InputError(wrong("trainer", "be a Trainer", brief(trainer)))
        super().__init__()
        self.trainer = trainer
        self.layers = torch.nn.ModuleList(Dense(w, b) for w, b in trainer.weights)
        self._pass = _Passes(trainer, self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the network's outputs.

        Parameters
        ----------
        x : Tensor of shape (…, inputs)
            At most `batch_size` rows, on the CPU, of the trainer's dtype; not copied if it is contiguous.

        Returns
        -------
        Tensor of shape (…, outputs)
        """
        passes = self._pass
        passes.check(x)
        draw = int(torch.randint(DRAWS, ())) if self.training and passes.drops else 0
        how = passes, self.training, draw
        if x.dim() == 2:
            return _Function.apply(x, how, *passes.parameters)
        found = _Function.apply(x.reshape(-1, passes.inputs), how, *passes.parameters)
        return found.reshape(*x.shape[:-1], passes.outputs)

    def step(self) -> None:
        """Make one iteration of the trainer's own optimizer with the gradients that the parameters have.

        Clipping and constraints act as the trainer says; the regularizer's penalty is not added. The gradients stay:
        call `zero_grad` as with PyTorch's optimizers.

        Raises
        ------
        InputError
            If there are no gradients, or a parameter is frozen: nbtrain's optimizers work on all parameters.
        DivergenceError
            If a gradient has NaN or infinity; nothing is changed.
        """
        self._pass.step()

    def extra_repr(self) -> str:
        """Describe the network; PyTorch shows it in the layer's repr.

        Returns
        -------
        str
            Inputs, outputs and `batch_size`.

        Examples
        --------
        >>> import nbtrain
        >>> layer = nbtrain.torch.layer(nbtrain.Trainer(nbtrain.Network(3, [nbtrain.Dense(2)]), loss="mse", rng=0))
        >>> layer.extra_repr()
        '3 -> 2, batch_size=32'
        """
        network = self.trainer.network
        return f"{network.inputs} -> {network.outputs}, batch_size={self.trainer.batch_size}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Layer:
        """What `to`, `cuda`, `half` and `share_memory` do: refused where theta would have to move."""
        own = self._pass.parameters[0].detach()
        moved = fn(own[:0].clone())
        if moved.device != own.device or moved.dtype != own.dtype or moved.is_shared():
            where = "shared memory" if moved.is_shared() else f"{moved.dtype} on {moved.device}"
            raise InputError(
                wrong("the layer", f"stay {own.dtype} on the CPU, where the trainer's theta is", where, _TO)
            )
        return self

    def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *others: Any) -> None:
        if metadata.get("assign_to_params_buffers", False):
            raise InputError(
                wrong("assign", "be False for a layer of nbtrain, whose parameters are views of theta", True)
            )
        super()._load_from_state_dict(state, prefix, metadata, *others)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        made = _remade(copy.deepcopy(self.trainer, memo), self._flags())
        memo[id(self)] = made
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.trainer, self._flags())

    def _flags(self) -> tuple[bool, list[bool]]:
        return self.training, [parameter.requires_grad for parameter in self._pass.parameters]


_TO = "move the other parts of the model, or make a Trainer with another dtype"


def _remade(trainer: Trainer, flags: tuple[bool, list[bool]]) -> Any:
    """A layer of a trainer with its mode, and which parameters are trained."""
    made = Layer(trainer).train(flags[0])
    for parameter, trained in zip(made.parameters(), flags[1], strict=True):
        parameter.requires_grad_(trained)
    return made


class _Passes:
    """A layer's passes through the core, apart from PyTorch's graph."""

    def __init__(self, trainer: Trainer, layers: Any) -> None:
        engine, network = trainer.engine, trainer.network
        self.engine = engine
        self.inputs, self.outputs, self.most = network.inputs, network.outputs, trainer.batch_size
        self.drops = any(dense.dropout > 0 for dense in network.layers)
        self.holders = [(held._parameters, name) for held in layers for name in ("weight", "bias")]
        self.parameters = [parameters[name] for parameters, name in self.holders]
        self.ids = [id(parameter) for parameter in self.parameters]
        self.places = [parameter.data_ptr() for parameter in self.parameters]
        self.dtype = self.parameters[0].dtype
        d, theta = engine.descriptor, engine.theta
        self.forwards, self.iteration = d["forwards"], d["iteration"]  # views
        starts = [(place - theta.ctypes.data) // theta.itemsize for place in self.places]
        self.layouts = [(p.shape, p.stride(), start) for p, start in zip(self.parameters, starts, strict=True)]
        self.gradient = torch.from_numpy(engine.model.gradient)
        self.alone, self.address = trainer.threads == 1, d.ctypes.data
        short = engine.short
        self.quick = {"forward": short.forward, "backward": short.backward, "input_gradient": short.input_gradient}

    def split(self, flat: Tensor) -> list[Tensor]:
        """Views of a vector in the order of theta, one for each parameter."""
        return [flat.as_strided(*layout) for layout in self.layouts]

    def check(self, x: Tensor) -> None:
        """Refuse what the core cannot read, and parameters that are no longer theta's."""
        held = [id(parameters.get(name)) for parameters, name in self.holders]
        if held != self.ids or [parameter.data_ptr() for parameter in self.parameters] != self.places:
            self.refuse_parameters()
        if not isinstance(x, torch.Tensor):
            raise InputError(wrong("x", "be a tensor", brief(x)))
        if x.dtype is not self.dtype or not x.is_cpu or x.layout is not torch.strided:
            found = f"{x.dtype} on {x.device}" + ("" if x.layout is torch.strided else f", {x.layout}")
            raise InputError(
                wrong("x", f"be a {self.dtype} tensor on the CPU", found, f"use x.to('cpu', {self.dtype})")
            )
        if x.dim() == 0 or x.shape[-1] != self.inputs or x.numel() == 0:
            expected = f"have shape (…, {self.inputs}) and at least one row"
            raise InputError(wrong("x", expected, str(tuple(x.shape))))
        rows = x.numel() // self.inputs
        if rows > self.most:
            hint = "make the Trainer with a larger batch_size, or pass the rows in parts"
            raise InputError(wrong("x", f"have at most batch_size = {self.most} rows", str(rows), hint))

    def refuse_parameters(self) -> None:
        """Raise for the first parameter that is no longer a view of theta."""
        for (parameters, name), parameter, place in zip(self.holders, self.parameters, self.places, strict=True):
            if parameters.get(name) is not parameter or parameter.data_ptr() != place:
                hint = "copy numbers into it, with parameter.data.copy_(…) or load_state_dict"
                raise InputError(wrong(f"the {name} of a layer", "stay a view of theta", "another tensor", hint))

    def call(self, name: str, rows: int, *arguments: int) -> int:
        """Call one of the core's functions; without the detours of `call_on` where there is little to do."""
        if self.alone and rows <= self.engine.quick_rows:
            status = self.quick[name](self.address, *arguments)
            if status != layout.BUSY:
                return int(status)
        return self.engine.call_on(name, rows, *arguments)

    def forward(self, x: Tensor, training: bool, draw: int) -> tuple[Tensor, int]:
        """Outputs for the rows of x, and the number of this pass."""
        rows = x.shape[0]
        out = torch.empty((rows, self.outputs), dtype=self.dtype)
        at = x.data_ptr(), rows, self.inputs, out.data_ptr(), rows, self.outputs
        with self.engine.turn():
            check(self.call("forward", rows, *at, training, draw))
            return out, int(self.forwards[0])

    def backward(self, made: _Made, x: Tensor, delta: Tensor, dx: Tensor | None, wanted: bool) -> Tensor | None:
        """The derivatives by x, written to dx unless it is None, and those by all parameters, if wanted."""
        rows, number = x.shape[0], made.number
        at: tuple[int, ...] = x.data_ptr(), rows, self.inputs, delta.data_ptr(), rows, self.outputs
        at += (0, 0, 0) if dx is None else (dx.data_ptr(), rows, self.inputs)
        name = "backward" if wanted else "input_gradient"
        with self.engine.turn():
            status = layout.NO_FORWARD
            if self.forwards[0] == number:
                status = self.call(name, rows, *at, 0) if wanted else self.call(name, rows, *at)
            while status == layout.NO_FORWARD:  # others came between
                self.forward(x, made.training, made.draw)
                status = self.call(name, rows, *at, 0) if wanted else self.call(name, rows, *at)
            check(status)
            return self.gradient.clone() if wanted else None

    def step(self) -> None:
        """The trainer's own iteration with the parameters' gradients."""
        given = [parameter.grad for parameter in self.parameters]
        if all(grad is None for grad in given):
            raise InputError("the layer has no gradients; call backward() on a loss first")
        if not all(parameter.requires_grad for parameter in self.parameters):
            hint = "to freeze some, use one of PyTorch's optimizers"
            raise InputError(wrong("requires_grad", "be True for all parameters of the layer", False, hint))
        with self.engine.alone():
            for target, grad in zip(self.split(self.gradient), given, strict=True):
                target.zero_() if grad is None else target.copy_(grad)
            gradients.update(self.engine)
        for parameter in self.parameters:  # so that PyTorch sees the change, as it does with its own optimizers
            torch.autograd.graph.increment_version(parameter)


class _Made(NamedTuple):
    """How the outputs of a forward pass were made."""

    number: int
    iteration: int
    training: bool
    draw: int


class _Function(torch.autograd.Function):  # type: ignore[misc]
    """The pair in PyTorch's graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, how: tuple[_Passes, bool, int], *parameters: Tensor) -> Tensor:
        """Outputs for the rows of x."""
        passes, training, draw = how
        x = x.contiguous()
        out, number = passes.forward(x, training, draw)
        ctx.passes, ctx.made = passes, _Made(number, int(passes.iteration[0]), training, draw)
        ctx.save_for_backward(x, *parameters)  # PyTorch then sees whether they were changed before backward
        return out

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> tuple[Any, ...]:
        """Gradients of what needs one."""
        if torch.is_grad_enabled():
            raise Error("a layer of nbtrain has no second derivatives: use create_graph=False")
        x, passes, (by_x, _, *needed) = ctx.saved_tensors[0], ctx.passes, ctx.needs_input_grad
        if passes.iteration[0] != ctx.made.iteration:
            raise Error("the trainer was trained between the forward and the backward pass; call the layer again")
        dx = torch.empty_like(x) if by_x else None
        flat = passes.backward(ctx.made, x, delta.contiguous(), dx, True in needed)
        if flat is None:
            return dx, None, *(None for _ in needed)
        found = passes.split(flat)
        if False in needed:
            found = [part if need else None for part, need in zip(found, needed, strict=True)]
        return dx, None, *found
