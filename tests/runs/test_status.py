"""What is said of a run is what became of it: from what its job left on disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pandas as pd
import pytest

from pj2.cli.jobs import train
from pj2.config.load import parse_study
from pj2.config.study import list_runs
from pj2.data.layout import prepared_folder
from pj2.data.prepare import prepare
from pj2.errors import UserError
from pj2.runs import status as status_module
from pj2.runs.files import EPOCHS, RUN, STEPS
from pj2.runs.interrupt import Interrupted
from pj2.runs.progress_file import (
    TRAIN_LOG,
    JobProgress,
    ProgressFile,
    progress_beside,
    read_progress,
)
from pj2.runs.status import StatusReader, study_status


def study_of(**changes):
    grid = {
        "models": ["BasicCNN"],
        "learning_rates": [0.01],
        "batch_size": 32,
        "epochs": 2,
        "precision": "fp32",
        "optimizer": {"name": "sgd"},
    }
    dataset = {"limit": {"train": 100, "test": 20}}
    raw = {"study": "small", "dataset": dataset, "experiments": {"one": {**grid, **changes}}}
    return parse_study(raw, "config.yaml", {})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    study = study_of()
    place = tmp_path_factory.mktemp("prepared")
    prepare(study.dataset, place / prepared_folder(study.dataset))
    return place


@pytest.fixture
def place(prepared, tmp_path, monkeypatch):
    """A working directory with prepared data."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "data").symlink_to(prepared / "results" / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PJ2_STORE", raising=False)
    return tmp_path


def log_of(run) -> Path:
    return Path("results/small") / TRAIN_LOG.format(**run.wildcards)


def job(study, device="cpu"):
    """What the rule of the first run does."""
    run = list_runs(study)[0]
    train(
        settings=run.settings.canonical(),
        data=Path(prepared_folder(study.dataset)),
        output=Path("results/small/runs") / run.folder,
        device=device,
        progress=progress_beside(log_of(run)),
    )


def status_of(study, place):
    (only,) = study_status(study, list_runs(study), place)
    return only


def said(study, place, **changes) -> JobProgress:
    """Write what a job of the first run, on this machine, would have said."""
    path = place / progress_beside(log_of(list_runs(study)[0]))
    ProgressFile(path, epochs=2).write(**changes)
    found = read_progress(path)
    assert found is not None
    return found


def test_waiting_then_done_then_restored(place):
    study = study_of()
    assert status_of(study, place).state == "waiting"
    job(study)
    done = status_of(study, place)
    folder = place / done.folder
    run, epochs = json.loads((folder / RUN).read_text()), pd.read_parquet(folder / EPOCHS)
    assert (done.state, done.restored, done.epoch, done.epochs) == ("done", False, 2, 2)
    assert done.val_accuracy == epochs.val_accuracy[run["best_epoch"]]
    assert done.loss == epochs.train_loss[1]
    assert done.images_per_second == run["images_per_second"]
    assert (done.model, done.lr, done.seed) == ("BasicCNN", 0.01, 0)
    said(study, place)
    assert status_of(study, place).state == "running"  # it is not over before its process is
    rmtree(folder)
    job(study)
    assert status_of(study, place) == replace(done, restored=True)


def test_a_finished_run_of_other_settings_is_stale_and_says_why(place):
    job(study_of())
    stale = status_of(study_of(batch_size=16), place)
    assert stale.state == "stale"
    assert stale.reasons == ("batch_size 32 → 16",)
    (place / stale.folder / STEPS).unlink()
    assert status_of(study_of(), place).reasons == (f"{STEPS} is missing",)


def test_how_a_run_ended_is_its_state(place):
    diverging = study_of(learning_rates=[1e12])
    job(diverging)
    diverged = status_of(diverging, place)
    assert diverged.state == "diverged"
    assert diverged.step == len(pd.read_parquet(place / diverged.folder / STEPS))
    assert diverged.val_accuracy is None
    patient = study_of(learning_rates=[1e-12], epochs=9, patience=1)
    job(patient)
    stopped = status_of(patient, place)
    assert (stopped.state, stopped.epoch, stopped.epochs) == ("stopped_early", 2, 9)


