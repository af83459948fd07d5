"""A run that is probed is the run that is not; what it measures survives what a run survives."""

from __future__ import annotations

import math
import os
import signal

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from pj2.config.schema import OptimizerConfig
from pj2.geometry.moments import CHANNELS
from pj2.runs.files import LAYERS, MOMENTS, PROBE_SCHEMAS, PROBES
from pj2.runs.interrupt import Interrupted
from pj2.training.optimizer import make_optimizer
from pj2.training.probing import updated_parameters, weight_layers
from pj2.training.trainer import Trainer
from tests.helpers.small_run import artifacts, assert_same_run, small_data, train

PROBE = {
    "every": 3, "steps": 3, "along": ["gradient", "update"], "covariate_shift": True,
    "moments": True,
}  # fmt: skip
# Narrow networks: what is tested is not how long convolutions take.
NARROW = {"architecture": {"width": 0.25}}


class StopAt:
    def __init__(self, step: int) -> None:
        self._step = step

    def on_step(self, step) -> None:
        if step.index == self._step:
            os.kill(os.getpid(), signal.SIGTERM)


def tables(folder) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in PROBE_SCHEMAS}


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probed")
    train(folder / "run", folder / "store", probe=PROBE)
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "ImprovedCNN", "epochs": 1, **NARROW},  # BatchNorm and dropout
        {"model": "VGG_A_BatchNorm", "epochs": 2, "init": "xavier", **NARROW},
        {"model": "VGG_A_BatchNorm", "epochs": 1, "precision": "bf16", **NARROW},
        {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}},
    ],
)
def test_probes_change_no_bit_of_a_run(tmp_path, changes):
    train(tmp_path / "plain", tmp_path / "store", **changes)
    train(tmp_path / "probed", tmp_path / "store", probe=PROBE, **changes)
    assert artifacts(tmp_path / "plain") == artifacts(tmp_path / "probed")
    assert not (tmp_path / "plain" / PROBES).exists()


def test_what_is_measured_and_when(probed):
    table = pq.read_table(probed / "run" / PROBES)
    assert table.schema.equals(PROBE_SCHEMAS[PROBES])
    frame, steps = table.to_pandas(), pd.read_parquet(probed / "run" / "steps.parquet")
    assert frame.step.drop_duplicates().tolist() == list(range(0, 24, 3))
    assert frame.groupby(["step", "along"]).size().unique().tolist() == [3]
    assert frame.step_length[:3].tolist() == pytest.approx([5e-4, math.sqrt(2) * 1e-3, 4e-3])
    # Where nothing is random but the batch, the probe starts at the step's own loss.
    merged = frame.merge(steps, on=["step", "epoch"], suffixes=("", "_recorded"))
    assert merged.start_loss.to_numpy() == pytest.approx(merged.loss_recorded, rel=1e-5)
    assert merged.gradient_norm.to_numpy() == pytest.approx(merged.grad_norm, rel=1e-4)
    layers = pq.read_table(probed / "run" / LAYERS)
    assert layers.schema.equals(PROBE_SCHEMAS[LAYERS])
    assert layers.column("layer").to_pylist()[:5] == list(weight_layers(_basic()))
    assert layers.to_pandas().query("depth == 0").difference.eq(0).all()
    moments = pq.read_table(probed / "run" / MOMENTS)
    assert moments.schema.equals(PROBE_SCHEMAS[MOMENTS])
    of_a_step = moments.to_pandas().groupby("step").size()
    assert of_a_step.index.tolist() == list(range(0, 24, 3))
    assert of_a_step.unique().tolist() == [3 * CHANNELS]  # of three convolutions


def test_norms_of_layers_are_recorded_of_every_probed_run(tmp_path):
    train(tmp_path / "run", tmp_path / "store", probe={"every": 3, "steps": 2}, epochs=1)
    layers = pd.read_parquet(tmp_path / "run" / LAYERS)
    assert layers[["difference", "cosine"]].isna().all(axis=None)
    assert pd.read_parquet(tmp_path / "run" / MOMENTS).empty
    # Together, and with those of the biases, they are the norm of the whole gradient.
    whole = pd.read_parquet(tmp_path / "run" / PROBES).groupby("step").gradient_norm.first()
    parts = layers.groupby("step").gradient_norm.apply(lambda norms: (norms**2).sum() ** 0.5)
    assert (parts < whole).all()
    assert (parts > 0.8 * whole).all()


def _basic() -> nn.Module:
    from pj2.models.registry import build_model

    return build_model("BasicCNN", 10)


@pytest.mark.parametrize("step", [1, 4, 7, 12])
def test_interrupted_and_continued_it_measured_the_same(tmp_path, probed, step):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [StopAt(step)], probe=PROBE)
    train(tmp_path / "run", tmp_path / "store", probe=PROBE)
    assert_same_run(tmp_path / "run", probed / "run")
    assert tables(tmp_path / "run") == tables(probed / "run")


def test_restored_from_the_store_with_its_probes(tmp_path, probed, monkeypatch):
    monkeypatch.setattr(Trainer, "train_epoch", None)  # not to be called
    train(tmp_path / "run", probed / "store", probe=PROBE)
    assert tables(tmp_path / "run") == tables(probed / "run")


def test_a_shorter_budget_has_the_probes_of_its_epochs(tmp_path, probed, monkeypatch):
    monkeypatch.setattr(Trainer, "train_epoch", None)
    train(tmp_path / "run", probed / "store", probe=PROBE, epochs=1)
    assert pd.read_parquet(tmp_path / "run" / PROBES).step.max() == 6


def test_a_diverged_run_keeps_what_was_measured(tmp_path):
    changes = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}}
    train(tmp_path / "run", tmp_path / "store", probe={"every": 1, "steps": 2}, **changes)
    frame = pd.read_parquet(tmp_path / "run" / PROBES)
    assert frame.step.min() == 0
    assert not frame.loss.map(math.isfinite).all()


@pytest.mark.parametrize(
    "config",
    [
        {"name": "sgd"},
        {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
        {"name": "adam"},
        {"name": "adamw", "weight_decay": 0.1},
    ],
)
def test_the_foreseen_update_is_the_one_that_comes(config):
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(5))]
    optimizer = make_optimizer(parameters, OptimizerConfig(**config), 0.01)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        gradient = [parameter.grad.clone() for parameter in parameters]
        point = [parameter.detach().clone() for parameter in parameters]
        foreseen = updated_parameters(optimizer, point, gradient)
        optimizer.step()
        for parameter, expected in zip(parameters, foreseen, strict=True):
            torch.testing.assert_close(parameter.detach().double(), expected, rtol=1e-6, atol=1e-7)


def test_along_the_update_of_plain_sgd_is_along_the_gradient(tmp_path):
    train(
        tmp_path / "run", tmp_path / "store", probe=PROBE, epochs=1,
        optimizer={"name": "sgd"}, learning_rate=0.1,
    )  # fmt: skip
    frame = pd.read_parquet(tmp_path / "run" / PROBES)
    gradient, update = (frame[frame.along == each] for each in ("gradient", "update"))
    for column in ("loss", "gradient_distance", "direction_norm"):
        assert gradient[column].to_numpy() == pytest.approx(update[column].to_numpy(), rel=1e-3)


def test_the_data_of_these_tests_fill_no_batch_of_one():
    assert len(small_data().train_labels) == 75
