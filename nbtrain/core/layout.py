"""What a model looks like in memory: the descriptor, its layers, the status codes.

The descriptor is what the compiled core sees of a model: sizes, addresses of arrays and of compiled functions, and what
training changes. Every field is eight bytes wide. This module needs NumPy only.
"""

from __future__ import annotations

import numpy as np

from ..compiler import sources
from ..version import __version__
from .functions import DOORS, INSIDE, MEMBER_DOORS

# Status codes of the core's functions; 0 is success. `nbtrain.status` has the words for them.
OK = 0
WRONG_X = 1  # x has no rows, or its columns are not the network's inputs
WRONG_Y = 2  # y has other rows than x, or its columns are not the network's outputs or the loss's own number
WRONG_TARGET = 3  # floats for a loss that takes integer labels, or the other way round
WRONG_LABEL = 4  # a label that is no class of the network
WRONG_OUT = 5  # the shape of out or delta is not (rows of x, outputs), or that of dx not (rows of x, inputs)
WRONG_WEIGHT = 6  # a sample weight is negative or not finite, or there is not one for each sample
BUSY = 7  # another thread is using this model
DIVERGED = 8  # the loss is NaN or infinite; the parameters are unchanged
NO_MEMORY = 9  # the order of the samples could not be allocated
FAILED = 10  # a function of the loss did something for which Python raises
WRONG_MODEL = 11  # a copy of a model, or one of another dtype
WRONG_RATE = 12  # the learning rate is negative or not finite
WRONG_GRADIENT = 13  # the gradient to update with is not finite
WRONG_MEMBER = 17  # a population has no such members, or there is not one block of rows for each of them
NO_FORWARD = 14  # backward without a forward of as many rows just before, or added to a gradient that was used up
TOO_MANY_ROWS = 15  # forward or backward of more rows than batch_size
OTHER_NETWORK = 16  # two models whose layers have other sizes, or of two dtypes
WRONG_WORK = 18  # the workspace for predict_with is too small
WRONG_TAU = 19  # not a number from 0 to 1
WRONG_M = 20  # not a finite number above 0

# Who is using a model: no one, a call of the core, Python itself.
FREE, CALL, HELD = range(3)

QUIET_NAN = 0x7FF8 << 48  # bits of a NaN; a NaN returned in place of a result has a status in its last bits

# How correct predictions are counted while a loss is computed.
HITS_NONE = 0
HITS_LARGEST = 1  # the largest output is the labelled class
HITS_THRESHOLD = 2  # output above the threshold where the target is above one half

_LAYER_FIELDS = """
    inputs units
    weights biases  # offsets into theta and gradient, in elements
    value slope parameters  # activation: C functions (0: identity) and their parameters
    z a out  # (batch, units): before and after the activation, and after dropout
    delta  # (batch, units): derivative of the loss with respect to z
    project rescale  # constraint: C function of the weights, or of the units' norms; 0: none
    constraint_parameters unit_norms  # unit_norms: (units,) float64
    mask threshold keep_scale  # dropout: bytes (batch * units + 64), drop where 32 random bits are below
"""

# The descriptor's fields, by what they belong to. An empty line begins a new cache line.

# What all models of the same declaration have alike, written once.
_NETWORK_FIELDS = f"""
    layer_count inputs outputs itemsize
    target_kind target_columns target_bytes
    target_minimum target_maximum
    parameters regularized  # elements of theta, and of its prefix that the regularizer acts on
    batch_size shuffle
    slots scalar_count  # arrays and numbers of the optimizer's state
    gradient_count  # sums that the gradient of a batch is made of: see `update.gradient`
    panel_size  # elements of one thread's workspace for matrix products
    step regularized_step  # the second one adds the penalty's derivative to the gradient
    prepare prepared_count hyper_count
    rate  # learning rate schedule, or 0
    clip_value clip_norm  # 0: no clipping
    passes blocks block_count  # C function of an update in several passes, or 0; its blocks of parameters
    scale tensor_count  # optimizer's scale of a tensor's update, or 0
    penalty slope  # regularizer, or 0
    loss output
    hits hit_threshold  # how correct predictions are counted
    squares  # whether targets are values for the outputs, whose squared errors are summed
    clock_steps  # steps from one look at the clock to the next
    team_late  # how long a helper waits for a call to begin, in nanoseconds
    team_patience  # how long a call may wait for helpers, in nanoseconds, beside a share of its time
    ndarray_type number_type label_type make_float  # of the interpreter, for quick calls: see ARRAY_OFFSETS
    {" ".join(DOORS)}
"""

# What tells one training from another, beside theta, state and scalars: a training is saved and restored by these.
_TRAINING_FIELDS = """
    seed_0 seed_1 seed_2 seed_3  # 32 bits each
    iteration epoch
    optimizer_start  # the iteration at which the optimizer began: its own t counts from here
    position samples  # of the current epoch: samples that are done, and all that it goes over
    learning_rate rate_scale
    epoch_loss epoch_weight epoch_hits  # sums over the current epoch
"""

