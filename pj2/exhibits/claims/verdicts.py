"""Verdicts from one value per seed. More seeds make a right verdict easier, and no wrong one."""

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
    """A verdict and the interval behind it; NaN if the spread over seeds is unknown."""

    verdict: str
    low: float = math.nan
    high: float = math.nan

    @property
    def reach(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


def spread_is_known(values: Sequence[float]) -> bool:
    """Tell whether values, one per seed, show a spread: at least two of them differ."""
    return bool(np.isfinite(values).all()) and not are_equal(values)


def agreement(values: Sequence[float], published: float, margin: float) -> Judged:
    """Judge whether one published run and ours, one value per seed, have the same expectation.

    The 90 % interval is that of the expected difference, ours less the published. The published
    run is taken to have the spread of ours, so the standard error is sd·√(1 + 1/n), with n − 1
    degrees of freedom. The values agree if the interval lies within ± `margin` (two one-sided
    tests at 5 %, Schuirmann 1987; Lakens 2017) and differ if it lies outside. Either verdict is
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
    """Return how many seeds of this spread would show agreement if there were no difference.

    None if even 100 would not, since the published value comes from one run.
    """
    return next((n for n in range(2, _MOST_SEEDS + 1) if _reach(sd, n) <= margin), None)


def nearness(differences: Sequence[float], margin: float) -> Judged:
    """Judge from differences, one per seed, whether two models are within a margin.

    The claim holds if the 90 % Student interval of the mean lies within ± `margin`, and does not
    hold if it lies outside.
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
    """Judge whether values, one per seed, are above 0 in the mean, and above `least`.

    The verdict follows from the 95 % Student interval of the mean: the claim holds if the
    interval is above `least`, holds in part if it is above 0, and does not hold if it is below 0.
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
