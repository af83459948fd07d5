"""Index files list the runs that a table or figure shows: too many for a command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from pj2.config.study import Run
from pj2.runs.record import read_run
from pj2.store.records import Digest, Name, PathLike, read_record, write_record


@with_config(ConfigDict(strict=True))
class Entry(TypedDict):
    """A run: its cell of the grid, its folder relative to the index file's, its record's digest."""

    experiment: Name
    model: Name
    lr: Name
    seed: int
    variant: dict[str, str]
    folder: str
    record: Digest


@with_config(ConfigDict(strict=True, extra="allow"))
class Index(TypedDict):
    """An index file."""

    study: str
    runs: list[Entry]


def entry_of(run: Run, folder: PathLike) -> dict[str, Any]:
    """Return the entry of a run in a folder, without the digest of its record."""
    return {
        **run.wildcards,
        "seed": run.settings.seed,
        "variant": dict(run.variant.levels),
        "folder": os.fspath(folder),
    }


def write_index(path: Path, about: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> None:
    """Write an index file, and add the digest of each run's record. Raises BadRecord.

    The digests change the file when a run's results change, so its tables and figures are
    made again.
    """
    runs = [
        {**entry, "record": read_run(path.parent / entry["folder"])["digest"]} for entry in entries
    ]
    write_record(path, {**about, "runs": runs})


def read_index(path: PathLike) -> Index:
    """Return what an index file lists. Raises BadRecord."""
    return read_record(path, Index)
