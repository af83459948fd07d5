"""Files of surfaces, lines and curvature, with the run that each was measured on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from pj2.errors import UserError
from pj2.language import said, tr
from pj2.runs.reading import RunRecord, read_parquet
from pj2.store.records import Count, PathLike, parse_json, read_json

_KEY = b"pj2"
GRID_COLUMNS = ("row", "column", "statistics", "alpha", "beta", "loss", "accuracy")
STATISTICS = {"running": said("running statistics"), "batch": said("batch statistics")}
"""The statistics that BatchNorm normalised with; ``none`` for a network without BatchNorm."""
LINE_COLUMNS = ("statistics", "alpha", "loss", "accuracy")


@with_config(ConfigDict(strict=True, extra="allow"))
class About(TypedDict):
    """The run behind a measurement, and at which of its weights; see `describe`."""

    experiment: str
    model: str
    lr: str
    seed: int
    epoch: Count | None
    weights: str
    config: dict[str, Any]
    other: NotRequired[About]  # the other end of a line between two runs


@with_config(ConfigDict(strict=True, extra="allow"))
class Curvature(TypedDict):
    """The measured curvature at some weights; see `pj2.evaluation.curvature.curvature_of`."""

    about: About
    statistics: Literal["none", "running", "batch"]
    loss: float | None
    parameters: Count
    largest: list[float]
    smallest: list[float]
    traces: list[float]
    nodes: list[list[float]]
    masses: list[list[float]]


@dataclass(frozen=True)
class Measured:
    """A table, and the run that it was measured on: `about` as `describe` made it."""

    about: About
    table: pd.DataFrame

    def each(self) -> list[Measured]:
        """Return one table for each of BatchNorm's statistics."""
        parts = self.table.groupby("statistics", sort=False)
        return [Measured(self.about, part) for _, part in parts]

    @property
    def statistics(self) -> str:
        """The statistics that BatchNorm normalised with, for a table of one kind or no rows."""
        return "none" if self.table.empty else str(self.table["statistics"].iloc[0])

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.about["model"])

    @property
    def title(self) -> str:
        """The model and its learning rate, for people."""
        return tr("{model}, lr {lr}", model=self.model, lr=self.about["lr"])

    @property
    def full_title(self) -> str:
        """The title, and below it BatchNorm's statistics, for a table of one kind."""
        below = STATISTICS.get(self.statistics)
        return f"{self.title}\n{tr(below)}" if below else self.title


def describe(run: RunRecord, weights: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of the run behind a measurement; `weights` is ``best`` or ``last``.

    The best weights of a run that diverged in its first epoch are described as ``initial``, since
    it began with them. No weights of such a run have an epoch.
    """
    name = f"{weights}.safetensors"
    epoch = run.best_epoch if weights == "best" else run.info["epochs_run"] - 1
    if not run.info["epochs_run"]:
        epoch, weights = None, "initial" if weights == "best" else weights
    return {
        "experiment": run.experiment,
        "model": run.model,
        "lr": run.lr,
        "seed": run.seed,
        "epoch": epoch,
        "weights": weights,
        "sha256": run.info["artifacts"][name],
        "config": dict(config),
    }


def with_description(table: pa.Table, about: Mapping[str, Any]) -> pa.Table:
    """Return a table whose metadata describe the run that it was measured on."""
    return table.replace_schema_metadata({_KEY: json.dumps(about, sort_keys=True)})


def read_measured(path: PathLike, columns: Sequence[str]) -> Measured:
    """Read a table and its description. Raises UserError if it has none."""
    table = read_parquet(path, columns)
    described = (table.schema.metadata or {}).get(_KEY)
    if described is None:
        raise UserError(f"{path}: no description of the measured run; make it again")
    return Measured(parse_json(described, About, path), table.to_pandas())


def gather_surface(paths: Iterable[PathLike]) -> pa.Table:
    """Join the rows of a grid, in order.

    Raises UserError if they are not of one model's weights, or if rows are missing.
    """
    parts = [(Path(path), read_measured(path, GRID_COLUMNS)) for path in paths]
    first, about = parts[0][0], parts[0][1].about
    for path, part in parts:
        if part.about != about:
            raise UserError(f"{path}: measured at other weights, or otherwise, than {first}")
    frame = pd.concat([part.table for _, part in parts])
    frame = frame.sort_values(["statistics", "row", "column"], ascending=[False, True, True])
    points = int(about["config"]["points"])
    wanted = [(row, column) for row in range(points) for column in range(points)]
    grids = [part for _, part in frame.groupby("statistics")]
    if any(list(zip(part["row"], part["column"], strict=True)) != wanted for part in grids):
        raise UserError(f"{first}: it and the other parts do not make {points} rows of {points}")
    return with_description(pa.Table.from_pandas(frame, preserve_index=False), about)


def about_statistics(config: Mapping[str, Any], kinds: Iterable[str]) -> str:
    """Return sentences on BatchNorm's statistics and their effect; empty without BatchNorm."""
    if not set(kinds) & set(STATISTICS):
        return ""
    return tr(
        "Running statistics: BatchNorm normalises with constants kept from training. Batch "
        "statistics: with those of the measured images, at most {batch:,} at a time. Constants "
        "raise the largest eigenvalues (Ghorbani et al. 2019).",
        batch=config["batch_size"],
    )


def as_grid(surface: Measured) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return alpha ``[P]``, beta ``[P]`` and the loss ``[P, P]``, one row per beta."""
    loss = surface.table.pivot(index="beta", columns="alpha", values="loss")
    return loss.columns.to_numpy(), loss.index.to_numpy(), loss.to_numpy()


def barrier(line: Measured) -> float:
    """Return the greatest excess of the loss over the straight line between its two ends.

    This is Frankle et al. 2020, section 2, with the mean of the ends replaced by the
    interpolation between them, as in Entezari et al. 2022, definition 2.1. Infinite if a loss is
    not finite, NaN for a line without points: fewer than two runs finished an epoch.
    """
    if line.table.empty:
        return math.nan
    alpha, loss = line.table["alpha"].to_numpy(), line.table["loss"].to_numpy()
    if not np.isfinite(loss).all():
        return math.inf
    return float((loss - ((1 - alpha) * loss[0] + alpha * loss[-1])).max())


def read_curvature(path: PathLike) -> list[Curvature]:
    """Read the curvature job's file: best and last weights, each with every kind of statistics.

    Raises UserError if the file has another form.
    """
    return read_json(path, list[Curvature])
