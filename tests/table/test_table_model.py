"""Models of tables: training, prediction, evaluation, files."""

from __future__ import annotations

import hashlib
import io
import json
import pickle

import numpy as np
import pandas as pd
import pytest

import nbtrain
from nbtrain import DivergenceError, InputError, ModelFileError, table
from nbtrain.callbacks import Callback
from nbtrain.formats.modelfile import container

ROWS = 300
QUICK = {"seeds": 1, "epochs": 3, "hidden": (4,)}


@pytest.fixture(scope="module")
def frame():
    made = np.random.default_rng(0)
    found = pd.DataFrame({"x": made.normal(size=ROWS), "colour": made.choice(["red", "blue", "green"], ROWS),
                          "group": np.arange(ROWS) // 10, "weight": made.choice([1.0, 2.0], ROWS)})  # fmt: skip
    found["y"] = 2.0 * found["x"] + (found["colour"] == "red") + 100.0
    found["kind"] = np.where(found["y"] > 101.0, "high", np.where(found["y"] > 99.0, "middle", "low"))
    return found


@pytest.fixture(scope="module")
def classifier(frame):
    return table.train(frame, "kind", drop=["y", "group", "weight"], seeds=2, epochs=60)


@pytest.fixture(scope="module")
def regressor(frame):
    return table.train(frame, "y", drop=["kind", "group", "weight"], seeds=2, epochs=60)


# ---- what is learnt


def test_classes_are_learnt(frame, classifier):
    predicted = classifier.predict(frame)
    assert (predicted == frame["kind"]).mean() > 0.95
    probable = classifier.predict_proba(frame)
    np.testing.assert_allclose(probable.sum(axis=1), 1.0, atol=1e-6)
    assert np.array_equal(classifier.classes[probable.argmax(axis=1)], predicted)
    assert classifier.classes.tolist() == ["high", "low", "middle"]


def test_predictions_are_the_average_of_the_networks(frame, classifier, regressor):
    X = classifier.encoder.transform(frame)
    mean = np.mean([trainer.predict(X) for trainer in classifier.trainers], axis=0)
    np.testing.assert_allclose(classifier.predict_proba(frame), mean, atol=1e-6)
    assert not np.array_equal(*[trainer.theta for trainer in classifier.trainers])
    X = regressor.encoder.transform(frame)
    mean = np.mean([trainer.predict(X)[:, 0] for trainer in regressor.trainers], axis=0)
    expected = np.clip(mean * frame["y"].std(ddof=0) + frame["y"].mean(), frame["y"].min(), frame["y"].max())
    np.testing.assert_allclose(regressor.predict(frame), expected, rtol=1e-5)


def test_far_rows_get_predictions_within_the_range_of_the_target(frame, regressor):
    far = regressor.predict(pd.DataFrame({"x": [1e9, -1e9, np.inf], "colour": ["red", "pink", None]}))
    assert (far >= frame["y"].min()).all()
    assert (far <= frame["y"].max()).all()
    assert regressor.predict(frame[:0]).shape == (0,)


def test_evaluation_is_scikit_learns(frame, classifier, regressor):
    metrics = pytest.importorskip("sklearn.metrics")
    found = classifier.evaluate(frame, metrics=["auc", "log_loss", "top_2"])
    truth, predicted, probable = frame["kind"], classifier.predict(frame), classifier.predict_proba(frame)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert found["confusion"] == metrics.confusion_matrix(truth, predicted).tolist()
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, probable), rel=1e-5)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(truth, probable, multi_class="ovr"), rel=1e-6)
    found, predicted = regressor.evaluate(frame, metrics="mape"), regressor.predict(frame)
    assert found["r2"] == pytest.approx(metrics.r2_score(frame["y"], predicted))
    assert found["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(frame["y"], predicted))
    weighted = regressor.evaluate(frame, weight="weight")
    assert weighted["rmse"] == pytest.approx(
        metrics.root_mean_squared_error(frame["y"], predicted, sample_weight=frame["weight"])
    )
    losses = [t.evaluate(regressor.encoder.transform(frame), regressor.target.encode(frame["y"]))["loss"]
              for t in regressor.trainers]  # fmt: skip
    assert regressor.evaluate(frame)["loss"] == pytest.approx(np.mean(losses))
    with pytest.raises(InputError, match="'auc' does not suit the regression of 'y'"):
        regressor.evaluate(frame, metrics=["auc"])
    with pytest.raises(InputError, match="the target column 'y' is missing"):
        regressor.evaluate(frame[["x", "colour"]])
    with pytest.raises(InputError, match="predict_proba: the model predicts numbers"):
        regressor.predict_proba(frame)


def test_the_same_seed_gives_the_same_bits(frame):
    one, two = (table.train(frame, "kind", rng=3, **QUICK | {"seeds": 2}) for _ in range(2))
    other = table.train(frame, "kind", rng=4, **QUICK)
    alone = table.train(frame, "kind", rng=3, **QUICK)
    assert np.array_equal(one.predict_proba(frame), two.predict_proba(frame))
    assert np.array_equal(one.trainers[0].theta, alone.trainers[0].theta)
    assert not np.array_equal(alone.trainers[0].theta, other.trainers[0].theta)


# ---- targets


@pytest.mark.parametrize(
    ("values", "task", "labels", "kind"),
    [
        (["up", "down"] * 30, "classification", ("down", "up"), "O"),
        ([True, False] * 30, "classification", ("False", "True"), "b"),
        (["TRUE", "false"] * 30, "classification", ("False", "True"), "b"),
        ([0, 1, 10] * 20, "classification", ("0", "1", "10"), "i"),
        ([0.0, 1.0] * 30, "classification", ("0", "1"), "i"),
        (["01", "02", "10"] * 20, "classification", ("01", "02", "10"), "O"),
        (["None", "A"] * 30, "classification", ("A", "None"), "O"),
        (list(range(60)), "regression", (), "f"),
        (np.linspace(0, 1, 60), "regression", (), "f"),
        ([f"${1000 + 7 * k:,}" for k in range(60)], "regression", (), "f"),
        ([9007199254740992, 9007199254740993] * 30, "classification", ("9007199254740992", "9007199254740993"), "i"),
    ],
)
def test_what_the_target_is(values, task, labels, kind):
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": values})
    model = table.train(frame, "y", **QUICK)
    assert (model.target.task, model.target.labels) == (task, labels)
    predicted = model.predict(frame)
    assert predicted.dtype.kind == kind
    if labels:
        assert set(map(str, predicted.tolist())) <= set(labels)


def test_the_task_can_be_said():
    frame = pd.DataFrame({"x": np.arange(60.0) ** 2, "y": [1, 2, 3] * 20})
    assert table.train(frame, "y", task="regression", **QUICK).target.task == "regression"
    assert (
        table.train(frame.assign(y=np.arange(60) % 30), "y", task="classification", **QUICK).target.task
        == "classification"
    )
    assert (
        table.train(frame.assign(y=np.arange(60) % 30), "y", categorical=["y"], **QUICK).target.task == "classification"
    )


def test_money_as_a_target_is_read_and_predicted_as_numbers():
    x = np.linspace(1.0, 2.0, ROWS)
    frame = pd.DataFrame({"x": x, "price": [f"${1000 * value:,.2f}" for value in x]})
    model = table.train(frame, "price", seeds=1, epochs=100)
    assert model.evaluate(frame)["r2"] > 0.98
    assert "read as numbers, such as '$1,000.00' as 1000" in "".join(model.notes)


def test_a_table_of_a_file_that_is_closed_since_is_trained_on(frame, tmp_path):
    gaps = frame[["x", "colour", "y"]].copy()
    gaps.loc[41, "y"] = np.nan
    gaps.to_csv(tmp_path / "t.csv", index=False)
    with open(tmp_path / "t.csv", "rb") as file:
        read = table.read(file)
    assert "1 row without a target left out, the first is row 42" in table.train(read, "y", **QUICK).notes


def test_rows_without_a_target_are_left_out_and_told(frame):
    gone = frame.assign(kind=frame["kind"].where(frame.index > 4))
    model = table.train(gone, "kind", weight=frame["weight"].to_numpy(), **QUICK)
    assert "5 rows without a target left out, the first is row 1" in model.notes
    with pytest.raises(InputError, match="row 1, column 'kind': missing value"):
        model.evaluate(gone)
    with pytest.raises(InputError, match=r"unknown class 'higher'; the model knows 'high', 'low', 'middle'"):
        model.evaluate(frame.assign(kind="higher"))


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"y": "same"}, {}, "at least two classes, got only 'same'"),
        ({"y": 3.5}, {}, "differ between rows, got 3.5 in every row"),
        ({"y": None}, {}, "no cell that is not missing"),
        ({"y": [f"p{k}" for k in range(60)]}, {}, "classes that occur several times, got 60 in 60 rows"),
        ({"y": pd.date_range("2024-01-01", periods=60)}, {}, "classes or numbers, got dates"),
        ({}, {"task": "regression"}, "hold numbers for task='regression'"),
        ({}, {"task": "ranking"}, "task must be 'classification', 'regression' or None, got 'ranking'"),
        ({"x": 1.0}, {}, "no column is left to predict it from: 'x' is constant"),
        ({}, {"drop": ["x"]}, "no column is left to predict it from"),
        ({}, {"drop": ["y"]}, "drop: 'y' is the target"),
        ({}, {"drop": ["z"]}, "drop: unknown column 'z'"),
        ({}, {"group": "z"}, "group: unknown column 'z'"),
        ({}, {"weight": "z"}, "weight: unknown column 'z'"),
        ({}, {"weight": [1.0]}, r"weight must have shape \(60,\)"),
        ({}, {"weight": -np.ones(60)}, "weight of row 1 must be a number >= 0, got -1"),
        ({}, {"class_weight": "even"}, "class_weight must be 'balanced', a dict"),
        ({}, {"class_weight": {"c": 2}}, "unknown class 'c'"),
        ({"y": np.arange(60)}, {"class_weight": "balanced"}, "class_weight: the target holds numbers"),
        ({}, {"validation": 1.5}, "validation must be a number >= 0 and < 1, or a table"),
        ({}, {"validation": pd.DataFrame({"x": [1.0]})}, "validation: unknown column 'y'"),
        ({}, {"seeds": 0}, "seeds must be an integer >= 1"),
        ({}, {"hidden": "64,64"}, "hidden must be a list of numbers of units"),
        ({}, {"loss": "mse", "task": "classification", "optimizer": "adamm"}, "unknown optimizer 'adamm'"),
        ({"y": np.arange(60)}, {"loss": "softmax_cross_entropy"}, "is for classes; 'y' holds numbers"),
    ],
)
def test_what_cannot_be_trained_is_told(change, options, words):
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": ["a", "b"] * 30}).assign(**change)
    with pytest.raises(InputError, match=words):
        table.train(frame, "y", **options)


