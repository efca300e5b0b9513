"""Training and prediction of a warm trainer, and the memory that they take."""

from __future__ import annotations

from .workloads import WORKLOADS


class Training:
    """Steps, epochs and predictions."""

    params = (list(WORKLOADS),)
    param_names = ("workload",)
    timeout = 600

    def setup(self, name: str) -> None:
        workload = WORKLOADS[name]
        self.x, self.y = workload.data()
        self.trainer = workload.trainer()
        self.batch = self.x[: workload.batch_size].copy(), self.y[: workload.batch_size].copy()
        self.trainer.train_step(*self.batch)
        self.trainer.predict(self.x[:1])

    def time_train_step(self, name: str) -> None:
        """One iteration on one batch, called from Python."""
        self.trainer.train_step(*self.batch)

    def time_epoch(self, name: str) -> None:
        """One epoch of fit: all batches, shuffled."""
        self.trainer.fit(self.x, self.y, epochs=1)

    def time_predict_all(self, name: str) -> None:
        """All samples."""
        self.trainer.predict(self.x)

    def peakmem_epoch(self, name: str) -> None:
        """The whole process, its data included."""
        self.trainer.fit(self.x, self.y, epochs=1)


class Threads:
    """An epoch by one thread and by two."""

    params = (["784-128-10, batch 128", "784-512-256-10, batch 128"], [1, 2])
    param_names = ("workload", "threads")

    def setup(self, name: str, threads: int) -> None:
        self.x, self.y = WORKLOADS[name].data()
        self.trainer = WORKLOADS[name].trainer(threads=threads)
        self.trainer.fit(self.x, self.y, epochs=1)

    def time_epoch(self, name: str, threads: int) -> None:
        self.trainer.fit(self.x, self.y, epochs=1)
