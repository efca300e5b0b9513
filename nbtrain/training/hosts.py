"""The core for hosts in C and C++: addresses and declarations of what they may call; docs/c.md is the manual."""

from __future__ import annotations

from ..model.memory import Memory
from ..model.native import c_signature

# Of the core's functions those that stand on their own; the others are for `Trainer`, its threads and its checks.
HOST_FUNCTIONS = ("train_step", "train_epoch", "loss_and_gradient", "update", "evaluate", "predict")


class Hosting:
    """What a Trainer has for that."""

    memory: Memory

    def c_functions(self) -> dict[str, tuple[int, str]]:
        """Addresses and C declarations of the core's functions, for hosts in C and C++.

        All arguments and what is returned are int64; pointers are passed as such.

        model
            Address of the trainer's descriptor, `trainer.model.descriptor.ctypes.data`: valid while the trainer, or
            an array of its model, lives.
        x, rows, columns
            Samples (rows, columns) in the trainer's dtype, row after row; columns are the network's inputs.
        y, y_rows, y_columns, y_kind
            Targets: y_kind 0 for floats (y_rows, y_columns) in the trainer's dtype, y_columns the network's outputs;
            y_kind 1 for int64 labels (y_rows,), y_columns 1.
        weight
            Sample weights (rows,) in the trainer's dtype, or 0 for none.
        out, out_rows, out_columns
            Where predictions are written: (rows, outputs) in the trainer's dtype.
        result
            Address of three float64 numbers, NaN after any status but 0; see below what they become.

        `train_step`
            One iteration on one batch of any number of rows. result[0]: mean data loss before the update.
        `train_epoch`
            One epoch in batches of the trainer's size and order, or the rest of the one begun. result[0]: mean data
            loss over its steps.
        `loss_and_gradient`
            result[0]: J with the penalty, without dropout. Its gradient is at `trainer.model.gradient`.
        `update`
            One iteration of the optimizer with the gradient as it stands there.
        `evaluate`
            Without dropout. result[0]: sum of the samples' weighted data losses; result[1]: sum of their weights, or
            their number; result[2]: weighted number of samples classified rightly, 0 for a loss without classes. Mean
            loss and accuracy are result[0] / result[1] and result[2] / result[1].
        `predict`
            Writes what the loss's output activation gives: probabilities, or values.

        What is returned is a status of `nbtrain.status`, 0 when all is well; after any other but that of divergence
        nothing was written. Sizes, kinds, labels and weights are checked, the contents of x and float y are not. A
        call runs on the calling thread alone, takes no lock of Python's, allocates nothing after the first epoch, and
        answers BUSY where another thread is inside the model.

        Returns
        -------
        dict
            Name -> (address, declaration).
        """
        addresses: dict[str, int] = self.memory.keep[0].addresses  # type: ignore[attr-defined]
        return {name: (addresses[name], c_signature(name)) for name in HOST_FUNCTIONS}
