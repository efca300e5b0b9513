"""Training and prediction with a warm trainer, and their memory."""

from __future__ import annotations

import time

from .workloads import WORKLOADS

SOME = ["30-64-64-2, batch 32", "784-128-10, batch 128", "784-1024-1024-10, batch 256"]


class _Warm:
    """A trainer that has already trained: asv makes a new one before every call that it times."""

    timeout = 600
    timer = time.thread_time

    def setup(self, name: str) -> None:
        workload = WORKLOADS[name]
        self.x, self.y = workload.data()
        self.trainer = workload.trainer()
        self.batch = self.x[: workload.batch_size].copy(), self.y[: workload.batch_size].copy()
        self.trainer.fit(*self.batch)
        self.trainer.train_step(*self.batch)
        self.trainer.predict(self.x[:1])


class Training(_Warm):
    """Steps and epochs."""

    params = (list(WORKLOADS),)
    param_names = ("workload",)

    def time_train_step(self, name: str) -> None:
        """One iteration on one batch, called from Python."""
        self.trainer.train_step(*self.batch)

    def time_epoch(self, name: str) -> None:
        """One epoch of fit: all batches, shuffled."""
        self.trainer.fit(self.x, self.y, epochs=1)


class Prediction(_Warm):
    """All samples."""

    params = (SOME,)
    param_names = ("workload",)

    def time_predict(self, name: str) -> None:
        self.trainer.predict(self.x)


class Memory(_Warm):
    """The whole process, including its data."""

    params = (SOME,)
    param_names = ("workload",)

    def peakmem_epoch(self, name: str) -> None:
        self.trainer.fit(self.x, self.y, epochs=1)


class Threads:
    """An epoch with one thread and with two."""

    params = (["784-128-10, batch 128", "784-512-256-10, batch 128"], [1, 2])
    param_names = ("workload", "threads")
    timeout = 600

    def setup(self, name: str, threads: int) -> None:
        self.x, self.y = WORKLOADS[name].data()
        self.trainer = WORKLOADS[name].trainer(threads=threads)
        self.trainer.fit(self.x, self.y, epochs=1)

    def time_epoch(self, name: str, threads: int) -> None:
        self.trainer.fit(self.x, self.y, epochs=1)
