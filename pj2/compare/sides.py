"""The sides of a comparison, as the user names them, and their runs."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pj2.config.names import spelled_learning_rate
from pj2.errors import UserError
from pj2.runs.files import RUN
from pj2.runs.reading import (
    RunRecord,
    by_model,
    epochs,
    model_names,
    read_run_in,
    test_result,
)

RESULTS = Path("results")


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its name in tables, its folder, and its runs (one or more)."""

    name: str
    folder: Path
    runs: tuple[RunRecord, ...]

    def name_of(self, run: RunRecord, *details: str) -> str:
        """Name a run by this side and its model, as far as needed beside the side's name."""
        several = len({each.experiment for each in self.runs}) > 1
        words = [run.experiment, run.model, *details] if several else [run.model, *details]
        already = re.split("/(?:experiment=|model=)?", f"/{self.name}")
        return " ".join([self.name, *(word for word in words if word not in already)])


def find_sides(arguments: Sequence[str]) -> tuple[list[Side], list[str]]:
    """Return two or more sides named by the arguments, and a line for each unusable run.

    An argument is a run's folder, a folder above runs, a study's folder, or the name of a study
    in ``results``. A single argument gives one side for each of its models.

    Raises UserError, one line per problem, for an argument without a finished run or above
    several studies, and for a single argument whose runs are all of one model.
    """
    problems: list[str] = []
    told: list[str] = []
    sides: list[Side] = []
    for argument in arguments:
        try:
            folder = _folder(argument)
            runs, left_out = runs_below(folder)
            told += left_out
            _check(argument, runs)
            sides.append(Side(argument, folder, tuple(runs)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError([*told, *problems])
    if len(sides) > 1:
        names = _names([side.folder for side in sides])
        return [replace(side, name=name) for side, name in zip(sides, names, strict=True)], told
    models = sides_by_model(sides[0].folder, sides[0].runs)
    if len(models) == 1:
        raise UserError(
            f"{arguments[0]}: has runs of {models[0].name} only; name a second run or study to "
            "compare them with"
        )
    return models, told


def sides_by_model(folder: Path, runs: Sequence[RunRecord]) -> list[Side]:
    """Return the models of a study as sides of a comparison, in the order of the runs."""
    names = model_names(runs)
    return [Side(names[key], folder, tuple(group)) for key, group in by_model(runs).items()]


def _folder(argument: str) -> Path:
    """Return the folder that an argument names. Raises UserError with the nearest existing name."""
    spelled = Path(
        *(
            f"lr={spelled_learning_rate(part[3:])}" if part.startswith("lr=") else part
            for part in Path(argument).parts
        )
    )
    if argument:
        for folder in (Path(argument), RESULTS / argument, spelled):
            if folder.is_dir():
                return folder
    # No such path exists: suggest the nearest name here, or below results/.
    depths = ["/".join(["*=*"] * depth) for depth in range(1, 5)]
    below = [RESULTS.glob(pattern) for pattern in ("*", *(f"*/runs/{each}" for each in depths))]
    folders = [str(path) for paths in below for path in paths if path.is_dir()]
    folders += [str(path) for each in depths for path in Path().glob(each)]
    nearest = difflib.get_close_matches(str(spelled), folders, n=1, cutoff=0.0)
    hint = f"; the nearest is {nearest[0]}" if nearest else ""
    raise UserError(f"{argument}: no such run or study{hint}")


def runs_below(folder: Path) -> tuple[list[RunRecord], list[str]]:
    """Return the finished runs of a folder, which is a run's, one above runs, or a study's.

    A run's path ends with experiment=/model=/lr=/seed=; runs are sorted by these parts. A run
    whose records cannot be read, or without predictions, is left out; for each such run a line is
    returned too.
    """
    below = folder / "runs" if (folder / "runs").is_dir() else folder
    places = [folder] if (folder / RUN).is_file() else sorted(below.rglob("seed=*"))
    runs: list[RunRecord] = []
    told: list[str] = []
    for place in places:
        try:
            runs.append(_read_run(place))
        except UserError as error:
            told.append(f"{error}; left out")
    runs.sort(key=lambda run: (run.experiment, run.model, run.learning_rate, run.seed))
    return runs, told


def _read_run(folder: Path) -> RunRecord:
    """Read a run. Raises UserError, one line, unless it is finished and in its place."""
    run = read_run_in(folder)
    for read in (epochs, test_result):
        read(run)
    return run


def _check(argument: str, runs: Sequence[RunRecord]) -> None:
    """Raise UserError if an argument has no runs, or the same run twice."""
    if not runs:
        raise UserError(f"{argument}: no finished run in it or below it")
    seen: dict[tuple[str, str, str, int], Path] = {}
    for run in runs:
        first = seen.setdefault((run.experiment, run.model, run.lr, run.seed), run.folder)
        if first != run.folder:
            raise UserError(
                f"{argument}: holds one run twice, in {first} and {run.folder}; it is above "
                "several studies, name them one by one"
            )


def _names(folders: Sequence[Path]) -> list[str]:
    """Name folders by their paths from the study on, without the parts common to all."""
    paths = [list(Path(os.path.abspath(folder)).parts) for folder in folders]
    studies = [
        max(place for place, part in enumerate(path) if "=" not in part and part != "runs")
        for path in paths
    ]
    from_study = [path[place:] for path, place in zip(paths, studies, strict=True)]
    if len(set(map(tuple, from_study))) == len(paths):  # false for one study in two clones
        paths = from_study
    for end in (0, -1):
        while min(map(len, paths)) > 1 and len({path[end] for path in paths}) == 1:
            for path in paths:
                path.pop(end)
    return ["/".join(path) for path in paths]
