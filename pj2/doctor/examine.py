"""Runs all checks in turn; a failing check does not stop the others."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from pj2.config.load import STORE_VARIABLES, load_study
from pj2.config.schema import StoreConfig
from pj2.config.study import list_runs
from pj2.doctor.finding import Finding, Subject, count
from pj2.errors import UserError

# Each check is imported when it is due, since it may import the very thing that is broken.
_CHECKS = {
    "python": "software:check_python",
    "packages": "software:check_packages",
    "torch": "machine:check_torch",
    "device": "machine:check_device",
    "precision": "machine:check_precision",
    "cores": "machine:check_cores",
    "memory": "needs:check_memory",
    "disk": "needs:check_disk",
    "data source": "data:check_source",
    "prepared data": "data:check_prepared",
    "store": "store:check_store",
    "remote store": "store:check_remote",
    "snakemake cache": "scheduler:check_cache",
    "snakemake plugins": "scheduler:check_snakemake",
    "scheduler": "scheduler:check_schedulers",
}


def examine(config: Path, thorough: bool = False) -> Iterator[Finding]:
    """Yield the findings on the machine, on a config, and on everything that the config names.

    If the config is invalid, the checks run as far as they can without it. They change nothing,
    except that they set damaged files of the store aside, as every reader of the store does.
    `thorough` reads all images and the whole store.
    """
    try:
        study = load_study(config)
        runs = tuple(list_runs(study))
        subject = Subject(study, runs, study.store, thorough)
        yield Finding("ok", "config", f"{config}: study {study.study}, {count(len(runs), 'run')}")
    except UserError as error:
        yield from _problems("config", error)
        named = {key: os.environ.get(STORE_VARIABLES[key]) for key in ("path", "remote")}
        given = {key: value for key, value in named.items() if value and value.strip()}
        store = StoreConfig.model_validate(given)
        subject = Subject(None, (), store, thorough)
    for what, check in _CHECKS.items():
        yield from _carefully(what, check, subject)


def _carefully(what: str, check: str, subject: Subject) -> Iterator[Finding]:
    """Yield a check's findings; an unexpected exception becomes a finding too."""
    try:
        yield from pkgutil.resolve_name(f"pj2.doctor.{check}")(subject)
    except UserError as error:
        yield from _problems(what, error)
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        yield Finding(
            "problem",
            what,
            f"could not be checked ({type(error).__name__}: {reason})",
            "repair what the reason names; the other checks go on",
        )


def _problems(what: str, error: UserError) -> Iterator[Finding]:
    """Yield one problem per line; the text after a semicolon is the remedy."""
    for line in error.problems:
        found, _, advice = line.partition("; ")
        yield Finding("problem", what, found, advice)
