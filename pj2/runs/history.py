"""Why runs were made again: one log for each study, a line for each run and reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

# Below the study's folder.
HISTORY = "logs/made_again.log"


def note(path: Path, reasons: Mapping[str, Sequence[str]]) -> None:
    """Append why the runs in these folders are made again now."""
    time = datetime.now().isoformat(" ", "minutes")
    lines = [f"{time} {folder}: {each}\n" for folder, why in reasons.items() for each in why]
    if lines:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def noted(path: Path, folder: str) -> list[str]:
    """Return the last time at which a run was made again, with each reason."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    parts = [line.partition(f" {folder}: ") for line in lines]
    of_run = [(time, reason) for time, found, reason in parts if found]
    return [f"made again {time}: {reason}" for time, reason in of_run if time == of_run[-1][0]]
