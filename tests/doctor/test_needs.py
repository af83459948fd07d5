"""Estimates against exact counts, and what is said when they do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pj2.cluster.estimate import job_bytes
from pj2.data.layout import DataIdentity
from pj2.doctor import needs
from pj2.doctor.needs import check_disk, check_memory
from tests.helpers.made_up import CLASSES, DATA, make_run

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


def test_only_runs_that_are_current_need_nothing(subject, free, monkeypatch):
    free(0)
    study = subject()
    for run in study.runs:
        lr = run.folder.split("/lr=")[1].split("/")[0]
        given = run.settings.model_dump(mode="json")
        make_run(
            Path("results/small"), "BasicCNN", [1.0] * 9, lr=lr, experiment="one",
            val=(0.5, 0.6, 0.7), test=(0.4,) * 3, settings=given,
        )  # fmt: skip
    (finding,) = check_disk(study)
    assert (finding.status, "2 runs to be made" in finding.found) == (
        "problem",
        True,
    )  # of other data?
    monkeypatch.setattr(needs, "identity_of", lambda _: DataIdentity(DATA, CLASSES))
    (finding,) = check_disk(study)
    assert (finding.status, finding.found) == ("ok", "2 runs, all current: they need no more space")
    (finding,) = check_disk(subject("epochs: 3", "epochs: 3, batch_size: 16"))
    assert finding.status == "problem"
    assert "2 runs to be made" in finding.found
    next(Path("results/small/runs").glob("*/*/lr=0.001/*/best.safetensors")).unlink()
    (finding,) = check_disk(study)
    assert "1 run to be made" in finding.found


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
