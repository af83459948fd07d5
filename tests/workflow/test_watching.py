"""What snakemake's jobs leave for `pj2 status`, `pj2 watch` and TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.workflow.clones import TRAINING, linked_copy, new_study, trained
from tests.workflow.study import CONFIG, Study

pytestmark = pytest.mark.workflow


def pj2(study: Study, *arguments: str) -> str:
    done = study.python("-m", "pj2", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def logged_steps(study: Study, run: Path) -> list[tuple[int, float]]:
    """The training losses in a run's event files."""
    folder = study.folder / "results/tiny/tensorboard" / run.relative_to(run.parents[3])
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    if "step/loss" not in events.Tags()["scalars"]:  # it diverged at its first step
        return []
    return [(event.step, event.value) for event in events.Scalars("step/loss")]


def test_restored_runs_have_events_and_switching_tensorboard_makes_nothing_again(study, tmp_path):
    before = json.loads(pj2(study, "status", "--json"))
    assert before["counts"] | {"done": 0, "diverged": 0} == dict.fromkeys(before["counts"], 0)
    assert (before["counts"]["done"], before["counts"]["diverged"]) == (5, 1)
    assert not any(run["restored"] for run in before["runs"])
    assert all((study.folder / run["log"]).is_file() for run in before["runs"])
    assert not (study.folder / "results/tiny/tensorboard").exists()

    clone = new_study(tmp_path, f"{CONFIG}logging: {{tensorboard: true}}\n")
    linked_copy(study.folder / ".pj2", clone.folder / ".pj2")
    clone.run(*TRAINING)
    assert trained(clone) == set()
    assert clone.planned(*TRAINING) == {}
    for run in clone.run_folders():
        steps = pd.read_parquet(run / "steps.parquet")
        assert logged_steps(clone, run) == list(zip(steps.step, steps.loss, strict=True))
    after = json.loads(pj2(clone, "status", "--json"))
    assert [{**run, "restored": False} for run in after["runs"]] == before["runs"]
    assert all(run["restored"] for run in after["runs"])
    assert "(6 restored from the store)" in pj2(clone, "watch")
    (clone.folder / "config.yaml").write_text(CONFIG)
    assert clone.planned(*TRAINING) == {}