def test_a_job_that_fails_leaves_its_error(place, monkeypatch):
    study = study_of()
    with pytest.raises(UserError):
        job(study, device="mps")
    failed = status_of(study, place)
    assert failed.state == "failed"
    assert "mps is not available here" in (failed.last_line or "")

    def broken(*arguments, **options):
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr("pj2.training.job.train_run", broken)
    with pytest.raises(RuntimeError):
        job(study)
    assert status_of(study, place).last_line == "RuntimeError: out of"


@pytest.mark.parametrize("error", [Interrupted("stopped after 3 epochs"), KeyboardInterrupt()])
def test_asked_to_stop_is_interrupted_not_failed(place, error):
    study = study_of()
    path = progress_beside(log_of(list_runs(study)[0]))
    file = ProgressFile(path, epochs=2)
    with file:
        assert status_of(study, place).state == "running"
    with pytest.raises(type(error)), file:
        raise error
    assert status_of(study, place).state == "interrupted"


def test_a_killed_job_is_seen_to_be_gone(place):
    study = study_of(epochs=1000)
    run = list_runs(study)[0]
    log_of(run).parent.mkdir(parents=True)
    command = [sys.executable, "-m", "pj2", "train", "--settings", run.settings.canonical()]
    command += ["--data", prepared_folder(study.dataset), "--output", "killed", "--device", "cpu"]
    command += ["--progress", progress_beside(log_of(run))]
    with log_of(run).open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 120
        while (running := status_of(study, place)).val_accuracy is None:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        assert running.state == "running"
        assert 1 <= (running.epoch or 0) < 1000
        assert running.steps == 3 * 1000  # 90 images are 3 batches
        assert (running.seconds_left or 0) > 0
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = status_of(study, place)
    assert killed.state == "failed"
    assert f"its process {process.pid} is gone" in killed.reasons[0]
    assert killed.last_line == log_of(run).read_text().splitlines()[-1]


def test_a_process_that_only_has_the_same_number_is_not_the_job(place):
    study = study_of()
    here = said(study, place)
    assert status_of(study, place).state == "running"
    if here.born is None:
        pytest.skip("the start of a process is known on Linux only")
    said(study, place, born="1")
    assert status_of(study, place).state == "failed"


def test_a_job_elsewhere_runs_as_far_as_anyone_here_knows(place):
    study = study_of()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    said(study, place, host="elsewhere", pid=gone.pid, epoch=1)
    found = status_of(study, place)
    assert (found.state, found.host, found.epoch) == ("running", "elsewhere", 1)


@pytest.mark.parametrize("text", ["", '{"state": "running"', '{"state": "running", "new": 1}', "7"])
def test_a_file_that_cannot_be_read_says_nothing(place, text):
    study = study_of()
    path = progress_beside(log_of(list_runs(study)[0]))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert status_of(study, place).state == "waiting"


def test_a_file_that_cannot_be_written_ends_no_run(place):
    study = study_of()
    Path("results/small").mkdir()
    Path("results/small/logs").touch()
    job(study)
    assert status_of(study, place).state == "done"


def test_what_has_not_changed_is_not_read_again(place, monkeypatch):
    study = study_of(seeds=3)
    job(study)
    calls = []
    real = status_module.examine
    monkeypatch.setattr(status_module, "examine", lambda *a, **k: calls.append(1) or real(*a, **k))
    reader = StatusReader(study, list_runs(study), place)
    first = reader.look()
    assert [each.state for each in first] == ["done", "waiting", "waiting"]
    assert reader.look() == first
    assert len(calls) == 1
    (place / first[0].folder / RUN).unlink()
    assert reader.look()[0].state == "waiting"
