"""Estimates against exact counts, and what is said when they do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pj2.cluster.estimate import job_bytes
from pj2.doctor import needs
from pj2.doctor.needs import check_disk, check_memory

WEIGHTS = 4 * 1_147_466  # bytes of BasicCNN


@pytest.fixture
def free(monkeypatch):
    def make(count):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=count))

    return make


def test_disk_is_weights_times_epochs(subject, free):
    free(10**12)
    # Two runs: best and last, three epochs, and Adam's two states.
    (finding,) = check_disk(subject())
    assert finding.status == "ok"
    assert f"about {2 * (2 + 3 + 2) * WEIGHTS / 1e6:.1f} MB needed" in finding.found
    (finding,) = check_disk(subject("epochs: 3", "epochs: 3, optimizer: {name: sgd}"))
    assert f"about {2 * (2 + 3) * WEIGHTS / 1e6:.1f} MB needed" in finding.found

    long = "epochs: 64, optimizer: {name: sgd}"  # 32nd and 64th, last, best by two measures
    (finding,) = check_disk(subject("epochs: 3", long))
    assert f"about {2 * (2 + 5) * WEIGHTS / 1e6:.1f} MB needed" in finding.found


def test_runs_that_share_their_epochs_are_counted_once_in_the_store(subject, free):
    free(10**12)
    twice = "epochs: 3}\n  two: {models: [BasicCNN], learning_rates: [1e-3, 1e-2], epochs: 2}"
    (finding,) = check_disk(subject("epochs: 3}", twice))
    assert f"about {(2 * (3 + 2) + 4 * 2) * WEIGHTS / 1e6:.1f} MB needed" in finding.found


def test_finished_runs_need_nothing(subject, free):
    free(0)
    study = subject()
    for run in study.runs:
        path = Path("results/small/runs", run.folder, "run.json")
        path.parent.mkdir(parents=True)
        path.touch()
    (finding,) = check_disk(study)
    assert finding.status == "ok"


def test_no_space_left(subject, free):
    free(10_000_000)
    (finding,) = check_disk(subject())
    assert finding.status == "problem"
    assert "store gc" in finding.advice


def test_results_that_cannot_be_written(subject, free, monkeypatch):
    free(10**12)
    monkeypatch.setattr(needs, "unwritable", lambda _: "Read-only file system")
    first, _ = check_disk(subject())
    assert (first.status, first.what) == ("problem", "results")


def test_memory_for_as_many_runs_as_there_are_cores(subject, monkeypatch):
    study = subject()
    each = job_bytes(study.runs[0].settings)
    monkeypatch.setattr(needs, "usable_cores", lambda: 2)
    for free, status, advice in [
        (2 * each, "ok", ""),
        (2 * each - 1, "warning", "--cores 1 "),
        (each - 1, "problem", "batch_size"),
    ]:
        monkeypatch.setattr(needs, "usable_memory", lambda free=free: free)
        (finding,) = check_memory(study)
        assert finding.status == status
        assert advice in finding.advice


def test_memory_grows_with_the_batch_and_the_model(subject):
    def of(old, new):
        return job_bytes(subject(old, new).runs[0].settings)

    small = of("epochs: 3", "epochs: 3, batch_size: 16")
    assert of("epochs: 3", "epochs: 3, batch_size: 512") > small + 100_000_000
    assert of("BasicCNN", "ImprovedCNN") > small + 400_000_000
