"""A study that is started on SLURM or on this machine, and what can be seen of its runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.helpers.repository import REPOSITORY
from tests.slurm.local_slurm import wait_until

PLUGIN = "snakemake-executor-plugin-slurm"
IMPATIENT = Path(__file__).with_name("impatient")
# The first of the Snakemakes that a job starts is called so.
BEGINNING = re.compile(r"^  Command: .* --executor slurm-jobstep .*$", re.MULTILINE)


def variables_of_plugin(folder: Path) -> dict[str, str]:
    """The variables with which Snakemake finds its plugin, which an installation may lack.

    Raises RuntimeError where it is not to be had.
    """
    places = [str(IMPATIENT), os.environ.get("PYTHONPATH", "")]
    if find_spec("snakemake_executor_plugin_slurm"):
        return {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    names = [f"{PLUGIN}>=2.8,<3", f"{PLUGIN}-jobstep<1", "throttler<2"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*pip, *names], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{PLUGIN} is not to be had: {done.stderr.strip()[-200:]}")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [*places, str(folder)]))}


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
        profiles = REPOSITORY / "profiles/slurm", IMPATIENT
        options = [word for profile in profiles for word in ("--profile", str(profile))]
        return self.start(*options, *arguments)

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def end(self) -> None:
        """Kill what is still at it."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def processes(self) -> list[int]:
        """What runs in its folder, on any node."""
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cwd")
            if path.resolve() == self.folder.resolve()
        ]


@dataclass
class Run:
    """One run of a study, as what it leaves in /proc and in SLURM's logs."""

    study: Study
    rate: str

    @property
    def attempts(self) -> list[str]:
        """What those said that tried it, the first one first; SLURM may try a job twice."""
        logs = self.study.folder.glob(".snakemake/slurm_logs/group_run*/*.log")
        texts = [path.read_text() for path in sorted(logs, key=lambda path: int(path.stem))]
        own = [text for text in texts if f"lr={self.rate}/" in text]
        return [attempt for text in own for attempt in BEGINNING.split(text)[1:]]

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

    def variable(self, name: str) -> str:
        """An environment variable of the process that trains it."""
        variables = Path("/proc", str(self.process), "environ").read_text().split("\0")
        return dict(each.partition("=")[::2] for each in variables)[name]

    @property
    def job(self) -> str:
        """The SLURM job that trains it."""
        return self.variable("SLURM_JOB_ID")

    @property
    def node(self) -> str:
        """The node on which it is trained."""
        return self.variable("SLURMD_NODENAME")

    def is_training(self, attempt: int) -> bool:
        """Whether it is in the midst of an attempt, counted from 1: its last one."""
        tried = self.attempts
        return len(tried) == attempt and "epoch " in tried[-1]

    def thaw(self) -> None:
        """Let it go on, unless SLURM did so already to be heard."""
        with suppress(ProcessLookupError):
            if process := self.process:
                os.kill(process, signal.SIGCONT)


def freeze(*wanted: tuple[Run, int]) -> None:
    """Stop the clock of runs, each as soon as it is in the midst of this attempt."""
    left = list(wanted)

    def all_are_frozen() -> bool:
        for run, attempt in list(left):
            if run.is_training(attempt):
                process = run.process
                assert process, run.attempts[-1]
                os.kill(process, signal.SIGSTOP)
                left.remove((run, attempt))
        return not left

    wait_until(all_are_frozen, 400)
