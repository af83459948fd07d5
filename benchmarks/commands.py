"""Commands of the project, run and timed as a user would run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import REPOSITORY, environment

SNAKEFILE = REPOSITORY / "Snakefile"


def timed(arguments: list[str | Path], folder: Path | None = None) -> float:
    """Run a command in a folder; return its wall time in seconds. Raises on failure."""
    return usage(arguments, folder)[0]


def usage(arguments: list[str | Path], folder: Path | None = None) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its greatest memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout
    output = process.stdout.read()
    _, status, resources = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.write(output.decode(errors="replace")[-4000:])
        raise RuntimeError(f"{arguments[:6]} ended with {process.returncode}")
    return seconds, resources.ru_maxrss / 1024


def pj2(*arguments: str | Path) -> list[str | Path]:
    """Return a `pj2` command of this checkout."""
    return [sys.executable, "-m", "pj2", *arguments]


def snakemake(snakefile: Path, *arguments: str) -> list[str | Path]:
    """Return a `snakemake` command."""
    return [sys.executable, "-m", "snakemake", "-s", snakefile, *arguments]


def empty(folder: Path) -> Path:
    """Return a folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
