"""What a model looks like in memory: the descriptor, its layers, the status codes.

The descriptor is what the compiled core sees of a model: sizes, addresses of buffers and of compiled components, and
what training changes. Everything in it is eight bytes wide. This module needs NumPy only.
"""

from __future__ import annotations

import numpy as np

from ..compiler import sources
from ..version import __version__

# Status codes of the core's functions; 0 is success. `nbtrain.status` has the words for them.
OK = 0
WRONG_X = 1  # x has another number of columns than the network has inputs, or no rows
WRONG_Y = 2  # y has another number of rows than x, or of columns than the network has outputs
WRONG_TARGET = 3  # floats where the loss wants integer labels, or the other way round
WRONG_LABEL = 4  # a label that is no class of the network
WRONG_OUT = 5  # out has not the shape (rows of x, outputs)
WRONG_WEIGHT = 6  # the sample weights are negative or not finite, or not as many as samples
BUSY = 7  # another thread is inside this model
DIVERGED = 8  # the loss is NaN or infinite; the parameters were left as they were
NO_MEMORY = 9  # the order of the samples could not be allocated
FAILED = 10  # the loss's function did something for which Python raises
WRONG_MODEL = 11  # a copy of a model, or one of another dtype
WRONG_RATE = 12  # the learning rate is negative or not finite
WRONG_GRADIENT = 13  # the gradient that an update was to be made with is not finite

# Who is inside a model: nobody, a call of the core, Python itself.
FREE, CALL, HELD = range(3)

QUIET_NAN = 0x7FF8 << 48  # the bits of a NaN; where it stands for a result that there is not, with a status in the last

# How correct predictions are counted while a loss is computed.
HITS_NONE = 0
HITS_LARGEST = 1  # the largest output is the labelled class
HITS_THRESHOLD = 2  # output above the threshold where the target is above one half

_LAYER_FIELDS = """
    inputs units
    weights biases                      offsets into theta and gradient, in elements
    value slope parameters              activation: C functions (0: identity) and their parameters
    z a out                             (batch, units): before and after the activation, and after dropout
    delta                               (batch, units): slope of the loss with respect to z
    project rescale                     constraint: C function of the weights, or of the units' norms; 0: none
    constraint_parameters unit_norms    unit_norms: (units,) float64
    mask threshold                      dropout: bytes (batch * units + 64), drop where 32 random bits are below
"""

_DESCRIPTOR_FIELDS = """
    here                                address of the descriptor itself: a copy has another one
    layers layer_count
    inputs outputs itemsize
    target_kind target_columns target_bytes
    parameters regularized              elements of theta, and of its prefix that the regularizer acts on
    batch_size shuffle
    theta gradient state slots scalar_count
    parts part_slopes                   parts of a batch; (parts - 1, parameters): slopes of those after the first
    snapshot snapshot_iteration snapshot_epoch      theta, state and scalars of the last finite epoch
    log log_size                        (log_size, 3) float64: weighted loss, m and hits of finished epochs
    batch_x batch_y batch_weight row_loss
    panels panel_size
    seed_0 seed_1 seed_2 seed_3         32 bits each
    step regularized_step               the second one adds the penalty's slope to the gradient
    prepare rate rate_parameters rate_result      rate_result: address of learning_rate
    hyper hyper_count hyper_typed scalars next_scalars prepared prepared_count prepared_typed slot_pointers
    passes blocks block_count           C function of an update in several passes, or 0; its blocks of parameters
    scale tensor_norms tensor_count     optimizer's scale; (tensors, 3) float64: norms of w and u, and the scale
    square_sums                         (2, blocks) float64: sums of squares of each block
    penalty slope regularizer_parameters penalty_sum
    loss output loss_parameters
    quick_rows                          rows that quick calls take at most
    hits squared_errors                 how hits are counted; (outputs,) float64 sums of evaluate
    train_step train_epoch train_slice loss_and_gradient update predict evaluate
    order order_capacity order_epoch order_size
    log_count                           finished epochs in the log
    slice_steps slice_time              after so many steps, or nanoseconds, train_slice returns
    clock_steps                         steps from one look at the clock to the next
    status busy                         busy: who is inside, 0 for nobody; see `inside`
    wanted                              not 0: somebody in Python has found the model busy and tries again
    failed                              status of what made the present call fail, or 0
    team team_call                      memory of a team of threads; number of the call that helpers are sent to, or 0
    team_began team_patience            when that call began, and what it bears to lose by waiting, in nanoseconds
    team_dismissed                      whether it sent the helpers away
    team_late                           how long a helper waits for a call to begin, in nanoseconds
    team_awaited                        helpers without which it does not begin: none, but in tests
    data_x data_y data_weight data_rows data_out     what the present call works on
    epoch samples                       samples: how many the current epoch goes over
    iteration position team_pieces      pieces of work that were shared
"""

