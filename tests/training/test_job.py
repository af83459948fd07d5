"""A run's artifacts: schemas, repeatability, early stopping, divergence."""

from __future__ import annotations

import filecmp
import json
import math

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from pj2.config.study import RunSettings
from pj2.errors import UserError
from pj2.evaluation.evaluate import Score, compute_logits, score
from pj2.evaluation.predict import predict
from pj2.models.registry import build_model
from pj2.runs.files import BEST, EPOCHS, LAST, PREDICTIONS, RUN, STEPS
from pj2.store.files import sha256_file
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from pj2.training import trainer
from pj2.training.device import choose_device
from tests.helpers.small_run import run_training


def settings(**changes):
    base = {
        "model": "BasicCNN",
        "learning_rate": 1e-3,
        "seed": 0,
        "epochs": 2,
        "batch_size": 32,
        "validation_fraction": 0.2,
        "precision": "fp32",
    }
    return RunSettings(**{**base, **changes})


@pytest.fixture
def train(data, tmp_path):
    def run(name="run", **changes):
        folder = tmp_path / name
        store = RunStore(Folder(tmp_path / f"store of {name}"))  # nothing is shared
        run_training(settings(**changes), data, folder, store)
        return folder, json.loads((folder / RUN).read_text())

    return run


def test_schemas(train):
    folder, run = train()
    steps = pq.read_schema(folder / STEPS)
    assert [(field.name, str(field.type)) for field in steps] == [
        ("step", "int64"),
        ("epoch", "int32"),
        ("loss", "float"),
        ("grad_norm", "float"),
    ]
    table = pd.read_parquet(folder / STEPS)
    assert table.step.tolist() == list(range(8))  # 120 images: 4 steps, twice
    assert table.epoch.tolist() == [0] * 4 + [1] * 4
    epochs = pd.read_parquet(folder / EPOCHS)
    assert epochs.epoch.tolist() == [0, 1]
    assert epochs.train_loss[0] == pytest.approx(table.loss[:4].mean())
    assert run["status"] == "completed"
    assert run["diverged_at_step"] is None
    assert run["parameters"] == 1_147_466
    assert run["settings"] == settings().model_dump(mode="json")
    assert run["data"]["train_images"] + run["data"]["validation_images"] == 150
    names = (BEST, LAST, STEPS, EPOCHS, PREDICTIONS)
    assert run["artifacts"] == {name: sha256_file(folder / name) for name in names}


def test_the_same_settings_give_the_same_bytes(train):
    first, second = train("first")[0], train("second")[0]
    for name in (BEST, LAST, STEPS, PREDICTIONS):
        assert filecmp.cmp(first / name, second / name, shallow=False), name


def test_the_best_weights_are_those_of_the_best_epoch(train, data):
    folder, run = train(epochs=3)
    epochs = pd.read_parquet(folder / EPOCHS)
    assert run["best_epoch"] == epochs.val_accuracy.idxmax()
    short, _ = train("short", epochs=run["best_epoch"] + 1)
    assert filecmp.cmp(folder / BEST, short / LAST, shallow=False)


@pytest.mark.parametrize("diverges", [False, True])
def test_the_test_split_is_predicted_with_the_best_weights(train, data, tmp_path, diverges):
    changes = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}} if diverges else {}
    folder, run = train(**changes)
    path = tmp_path / "alone.parquet"
    predict(folder / BEST, RunSettings(**run["settings"]), data, path, torch.device("cpu"))
    assert filecmp.cmp(folder / PREDICTIONS, path, shallow=False)


def test_learning_rates_share_initial_weights_and_batches(train):
    first = pd.read_parquet(train("a", learning_rate=1e-3)[0] / STEPS)
    second = pd.read_parquet(train("b", learning_rate=1e-5)[0] / STEPS)
    assert first.loss[0] == second.loss[0]
    assert first.grad_norm[0] == second.grad_norm[0]
    other_seed = pd.read_parquet(train("c", seed=1)[0] / STEPS)
    assert first.loss[0] != other_seed.loss[0]


