"""The number of seeds until a difference between two models gets a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri, ndtr, ndtri

from pj2.statistics import student_quantile

_LEVEL = 0.975  # of a two-sided 95 % interval
_MOST = 1_000_000  # seeds; if these are too few, no number suffices
_CELLS = 4000  # of equal probability, for averaging the power


@dataclass(frozen=True)
class Spread:
    """The variances of the difference between two models' accuracies.

    `seeds` is the variance of one seed's difference over other seeds, on the same test images; it
    was estimated from `n` seeds (None if it was stated). `images` is the variance over other test
    images of the difference over all seeds. `rest` is the part of `seeds` that stems from a
    network's luck with single images.
    """

    seeds: float
    images: float = 0.0
    rest: float = 0.0
    n: int | None = None

    @classmethod
    def of(cls, one: np.ndarray, other: np.ndarray) -> Spread:
        """Estimate the spread from the images recognised, bool[S, N] for the same seeds and images.

        This is the analysis of variance of two crossed random effects. Raises ValueError unless
        there are two seeds and two images.
        """
        seeds, images = one.shape
        if min(seeds, images) < 2:
            raise ValueError(f"{seeds} seeds and {images} images; expected 2 of each at least")
        apart = one.astype(np.float64) - other
        by_seed, by_image = apart.mean(axis=1, keepdims=True), apart.mean(axis=0)
        left = (apart - by_seed - by_image + apart.mean()).ravel()
        rest = float(left @ left) / ((seeds - 1) * (images - 1))
        between = max(float(by_image.var(ddof=1)) - rest / seeds, 0.0)
        return cls(float(by_seed.var(ddof=1)), between / images, rest / images, seeds)

    @classmethod
    def stated(cls, sd: float) -> Spread:
        """Return the spread for two models whose accuracies vary by `sd` each, independently."""
        return cls(2 * sd**2)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the standard deviation over seeds, by the χ² distribution."""
        if self.n is None:
            return math.nan, math.nan
        degrees = self.n - 1
        sums = degrees * self.seeds
        low, high = (math.sqrt(sums / chdtri(degrees, p)) for p in (1 - _LEVEL, _LEVEL))
        return low, high

    @property
    def at_most(self) -> Spread:
        """The spread whose standard deviation over seeds is the upper end of `interval`."""
        return replace(self, seeds=self.interval[1] ** 2)


def power_of(difference: float, seeds: int, spread: Spread) -> float:
    """Return the probability that so many seeds give a verdict on a difference, two-sided at 5 %.

    A verdict needs the intervals over seeds, and over seeds and images, both to exclude 0
    (`pj2.exhibits.pairwise.numbers.verdict_of`). The first is that of Student's paired t test,
    with whose power this agrees if `images` and `rest` are 0. The second has the variance that
    the bootstrap of seeds and images has on average (Owen 2007). Both require the measured
    difference, which is normal, to exceed a bound, which the measured variance over seeds (χ²
    distributed) decides.
    """
    degrees = seeds - 1
    probabilities = (np.arange(_CELLS) + 0.5) / _CELLS
    measured = spread.seeds * chdtri(degrees, probabilities) / degrees
    over_seeds = student_quantile(degrees) * np.sqrt(measured / seeds)
    resampled = measured * degrees / seeds**2 + spread.images + 2 * spread.rest / seeds
    bound = np.maximum(over_seeds, ndtri(_LEVEL) * np.sqrt(resampled))
    sd = math.sqrt(spread.seeds / seeds + spread.images)
    return float(np.mean(ndtr((difference - bound) / sd) + ndtr((-difference - bound) / sd)))


def seeds_needed(difference: float, power: float, spread: Spread) -> int | None:
    """Return the least number of seeds that gives a difference the wanted power.

    None if a million seeds are too few, since the test images then leave too much open.
    """
    if power_of(difference, _MOST, spread) < power:
        return None
    too_few, enough = 1, 2
    while power_of(difference, enough, spread) < power:
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if power_of(difference, middle, spread) < power:
            too_few = middle
        else:
            enough = middle
    return enough
