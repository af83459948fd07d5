"""A study that a real snakemake runs, and what can be asked of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.repository import REPOSITORY

# The second rate of the comparison is absurd on purpose: a diverged run is a result. The VGGs
# are narrow: what is tested is not how long convolutions take.
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
    precision: fp32
    batch_size: 32
    epochs: 2
  landscape:
    models: [VGG_A, VGG_A_BatchNorm]
    learning_rates: [1e-3, 2e-3]
    architecture: {width: 0.25}
    init: xavier
    precision: fp32
    batch_size: 16
    epochs: 1
    test_every_epoch: false
"""


@dataclass(frozen=True)
class Study:
    """A working directory with a config of its own, elsewhere than the Snakefile.

    `store` is the run store that it shares with others; its own where None.
    """

    folder: Path
    checkout: Path = REPOSITORY
    store: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("PJ2_", "PYTHONPATH"))}
        return own | ({"PJ2_STORE": str(self.store)} if self.store else {})

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start snakemake as a terminal would: at the head of a process group of its own."""
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "snakemake", "--directory", str(self.folder)),
                *("-s", str(self.checkout / "Snakefile"), *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment | variables,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **variables)
        output, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def run(self, *arguments: str, **variables: str) -> str:
        """Run snakemake with success; return all that it printed."""
        result = self.snakemake("--cores", "2", *arguments, **variables)
        assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-8000:]
        return result.stdout + result.stderr

    def python(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the study's folder, with the checkout's code."""
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | {"PYTHONPATH": str(self.checkout)} | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def log(self, experiment: str, model: str, rate: str) -> str:
        """What the training job of a run said."""
        logs = self.folder / "results" / "tiny" / "logs" / "train"
        return (logs / experiment / model / f"lr={rate}" / "seed=0.log").read_text()

    def run_folders(self) -> list[Path]:
        return sorted(self.folder.glob("results/tiny/runs/*/*/*/*"))

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
