"""A study on a real SLURM of one node, with everything that happens to jobs of a cluster.

One study is disturbed in many ways; the tests look at what became of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from one_node import OneNode, missing, wait_until

pytestmark = pytest.mark.slurm

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN = "snakemake-executor-plugin-slurm"
# The second run must be going for as long as SLURM takes to look at time limits.
CONFIG = """\
study: tiny
dataset:
  source: sample
  limit: {train: 800, test: 20}
experiments:
  brief:
    models: [BasicCNN]
    learning_rates: [1e-3]
    batch_size: 16
    epochs: 20
  long:
    models: [BasicCNN]
    learning_rates: [2e-3]
    batch_size: 16
    epochs: 160
"""
EPOCHS = {"brief": 20, "long": 160}
RATES = {"brief": "0.001", "long": "0.002"}
EAGER = (
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
    *("--latency-wait", "10", "--slurm-keep-successful-logs"),
)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> dict[str, str]:
    """The variables with which Snakemake finds its plugin, which an installation may lack."""
    if find_spec("snakemake_executor_plugin_slurm"):
        return {}
    folder = tmp_path_factory.mktemp("plugin")
    names = [f"{PLUGIN}>=2.8,<3", f"{PLUGIN}-jobstep<1", "throttler<2"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*pip, *names], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{PLUGIN} is not installed, and not to be had: {done.stderr.strip()[-200:]}")
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def node(tmp_path_factory, plugin) -> Iterator[OneNode]:
    if reason := missing():
        pytest.skip(f"no SLURM here: {reason}")
    node = OneNode(tmp_path_factory.mktemp("slurm"))
    try:
        try:
            node.start()
        except TimeoutError:
            pytest.skip(f"SLURM does not start here; its logs are in {node.folder}")
        yield node
    finally:
        node.stop()


@dataclass
class Study:
    """A study in a folder of its own."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a snakemake; what it prints is in a file."""
        foreign = ("PJ2_", "SBATCH_", "SLURM_")
        own = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile")]
        with (self.folder / "printed").open("a") as printed:
            return subprocess.Popen(
                [*command, *arguments],
                stdout=printed,
                stderr=printed,
                text=True,
                cwd=self.folder,
                env=own | self.variables,
                start_new_session=True,
            )

    def on_slurm(self, *arguments: str) -> subprocess.Popen[str]:
        return self.start("--profile", str(REPOSITORY / "profiles/slurm"), *EAGER, *arguments)

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def log(self, name: str) -> str:
        """What the present attempt at a run said."""
        path = f"results/tiny/logs/train/{name}/BasicCNN/lr={RATES[name]}/seed=0.log"
        with suppress(FileNotFoundError):
            return (self.folder / path).read_text()
        return ""

    def epochs(self, name: str) -> int:
        return len(re.findall(r"epoch \d+/", self.log(name)))

    def attempts(self, name: str) -> list[str]:
        """What each attempt at a run said, all that SLURM kept of it."""
        logs = sorted(self.folder.glob(".snakemake/slurm_logs/group_run*/*.log"), key=lambda p: int(p.stem))
        texts = [path.read_text() for path in logs]
        return [text for text in texts if f"lr={RATES[name]}/" in text]

    def training(self, name: str) -> int:
        """The process that trains a run."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                here = (folder / "cwd").resolve() == self.folder.resolve()
                if here and words[1:4] == [b"-m", b"pj2", b"train"] and any(
                    f"lr={RATES[name]}/".encode() in word for word in words
                ):
                    return int(folder.name)
        return 0


def slurm_job(study: Study, name: str) -> str:
    """The SLURM job in which a run is trained now."""
    environment = Path("/proc", str(study.training(name)), "environ").read_bytes().split(b"\0")
    (found,) = [word for word in environment if word.startswith(b"SLURM_JOB_ID=")]
    return found.partition(b"=")[2].decode()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Study:
    """The study on this machine, without SLURM."""
    study = Study(tmp_path_factory.mktemp("quiet"))
    (study.folder / "config.yaml").write_text(CONFIG)
    return study


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, plugin, node, quiet) -> Study:
    """The study on SLURM, to its end, through all that may happen."""
    beside = quiet.start("--cores", "1", "all")
    study = Study(tmp_path_factory.mktemp("disturbed"), plugin)
    (study.folder / "config.yaml").write_text(CONFIG)
    # Preparing the data takes more than that, and is then given twice as much.
    driver = study.on_slurm("--set-resources", "prepare_data:mem_mb=attempt*250", "--", "all")

    def trains(name: str, epochs: int) -> bool:
        assert driver.poll() is None, study.printed[-8000:]
        return study.epochs(name) >= epochs and study.training(name) != 0

    wait_until(lambda: trains("brief", 2) and trains("long", 2), 180)
    drain(node)
    node.run("scancel", slurm_job(study, "brief"))
    node.run("scancel", "--signal=TERM", slurm_job(study, "long"))
    wait_until(lambda: node.run("squeue", "--noheader", "--format=%T").split() == ["PENDING"] * 2)
    # Time limits are looked at every 30 s; with one of a minute the warning is due at once.
    for job in node.run("squeue", "--noheader", "--format=%i").split():
        node.run("scontrol", "update", f"jobid={job}", "timelimit=1")
    node.run("scontrol", "update", "nodename=localhost", "state=resume")

    wait_until(lambda: trains("brief", 2) and trains("long", 2), 120)
    os.kill(study.training("brief"), signal.SIGKILL)
    node.stop_controller()
    node.start_controller()

    wait_until(lambda: len(study.attempts("long")) == 3 and trains("long", 2), 120)
    driver.kill()
    driver.wait()
    assert study.start("--unlock").wait() == 0
    again = study.on_slurm("all")
    assert again.wait(240) == 0, study.printed[-8000:]
    assert beside.wait(240) == 0, quiet.printed[-8000:]
    return study


def drain(node: OneNode) -> None:
    node.run("scontrol", "update", "nodename=localhost", "state=drain", "reason=test")


def run_of(study: Study, name: str) -> Path:
    run = f"experiment={name}/model=BasicCNN/lr={RATES[name]}/seed=0"
    return study.folder / "results/tiny/runs" / run


def files_below(folder: Path, *endings: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in endings
    }


def test_every_event_took_place(disturbed):
    brief, long = disturbed.attempts("brief"), disturbed.attempts("long")
    print(len(brief), len(long), disturbed.printed)
