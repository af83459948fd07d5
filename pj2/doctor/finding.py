"""What is looked at, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pj2.config.schema import StoreConfig, StudyConfig
from pj2.config.study import Run

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: ``what`` was looked at, what was ``found``, what to do.

    A ``problem`` stops the study, or makes it useless; a ``warning`` may.
    """

    status: Status
    what: str
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Subject:
    """What every check is given; ``study`` is None, without ``runs``, if the config is broken."""

    study: StudyConfig | None
    runs: tuple[Run, ...]
    store: StoreConfig
    thorough: bool = False


def size(number: float) -> str:
    """Return bytes as people read them: ``1.3 GB``."""
    from rich.filesize import decimal

    return decimal(round(number))


def count(number: int, what: str) -> str:
    """Return ``1 run``, ``2 runs``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
