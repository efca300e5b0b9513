"""The compiled training loop. A sample's way, from `Trainer.fit` to the weights:

    exports.py          `fit` calls the C function train_slice with the address of a model's descriptor and of the data.
                        It locks the model (team/busy.py), checks the data (checks.py) and opens a Net (net.py).
    slices.py           trains until time is up, epoch after epoch; every finite epoch is kept as a snapshot.
                        Between epochs it validates, and stops where that has been asked for (watch.py).
    epoch.py            draws the order of the samples (random.py) and makes one step for each batch.
    steps.py            A step is forward, loss, backward, update:
      batches.py        copies the samples of the batch to one place, in their random order,
      forward.py        computes z = x W + b, a = g(z) and dropout, layer by layer,
      backward.py       computes the loss, and delta = dJ/dz from the last layer to the first,
      update/           turns delta into new weights:
        gradient.py       dJ/dW and dJ/db, which must be finite (magnitudes.py),
        update.py         the regularizer and the optimizer in one pass over the weights (slots.py is the call),
        fused.py          or gradient and update together, for large layers,
        passes.py         or several passes, for clipping, norms (norms.py) and constraints (constraints.py);
        subnormals.py     numbers so small that processors are slow with them count as zero.

`predict` and `evaluate` are in inference.py: forward alone.

- The functions that Python, compiled callers and C hosts can call are listed in functions.py, the fields of the
  descriptor in layout.py. compiled.py compiles and loads them. quick.py serves calls of a few microseconds.
- The training of a population's members (members.py, population.py) and draws.py are modules of their own, compiled
  when first needed; members are trained by the functions of inside.py, called by address.
- Activations, losses, optimizers and other components are C functions of their own, called by address (calls.py).
- draws.py draws initial weights as NumPy does, before there is anything to train.
- All matrix products are in matmul/products.py; the rest of matmul/ is what they are built from.
- With several threads, the caller leads a team (team/team.py). It dispatches a task, every member does its share of the
  rows or weights (helper.py has the helpers' side), and they wait for each other at barriers. Results have the same
  bits for any number of threads.
"""