def test_space_around_the_target_s_name_does_not_matter(frame):
    assert table.train(frame, " kind ", **QUICK).target.name == "kind"


def test_unknown_arguments_are_told(frame):
    with pytest.raises(InputError, match="target: unknown column 'kinds'; did you mean 'kind'"):
        table.train(frame, "kinds")
    with pytest.raises(TypeError, match="did you mean 'rng'"):
        table.train(frame, "kind", seed=3)


# ---- validation, weights


def parts(frame, **options):
    training = table.Training(frame, "y", drop=["kind"], **{**QUICK, "seeds": 2, **options})
    return training, [training._split(k) for k in range(2)]


def test_each_network_has_validation_rows_of_its_own(frame):
    _, splits = parts(frame)
    for rest, held in splits:
        assert len(held) == 45
        assert sorted([*rest, *held]) == list(range(ROWS))
    assert set(splits[0][1]) != set(splits[1][1])


def test_groups_stay_together_and_the_last_rows_validate(frame):
    training, splits = parts(frame, group="group")
    for rest, held in splits:
        assert not set(frame["group"].iloc[rest]) & set(frame["group"].iloc[held])
    assert "group" not in training.encoder.feature_names_in_
    later = frame.assign(day=pd.date_range("2020-01-01", periods=ROWS)[::-1])
    for rest, held in parts(later, time="day")[1]:
        assert later["day"].iloc[held].min() > later["day"].iloc[rest].max()


