"""What a run records of its steps besides loss and gradient: as measured, and none missing."""

from __future__ import annotations

import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

from pj2.fingerprint.code import training_code
from pj2.runs.adopt import adopt_run
from pj2.runs.files import BEST, LAST, STEPS
from pj2.runs.interrupt import Interrupted
from tests.helpers.small_run import (
    SignalAt,
    artifacts,
    assert_same_run,
    open_folder,
    small_settings,
    train,
)

MEASURED = {"quantities": ["weight_norm"], "epochs": 2}


class Norms:
    """An observer that measures the weights itself."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_step(self, step) -> None:
        weights = torch.cat([each.detach().flatten() for each in step.model.parameters()])
        self.seen.append(weights.double().norm().item())


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    train(folder / "run", folder / "store", **MEASURED)
    return folder / "run"


def test_each_step_has_its_value_and_the_run_is_the_same_without(tmp_path, measured):
    norms = Norms()
    train(tmp_path / "run", tmp_path / "store", [norms], epochs=2)
    steps = pd.read_parquet(measured / STEPS)
    assert steps.weight_norm.dtype == "float32"
    assert steps.weight_norm.tolist() == pytest.approx(norms.seen, rel=1e-5)
    plain = pd.read_parquet(tmp_path / "run" / STEPS)
    pd.testing.assert_frame_equal(steps.drop(columns="weight_norm"), plain)
    one, two = artifacts(measured), artifacts(tmp_path / "run")
    assert (one[BEST], one[LAST]) == (two[BEST], two[LAST])


def test_an_interrupted_run_has_the_same_values(tmp_path, measured):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(11, signal.SIGTERM)], **MEASURED)
    train(tmp_path / "run", tmp_path / "store", **MEASURED)
    assert_same_run(tmp_path / "run", measured)


def test_a_run_that_diverges_at_its_first_step_has_the_column(tmp_path):
    train(tmp_path / "run", tmp_path / "store", loss={"name": "squared_error"},
          learning_rate=1e30, optimizer={"name": "sgd"}, **MEASURED)  # fmt: skip
    assert "weight_norm" in pd.read_parquet(tmp_path / "run" / STEPS)


def test_results_that_are_taken_into_a_store_keep_it(tmp_path, measured):
    store = open_folder(tmp_path / "store")
    assert adopt_run(store, measured)
    train(tmp_path / "run", store, **MEASURED)
    assert_same_run(tmp_path / "run", measured)


def test_it_is_in_the_code_of_runs_that_record_it_only():
    plain = training_code(small_settings()).modules.keys()
    recorded = training_code(small_settings(**MEASURED)).modules.keys()
    folder = "pj2.training.quantities"
    assert recorded - plain == {folder, f"{folder}.weight_norm"}


def test_an_unknown_one_is_named():
    with pytest.raises(ValueError, match="no such quantity; the quantities are weight_norm"):
        small_settings(quantities=["norm"])