# The same in the descriptor, and what else belongs to one training.
_MEMBER_FIELDS = f"""
    {_TRAINING_FIELDS.strip()}
    status  # of the last call
    log log_size log_count  # (log_size, 3) float64: weighted loss, m and hits of finished epochs
    snapshot snapshot_iteration snapshot_epoch snapshot_start  # theta, state and scalars of the last finite epoch
"""

# Where the calling thread and its helpers work. What they all read in a step shares no cache line with what the
# caller writes in every step.
_THREAD_FIELDS = """
    here  # address of the descriptor: a copy has another one
    layers theta gradient state
    partial_gradients  # (gradient_count - 1, parameters): all sums but the first, which is in gradient
    batch_x batch_y batch_weight row_loss panels slot_pointers
    hyper hyper_typed prepared prepared_typed scalars next_scalars
    rate_parameters rate_result  # rate_result: address of learning_rate
    regularizer_parameters penalty_sum
    loss_parameters
    squared_errors  # (outputs,) float64: sums of evaluate
    tensor_norms square_sums  # (tensors, 3) float64: norms of w and u, and the scale; (2, blocks) float64
    quick_result  # (3,) float64
    team  # memory of a team of threads
    forward_training  # whether the last forward was with dropout
    draw  # which of the masks of an iteration dropout draws: 0 but in a forward that asks for another

    order order_capacity order_epoch order_size order_block  # (samples,) uint32: of an epoch, or of a block of it
    batch_total  # m of the current batch
    clip_factor
    forward_rows  # rows of the forward whose z, a and masks the layers hold, or 0
    forwards  # how many there were
    gradient_used  # whether an update has used the gradient, so that nothing can be added to it
"""

# What belongs to a call of one of the core's functions.
_CALL_FIELDS = """
    data_x data_y data_weight data_rows data_out  # what it works on
    slice_steps slice_time  # after so many steps, or nanoseconds, train_slice returns
    snapshot_due  # whether train_slice keeps how the model stands before it begins
    watch  # what train_slice does between epochs: a WATCH, or 0
    streamed block_samples block_first block_number block_open  # of train_slice's data: an `epoch.Block`
    continues loss_sum weight_sum hit_sum  # whether evaluate goes on with the sums of its last call, and these

    busy  # who is using the model: FREE, CALL or HELD
    wanted  # not 0: Python has found the model busy and tries again
    failed  # status of what made the call fail, or 0
    quick_rows  # rows that quick calls take at most
    team_call  # number of the call that helpers are sent to, or 0
    team_began  # when it began, in nanoseconds
    team_dismissed  # whether it sent the helpers away
    team_awaited  # helpers that it waits for before it begins: none, except in tests
    team_tasks  # how many tasks were shared, over all calls
"""

# What happens after an epoch: see `core.watch`.
_WATCH_FIELDS = """
    x y weight rows  # validation data; x 0: none
    rows_per_call  # as many as `Engine` evaluates in a call: sums are made of parts of this size
    log log_count  # (log_size, 3) float64 beside the descriptor's log: weighted loss, m and hits; lines written
    errors  # (log_size, outputs) float64: squared errors, or 0 to keep none
    sums  # (3,) float64: workspace
    monitors monitor_count
    stopped  # whether a monitor has ended the training
"""
_MONITOR_FIELDS = """
    metric  # loss, accuracy, val_loss, val_accuracy
    sign min_delta patience
    best_value best_epoch waited stopped
    best_theta  # (parameters,): those of the best epoch, or 0 to keep none
    factor minimum cooldown resting  # of the learning rate's reduction; factor 0: stop instead
"""

_BLOCK_FIELDS = """
    start size  # in elements of theta
    tensor  # the weights or biases of one layer; 0 where the optimizer takes all together
    regularized
"""

# A population, as models of one architecture see it, which take its members in turns. A member is a record MEMBER and
# a row of bytes, theta | state | scalars, in which a model keeps its last finite epoch while it trains that member.
_POPULATION_FIELDS = f"""
    count  # members
    members rows  # their records, and (count,) addresses of their rows
    tasks  # what each does in the present call
    values columns targets  # (count, columns) numbers of eight bytes, and where in a model each column belongs
    turns turn_count next  # members in the order in which they are taken, and the place of the next one
    x y weight  # training data; 0: no weights
    valid_x valid_y valid_weight  # validation data; 0: none
    log log_epochs log_columns  # (count, log_epochs, log_columns) float64
    accuracy val_loss val_accuracy  # columns of the log, or -1; the loss is the first
    best  # (count,) addresses of the members' best parameters, or 0 for none; a member without one uses its model's
    keeps_best restores  # whether the best parameters are kept, and whether a finished member goes back to them
    running  # whether Python is training members: compiled callers are then sent away
    models model_count  # addresses of the models
    losses  # (count,) float64: mean losses of the last steps that a compiled caller has trained
    {" ".join(MEMBER_DOORS)}
    {" ".join(INSIDE)}  # the core's functions that members are trained by
"""