def test_rows_that_follow_each_other_in_time_are_told(frame):
    def notes(days, **options):
        dated = frame.assign(day=days)
        return [note for note in table.Training(dated, "y", **QUICK, **options).notes if "follow each other" in note]

    days = pd.date_range("2020-01-01", periods=ROWS).repeat(2)[:ROWS]
    expected = ["the rows follow each other in 'day'; time='day' holds back the latest, not rows at random"]
    assert notes(days) == notes(days[::-1]) == expected
    mixed = days[np.random.default_rng(0).permutation(ROWS)]
    assert not notes(mixed) + notes(days, time="day") + notes(days, group="group") + notes(days, validation=None)


def test_validation_by_a_table_or_none(frame):
    model = table.train(frame[:200], "y", validation=frame[200:], **QUICK)
    X, y = model.encoder.transform(frame[200:]), model.target.encode(frame["y"][200:])
    expected = model.trainers[0].evaluate(X, y)["loss"]
    assert min(model.history[0]["val_loss"]) == pytest.approx(expected, rel=1e-6)
    assert "val_loss" not in table.train(frame, "y", validation=None, **QUICK).history[0]


def test_a_weight_of_0_is_as_if_the_row_were_not_there(frame):
    half = frame.assign(weight=(frame.index < 150).astype(float))
    odd = half.assign(y=half["y"].where(half["weight"] > 0, 1e4))  # rows that must not count
    model = table.train(odd, "y", weight="weight", validation=None, seeds=1, epochs=200, drop=["kind"])
    assert "weight" not in model.encoder.feature_names_in_
    errors = np.abs(model.predict(frame[:150]) - frame["y"][:150])
    assert errors.median() < 200.0  # of a range of 10,000
    assert model.predict(frame).max() < 5000.0


