"""Reading and encoding tables, beside what pandas needs to read the same file."""

from __future__ import annotations

import io
import tempfile
from typing import Any

import numpy as np

ROWS = 150_000


def module() -> Any:
    """nbtrain.table, or asv's word for a benchmark that is left out."""
    try:
        import pandas  # noqa: F401 - it is what tables need

        from nbtrain import table

        return table.read and table
    except (ImportError, AttributeError) as error:
        raise NotImplementedError(str(error)) from error


def numbers(random: np.random.Generator) -> Any:
    """Ten columns of numbers."""
    import pandas

    return pandas.DataFrame({f"x{k}": random.normal(size=ROWS).round(3) for k in range(10)})


def mixed(random: np.random.Generator, rows: int = ROWS) -> Any:
    """Numbers with gaps, texts, stamps of which each is another, days and prices."""
    import pandas

    minutes = pandas.to_timedelta(random.integers(0, 3 * 365 * 24 * 60, rows), unit="min")
    days = pandas.to_timedelta(random.integers(0, 900, rows), unit="D")
    start = pandas.Timestamp("2020-01-01")
    columns = {f"x{k}": random.normal(size=rows).round(3) for k in range(13)}
    columns["gaps"] = np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows).round(2))
    columns["town"] = random.choice([f"town {k}" for k in range(300)], rows)
    columns["kind"] = random.choice(list("abcde"), rows)
    columns["yes"] = random.choice(["yes", "no"], rows)
    columns["stamp"] = (start + minutes).strftime("%Y-%m-%d %H:%M:%S")
    columns["day"] = (start + days).strftime("%d/%m/%Y")
    columns["price"] = [f"${value:,.2f}" for value in random.gamma(2.0, 800.0, rows)]
    return pandas.DataFrame(columns)


class Tables:
    """150,000 rows of a CSV file: pandas alone, `read`, `fit_transform` and `transform`."""

    timeout = 600
    params = ("numbers", "mixed")
    param_names = ("table",)

    def setup(self, table: str) -> None:
        self.table = module()
        frame = {"numbers": numbers, "mixed": mixed}[table](np.random.default_rng(0))
        self.data = frame.to_csv(index=False).encode()
        self.frame = self.table.read(io.BytesIO(self.data)).frame
        self.encoder = self.table.TableEncoder().fit(self.frame)

    def time_pandas(self, table: str) -> None:
        import pandas

        pandas.read_csv(io.BytesIO(self.data))

    def time_read(self, table: str) -> None:
        self.table.read(io.BytesIO(self.data))

    def time_fit_transform(self, table: str) -> None:
        self.table.TableEncoder().fit_transform(self.frame)

    def time_transform(self, table: str) -> None:
        self.encoder.transform(self.frame)

    def peakmem_read_and_encode(self, table: str) -> None:
        self.table.TableEncoder().fit_transform(self.table.read(io.BytesIO(self.data)).frame)


class Models:
    """The model of a table of 2,000 rows, encoder included: training, prediction, saving and loading."""

    timeout = 600

    def setup(self) -> None:
        self.table = module()
        self.frame = mixed(np.random.default_rng(0), 2000)
        self.frame["target"] = self.frame["x0"] + (self.frame["kind"] == "a")
        self.model = self.train()
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/model.nbt"
        self.model.save(self.path)

    def teardown(self) -> None:
        self.folder.cleanup()

    def train(self) -> Any:
        return self.table.train(self.frame, "target", epochs=5, rng=0)

    def time_train_5_epochs(self) -> None:
        self.train()

    def time_predict(self) -> None:
        self.model.predict(self.frame)

    def time_save_and_load(self) -> None:
        self.model.save(self.path)
        self.table.load(self.path)
