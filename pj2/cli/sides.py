"""From what a user names to the runs of a comparison's sides."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pj2.errors import UserError

if TYPE_CHECKING:
    from pj2.analysis.sides import Side
    from pj2.runs.reading import RunRecord

RESULTS = Path("results")


def tell(line: str) -> None:
    """Say a line on stderr, beside what is asked for."""
    print(f"pj2: {line}", file=sys.stderr)


def find_sides(arguments: Sequence[str]) -> list[Side]:
    """Return the sides that arguments name, two or more; say on stderr which runs are no use.

    An argument is a run's folder, a folder above runs, a study's folder, or the name of
    a study in ``results``. A single one stands for each of its models.

    Raises UserError, a line an argument, for one without a finished run, and for a
    single one whose runs are all of one model.
    """
    from pj2.analysis.sides import Side, runs_below, sides_by_model

    problems: list[str] = []
    found: list[tuple[Path, list[RunRecord]]] = []
    for text in arguments:
        try:
            folder = _folder(text)
            runs = runs_below(folder, tell)
            _check(text, runs)
            found.append((folder, runs))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    if len(found) > 1:
        names = _side_names([folder for folder, _ in found])
        return [
            Side(name, folder, tuple(runs))
            for name, (folder, runs) in zip(names, found, strict=True)
        ]
    models = sides_by_model(*found[0])
    if len(models) == 1:
        raise UserError(
            f"{arguments[0]}: has runs of {models[0].name} only; name a second run or study to "
            "compare them with"
        )
    return models


def _folder(text: str) -> Path:
    """Return the folder that an argument names. Raises UserError with the nearest there is."""
    parts = [_spelled(part) for part in Path(text).parts]
    if text:
        for folder in (Path(text), RESULTS / text, Path(*parts)):
            if folder.is_dir():
                return folder
    raise UserError(f"{text}: no such run or study{_nearest(parts)}")


def _spelled(part: str) -> str:
    """Return a part of a path, a learning rate in its one spelling."""
    from pj2.config.names import canonical_learning_rate, learning_rate_text

    key, _, value = part.partition("=")
    if key != "lr":
        return part
    try:
        return f"lr={learning_rate_text(canonical_learning_rate(value))}"
    except ValueError:  # then no folder has it, and it is named as it stands
        return part


def _nearest(parts: Sequence[str]) -> str:
    """Name the existing folder that reads most like a path, as the end of an error."""
    # A path that is not there was meant from here, or else below results.
    found = {}
    for start in (Path(), RESULTS):
        if start.is_dir():
            below = _closest_below(start, parts)
            found["/".join(below)] = start.joinpath(*below)
    asked, candidates = "/".join(parts), [words for words in found if words]
    nearest = difflib.get_close_matches(asked, candidates, n=1, cutoff=0.0)
    return f"; the nearest is {found[nearest[0]]}" if nearest else ""


def _closest_below(start: Path, parts: Sequence[str]) -> list[str]:
    """Return the way down from `start` that takes the folder most like each part."""
    way: list[str] = []
    for part in parts:
        here = start.joinpath(*way)
        if (here / part).is_dir():  # also if it is "..", or the root of an absolute path
            way.append(part)
            continue
        folders = [path.name for path in here.iterdir() if path.is_dir()]
        visible = sorted(name for name in folders if not name.startswith("."))
        nearest = difflib.get_close_matches(part, visible, n=1, cutoff=0.0)
        if not nearest:
            break
        way += nearest
    return way


def _check(text: str, runs: Sequence[RunRecord]) -> None:
    """Raise UserError if an argument has no runs, or two of one cell."""
    if not runs:
        studies = [str(path) for path in sorted(RESULTS.glob("*")) if _has_runs(path)]
        nearest = difflib.get_close_matches(text, studies, n=1, cutoff=0.0)
        hint = f"; the nearest that has one is {nearest[0]}" if nearest else ""
        raise UserError(f"{text}: no finished run in it or below it{hint}")
    seen: dict[tuple[str, ...], Path] = {}
    for run in runs:
        cell = (run.experiment, run.model, run.lr, str(run.seed))
        if cell in seen:
            raise UserError(
                f"{text}: holds one run twice, in {seen[cell]} and {run.folder}; it is above "
                "several studies, name them one by one"
            )
        seen[cell] = run.folder


def _has_runs(study: Path) -> bool:
    return next(study.glob("runs/*/*/*/*/run.json"), None) is not None


def _side_names(folders: Sequence[Path]) -> list[str]:
    """Name folders by what tells them apart: study, experiment, model, learning rate, seed."""
    from pj2.analysis.sides import RUN_KEYS

    described = [_described(folder) for folder in folders]
    keys = [key for key in ("study", *RUN_KEYS) if len({each.get(key) for each in described}) > 1]
    names = []
    for each in described:
        words = [
            f"{key}={each[key]}" if key in ("lr", "seed") else each[key]
            for key in keys
            if key in each
        ]
        names.append(" ".join(words) or each["study"])
    return [
        f"{name} ({names[: place + 1].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def _described(folder: Path) -> dict[str, str]:
    """Return what a folder's path says: its study, and the parts that name runs."""
    parts = list(Path(os.path.abspath(folder)).parts)
    described = {}
    while "=" in parts[-1]:
        key, _, value = parts.pop().partition("=")
        described[key] = value
    if parts[-1] == "runs":
        parts.pop()
    return {"study": parts[-1], **described}
