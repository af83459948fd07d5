"""Checks of Snakemake, its plugins, and the scheduler of a cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from pj2.config.strict_yaml import read_yaml
from pj2.doctor.finding import Finding, Subject
from pj2.doctor.places import unwritable

_PLUGIN = re.compile(r"snakemake-(?:executor|storage|logger|report|scheduler)-plugin-.+")
_EXECUTOR = "snakemake-executor-plugin-"
_BUILT_IN = ("local", "dryrun", "touch")
_SECONDS = 10


@dataclass(frozen=True)
class Scheduler:
    """A cluster's scheduler: its submit command, a query to test it with, its plugin."""

    name: str
    submit: str
    ask: tuple[str, ...]
    plugin: str


_SCHEDULERS = (
    Scheduler("SLURM", "sbatch", ("sinfo", "--noheader"), "slurm"),
    Scheduler("PBS or Grid Engine", "qsub", ("qstat",), "cluster-generic"),
    Scheduler("LSF", "bsub", ("bqueues",), "lsf"),
    Scheduler("HTCondor", "condor_submit", ("condor_status", "-total"), "htcondor"),
)


def check_cache(subject: Subject) -> Iterator[Finding]:
    """Check that Snakemake can write its cache of rules, below the home folder."""
    from snakemake.common import get_appdirs

    folder = Path(get_appdirs().user_cache_dir)
    if reason := unwritable(folder):
        found = f"{folder}: cannot be written ({reason})"
        yield Finding("problem", "snakemake cache", found, "export XDG_CACHE_HOME=FOLDER")


def check_snakemake(subject: Subject) -> Iterator[Finding]:
    """Report Snakemake's plugins, and check for the executor that a profile names."""
    plugins = _plugins()
    shown = ", ".join(f"{name} {version}" for name, version in sorted(plugins.items()))
    yield Finding("ok", "snakemake plugins", shown or "none; jobs run on this machine")
    for profile, executor in _profiles():
        if executor not in _BUILT_IN and f"{_EXECUTOR}{executor}" not in plugins:
            yield Finding(
                "problem",
                "snakemake plugins",
                f"{profile} asks for the executor {executor}, whose plugin is not installed",
                f"pip install {_EXECUTOR}{executor}",
            )


def check_schedulers(subject: Subject) -> Iterator[Finding]:
    """Check that the schedulers installed here answer, and that Snakemake can use them."""
    there = [each for each in _SCHEDULERS if shutil.which(each.submit)]
    if not there:
        yield Finding("ok", "scheduler", "none on this machine")
    for each in there:
        if reason := _silent(each):
            yield Finding(
                "warning",
                "scheduler",
                f"{each.name}: `{' '.join(each.ask)}` fails ({reason})",
                "jobs cannot be submitted now; ask those who run the cluster",
            )
        elif f"{_EXECUTOR}{each.plugin}" not in _plugins():
            yield Finding(
                "warning",
                "scheduler",
                f"{each.name} answers, but Snakemake has no plugin for it; jobs run here only",
                f"pip install {_EXECUTOR}{each.plugin}; then snakemake --executor {each.plugin}",
            )
        else:
            found = f"{each.name} answers; use it with: snakemake --executor {each.plugin}"
            yield Finding("ok", "scheduler", found)


def _plugins() -> dict[str, str]:
    """Return Snakemake's installed plugins with their versions."""
    return {
        each.name: each.version for each in distributions() if _PLUGIN.fullmatch(each.name or "")
    }


def _profiles() -> Iterator[tuple[Path, str]]:
    """Yield the profiles that a plain `snakemake` reads here, with the executors they name."""
    folders = [Path("profiles/default"), Path("workflow/profiles/default")]
    if named := os.environ.get("SNAKEMAKE_PROFILE"):
        folders += [Path(named), Path.home() / ".config" / "snakemake" / named]
    for folder in folders:
        for path in sorted(folder.glob("config*.yaml")):
            content = read_yaml(path)
            if isinstance(content, dict) and isinstance(content.get("executor"), str):
                yield path, content["executor"]


def _silent(scheduler: Scheduler) -> str:
    """Query a scheduler; return why it does not answer, "" if it does."""
    try:
        found = subprocess.run(
            scheduler.ask, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {_SECONDS} s"
    except OSError as error:
        return error.strerror or str(error)
    if found.returncode == 0:
        return ""
    return (found.stderr.strip().splitlines() or [f"exit code {found.returncode}"])[-1]