def test_balanced_classes_raise_the_recall_of_the_rare_one():
    made = np.random.default_rng(0)
    x = np.append(made.normal(0.0, 1.0, 950), made.normal(1.5, 1.0, 50))
    frame = pd.DataFrame({"x": x, "y": ["often"] * 950 + ["rare"] * 50})
    recalls = []
    for class_weight in (None, "balanced", {"rare": 19.0}):
        model = table.train(frame, "y", class_weight=class_weight, seeds=1, epochs=30)
        recalls.append((model.predict(frame[950:]) == "rare").mean())
    assert recalls[0] < 0.4
    assert min(recalls[1:]) > 0.6


# ---- the course of training


class Stop(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, trainer, epoch, metrics):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_an_interruption_leaves_the_networks_that_are_done(frame):
    training = table.Training(frame, "y", seeds=3, epochs=4, hidden=(4,))
    with pytest.raises(KeyboardInterrupt):
        training.fit(callbacks=lambda k: [Stop(3)] if k == 1 else [])
    assert [outcome.stopped for outcome in training.model.outcomes] == ["epochs", "interrupted"]
    assert training.fit() is not None
    assert len(training.model.trainers) == 3


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("kind", {}),
        ("kind", {"class_weight": "balanced", "validation": None, "patience": 0}),
        ("y", {"weight": "weight", "threads": 2}),
        ("y", {"loss": "huber"}),
        ("y", {"group": "group", "optimizer": "sgd", "patience": 1}),
    ],
)
def test_networks_that_are_trained_together_are_those_trained_one_after_the_other(frame, target, options):
    def training():
        drop = [{"kind": "y", "y": "kind"}[target]]
        return table.Training(frame, target, drop=drop, **{"seeds": 3, "epochs": 40, "hidden": (8,), **options})

    together, told = training(), []
    model = together.fit(progress=lambda *given: told.append(given))
    trainers = training().fit(callbacks=[Callback()])
    assert model.outcomes == trainers.outcomes
    assert together.networks == model.trainers
    for k, (one, other) in enumerate(zip(model.trainers, trainers.trainers, strict=True)):
        np.testing.assert_array_equal(one.theta, other.theta)
        assert list(one.history) == list(other.history)
        for name, column in other.history.items():
            np.testing.assert_allclose(one.history[name], column, rtol=1e-5, atol=1e-6)
        numbers = [{name: column[i] for name, column in one.history.items()} for i in range(one.epoch)]
        found = [(epoch, shown) for network, epoch, shown in told if network == k]
        assert [epoch for epoch, _ in found] == list(range(1, one.epoch + 1))
        assert [shown for _, shown in found] == [pytest.approx(shown) for shown in numbers]


def test_an_interruption_of_networks_that_are_trained_together_leaves_those_that_were_begun(frame):
    def stop(network, epoch, numbers):
        if network == 1:
            raise KeyboardInterrupt

    training = table.Training(frame, "y", seeds=3, epochs=4, hidden=(4,))
    with pytest.raises(KeyboardInterrupt):
        training.fit(progress=stop)
    begun = len(training.model.trainers)
    assert begun >= 2
    assert all(np.isfinite(trainer.theta).all() for trainer in training.model.trainers)
    whole = table.Training(frame, "y", seeds=3, epochs=4, hidden=(4,)).fit()
    went_on = training.fit()
    assert len(went_on.trainers) == 3
    np.testing.assert_array_equal(went_on.trainers[0].theta, whole.trainers[0].theta)


