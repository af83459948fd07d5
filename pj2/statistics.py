"""Confidence intervals and tests of accuracies and of their differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

Range = tuple[float, float]
"""The least and the greatest value that a quantity can have."""

Interval = tuple[float, float]

SHARE: Range = (0.0, 1.0)
DIFFERENCE_OF_SHARES: Range = (-1.0, 1.0)
NOT_NEGATIVE: Range = (0.0, math.inf)
_ANY: Range = (-math.inf, math.inf)
_CONFIDENCE = 0.95
_CELLS = 200_000  # of an array of resampled images: 1.6 MB, which a processor's cache holds


@dataclass(frozen=True)
class Mean:
    """The mean of `n` seeds, their standard deviation, and the mean's 95 % interval.

    With one seed `sd`, `low` and `high` are NaN, with equal values `low` and `high` are.
    """

    mean: float
    sd: float
    n: int
    low: float
    high: float


NO_VALUES = Mean(np.nan, np.nan, 0, np.nan, np.nan)


@dataclass(frozen=True)
class PairedDifference:
    """How much more accurate one model is than another: a fraction, and 95 % intervals.

    `over_images` is about other test images for these very networks, `over_seeds`
    about other seeds on these very images, `over_both` about other seeds and other
    images. With one seed the last two are None. An interval is also None if there is no
    spread to estimate it from.
    """

    difference: float
    seeds: int
    images: int
    over_images: Interval | None
    over_seeds: Interval | None
    over_both: Interval | None


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of the proportion ``correct / n`` (Wilson 1927).

    It covers the chance in the choice of n test images, not the spread between
    seeds. Raises ValueError unless 0 <= correct <= n and n > 0.
    """
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"{correct} of {n} is no proportion")
    # Written out, since scipy.stats takes half a second to import.
    z = float(ndtri((1 + _CONFIDENCE) / 2))
    centre = (correct + z**2 / 2) / (n + z**2)
    reach = z / (n + z**2) * math.sqrt(correct * (n - correct) / n + z**2 / 4)
    return centre - reach if correct else 0.0, centre + reach if correct < n else 1.0


def mean_interval(values: Sequence[float] | np.ndarray, within: Range = _ANY) -> Mean:
    """Return the mean of one value per seed, with its 95 % Student t interval (Student 1908).

    The interval covers the spread between seeds on the same test images. It is cut to the
    range `within` of the quantity, and still covers the mean as often, since the mean lies
    there too. Equal values have none: their spread is 0, that of all seeds is not.

    Raises ValueError if there are no values.
    """
    array = np.asarray(values, np.float64)
    n = len(array)
    if not n:
        raise ValueError("no values to average")
    mean = float(array.mean())
    if n == 1:
        return Mean(mean, np.nan, n, np.nan, np.nan)
    if are_equal(values):  # their rounded mean may be another number
        return Mean(float(array[0]), 0.0, n, np.nan, np.nan)
    sd = float(array.std(ddof=1))
    reach = student_quantile(n - 1) * sd / float(np.sqrt(n))
    return Mean(mean, sd, n, *_part(mean - reach, mean + reach, within))


def are_equal(values: Sequence[float] | np.ndarray) -> bool:
    """Tell whether values are equal but for rounding, as differences of shares are."""
    return bool(np.allclose(values, values[0], rtol=1e-12, atol=1e-12))


def mean_accuracy(values: Sequence[float], images: int) -> Mean:
    """Return the mean of one accuracy per seed, each of `images` images, with its 95 % interval.

    The interval of several seeds is Student's, which covers other seeds; that of one seed is
    Wilson's, which covers other images; seeds of equal accuracy have none. Raises ValueError
    if there are no values.
    """
    spread = mean_interval(values, SHARE)
    if spread.n > 1:
        return spread
    low, high = wilson_interval(round(spread.mean * images), images)
    return Mean(spread.mean, spread.sd, 1, low, high)


def _part(low: float, high: float, within: Range) -> tuple[float, float]:
    return max(low, within[0]), min(high, within[1])


def student_quantile(degrees: int) -> float:
    """Return the 0.975 quantile of Student's distribution, of a two-sided 95 % interval."""
    return float(stdtrit(degrees, (1 + _CONFIDENCE) / 2))


