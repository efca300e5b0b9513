"""How the time of an epoch grows with samples, width and depth."""

from __future__ import annotations

import time

from .workloads import Workload


class _Epoch:
    """One epoch of a workload; subclasses choose it by one number."""

    timeout = 600
    timer = time.thread_time

    def workload(self, number: int) -> Workload:
        raise NotImplementedError

    def setup(self, number: int) -> None:
        workload = self.workload(number)
        self.data = workload.data()
        self.trainer = workload.trainer()
        self.trainer.fit(*self.data, epochs=1)

    def time_epoch(self, number: int) -> None:
        self.trainer.fit(*self.data, epochs=1)


class Samples(_Epoch):
    """30-64-64-2, batch 32."""

    params = ([1024, 4096, 16384, 65536],)
    param_names = ("samples",)

    def workload(self, number: int) -> Workload:
        return Workload((30, 64, 64, 2), 32, number)


class Width(_Epoch):
    """Two hidden layers of N units, batch 64, 1,024 samples."""

    params = ([16, 64, 256, 1024],)
    param_names = ("units",)

    def workload(self, number: int) -> Workload:
        return Workload((64, number, number, 10), 64, 1024)


class Depth(_Epoch):
    """N hidden layers of 64 units, batch 64, 1,024 samples."""

    params = ([1, 2, 4, 8, 16],)
    param_names = ("hidden layers",)

    def workload(self, number: int) -> Workload:
        return Workload((64, *[64] * number, 10), 64, 1024)
