"""The rules of `pj2 store gc`: which entries to keep, as a user writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pj2.config.load import load_study
from pj2.config.names import canonical_json
from pj2.config.study import list_runs
from pj2.errors import UserError
from pj2.store.contents import Entry
from pj2.store.manifest import Blob
from pj2.store.tiers import Folder

Rule = Callable[[Sequence[Entry], Folder, float], set[str]]
"""Returns the fingerprints to keep, from entries (last used first), their folder and the time."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([shdw])", re.ASCII)
_SECONDS = {"s": 1, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]i?)?B", re.ASCII)
_POWERS = ["", "K", "M", "G", "T"]


def parse_duration(text: str) -> float | None:
    """Return seconds for texts such as ``90s``, ``12h``, ``30d`` and ``4w``; None for others."""
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None


def parse_size(text: str) -> int | None:
    """Return bytes for texts such as ``500MB``, ``1.5GB`` and ``2GiB``; None for others."""
    match = _SIZE.fullmatch(text)
    if not match:
        return None
    unit = match[2] or ""
    return int(float(match[1]) * (1024 if "i" in unit else 1000) ** _POWERS.index(unit[:1]))


def parse_rule(text: str) -> Rule:
    """Read a rule: a duration, a size, or the path of a config.

    Raises UserError if it is none of them, or the config cannot be read.
    """
    seconds, size = parse_duration(text), parse_size(text)
    if seconds is not None:
        return partial(_used_within, seconds)
    if size is not None:
        return partial(_last_used_up_to, size)
    if not Path(text).exists():
        raise UserError(
            f"--keep {text}: neither a time (12h, 30d, 4w), a size (500MB, 20GB) "
            "nor a config file that exists"
        )
    return partial(_made_for, Path(text))


def entries_of_study(entries: Sequence[Entry], config: Path) -> dict[str, list[str]]:
    """Return the fingerprints of a study's runs and predictions, whatever their code and data.

    Each comes with the names of its experiments: those that ask for the same run share it.
    Raises UserError if the config cannot be read.
    """
    wanted: dict[str, list[str]] = {}
    for run in list_runs(load_study(config)):
        for precision in run.settings.precisions:
            identity = canonical_json(run.settings.computed_in(precision).identity())
            wanted.setdefault(identity, []).append(run.experiment)
    found: dict[str, list[str]] = {}
    weights: dict[str, list[str]] = {}
    for entry in entries:
        if names := wanted.get(canonical_json(entry.settings)):
            found[entry.fingerprint] = names
            weights |= {blob.sha256: names for blob in entry.blobs}
    predictions = {
        entry.fingerprint: weights[sha256]
        for entry in entries
        if (sha256 := str(entry.settings.get("weights"))) in weights
    }
    return found | predictions


def _used_within(seconds: float, entries: Sequence[Entry], folder: Folder, now: float) -> set[str]:
    return {entry.fingerprint for entry in entries if (entry.used or 0) >= now - seconds}


def _last_used_up_to(size: int, entries: Sequence[Entry], folder: Folder, now: float) -> set[str]:
    kept: set[str] = set()
    blobs: set[Blob] = set()
    total = 0
    for entry in entries:
        more = entry.blobs - blobs
        total += sum(folder.size(blob.name) or 0 for blob in more)
        if total > size:
            break
        blobs |= more
        kept.add(entry.fingerprint)
    return kept


def _made_for(config: Path, entries: Sequence[Entry], folder: Folder, now: float) -> set[str]:
    return set(entries_of_study(entries, config))