# A member's part of a call of fit.
_TASK_FIELDS = """
    x_first y_first weight_first rows  # its samples: where they begin in each array, and how many there are
    valid_x_first valid_y_first valid_weight_first valid_rows
    epochs  # the epoch at which it is finished
    logged  # epochs that are in the log
    status  # OK, or why it was given up
    failed_epoch failed_iteration  # where that was, counted from 1
    best_value best_epoch waited stopped  # of its MONITOR, when it is not the member's turn
"""

# A model's part of a call of fit.
_WORKER_FIELDS = """
    member  # that it trains, or -1
    log  # (3,) float64: sums of the last epoch
    watch  # a WATCH, which validates and follows a number; 0: neither
    best_theta  # (parameters,): of the best epoch
"""

# Rows of data for which a member predicts, or by which it is evaluated.
_SPAN_FIELDS = """
    member x_first y_first weight_first rows
    out_first  # the first row of the predictions
"""

# Where a number of each member belongs.
_TARGET_FIELDS = """
    offset  # in bytes, from the descriptor on
    kind  # how it is written: FLOAT64_NUMBER, TYPED_NUMBER or DROPOUT_RATE, or NO_NUMBER where it does not belong
"""
# typed: of the model's dtype; a rate: into fields of its layer
NO_NUMBER, FLOAT64_NUMBER, TYPED_NUMBER, DROPOUT_RATE = range(4)

_FLOATS = {
    *("keep_scale", "target_minimum", "target_maximum", "clip_value", "clip_norm", "clip_factor", "hit_threshold"),
    *("loss_sum", "weight_sum", "hit_sum"),
    *("learning_rate", "rate_scale", "epoch_loss", "epoch_weight", "epoch_hits", "batch_total"),
    *("sign", "min_delta", "best_value", "factor", "minimum"),
}
CACHE_LINE = 64


def _lines(text: str) -> list[list[str]]:
    """The names of fields, those between empty lines together."""
    return [
        [name for line in lines.strip().splitlines() for name in line.split("#")[0].split()]
        for lines in text.split("\n\n")
    ]


def _abi() -> str:
    """Digest of everything that a user's own cached functions contain of nbtrain; without sources, the version's."""
    parts = sources.of_modules("core.layout", "core.functions"), sources.of_folder("kernel")
    return sources.digest(parts if all(parts) else [__version__])[:12]


def _record(*lines: list[str]) -> np.dtype:
    """A record of fields, each list of them beginning a new cache line."""
    names, offsets, end = [], [], 0
    for line in lines:
        end = -(-end // CACHE_LINE) * CACHE_LINE
        names += line
        offsets += range(end, end + 8 * len(line), 8)
        end += 8 * len(line)
    formats = [np.float64 if name in _FLOATS else np.int64 for name in names]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": end}, align=True)


LAYER = _record(*_lines(_LAYER_FIELDS))
BLOCK = _record(*_lines(_BLOCK_FIELDS))
MEMBER, TASK, WORKER = (_record(*_lines(text)) for text in (_TRAINING_FIELDS, _TASK_FIELDS, _WORKER_FIELDS))
SPAN, TARGET = _record(*_lines(_SPAN_FIELDS)), _record(*_lines(_TARGET_FIELDS))
WATCH = _record(*_lines(_WATCH_FIELDS))
MONITOR = _record(*_lines(_MONITOR_FIELDS))

_OWNERS = {
    "network": _lines(_NETWORK_FIELDS),
    "member": _lines(_MEMBER_FIELDS),
    "thread": _lines(_THREAD_FIELDS),
    "call": _lines(_CALL_FIELDS),
}
# The first field carries the version of the layout, so that code compiled for another one is never handed a model:
# Numba takes it for another type, and a user's cached function is compiled anew.
_VERSION = f"abi_{_abi()}"
_OWNERS["network"][0].insert(0, _VERSION)
DESCRIPTOR = _record(*(line for lines in _OWNERS.values() for line in lines))
POPULATION = _record([_VERSION, *(name for line in _lines(_POPULATION_FIELDS) for name in line)])
FIELDS = {owner: tuple(name for line in lines for name in line) for owner, lines in _OWNERS.items()}


def byte_range(owner: str) -> tuple[int, int]:
    """Where the fields of an owner are in the descriptor: first byte, and the byte after the last."""
    offsets = [DESCRIPTOR.fields[name][1] for name in FIELDS[owner]]  # type: ignore[index]
    return offsets[0], offsets[-1] + 8


BLOCK_SIZE = 1024  # parameters that stay in the first-level cache between the functions of an update in passes
MOST_THREADS = 128  # in a team
MASK_BLOCK = 64  # elements that one round of the random stream makes
PLACES = 512  # numbers of an order that are drawn together, in the workspace of the matrix products

# Offsets in bytes of what the core reads in a NumPy array object; `model.quick` tests them.
# `dimension_count` and `flags` are 32 bits wide.
ARRAY_OFFSETS = {"type": 8, "data": 16, "dimension_count": 24, "dimensions": 32, "dtype": 56, "flags": 64}
ARRAY_FLAGS = 0x0001 | 0x0100  # C-contiguous and aligned
WRITEABLE = 0x0400