def test_networks_that_diverge_end_the_training_in_the_same_way_together(frame):
    def ended(**options):
        rate = nbtrain.schedule("warmup", rate=200.0, steps=20_000)
        training = table.Training(
            frame, "y", seeds=3, epochs=400, patience=0, optimizer="sgd", learning_rate=rate, hidden=(8,)
        )
        with pytest.raises(DivergenceError, match="training diverged"):
            training.fit(**options)
        return training.model

    together, trainers = ended(), ended(callbacks=[Callback()])
    assert [outcome.stopped for outcome in together.outcomes] == ["diverged"]
    assert together.outcomes == trainers.outcomes
    np.testing.assert_array_equal(together.trainers[0].theta, trainers.trainers[0].theta)


def test_nothing_is_left_of_a_training_that_diverged_at_once(frame):
    training = table.Training(frame, "y", seeds=1, optimizer="sgd", learning_rate=1e30, dtype="float32")
    with pytest.raises(DivergenceError):
        training.fit()
    assert training.model is None


def test_checkpoints_resume_each_network(frame, tmp_path):
    def training():
        return table.Training(frame, "y", seeds=2, epochs=6, hidden=(4,))

    whole = training().fit()
    with pytest.raises(KeyboardInterrupt):
        training().fit(callbacks=lambda k: [Stop(4)] if k == 1 else [], checkpoint=tmp_path / "run.nbt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.2.nbt", "run.nbt"]
    resumed = training().fit(checkpoint=tmp_path / "run.nbt")
    assert np.array_equal(resumed.predict(frame), whole.predict(frame))


def test_large_tables_have_larger_networks():
    assert table.settings.chosen_settings(10_000, *[None] * 6)["hidden"] == (64, 64)
    settings = table.settings.chosen_settings(10_001, *[None] * 6)
    assert (settings["hidden"], settings["batch_size"], settings["learning_rate"]) == ((128, 128), 256, 3e-3)
    assert table.settings.chosen_settings(100, *[None] * 6)["epochs"] == 500


# ---- files


def test_a_model_is_the_same_after_saving(frame, classifier, tmp_path):
    classifier.save(tmp_path / "m.nbt")
    again = table.load(tmp_path / "m.nbt")
    assert np.array_equal(again.predict_proba(frame), classifier.predict_proba(frame))
    assert again.target == classifier.target
    assert again.encoder.columns_ == classifier.encoder.columns_
    assert (again.notes, again.outcomes, again.columns) == (classifier.notes, classifier.outcomes, classifier.columns)
    assert [dict(one) for one in again.history] == [dict(one) for one in classifier.history]
    assert np.array_equal(again.encoder.get_feature_names_out(), classifier.encoder.get_feature_names_out())


def test_models_can_be_pickled(frame, regressor):
    again = pickle.loads(pickle.dumps(regressor))
    assert np.array_equal(again.predict(frame), regressor.predict(frame))


def test_nbtrain_load_gives_the_network_of_a_model_of_one(frame, classifier, tmp_path):
    model = table.train(frame, "y", **QUICK)
    model.save(tmp_path / "one.nbt")
    trainer = nbtrain.load(tmp_path / "one.nbt")
    X = model.encoder.transform(frame)
    assert np.array_equal(trainer.predict(X), model.trainers[0].predict(X))
    classifier.save(tmp_path / "two.nbt")
    with pytest.raises(ModelFileError, match=r"a table's model of 2 networks; nbtrain\.table\.load reads it"):
        nbtrain.load(tmp_path / "two.nbt")