def gradient_variation(norms: np.ndarray) -> tuple[float, float]:
    """Return two measures of how gradient norms, one per step, vary over a run.

    They are the coefficient of variation (the standard deviation over all steps divided by
    the mean), and the 95th percentile divided by the median; NaN or infinite where the
    mean or the median is 0.
    """
    norms = np.asarray(norms, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variation = norms.std() / norms.mean()
        tail = np.percentile(norms, 95) / np.median(norms)
    return float(variation), float(tail)


def paired_difference(
    one: np.ndarray, other: np.ndarray, resamples: int = 2000, seed: int = 0
) -> PairedDifference:
    """Return the accuracy of `one` less that of `other`, with 95 % intervals.

    Both are bool[S, N]: whether the network of each seed recognised each test image,
    the same seeds and the same images in both.

    - `over_images`: BCa bootstrap (Efron 1987) of the images' differences, each a mean
      over seeds.
    - `over_seeds`: Student t of the seeds' differences, each a mean over images.
    - `over_both`: BCa bootstrap in which seeds and images are drawn independently of
      each other, so that whole rows and columns are drawn (the "pigeonhole" bootstrap of
      Owen 2007). It is too narrow for two or three seeds that differ much, and somewhat
      too wide where seeds differ little: `scripts/coverage.py` measures how much.

    Equal arguments give equal intervals; `seed` is that of the resampling. At S = 5,
    N = 10,000 it takes 2.5 s of one core and 25 MB. Raises ValueError unless the shapes
    agree and there are a seed and two images.
    """
    if one.shape != other.shape or one.ndim != 2:
        raise ValueError(f"shapes {one.shape} and {other.shape}; expected the same [S, N]")
    seeds, images = one.shape
    if not seeds or images < 2:
        raise ValueError(f"{seeds} seeds and {images} images; expected 1 and 2 at least")
    # Whole numbers, here and in the resamples' sums: BCa counts resamples that equal the
    # estimate, and rounding would make them differ from it.
    differences = one.astype(np.int8) - other.astype(np.int8)
    over_seeds = over_both = None
    if seeds > 1:
        spread = mean_interval(differences.mean(axis=1).tolist(), DIFFERENCE_OF_SHARES)
        over_seeds = None if math.isnan(spread.low) else (spread.low, spread.high)
        over_both = _over_both(differences, resamples, seed)
    return PairedDifference(
        float(differences.sum(dtype=np.int64) / differences.size), seeds, images,
        _over_images(differences, resamples, seed), over_seeds, over_both,
    )  # fmt: skip


def _over_images(differences: np.ndarray, resamples: int, seed: int) -> Interval | None:
    seeds = len(differences)
    sums = differences.sum(axis=0, dtype=np.float64)

    def statistic(drawn: np.ndarray, axis: int) -> np.ndarray:
        mean: np.ndarray = drawn.sum(axis=axis) / (seeds * drawn.shape[axis])
        return mean

    return _bootstrap((sums,), statistic, len(sums), resamples, seed, np.ptp(sums) > 0)


def _over_both(differences: np.ndarray, resamples: int, seed: int) -> Interval | None:
    seeds, images = differences.shape
    by_image = differences.T.astype(np.float64)

    def statistic(rows: np.ndarray, columns: np.ndarray, axis: int) -> np.ndarray:
        """Return the mean over drawn seeds [..., s] and images [..., n], one per resample.

        How often each image was drawn, times the differences, is a matrix product.
        """
        drawn = columns.reshape(-1, columns.shape[axis])
        places = drawn + images * np.arange(len(drawn))[:, None]
        counts = np.bincount(places.ravel(), minlength=len(drawn) * images)
        sums = counts.reshape(len(drawn), images) @ by_image
        sums = sums.reshape(*columns.shape[:-1], seeds)
        total = np.take_along_axis(sums, rows, axis=-1).sum(axis=-1)
        mean: np.ndarray = total / (rows.shape[axis] * columns.shape[axis])
        return mean

    varies = any(np.ptp(differences.sum(axis=axis, dtype=np.int64)) > 0 for axis in (0, 1))
    samples = (np.arange(seeds), np.arange(images))
    return _bootstrap(samples, statistic, images, resamples, seed, varies)


def _bootstrap(
    samples: Sequence[np.ndarray],
    statistic: Callable[..., np.ndarray],
    images: int,
    resamples: int,
    seed: int,
    varies: bool,
) -> Interval | None:
    """Return the 95 % BCa interval; the percentile interval if nothing `varies` on average.

    Leaving out a seed or an image then changes nothing, so BCa's acceleration is 0 / 0.
    None if all resamples are equal.
    """
    from scipy.stats import bootstrap  # half a second: where it is needed

    interval = bootstrap(
        samples,
        statistic,
        method="BCa" if varies else "percentile",
        confidence_level=_CONFIDENCE,
        n_resamples=resamples,
        batch=max(1, _CELLS // images),
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    return (low, high) if low < high else None


def mcnemar_p(one: np.ndarray, other: np.ndarray) -> float:
    """Return the two-sided p-value of the exact McNemar test (McNemar 1947).

    `one` and `other`, bool[N], say whether two networks recognised the same images. Under
    the null hypothesis an image that only one of them recognised is as likely to be
    either's. It is about these two networks, not about other seeds. 1.0 if they
    recognised the same images.
    """
    from statsmodels.stats.contingency_tables import mcnemar  # half a second: where it is needed

    table = [
        [int((one & other).sum()), int((one & ~other).sum())],
        [int((~one & other).sum()), int((~one & ~other).sum())],
    ]
    return float(mcnemar(table, exact=True).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979), in the same order.

    Rejecting where one is below α keeps the chance of any false rejection at α or less,
    however the tests depend on each other.
    """
    from statsmodels.stats.multitest import multipletests  # half a second: where it is needed

    if not len(p_values):
        return []
    return [float(p) for p in multipletests(p_values, method="holm")[1]]
