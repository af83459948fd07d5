"""TensorBoard reads back what steps.parquet and epochs.parquet hold, each value once."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pj2.cli import jobs
from pj2.errors import UserError
from pj2.runs.files import EPOCHS, STEPS
from pj2.runs.interrupt import Interrupted
from tests.helpers.small_run import open_folder, run_training, small_data, small_settings

DIVERGING = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}}


class Stop:
    """Asks this process to stop at a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, step):
        if step.index == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def train_with_events(folder, observers=(), events="events", **changes):
    settings, store = small_settings(**changes), open_folder(folder / "store")
    run_training(settings, small_data(), folder / "run", store, observers, folder / events)


def reader(folder):
    return EventAccumulator(str(folder), size_guidance={"scalars": 0})


def scalars(folder):
    """Every scalar of a folder: tag to steps and values."""
    read = reader(folder).Reload()
    found = {tag: read.Scalars(tag) for tag in read.Tags()["scalars"]}
    return {tag: ([e.step for e in all_], [e.value for e in all_]) for tag, all_ in found.items()}


def expected(run):
    steps, epochs = pd.read_parquet(run / STEPS), pd.read_parquet(run / EPOCHS)
    ends = (steps.groupby("epoch").step.max() + 1).tolist()[: len(epochs)]
    columns = {
        "loss/train": epochs.train_loss,
        "loss/validation": epochs.val_loss,
        "loss/test": epochs.test_loss,
        "accuracy/train": epochs.train_accuracy,
        "accuracy/validation": epochs.val_accuracy,
        "accuracy/test": epochs.test_accuracy,
        "images_per_second": epochs.images_per_second,
    }
    known = {tag: values.dropna().astype(np.float32) for tag, values in columns.items()}
    found = {tag: (ends, values.tolist()) for tag, values in known.items() if len(values)}
    if len(steps):
        for name in steps.columns.drop(["step", "epoch"]):
            found[f"step/{name}"] = (steps.step.tolist(), steps[name].tolist())
    return found


@pytest.mark.parametrize(
    "changes",
    [{"quantities": ["weight_norm"]}, {"test_every_epoch": False, "epochs": 1}, DIVERGING],
)
def test_events_are_what_the_tables_hold(tmp_path, changes):
    train_with_events(tmp_path, **changes)
    assert scalars(tmp_path / "events") == expected(tmp_path / "run")
    train_with_events(tmp_path, events="restored", **changes)
    assert scalars(tmp_path / "restored") == expected(tmp_path / "run")


def test_events_are_there_at_the_end_of_every_epoch(tmp_path):
    with pytest.raises(Interrupted):  # 8 steps an epoch
        train_with_events(tmp_path, [Stop(19)])
    steps, _ = scalars(tmp_path / "events")["step/loss"]
    assert steps == list(range(16))


def test_an_interrupted_run_has_each_event_once(tmp_path):
    with pytest.raises(Interrupted):
        train_with_events(tmp_path, [Stop(12)])
    open_all_the_time = reader(tmp_path / "events").Reload()
    assert len(open_all_the_time.Scalars("step/loss")) == 8
    time.sleep(1.1)  # files are read in the order of their names, which hold the second
    train_with_events(tmp_path)
    assert scalars(tmp_path / "events") == expected(tmp_path / "run")
    open_all_the_time.Reload()
    seen = [event.step for event in open_all_the_time.Scalars("step/loss")]
    assert seen == list(range(24))


def test_a_run_that_is_restored_again_and_again_has_the_same_events(tmp_path):
    for _ in range(4):
        train_with_events(tmp_path)
        assert scalars(tmp_path / "events") == expected(tmp_path / "run")
    files = (tmp_path / "events").iterdir()
    assert sum(path.stat().st_size > 0 for path in files) == 1


def test_times_are_those_that_the_run_took(tmp_path):
    train_with_events(tmp_path)
    epochs = pd.read_parquet(tmp_path / "run" / EPOCHS)
    train_with_events(tmp_path, events="restored")
    restored = reader(tmp_path / "restored").Reload()
    ends = [event.wall_time for event in restored.Scalars("loss/train")]
    assert np.diff(ends) == pytest.approx(epochs.seconds[1:], rel=1e-3)


def test_without_tensorboard_it_says_so_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr("pj2.runs.events.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install 'tensorboard"):
        jobs.train(
            settings=small_settings().canonical(),
            data=tmp_path / "absent",
            output=tmp_path / "run",
            tensorboard=tmp_path / "events",
        )
    assert list(tmp_path.iterdir()) == []