def test_safetensors_reads_the_file(classifier, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    classifier.save(tmp_path / "m.nbt")
    tensors = safetensors.load_file(tmp_path / "m.nbt")
    assert json.loads(tensors["table"].tobytes())["target"]["name"] == "kind"


def test_files_of_other_kinds_are_refused(classifier, tmp_path):
    trainer = classifier.trainers[0]
    trainer.save(tmp_path / "plain.nbt", metadata={})
    with pytest.raises(ModelFileError, match=r"holds a trainer without a table; nbtrain\.load reads it"):
        table.load(tmp_path / "plain.nbt")
    trainer.save(tmp_path / "old.nbt", metadata={"table": {"version": 1, "columns": []}})
    with pytest.raises(ModelFileError, match="encoded in the way of an older nbtrain; train the model again"):
        table.load(tmp_path / "old.nbt")
    with pytest.raises(FileNotFoundError):
        table.load(tmp_path / "none.nbt")
    (tmp_path / "text.nbt").write_text("a,b\n1,2\n" * 100)
    with pytest.raises(ModelFileError, match="not an nbtrain model file"):
        table.load(tmp_path / "text.nbt")


def rewritten(path, change) -> None:
    """The file with another description, and a digest that fits."""
    found = container.decode(path.read_bytes(), str(path))
    described = json.loads(found.tensors["table"].tobytes())
    change(described)
    tensors = {**found.tensors, "table": np.frombuffer(json.dumps(described).encode(), np.uint8)}
    metadata = {key: value for key, value in found.metadata.items() if key != "sha256"}
    path.write_bytes(b"".join(container.encode(metadata, tensors)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(version=9), "version 9"),
        (lambda d: d.pop("encoder"), "KeyError"),
        (lambda d: d["encoder"]["columns"].pop(), "do not match its networks"),
        (lambda d: d["encoder"]["columns"][0].update(scale=0), "scale|numbers"),
        (lambda d: d["target"].update(labels=["a"]), "target"),
        (lambda d: d["target"].update(scale=-1.0), "target"),
        (lambda d: d["outcomes"].pop(), "zip"),
        (lambda d: d["outcomes"][0].update(more=1), "more"),
        (lambda d: d.update(notes=3), "cannot be read"),
    ],
)
def test_descriptions_that_make_no_sense_are_refused(classifier, tmp_path, change, words):
    path = tmp_path / "m.nbt"
    classifier.save(path)
    rewritten(path, change)
    with pytest.raises(ModelFileError, match=words):
        table.load(path)


def test_damaged_files_are_refused(classifier, tmp_path):
    path = tmp_path / "m.nbt"
    classifier.save(path)
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(data)
        damaged[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            table.load(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelFileError):
        table.load(path)
    assert hashlib.sha256(data).digest()


# ---- files of rows


def test_files_to_predict_are_read_as_in_training():
    people = np.random.default_rng(0).integers(100, 3000, 300)
    content = "town\tpeople\tshops\n" + "".join(f"0{k % 3}\t{p:,}\t{p * 0.01:.2f}\n" for k, p in enumerate(people))
    model = table.train(table.read(io.BytesIO(content.encode())), "shops", seeds=1, epochs=100)
    for new in (
        "town\tpeople\n01\t990\n01\t2,500\n",
        "people;town\n990;01\n2,500;01\n",
        "town,people\n01,990\n01,2500\n",
    ):
        found = model.predict(model.read(io.BytesIO(new.encode())))
        np.testing.assert_allclose(found, [9.9, 25.0], rtol=0.1)


def test_what_was_said_of_the_training_files_is_said_again(tmp_path):
    x = np.arange(100)
    (tmp_path / "t.csv").write_text("d,n,y\n" + "".join(f'{1 + k % 12}/{1 + k % 9}/2024,"{k},000",{k}.5\n' for k in x))
    read = table.read(tmp_path / "t.csv", date_format="%m/%d/%Y", thousands=",")
    model = table.train(read, "y", seeds=1, epochs=2)
    model.save(tmp_path / "m.nbt")
    found = table.load(tmp_path / "m.nbt").read(tmp_path / "t.csv").frame
    pd.testing.assert_frame_equal(found, read.frame)


def test_files_without_header_are_matched_by_position():
    rows = [f"{k / 10},{'ab'[k % 2]},{k}.5" for k in range(100)]
    model = table.train(table.read(io.BytesIO("\n".join(rows).encode())), "column 3", **QUICK)
    new = model.read(io.BytesIO(b"0.5,a\n1.5,b\n"))
    assert list(new.frame.columns) == ["column 1", "column 2"]
    assert model.predict(new).shape == (2,)
    with pytest.raises(InputError, match="4 columns without names; the model takes 2: 'column 1', 'column 2'"):
        model.read(io.BytesIO(b"1,a,2,3\n"))
