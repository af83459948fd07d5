"""The contents of a study's report, as the pipeline lists them for the report's job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pj2.config.schema import StudyConfig
from pj2.errors import UserError
from pj2.exhibits.catalogue import Key, paths
from pj2.exhibits.declare import Exhibit
from pj2.runs.reading import RunRecord
from pj2.store.records import Name, PathLike, read_json
from pj2.store.sums import edited, sums_path


class Contents(BaseModel):
    """A study and the files that its report shows.

    ``results`` and ``data`` are folders; ``figures`` and ``tables`` map the name of an exhibit to
    the keys that name its files; ``config`` is the study, ``configfile`` the file for a command
    line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    results: Path
    data: Path
    configfile: str | None
    config: StudyConfig
    figures: dict[str, list[tuple[Name, ...]]]
    tables: dict[str, list[tuple[Name, ...]]]

    def path(self, exhibit: Exhibit, key: Key, ending: str) -> Path:
        """Return the path of an exhibit's file. Raises UserError if the file was edited."""
        path = self.results / next(paths(exhibit, [key], ending))
        problems = edited(sums_path(self.results, next(paths(exhibit, [key]))), [path])
        if problems:
            raise UserError([f"{problem}; snakemake makes it again" for problem in problems])
        return path

    def command(self, path: str) -> str:
        """Return the command that makes a file below the results again, with its inputs."""
        config = f" --configfile {self.configfile}" if self.configfile else ""
        target = Path("results", self.config.study, path)
        return f"snakemake --cores all {target.as_posix()}{config}"


@dataclass(frozen=True)
class Shown:
    """The contents with the runs of the study, in the order of the config."""

    contents: Contents
    runs: tuple[RunRecord, ...]

    def of(self, key: Sequence[str]) -> list[RunRecord]:
        """Return the runs of a key: of a model, of an experiment, or all."""
        return [run for run in self.runs if (run.experiment, run.model)[: len(key)] == tuple(key)]


def read_contents(path: PathLike) -> Contents:
    """Read the pipeline's file; the paths of folders are relative to it.

    Raises UserError if the file has another form.
    """
    contents = read_json(path, Contents)
    here = Path(path).parent
    folders = {"results": contents.results, "data": contents.data}
    return contents.model_copy(
        update={name: Path(os.path.normpath(here / folder)) for name, folder in folders.items()}
    )