_BLOCK_FIELDS = """
    start size                          in elements of theta
    tensor                              the weights or biases of one layer; 0 where the optimizer takes all together
    regularized
"""

# What quick calls are bound to. Nobody but the core has it at hand, so that it holds whatever became of the descriptor:
# without `make_float` there would be no answer to give.
_INTERPRETER_FIELDS = """
    model                               address of the descriptor
    ndarray_type number_type label_type make_float      of the interpreter: see ARRAY_OFFSETS
    result                              (3,) float64
"""

# What changes in every step stands at the end: it shares no cache line with what a team's members read.
_FLOAT_FIELDS = (
    *("target_minimum", "target_maximum"),
    *("clip_value", "clip_norm", "clip_factor"),  # 0: no clipping
    *("rate_scale", "hit_threshold", "learning_rate", "batch_total", "epoch_loss", "epoch_weight", "epoch_hits"),
)


def _names(text: str) -> list[str]:
    return [name for line in text.strip().splitlines() for name in line.strip().split("   ")[0].split()]


def _abi() -> str:
    """Digest of everything that a user's own cached functions contain of nbtrain; without sources, the version's."""
    return (sources.of_modules("core.layout", "kernel") or sources.digest([__version__]))[:12]


def _layout(integers: list[str], floats: tuple[str, ...]) -> np.dtype:
    fields = [(name, np.int64) for name in integers] + [(name, np.float64) for name in floats]
    return np.dtype(fields, align=True)


LAYER = _layout(_names(_LAYER_FIELDS), ("keep_scale",))
BLOCK = _layout(_names(_BLOCK_FIELDS), ())
INTERPRETER = _layout(_names(_INTERPRETER_FIELDS), ())

# The first field carries the version of the layout, so that code compiled for another one is never handed a model:
# Numba takes it for another type, and a user's cached function is compiled anew.
DESCRIPTOR = _layout([f"abi_{_abi()}", *_names(_DESCRIPTOR_FIELDS)], _FLOAT_FIELDS)

BLOCK_SIZE = 1024  # parameters that stay in the first-level cache from one function of an update in passes to the next
MOST_THREADS = 128  # in a team
MASK_BLOCK = 64  # elements that one round of the random stream makes
PLACES = 512  # numbers of an order that are drawn together; their place is the workspace of the matrix products

# Arguments of the core's C functions: all of them int64, as is what they return.
_DATA = ("model", "x", "rows", "columns", "y", "y_rows", "y_columns", "y_kind", "weight", "result")
SIGNATURES = {
    "train_step": _DATA,
    "train_epoch": _DATA,
    "train_slice": _DATA,
    "loss_and_gradient": _DATA,
    "evaluate": _DATA,
    "assist": ("model", "call"),
    "hold": ("model",),
    "let_go": ("model",),
    "predict": ("model", "x", "rows", "columns", "out", "out_rows", "out_columns"),
    "update": ("model",),
    "release": ("model",),
    "bad_number": ("address", "count"),
    "bad_weight": ("address", "count"),
    "bad_label": ("address", "count", "classes"),
}

# A module of its own, compiled for the models that need it: `regularization` is a float64.
PASSES = {"update_in_passes": ("model", "regularization", "rank", "size")}

# Functions that the interpreter calls as its own (`METH_FASTCALL`); they are handed objects, not numbers.
QUICK = {name: ("self", "arguments", "count") for name in ("quick_step", "quick_predict")}

# Where an array object of NumPy has what the core reads of it, in bytes; `nbtrain.quick` tries whether that is so.
# `dimension_count` and `flags` are 32 bits wide.
ARRAY_OFFSETS = {"type": 8, "data": 16, "dimension_count": 24, "dimensions": 32, "dtype": 56, "flags": 64}
ARRAY_FLAGS = 0x0001 | 0x0100  # C-contiguous and aligned
WRITEABLE = 0x0400
