"""A tiny study, run once for all the tests of this folder by a real snakemake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# The second rate of the comparison is absurd on purpose: a diverged run is a result.
CONFIG = """\
study: tiny
dataset:
  source: sample
  limit: {train: 100, test: 20}
experiments:
  comparison:
    models: [BasicCNN]
    learning_rates: [1e-2, 1e12]
    optimizer: {name: sgd, momentum: 0.9}
    batch_size: 32
    epochs: 2
  landscape:
    models: [VGG_A, VGG_A_BatchNorm]
    learning_rates: [1e-3, 2e-3]
    init: xavier
    batch_size: 16
    epochs: 1
    test_every_epoch: false
"""


@dataclass(frozen=True)
class Study:
    """A working directory with a config of its own, elsewhere than the Snakefile."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PJ2_DATA"}
        return subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--directory", str(self.folder)),
                *("-s", str(REPOSITORY / "Snakefile"), *arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=environment,
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """The jobs that a dry run lists: rule to count."""
        result = self.snakemake("-n", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        text = result.stdout + result.stderr
        if "Job stats:" not in text:
            assert "Nothing to be done" in text
            return {}
        stats = text.split("Job stats:")[1].split("total")[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", stats, re.M)}

    def planned_runs(self, *arguments: str) -> set[str]:
        """The training runs that a dry run lists, as model and learning rate."""
        text = self.snakemake("-n", *arguments)
        jobs = re.findall(
            r"rule train:.*?wildcards: experiment=\w+, model=(\w+), lr=([^,]+),",
            text.stdout + text.stderr,
            re.S,
        )
        return {f"{model} {rate}" for model, rate in jobs}

    def with_config(self, old: str, new: str) -> list[str]:
        """Flags that run this study with a piece of its config replaced."""
        assert CONFIG.count(old) == 1
        path = self.folder / "changed.yaml"
        path.write_text(CONFIG.replace(old, new))
        return ["--configfile", str(path), "--"]


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("elsewhere"))
    (study.folder / "config.yaml").write_text(CONFIG)
    result = study.snakemake("--cores", "2", "all")
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-8000:]
    return study
