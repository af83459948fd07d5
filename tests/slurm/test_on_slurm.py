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
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock
from one_node import OneNode, missing, wait_until

pytestmark = pytest.mark.slurm

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN = "snakemake-executor-plugin-slurm"
CONFIG = """\
study: tiny
dataset:
  source: sample
  limit: {train: 300, test: 20}
experiments:
  rates:
    models: [BasicCNN]
    learning_rates: [1e-3, 2e-3]
    batch_size: 16
    epochs: 20
"""
EPOCHS = [str(epoch) for epoch in range(1, 21)]
RATES = ("0.001", "0.002")
EAGER = (
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
    *("--latency-wait", "10", "--slurm-keep-successful-logs"),
)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> dict[str, str]:
    """The variables with which Snakemake finds its plugin, which an installation may lack."""
    places = [str(Path(__file__).with_name("impatient")), os.environ.get("PYTHONPATH", "")]
    if find_spec("snakemake_executor_plugin_slurm"):
        return {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    folder = tmp_path_factory.mktemp("plugin")
    names = [f"{PLUGIN}>=2.8,<3", f"{PLUGIN}-jobstep<1", "throttler<2"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*pip, *names], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{PLUGIN} is not installed, and not to be had: {done.stderr.strip()[-200:]}")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [*places, str(folder)]))}


@pytest.fixture(scope="module")
def node(tmp_path_factory, plugin) -> Iterator[OneNode]:
    if reason := missing():
        pytest.skip(f"no SLURM here: {reason}")
    # A machine has one /etc/slurm, and another checkout's tests may be using it.
    with FileLock(Path(tempfile.gettempdir(), "pj2-tests-slurm.lock")):
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

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a snakemake; what it prints is in a file."""
        foreign = ("PJ2_", "SBATCH_", "SLURM_")
        own = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile")]
        with (self.folder / "printed").open("a") as printed:
            return subprocess.Popen(
                [*command, *arguments],
                stdout=printed,
                stderr=printed,
                cwd=self.folder,
                env=own | self.variables,
                start_new_session=True,
            )

    def on_slurm(self, *arguments: str) -> subprocess.Popen[bytes]:
        return self.start("--profile", str(REPOSITORY / "profiles/slurm"), *EAGER, *arguments)

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def processes(self) -> list[int]:
        """What runs in its folder: without cgroups SLURM may lose sight of a process."""
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cwd")
            if path.resolve() == self.folder.resolve()
        ]


@dataclass
class Run:
    """One run of the study, as what it leaves in /proc and in SLURM's logs."""

    study: Study
    rate: str

    @property
    def attempts(self) -> list[str]:
        """What the jobs that tried it said, the first one first."""
        logs = self.study.folder.glob(".snakemake/slurm_logs/group_run*/*.log")
        texts = [path.read_text() for path in sorted(logs, key=lambda path: int(path.stem))]
        return [text for text in texts if f"lr={self.rate}/" in text]

    @property
    def process(self) -> int:
        """The process that trains it, 0 if there is none."""
        for process in self.study.processes():
            with suppress(OSError):
                words = Path("/proc", str(process), "cmdline").read_text().split("\0")
                if words[1:4] == ["-m", "pj2", "train"] and any(
                    f"lr={self.rate}/" in word for word in words
                ):
                    return process
        return 0

    @property
    def job(self) -> str:
        """The SLURM job that trains it."""
        variables = Path("/proc", str(self.process), "environ").read_text().split("\0")
        return dict(each.partition("=")[::2] for each in variables)["SLURM_JOB_ID"]

    def freeze(self, attempt: int) -> None:
        """Stop the clock of a job that is in the midst of its training."""
        wait_until(lambda: len(self.attempts) == attempt and "epoch " in self.attempts[-1], 120)
        os.kill(self.process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, unless SLURM did so already to be heard."""
        with suppress(ProcessLookupError):
            if process := self.process:
                os.kill(process, signal.SIGCONT)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Study:
    """The study on this machine, without SLURM; it runs while others wait."""
    study = Study(tmp_path_factory.mktemp("quiet"))
    (study.folder / "config.yaml").write_text(CONFIG)
    study.start("--cores", "1", "all")
    return study


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, plugin, node, quiet) -> Iterator[Study]:
    """The study on SLURM, to its end, through all that may happen."""
    study = Study(tmp_path_factory.mktemp("disturbed"), plugin)
    (study.folder / "config.yaml").write_text(CONFIG)
    try:
        disturb(study, node)
        wait_until(lambda: "(100%) done" in quiet.printed, 120)
        yield study
    finally:
        for process in study.processes():
            os.kill(process, signal.SIGKILL)


def disturb(study: Study, node: OneNode) -> None:
    first, second = (Run(study, rate) for rate in RATES)
    # Preparing the data takes more than that, and is then given twice as much.
    driver = study.on_slurm("--set-resources", "prepare_data:mem_mb=attempt*250", "--", "all")

    first.freeze(attempt=1)
    second.freeze(attempt=1)
    node.run("scontrol", "update", "nodename=localhost", "state=drain", "reason=test")
    # Over its time: limits are looked at every 30 s, and the warning is due at once.
    node.run("scontrol", "update", f"jobid={second.job}", "timelimit=1")
    node.run("scancel", first.job)
    wait_until(lambda: "CANCELLED AT" in second.attempts[0])
    second.thaw()
    wait_until(lambda: node.run("squeue", "-h", "-o", "%T").split() == ["PENDING"] * 2)
    node.run("scontrol", "update", "nodename=localhost", "state=resume")

    first.freeze(attempt=2)
    os.kill(first.process, signal.SIGKILL)
    second.freeze(attempt=2)
    node.stop_controller()
    node.start_controller()
    node.run("scancel", "--signal=TERM", second.job)
    second.thaw()

    first.freeze(attempt=3)
    second.freeze(attempt=3)
    assert driver.poll() is None, study.printed[-8000:]
    driver.kill()
    driver.wait()
    first.thaw()
    assert study.start("--unlock").wait() == 0
    assert study.on_slurm("all").wait() == 0, study.printed[-8000:]


def trained(attempts: list[str]) -> list[str]:
    """The epochs that jobs finished, in their order."""
    return [epoch for text in attempts for epoch in re.findall(r"epoch (\d+)/", text)]


def contents(study: Study) -> dict[str, bytes]:
    """All results but what says when, where and how fast, and the pages that show that."""
    folder = study.folder / "results/tiny"
    timed = (
        "logs/",
        "run.json",
        "epochs.",
        "comparison.",
        "summary.",
        "efficiency.",
        "report.html",
    )
    return {
        name: path.read_bytes()
        for path in folder.rglob("*.*")
        if path.is_file()
        and not any(word in (name := str(path.relative_to(folder))) for word in timed)
    }


def test_each_event_took_place(disturbed):
    first, second = (Run(disturbed, rate).attempts for rate in RATES)
    memory = sorted(disturbed.folder.glob(".snakemake/slurm_logs/rule_prepare_data/*.log"))
    assert "exceeded memory limit" in memory[0].read_text()
    assert "exceeded memory limit" not in memory[-1].read_text()
    assert "saved; run it again" in first[0], "cancelled"
    assert "Killed" in first[1], "killed without a warning"
    assert "saved; run it again" not in first[1]
    assert "saved; run it again" in second[0], "over its time"
    assert "saved; run it again" in second[1], "asked to stop, after the controller was restarted"
    assert "jobs of a Snakemake that was killed were stopped" in disturbed.printed


@pytest.mark.parametrize("rate", RATES)
def test_no_epoch_is_trained_twice(disturbed, rate):
    """One that ended just before `kill -9`, and had not been stored, would be the exception."""
    assert trained(Run(disturbed, rate).attempts) == EPOCHS


def test_every_attempt_goes_on_where_the_one_before_was(disturbed):
    for rate in RATES:
        tries = [text for text in Run(disturbed, rate).attempts if "epoch " in text]
        assert all("continues after" in text for text in tries[1:])


def test_it_ends_as_if_nothing_had_happened(disturbed, quiet):
    found, expected = contents(disturbed), contents(quiet)
    assert len(expected) > 40
    assert {name for name in expected if found.get(name) != expected[name]} == set()
    assert found.keys() == expected.keys()


def test_only_times_and_places_differ(disturbed, quiet):
    for path in quiet.folder.glob("results/tiny/runs/*/*/*/*/run.json"):
        expected = json.loads(path.read_text())
        found = json.loads((disturbed.folder / path.relative_to(quiet.folder)).read_text())
        differing = {key for key in expected if found[key] != expected[key]}
        assert differing <= {"seconds", "images_per_second", "precision", "artifacts"}
        hashes = found["artifacts"] | {"epochs.parquet": expected["artifacts"]["epochs.parquet"]}
        assert hashes == expected["artifacts"]
        assert found["precision"]["used"] == expected["precision"]["used"]
        rows, others = (
            pd.read_parquet(
                study.folder / path.relative_to(quiet.folder).with_name("epochs.parquet")
            )
            for study in (disturbed, quiet)
        )
        timed = ["seconds", "images_per_second"]
        pd.testing.assert_frame_equal(rows.drop(columns=timed), others.drop(columns=timed))


def test_a_finished_study_submits_nothing(disturbed):
    before = disturbed.printed
    assert disturbed.on_slurm("all").wait() == 0
    assert "submitted with SLURM" not in disturbed.printed.removeprefix(before)


@pytest.mark.parametrize(
    ("partition", "message"),
    [("nowhere", "Invalid partition name"), ("hasty", "the partition grants 2 minutes")],
)
def test_what_slurm_would_not_start_is_said_in_one_line(plugin, node, tmp_path, partition, message):
    (tmp_path / "config.yaml").write_text(CONFIG)
    study = Study(tmp_path, plugin | {"SBATCH_PARTITION": partition})
    assert study.on_slurm("all").wait() == 2
    line = study.printed.splitlines()[-1]
    assert line.startswith("SLURM: ")
    assert message in line
    assert "SBATCH_PARTITION" in line
    assert "submitted" not in study.printed
    assert not (tmp_path / ".snakemake" / "locks").exists(), "the folder is free again"
