"""The subject of a check, and its finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pj2.config.schema import StoreConfig, StudyConfig
from pj2.config.study import Run

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report: ``what`` was checked, what was ``found``, and the remedy.

    A ``problem`` stops the study or makes its results useless; a ``warning`` may do so.
    """

    status: Status
    what: str
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Subject:
    """The input of every check; if the config is invalid, ``study`` is None and ``runs`` empty."""

    study: StudyConfig | None
    runs: tuple[Run, ...]
    store: StoreConfig
    thorough: bool = False


def count(number: int, what: str) -> str:
    """Return ``1 run``, ``2 runs``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
