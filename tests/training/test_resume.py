"""Interrupted, killed, damaged, longer and shorter: a run always ends with the same bytes."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from pj2.fingerprint.run import run_fingerprint
from pj2.runs.files import EPOCHS, RUN, STEPS
from pj2.runs.interrupt import Interrupted
from pj2.runs.trajectory import Trajectory
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from tests.helpers.repository import REPOSITORY
from tests.helpers.small_run import (
    SignalAt,
    artifacts,
    assert_same_run,
    flip_a_byte,
    open_folder,
    small_data,
    small_settings,
    train,
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run of 3 epochs that nothing disturbed; 8 steps an epoch."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(folder / "run", folder / "store")
    return folder / "run"


@pytest.fixture
def at_once(monkeypatch):
    """Weights are dropped at once, as if each epoch took longer than a manifest to be written."""
    monkeypatch.setattr("pj2.store.store.IN_USE_SECONDS", 0.0)


def stored(store, **changes) -> list[Trajectory]:
    fingerprint = run_fingerprint(small_settings(**changes), small_data().hash)
    return [Trajectory.of(m) for m in open_folder(store).manifests(fingerprint.digest)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [0, 7, 12, 22])  # first, last of an epoch, within, last but one
def test_asked_to_stop_it_saves_and_continues_at_the_next_step(
    tmp_path, uninterrupted, capsys, step, number
):
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(step, number)])
    assert not (tmp_path / "run").exists()
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == handlers
    newest = stored(tmp_path / "store")[0]
    done = 8 * len(newest.epochs) + newest.state.steps
    assert done == step + 1
    capsys.readouterr()
    train(tmp_path / "run", tmp_path / "store")
    assert "continues after" in capsys.readouterr().out
    assert_same_run(tmp_path / "run", uninterrupted)


def test_interrupted_again_and_again(tmp_path, uninterrupted):
    for step in range(3, 20, 4):
        with pytest.raises(Interrupted):
            train(tmp_path / "run", tmp_path / "store", [SignalAt(step)])
    train(tmp_path / "run", tmp_path / "store")
    assert_same_run(tmp_path / "run", uninterrupted)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"name": "sgd", "momentum": 0.9}},
        {"optimizer": {"name": "sgd"}},
        {"optimizer": {"name": "adamw", "weight_decay": 0.1}},
        # Dropout draws from the global random state; BatchNorm has statistics of its own.
        {"model": "ImprovedCNN", "architecture": {"width": 0.25}, "batch_size": 20, "epochs": 1},
        {"precision": "bf16"},
    ],
)
def test_every_kind_of_state_is_saved(tmp_path, changes):
    train(tmp_path / "whole", tmp_path / "a store", **changes)
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(1)], **changes)
    train(tmp_path / "run", tmp_path / "store", **changes)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_killed_at_ten_random_moments(tmp_path):
    command = [sys.executable, "-m", "tests.training.kill_trials", tmp_path, "10"]
    trials = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert trials.returncode == 0, trials.stdout + trials.stderr
    alive = int(trials.stdout.rpartition("alive when killed: ")[2])
    assert alive >= 5  # or the moments were not within the run


def test_two_processes_that_make_the_same_run_at_once(tmp_path, uninterrupted):
    code = "import sys; from pathlib import Path; from tests.helpers.small_run import train\n"
    code += "train(*map(Path, sys.argv[1:]))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / name, tmp_path / "store"],
            cwd=REPOSITORY,
        )
        for name in ("one", "two")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert_same_run(tmp_path / "one", uninterrupted)
    assert_same_run(tmp_path / "two", uninterrupted)
    train(tmp_path / "three", tmp_path / "store")
    assert_same_run(tmp_path / "three", uninterrupted)
    assert not (tmp_path / "store" / "damaged").exists()


def test_a_longer_budget_continues_and_a_shorter_one_needs_no_training(tmp_path, capsys):
    train(tmp_path / "five at once", tmp_path / "a store", epochs=5)
    train(tmp_path / "three", tmp_path / "store", epochs=3)
    capsys.readouterr()
    train(tmp_path / "five", tmp_path / "store", epochs=5)
    lines = capsys.readouterr().out
    assert "continues after 3 epochs" in lines
    assert [n for n in range(1, 6) if f"epoch {n}/5" in lines] == [4, 5]
    assert_same_run(tmp_path / "five", tmp_path / "five at once")

    train(tmp_path / "two at once", tmp_path / "another store", epochs=2)
    capsys.readouterr()
    train(tmp_path / "two", tmp_path / "store", epochs=2)
    assert capsys.readouterr().out == ""  # nothing was trained
    assert_same_run(tmp_path / "two", tmp_path / "two at once")
    assert len(pd.read_parquet(tmp_path / "two" / EPOCHS)) == 2


def test_patience_and_monitor_are_a_budget_too(tmp_path, capsys):
    # A rate this small changes no prediction, so epoch 0 stays the best.
    changes = {"learning_rate": 1e-12, "epochs": 9}
    train(tmp_path / "2", tmp_path / "store", patience=2, **changes)
    where = train(tmp_path / "4", tmp_path / "store", patience=4, **changes)
    assert (where.status, where.epochs) == ("stopped_early", 5)
    train(tmp_path / "4 at once", tmp_path / "a store", patience=4, **changes)
    assert_same_run(tmp_path / "4", tmp_path / "4 at once")
    capsys.readouterr()
    where = train(tmp_path / "1", tmp_path / "store", patience=1, **changes)
    assert (where.status, where.epochs) == ("stopped_early", 2)
    where = train(
        tmp_path / "t", tmp_path / "store", monitor="test_accuracy", patience=3, **changes
    )
    assert where.epochs == 4
    assert capsys.readouterr().out == ""


def test_a_restored_run_is_the_same_in_every_file(tmp_path, uninterrupted):
    train(tmp_path / "run", tmp_path / "store")
    train(tmp_path / "again", tmp_path / "store")
    for name in os.listdir(tmp_path / "run"):
        assert filecmp.cmp(tmp_path / "run" / name, tmp_path / "again" / name, shallow=False)


def test_a_model_without_a_convolution_is_continued_and_restored(tmp_path, monkeypatch):
    monkeypatch.setattr("pj2.training.trainer.first_convolution", lambda model: None)
    train(tmp_path / "run", tmp_path / "store", epochs=1)
    longer = train(tmp_path / "run", tmp_path / "store", epochs=2)
    assert train(tmp_path / "again", tmp_path / "store", epochs=2) == longer
    assert_same_run(tmp_path / "again", tmp_path / "run")
    assert json.loads((tmp_path / "again" / RUN).read_text())["first_conv"] is None


def test_a_diverged_run_is_restored_too(tmp_path):
    changes = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}}
    first = train(tmp_path / "run", tmp_path / "store", **changes)
    assert first.status == "diverged"
    assert train(tmp_path / "again", tmp_path / "store", **changes) == first
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "again")
    run = json.loads((tmp_path / "again" / RUN).read_text())
    assert run["diverged_at_step"] == len(pd.read_parquet(tmp_path / "again" / STEPS))


def test_a_damaged_checkpoint_is_not_used_but_the_one_before(tmp_path, uninterrupted, capsys):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(19)])
    newest, older = stored(tmp_path / "store")
    assert (newest.state.steps, len(older.epochs)) == (4, 2)
    flip_a_byte(tmp_path / "store" / newest.state.optimizer.name)
    train(tmp_path / "run", tmp_path / "store")
    said = capsys.readouterr().out
    assert "is damaged; it is not used" in said
    assert "continues after 2 epochs\n" in said
    assert_same_run(tmp_path / "run", uninterrupted)


def test_damaged_weights_of_a_finished_run_are_made_again(tmp_path, uninterrupted, capsys):
    train(tmp_path / "run", tmp_path / "store")
    weights = stored(tmp_path / "store")[0].epochs[-1].weights
    flip_a_byte(tmp_path / "store" / weights.name)
    capsys.readouterr()
    train(tmp_path / "again", tmp_path / "store")
    said = capsys.readouterr().out
    assert "is damaged; it is not used" in said
    assert_same_run(tmp_path / "again", uninterrupted)
    # The store is whole again.
    capsys.readouterr()
    train(tmp_path / "third", tmp_path / "store")
    assert capsys.readouterr().out == ""
    assert_same_run(tmp_path / "third", uninterrupted)


def test_weights_of_an_earlier_epoch_that_turn_out_damaged_at_the_end(tmp_path, capsys):
    rate = {"learning_rate": 0.03}
    where = train(tmp_path / "whole", tmp_path / "a store", **rate)
    assert where.best_epoch == 0  # so that it is not trained again after the interruption
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(19)], **rate)
    best = stored(tmp_path / "store", **rate)[0].epochs[0].weights
    flip_a_byte(tmp_path / "store" / best.name)
    train(tmp_path / "run", tmp_path / "store", **rate)
    assert "starts over" in capsys.readouterr().out
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_a_checkpoint_of_other_settings_is_never_used(tmp_path, capsys):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(12)])
    train(tmp_path / "other", tmp_path / "store", learning_rate=2e-3)
    assert "continues" not in capsys.readouterr().out
    train(tmp_path / "other at once", tmp_path / "a store", learning_rate=2e-3)
    assert_same_run(tmp_path / "other", tmp_path / "other at once")


@pytest.mark.parametrize(
    ("part", "change"),
    [("hardware", {"name": "another processor"}), ("versions", {"torch": "2.0.0"})],
)
def test_only_the_same_machine_continues_but_every_machine_restores(
    tmp_path, uninterrupted, capsys, part, change
):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "here", [SignalAt(12)])
    elsewhere = stored(tmp_path / "here")[0]
    elsewhere = replace(elsewhere, **{part: {**getattr(elsewhere, part), **change}})
    fingerprint = run_fingerprint(small_settings(), small_data().hash)
    for manifest in open_folder(tmp_path / "here").manifests(fingerprint.digest):
        (tmp_path / "here" / manifest.name).unlink()
    open_folder(tmp_path / "here").publish(elsewhere.manifest(fingerprint))
    capsys.readouterr()
    train(tmp_path / "run", tmp_path / "here")
    assert "starts over: 1 epochs and 5 steps were made on" in capsys.readouterr().out
    assert_same_run(tmp_path / "run", uninterrupted)
    # A finished run serves everybody.
    finished = stored(tmp_path / "here")[0]
    finished = replace(finished, **{part: {**getattr(finished, part), **change}})
    open_folder(tmp_path / "there").publish(finished.manifest(fingerprint))
    (tmp_path / "here" / "blobs").rename(tmp_path / "there" / "blobs")
    capsys.readouterr()
    train(tmp_path / "restored", tmp_path / "there")
    assert capsys.readouterr().out == ""
    assert_same_run(tmp_path / "restored", uninterrupted)


def test_two_generations_of_checkpoints_are_kept_while_a_run_goes_on(at_once, tmp_path):
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(8 * 4, signal.SIGTERM)], epochs=5)
    kept = stored(tmp_path / "store", epochs=5)
    assert [len(each.epochs) for each in kept] == [4, 4]
    blobs = {path.name for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file()}
    needed = {epoch.weights for epoch in kept[0].epochs[1:]}  # the first is no epoch to keep
    needed |= {epoch.steps for epoch in kept[0].epochs}
    for each in kept:
        needed |= {each.state.optimizer, each.state.weights, each.state.partial} - {None}
    assert blobs == {blob.sha256 for blob in needed}


def test_a_store_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path, uninterrupted):
    (tmp_path / "a file").touch()
    said: list[str] = []
    store = RunStore(Folder(tmp_path / "a file" / "store"), say=said.append)
    train(tmp_path / "run", store)
    assert len(said) == 1
    assert "cannot be written" in said[0]
    assert_same_run(tmp_path / "run", uninterrupted)


def test_no_state_is_held_in_memory_that_the_result_does_not_need(tmp_path):
    (tmp_path / "a file").touch()
    store = RunStore(Folder(tmp_path / "a file" / "store"), say=lambda line: None)
    train(tmp_path / "run", store, epochs=5)
    weights = [data for data in store._memory.values() if len(data) > 1_000_000]
    assert len(weights) <= 2


# Which weights the store keeps


def kept_weights(store, **changes) -> list[int]:
    runs = open_folder(store)
    newest = stored(store, **changes)[0]
    return [e.row.epoch + 1 for e in newest.epochs if e.weights and runs.has(e.weights)]


def test_the_store_keeps_the_best_the_last_and_a_few_epochs_between(at_once, tmp_path):
    made = train(tmp_path / "run", tmp_path / "store", epochs=9)
    rows = pd.read_parquet(tmp_path / "run" / EPOCHS)
    best = {rows[f"{split}_accuracy"].idxmax() + 1 for split in ("val", "test")}
    assert kept_weights(tmp_path / "store", epochs=9) == sorted({4, 8, 9} | best)
    assert len(stored(tmp_path / "store", epochs=9)) == 1
    shutil.rmtree(tmp_path / "run")
    assert train(tmp_path / "run", tmp_path / "store", epochs=9) == made  # restored
    train(tmp_path / "longer", tmp_path / "store", epochs=11)
    train(tmp_path / "at once", tmp_path / "other", epochs=11)
    assert_same_run(tmp_path / "longer", tmp_path / "at once")


def test_the_store_keeps_every_epoch_if_it_is_to(at_once, tmp_path):
    store = open_folder(tmp_path / "store")
    store.keeps_every_epoch = True
    train(tmp_path / "run", store, epochs=9)
    assert kept_weights(tmp_path / "store", epochs=9) == list(range(1, 10))


def test_a_budget_of_which_the_weights_are_gone_is_trained_again(at_once, tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "store", epochs=9)
    train(tmp_path / "shorter", tmp_path / "store", epochs=3)
    train(tmp_path / "at once", tmp_path / "other", epochs=3)
    assert_same_run(tmp_path / "shorter", tmp_path / "at once")
    shutil.rmtree(tmp_path / "run")
    capsys.readouterr()
    train(tmp_path / "run", tmp_path / "store", epochs=9)
    assert capsys.readouterr().out == ""  # the longer one is restored all the same


def test_weights_that_were_there_before_stay(at_once, tmp_path):
    """Another entry may refer to them."""
    train(tmp_path / "run", tmp_path / "store", epochs=5)
    before = kept_weights(tmp_path / "store", epochs=5)
    train(tmp_path / "longer", tmp_path / "store", epochs=9)
    assert set(before) <= set(kept_weights(tmp_path / "store", epochs=9))


def test_weights_that_another_process_just_used_stay(tmp_path):
    train(tmp_path / "run", tmp_path / "store", epochs=9)
    assert kept_weights(tmp_path / "store", epochs=9) == list(range(1, 10))