def test_patience_stops_and_says_so(train, data):
    # A rate this small changes no prediction, so epoch 0 stays the best.
    folder, run = train(learning_rate=1e-12, epochs=9, patience=2)
    assert run["status"] == "stopped_early"
    assert (run["best_epoch"], run["epochs_run"]) == (0, 3)
    assert len(pd.read_parquet(folder / EPOCHS)) == 3


def test_a_last_step_that_leaves_the_finite_numbers_diverges(train):
    """Between the last training loss of an epoch and the first of the next."""
    changes = {"learning_rate": 1e30, "optimizer": {"name": "sgd"}, "batch_size": 120}
    folder, run = train(**changes)  # one step an epoch
    assert (run["status"], run["diverged_at_step"], run["best_epoch"]) == ("diverged", 1, None)
    assert len(pd.read_parquet(folder / STEPS)) == 1
    assert pd.read_parquet(folder / EPOCHS).empty
    assert pd.read_parquet(folder / PREDICTIONS).probabilities.explode().notna().all()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_loss_that_only_the_evaluation_finds_not_finite_diverges(train, monkeypatch, split):
    evaluated = trainer.score

    def score(model, images):
        number = {"validation": 30, "test": 40}[split]
        return Score(math.inf, 0.1) if len(images) == number else evaluated(model, images)

    monkeypatch.setattr(trainer, "score", score)
    _, run = train()
    assert (run["status"], run["diverged_at_step"], run["epochs_run"]) == ("diverged", 4, 0)


def test_test_predictions_that_alone_are_not_finite_diverge(train, data, monkeypatch):
    def overflows(model, images):
        logits = compute_logits(model, images)
        return logits * math.inf if len(images) == len(data.test_labels) else logits

    monkeypatch.setattr("pj2.evaluation.predict.compute_logits", overflows)
    for _ in range(2):  # trained, then from the store
        folder, run = train(test_every_epoch=False)
        assert (run["status"], run["diverged_at_step"], run["best_epoch"]) == ("diverged", 8, None)
        assert run["epochs_run"] == len(pd.read_parquet(folder / EPOCHS)) == 2


def test_a_diverged_run_is_a_result(train):
    folder, run = train(learning_rate=1e12, optimizer={"name": "sgd"}, epochs=3)
    assert run["status"] == "diverged"
    steps = pd.read_parquet(folder / STEPS)
    assert run["diverged_at_step"] == len(steps) < 4
    assert run["best_epoch"] is None
    initial = build_model("BasicCNN", 10, seed=0).state_dict().keys()
    weights = load_file(folder / BEST)
    assert weights.keys() == initial
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert len(pd.read_parquet(folder / EPOCHS)) == 0


def test_the_test_split_may_be_left_alone(train):
    folder, _ = train(test_every_epoch=False)
    epochs = pd.read_parquet(folder / EPOCHS)
    assert epochs.test_accuracy.isna().all()
    assert epochs.test_loss.isna().all()


def test_monitoring_the_test_split_is_the_published_protocol(train):
    folder, run = train(monitor="test_accuracy", epochs=3)
    assert run["best_epoch"] == pd.read_parquet(folder / EPOCHS).test_accuracy.idxmax()


def test_without_validation_all_images_train_and_the_test_set_chooses(train, data):
    folder, run = train(validation_fraction=0, monitor="test_accuracy", epochs=3)
    epochs = pd.read_parquet(folder / EPOCHS)
    assert epochs[["val_loss", "val_accuracy"]].isna().all(axis=None)
    assert run["best_epoch"] == epochs.test_accuracy.idxmax()
    assert run["data"]["train_images"] == len(data.train_labels)
    assert run["data"]["validation_images"] == 0
    steps = pq.read_table(folder / STEPS)
    assert len(steps) == 3 * math.ceil(len(data.train_labels) / 32)


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="cuda is not available here; this machine has cpu"):
        choose_device("cuda")


def test_one_line_per_epoch_off_a_terminal(train, capsys):
    train()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" · ")[1] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("train loss" in line and "images/s" in line for line in lines)


def test_score_restores_the_mode(data):
    model = build_model("VGG_A_BatchNorm", 10).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    score(model, data.test)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
