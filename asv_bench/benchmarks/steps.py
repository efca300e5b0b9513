"""Training, prediction, and the memory of both."""

from __future__ import annotations

from .workloads import WORKLOADS


class Training:
    """Steps, epochs and predictions of a warm trainer."""

    params = (list(WORKLOADS),)
    param_names = ("workload",)

    def setup(self, name: str) -> None:
        workload = WORKLOADS[name]
        self.x, self.y = workload.data()
        self.trainer = workload.trainer()
        self.batch = self.x[: workload.batch_size], self.y[: workload.batch_size]
        self.trainer.train_step(*self.batch)
        self.trainer.predict(self.x[:1])

    def time_train_step(self, name: str) -> None:
        """One iteration on one batch, called from Python."""
        self.trainer.train_step(*self.batch)

    def time_epoch(self, name: str) -> None:
        """One epoch of fit: all batches, shuffled."""
        self.trainer.fit(self.x, self.y, epochs=1)

    def time_predict_one(self, name: str) -> None:
        """One row."""
        self.trainer.predict(self.x[:1])

    def time_predict_all(self, name: str) -> None:
        """All samples."""
        self.trainer.predict(self.x)

    def peakmem_epoch(self, name: str) -> None:
        """The whole process, its data included."""
        self.trainer.fit(self.x, self.y, epochs=1)
