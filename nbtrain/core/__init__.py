"""The compiled loop, from a batch of samples to new weights.

`Trainer.fit` calls the C function `train_slice` with the address of a model and of the data. Then, in the order of the
data:

    functions.py        the table of all C functions; layout.py has the model in memory: the descriptor, its layers
    exports.py          a C function locks the model (team/busy.py), checks the data (checks.py), then does its work on
                        a Net and a Batch (net.py)
    slices.py           so many epochs or milliseconds of training; every finite epoch is kept as a snapshot
    epoch.py            an epoch: the order of its samples (random.py), then step after step
    steps.py            a step: the next batch, forward, loss, backward, update
      batches.py        gathers the samples of the batch
      forward.py        z = x W + b, a = g(z), dropout, layer by layer
      backward.py       the loss, then delta = dJ/dz from the last layer to the first
      update/           from delta to new weights:
        gradient.py       dJ/dW and dJ/db
        update.py         the regularizer and the optimizer, in one pass over the parameters; slots.py calls the step
        fused.py          gradient and update together, for large layers
        passes.py         several passes, for clipping, norms (norms.py) and constraints (constraints.py)
        subnormals.py     flushes the smallest numbers, which are slow, to zero
    inference.py        predict and evaluate: forward alone

Activations, losses, regularizers, optimizers and constraints are separate C functions, called by address (calls.py).
The matrix products are in matmul/, whose products.py has all five.

With several threads the caller leads a team (team/team.py): it dispatches tasks, each member does its share of rows or
parameters, and they meet at barriers. helper.py is what the other members do. The bits do not depend on their number.

quick.py reads arrays of the interpreter for calls of a few microseconds; compiled.py compiles and loads all this.
"""
