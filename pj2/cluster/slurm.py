"""Asks SLURM about jobs before they are submitted, and ends those of an earlier Snakemake."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from pj2.errors import UserError
from pj2.store.records import BadRecord, read_record, write_record

_SECONDS = 20  # for an answer
_ENDING = 300  # seconds for cancelled jobs to save and end
_LIMIT = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)")
# Refusals that waiting does not change.
_NEVER = re.compile(r"invalid|no partition|unable to contact|not permitted", re.IGNORECASE)
_ADVICE = "set SBATCH_ACCOUNT, SBATCH_PARTITION or PJ2_GRES, see docs/cluster.md"
# Snakemake's names of resources, and sbatch's.
_OPTIONS = {"mem_mb": "mem", "runtime": "time", "gres": "gres", "slurm_partition": "partition"}


@with_config(ConfigDict(strict=True))
class _Driver(TypedDict):
    """A Snakemake that submits jobs: the prefix of their names, its host and its process id."""

    prefix: Annotated[str, Field(min_length=1)]
    host: str
    process: int


def longest_minutes(partition: object = None) -> int | None:
    """Return the time limit of a partition, or of the default one; None where there is none."""
    for line in _answer("sinfo", "--noheader", "--format=%P %l").splitlines():
        name, _, limit = line.partition(" ")
        if name.rstrip("*") == partition or (not partition and name.endswith("*")):
            found = _LIMIT.fullmatch(limit.strip())
            if found:
                days, hours, minutes, _ = (int(part or 0) for part in found.groups())
                return days * 1440 + hours * 60 + minutes
    return None


def check_job(name: str, threads: int, resources: Mapping[str, object]) -> str:
    """Ask SLURM about a job without submitting it; return why it could not start now, or nothing.

    Raises UserError if SLURM would never start it.
    """
    asked = {option: resources[key] for key, option in _OPTIONS.items() if resources.get(key)}
    options = [f"--{option}={value}" for option, value in asked.items()]
    what = f"SLURM: {name} ({', '.join([f'{threads} cores', *options])})"
    longest, minutes = longest_minutes(asked.get("partition")), asked.get("time")
    if longest is not None and isinstance(minutes, int) and minutes > longest:
        raise UserError(f"{what}: the partition grants {longest} minutes; {_ADVICE}")
    answer = _answer("sbatch", "--test-only", f"--cpus-per-task={threads}", *options, "--wrap=true")
    refused = [line for line in answer.splitlines() if " to start at " not in line]
    if not refused:
        return ""
    reason = refused[-1].rpartition(": ")[2]
    if _NEVER.search(answer):
        raise UserError(f"{what}: {reason}; {_ADVICE}")
    return f"{what}: {reason}; unless that changes, it waits or fails"


def replace_driver(record: Path, prefix: str, say: Callable[[str], None] = print) -> int:
    """Cancel the jobs of a Snakemake that was killed, wait for their end, and take its place.

    The names of one Snakemake's jobs begin with a prefix of its own. The jobs are stopped as by
    a time limit and save their state; the jobs submitted in their place continue from it.

    Returns how many there were. `say` gets a line if the record of that Snakemake is damaged.
    """
    here = _Driver(prefix=prefix, host=socket.gethostname(), process=os.getpid())
    orphans: list[str] = []
    try:
        before = read_record(record, _Driver) if record.exists() else here
    except BadRecord as problem:
        say(f"SLURM: {problem}; jobs of a Snakemake before this one are not looked for")
        before = here
    if before["host"] != here["host"] or not Path(f"/proc/{before['process']}").exists():
        orphans = _jobs_of(before["prefix"])
        if orphans:
            _answer("scancel", *orphans)
        end = time.monotonic() + _ENDING
        while _jobs_of(before["prefix"]) and time.monotonic() < end:
            time.sleep(1)
    write_record(record, here)
    return len(orphans)


def _jobs_of(prefix: str) -> list[str]:
    """Return this user's jobs that have not ended and whose names begin with `prefix`."""
    lines = _answer("squeue", "--me", "--noheader", "--format=%i %j").splitlines()
    jobs = (line.partition(" ") for line in lines)
    return [job for job, _, name in jobs if name.startswith(f"{prefix}_")]


def _answer(*command: str) -> str:
    """Return what a command prints, with its errors; nothing if it is not installed."""
    try:
        found = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        return ""
    except subprocess.TimeoutExpired:
        return f"{command[0]}: Unable to contact SLURM in {_SECONDS} s"
    return found.stdout
