"""All checks, one after another; none stops the others."""

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

# Found by name only when they are due: what is broken may be what one of them imports.
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
    """Yield what is found of the machine, of a config, and of all that it names.

    Where the config cannot be used, the rest is looked at as far as that goes without.
    Nothing is changed but that damaged files of the store are set aside, as they are
    wherever they are met. `thorough` reads all images and the whole store.
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
    """Yield what a check finds; what it cannot cope with is a finding too."""
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
    """Yield a problem a line; what the line says after a semicolon is what to do."""
    for line in error.problems:
        found, _, advice = line.partition("; ")
        yield Finding("problem", what, found, advice)
