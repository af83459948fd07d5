"""Which package, Python, run store and memory pages the jobs of a pipeline use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pj2.config.load import STORE_VARIABLES
from pj2.config.schema import StoreConfig
from pj2.errors import UserError


def use_checkout(root: str | os.PathLike[str]) -> None:
    """Make ``python -m pj2`` in a child process run the package at `root`.

    Jobs run the package beside the Snakefile, even if another clone of it is
    installed or lies in the folder of the results, and the ``python`` of this
    process, even if its environment is not activated.

    Raises UserError if PYTHONPATH cannot hold the path of `root`: the jobs would run another
    package, or none.
    """
    taken = [mark for mark in (os.pathsep, "{", "}", "\n") if mark in str(root)]
    if taken:
        raise UserError(
            f"{root}: its path has {' '.join(map(repr, taken))}, which has a special meaning "
            "in PYTHONPATH or to Snakemake; move the folder to a path without"
        )
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), before]))
    os.environ["PYTHONSAFEPATH"] = "1"  # the current folder does not come first
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join(filter(None, [programs, os.environ.get("PATH")]))


def use_huge_pages() -> None:
    """Make glibc in the jobs of this process use memory pages of 2 MB where Linux has them.

    The processor then needs fewer page table look-ups for a network's tensors.
    Other C libraries ignore the variable; a value that the user set is kept.
    """
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")


def use_store(store: StoreConfig) -> None:
    """Make the jobs of this process, wherever they run, use one store."""
    os.environ[STORE_VARIABLES["path"]] = os.path.abspath(store.path)
    if store.remote:
        os.environ[STORE_VARIABLES["remote"]] = store.remote
    os.environ[STORE_VARIABLES["weights"]] = store.weights
