"""Commands of the project, run and timed as users run them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import REPOSITORY, environment

# The greatest memory of a process includes that of its parent at the fork; this parent is small.
_LAUNCH = """
import resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL)
seconds = time.perf_counter() - started
print()
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
SNAKEFILE = REPOSITORY / "Snakefile"


def timed(arguments: list[str | Path], folder: Path | None = None) -> float:
    """Run a command in a folder; return its wall time in seconds, or raise RuntimeError."""
    return usage(arguments, folder)[0]


def usage(arguments: list[str | Path], folder: Path | None = None) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its greatest memory in MB."""
    command = [str(argument) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCH, *command],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        raise RuntimeError(f"{command[:6]} ended with {done.returncode}")
    seconds, kilobytes = done.stdout.split()[-2:]
    return float(seconds), float(kilobytes) / 1024


def pj2(*arguments: str | Path) -> list[str | Path]:
    """Return a `pj2` command of this checkout."""
    return [sys.executable, "-m", "pj2", *arguments]


def snakemake(snakefile: Path, *arguments: str) -> list[str | Path]:
    """Return a `snakemake` command."""
    return [sys.executable, "-m", "snakemake", "-s", snakefile, *arguments]


def empty(folder: Path) -> Path:
    """Return a folder after deleting its contents."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
