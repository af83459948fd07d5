"""Planning costs so much a run, however many there are: calls are counted, not seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.clones import new_study

STUDY = """\
study: tiny
dataset: {{source: sample}}
experiments:
  one:
    models: [BasicCNN, VGG_A]
    learning_rates: {rates}
    seeds: {seeds}
  two:
    models: [ResidualCNN]
    learning_rates: [1e-3]
    seeds: {seeds}
"""


def count(folder: Path, runs: int) -> dict[str, int]:
    """The calls that planning so many runs takes, nothing of them being made."""
    seeds = runs // 5
    study = new_study(folder, STUDY.format(rates="[1e-3, 1e-4]", seeds=list(range(seeds))))
    script = Path(__file__).with_name("count_calls.py")
    command = [
        sys.executable,
        script,
        folder / "calls.json",
        "-n",
        "-q",
        "all",
        "--directory",
        folder,
    ]
    command += ["-s", study.checkout / "Snakefile", "all"]
    done = subprocess.run(
        command, cwd=folder, env=study.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, int] = json.loads((folder / "calls.json").read_text())
    assert found.pop("status") == 0
    return found


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    return {runs: count(folder / str(runs), runs) for runs in (50, 100, 200)}


@pytest.mark.parametrize("kind", ["pj2", "file system"])
def test_twice_the_runs_take_at_most_twice_the_calls(counts, kind):
    """What 100 more runs add is what 50 more had added, twice."""
    first = counts[100][kind] - counts[50][kind]
    second = counts[200][kind] - counts[100][kind]
    assert first > 0
    assert second <= 2.05 * first, counts


def test_a_run_is_read_by_few_jobs(tmp_path):
    """Not by each that shows it: Snakemake's planning time is in these edges."""
    edges = []
    for seeds in (4, 8):
        study = new_study(
            tmp_path / str(seeds), STUDY.format(rates="[1e-3, 1e-4]", seeds=list(range(seeds)))
        )
        edges.append(study.run("--dag").count(" -> "))
    # To train it takes the data; then it goes into an index.
    assert edges[1] - edges[0] == 5 * 2 * 4
