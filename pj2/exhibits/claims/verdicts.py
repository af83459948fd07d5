"""Verdicts from one value a seed. More seeds make a right verdict easier, and no wrong one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from pj2.language import said
from pj2.statistics import are_equal, mean_interval

AGREES, DIFFERS = said("agrees"), said("differs")
HOLDS, IN_PART, FAILS = said("holds"), said("holds in part"), said("does not hold")
CANNOT_TELL = said("cannot tell")

_ONE_SIDED = 0.95
_MOST_SEEDS = 100


@dataclass(frozen=True)
class Judged:
    """A verdict, and the interval that it rests on; NaN where the spread of seeds is unknown."""

    verdict: str
    low: float = math.nan
    high: float = math.nan

    @property
    def reach(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


def spread_is_known(values: Sequence[float]) -> bool:
    """Tell whether values, one a seed, say anything of how seeds differ: two at least do differ."""
    return bool(np.isfinite(values).all()) and not are_equal(values)


def agreement(values: Sequence[float], published: float, margin: float) -> Judged:
    """Judge whether one published run and ours, one value a seed, expect the same.

    The interval is the 90 % interval of ours less the published in expectation: the
    published run has the spread of ours, so that its standard error is sd·√(1 + 1/n),
    with n − 1 degrees of freedom. They agree if it lies within ± `margin` (two one-sided
    tests at 5 %, Schuirmann 1987; Lakens 2017) and differ if it lies outside. Either is
    wrong in at most 5 % of cases, whatever n.
    """
    if not spread_is_known(values):
        return Judged(CANNOT_TELL)
    difference = float(np.mean(values)) - published
    reach = _reach(float(np.std(values, ddof=1)), len(values))
    low, high = difference - reach, difference + reach
    if -margin <= low and high <= margin:
        return Judged(AGREES, low, high)
    apart = low > margin or high < -margin
    return Judged(DIFFERS if apart else CANNOT_TELL, low, high)


def seeds_to_agree(sd: float, margin: float) -> int | None:
    """Return how many seeds of this spread could show agreement if there were no difference.

    None if not even 100 could, since the published value is one run's.
    """
    return next((n for n in range(2, _MOST_SEEDS + 1) if _reach(sd, n) <= margin), None)


def nearness(differences: Sequence[float], margin: float) -> Judged:
    """Judge whether two models are within a margin, from their difference seed by seed.

    It holds if the 90 % Student interval of the mean lies within ± `margin`, and does not
    if it lies outside.
    """
    if not spread_is_known(differences):
        return Judged(CANNOT_TELL)
    n, mean = len(differences), float(np.mean(differences))
    reach = _t(n) * float(np.std(differences, ddof=1)) / math.sqrt(n)
    low, high = mean - reach, mean + reach
    if -margin <= low and high <= margin:
        return Judged(HOLDS, low, high)
    return Judged(FAILS if low > margin or high < -margin else CANNOT_TELL, low, high)


def excess(values: Sequence[float], least: float = 0.0) -> Judged:
    """Judge whether values, one a seed, are above 0 in the mean, and above `least`.

    By the 95 % Student t interval of the mean: it holds if all of it is above `least`, in
    part if all of it is above 0, and does not if all of it is below 0.
    """
    if not spread_is_known(values):
        return Judged(CANNOT_TELL)
    spread = mean_interval(values)
    if spread.low > least:
        verdict = HOLDS
    elif spread.low > 0:
        verdict = IN_PART
    else:
        verdict = FAILS if spread.high < 0 else CANNOT_TELL
    return Judged(verdict, spread.low, spread.high)


def _reach(sd: float, n: int) -> float:
    return _t(n) * sd * math.sqrt(1 + 1 / n)


def _t(n: int) -> float:
    return float(stdtrit(n - 1, _ONE_SIDED))
