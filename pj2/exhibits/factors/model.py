"""A linear model of runs with varying factors, fitted by ordinary least squares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from pj2.statistics import Range, student_quantile

Levels = Mapping[str, Sequence[str]]
"""The levels of each factor, in the order of the config."""

Cell = Mapping[str, str]
"""The levels of some factors, averaged over the levels of all others."""

_NOTHING = 1e-9  # standard deviations of shares below this are rounding errors


@dataclass(frozen=True)
class Estimate:
    """An estimated value, its standard error `se`, and the 95 % Student interval.

    All are NaN if the runs cannot separate the effect from others; `se`, `low` and `high` are NaN
    if no residual degrees of freedom, or no residuals, are left.
    """

    value: float
    se: float = math.nan
    low: float = math.nan
    high: float = math.nan


class LinearModel:
    """A model of main effects, interactions of every two factors, and seeds as blocks.

    Factors and seeds are effect-coded: the coefficients of each sum to 0 over its levels. So an
    average over levels drops out, and a level with fewer runs weighs as much as the others.
    `degrees` are the residual degrees of freedom.

    Args:
        frame: one row per run: a column for each factor (its level), ``seed``, and ``accuracy``.
        levels: the factors of the model.
    """

    def __init__(self, frame: pd.DataFrame, levels: Levels) -> None:
        self._levels = levels
        self._seeds = sorted(frame["seed"].unique())
        cells = frame[list(levels)].to_dict("records")
        design = np.stack(
            [self._row(c, seed) for c, seed in zip(cells, frame["seed"], strict=True)]  # type: ignore[arg-type]
        )
        measured = frame["accuracy"].to_numpy(np.float64)
        self._inverse = np.linalg.pinv(design)
        self._coefficients = self._inverse @ measured
        self._estimable = self._inverse @ design
        self.degrees = len(frame) - int(np.linalg.matrix_rank(design))
        left = measured - design @ self._coefficients
        self._sd = math.sqrt(left @ left / self.degrees) if self.degrees else math.nan

    def contrast(self, terms: Sequence[tuple[int, Cell]], within: Range) -> Estimate:
        """Return the weighted sum of the mean accuracies of some cells, clipped to its range."""
        row = sum(weight * self._row(cell) for weight, cell in terms)
        if not np.allclose(row @ self._estimable, row, atol=1e-8):
            return Estimate(math.nan)
        value = float(row @ self._coefficients)
        if not self._sd > _NOTHING:
            return Estimate(value)
        se = self._sd * float(np.linalg.norm(row @ self._inverse))
        reach = student_quantile(self.degrees) * se
        return Estimate(value, se, max(value - reach, within[0]), min(value + reach, within[1]))

    def _row(self, cell: Cell, seed: int | None = None) -> np.ndarray:
        """Return the design row of a cell, for one seed or averaged over seeds."""
        codes = [_effect_code(levels, cell.get(name)) for name, levels in self._levels.items()]
        both = [np.outer(one, other).ravel() for one, other in combinations(codes, 2)]
        return np.concatenate([[1.0], *codes, *both, _effect_code(self._seeds, seed)])


def _effect_code(levels: Sequence[object], level: object) -> np.ndarray:
    """Return 1 at a level's place, −1 everywhere for the last, and 0 for the average of all."""
    if level is None:
        return np.zeros(len(levels) - 1)
    table = np.vstack([np.eye(len(levels) - 1), np.full(len(levels) - 1, -1.0)])
    code: np.ndarray = table[list(levels).index(level)]
    return code
