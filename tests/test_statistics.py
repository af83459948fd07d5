from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap, t

from pj2.exhibits.format import percent_mean
from pj2.statistics import (
    DIFFERENCE_OF_SHARES,
    SHARE,
    PairedDifference,
    holm,
    mcnemar_p,
    mean_accuracy,
    mean_interval,
    paired_difference,
    wilson_interval,
)
from scripts.coverage import FALSE_VERDICT, OTHERS, measure

Coverage = dict[tuple[str, str], float]


def made(seeds: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models, the first better by 5 points."""
    source = np.random.default_rng(0)
    one, other = (source.random((seeds, images)) < share for share in (0.9, 0.85))
    return one, other


# The mean over seeds.


def test_the_t_interval_of_three_seeds_is_that_of_the_tables() -> None:
    found = mean_interval([0.90, 0.91, 0.92])
    assert (found.mean, found.sd, found.n) == (pytest.approx(0.91), pytest.approx(0.01), 3)
    half = 4.302653 * 0.01 / math.sqrt(3)  # t of 2 degrees of freedom at 97.5 %
    assert (found.low, found.high) == pytest.approx((0.91 - half, 0.91 + half), abs=1e-8)


def test_the_t_interval_is_scipys() -> None:
    values = np.random.default_rng(0).normal(0.9, 0.01, 7)
    found = mean_interval(values)
    wanted = t.interval(0.95, 6, values.mean(), values.std(ddof=1) / math.sqrt(7))
    assert (found.low, found.high) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.filterwarnings("error")
def test_wilson_interval_has_known_values() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-7)
    assert wilson_interval(0, 10) == (0.0, pytest.approx(0.2775328, abs=1e-7))
    assert wilson_interval(10, 10) == (pytest.approx(0.7224672, abs=1e-7), 1.0)


def test_wilson_interval_is_scipys() -> None:
    for correct, n in [(0, 1), (1, 1), (1, 3), (271, 300), (9_999, 10_000), (37, 10_000)]:
        theirs = binomtest(correct, n).proportion_ci(0.95, method="wilson")
        assert wilson_interval(correct, n) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize(("correct", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_what_is_no_proportion_has_no_interval(correct, n) -> None:
    with pytest.raises(ValueError, match="is no proportion"):
        wilson_interval(correct, n)


def test_an_accuracys_interval_is_wilsons_of_one_seed_and_students_of_several() -> None:
    one = mean_accuracy([0.8], 20)
    assert (one.mean, one.n, (one.low, one.high)) == (0.8, 1, wilson_interval(16, 20))
    assert math.isnan(one.sd)
    assert mean_accuracy([0.8, 0.75], 20) == mean_interval([0.8, 0.75], SHARE)


def test_the_interval_of_a_share_holds_no_other_number() -> None:
    """Two seeds of 12 images."""
    wide = mean_accuracy([1.0, 8 / 12], 12)
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert wide.mean == pytest.approx(10 / 12)
    assert mean_interval([1.0, 0.9], SHARE).high == 1.0
    assert mean_interval([0.9, -0.8], DIFFERENCE_OF_SHARES).low == -1.0
    narrow = [0.801, 0.8, 0.799]
    assert mean_interval(narrow, SHARE) == mean_interval(narrow)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_the_interval_of_a_share_covers_it(n: int, share: float) -> None:
    """Seeds have a deviation of one point over networks, and 1,000 images each."""
    source = np.random.default_rng(n)
    most = share * (1 - share) / 0.01**2 - 1
    networks = source.beta(share * most, (1 - share) * most, size=(2000, n))
    seeds = source.binomial(1000, networks) / 1000
    means = [mean_interval(values, SHARE) for values in seeds]
    assert all(0 <= mean.low <= mean.high <= 1 for mean in means if mean.sd)
    assert np.mean([mean.low <= share <= mean.high for mean in means]) > 0.93


def test_one_seed_has_no_spread_and_equal_ones_none_either() -> None:
    alone = mean_interval([0.3])
    assert (alone.mean, alone.n) == (0.3, 1)
    assert np.isnan([alone.sd, alone.low, alone.high]).all()
    for equal in ([0.1, 0.1, 0.1], [0.92 - 0.91, 0.93 - 0.92]):  # the second but for rounding
        same = mean_interval(equal)
        assert (same.mean, same.sd, same.n) == (equal[0], 0.0, len(equal))
        assert np.isnan([same.low, same.high]).all()
    assert percent_mean(mean_accuracy([1.0, 1.0], 12)) == "100.00 ± 0.00"
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


# A difference between two models.


@pytest.mark.parametrize("seeds", [1, 2, 4])  # powers of 2, so that means round like sums
def test_over_images_is_the_bca_bootstrap_of_the_images_means(seeds: int) -> None:
    one, other = made(seeds, 100)
    per_image = one.mean(axis=0) - other.mean(axis=0)
    wanted = bootstrap(
        (per_image,), np.mean, method="BCa", n_resamples=500, rng=np.random.default_rng(3)
    ).confidence_interval
    found = paired_difference(one, other, resamples=500, seed=3)
    assert found.over_images == pytest.approx(tuple(wanted), abs=1e-12)
    assert found.difference == pytest.approx(one.mean() - other.mean())
    assert (found.seeds, found.images) == (seeds, 100)


def test_over_both_draws_seeds_and_images_independently() -> None:
    one, other = made(3, 60)
    difference = one.astype(int) - other.astype(int)

    def statistic(seeds: np.ndarray, images: np.ndarray) -> float:
        drawn = difference[np.ix_(seeds, images)]
        return float(drawn.sum() / drawn.size)

    wanted = bootstrap(
        (np.arange(3), np.arange(60)),
        statistic,
        method="BCa",
        n_resamples=400,
        vectorized=False,
        rng=np.random.default_rng(5),
    ).confidence_interval
    found = paired_difference(one, other, resamples=400, seed=5)
    assert found.over_both == pytest.approx(tuple(wanted), abs=1e-12)


def test_over_seeds_is_the_t_interval_of_the_seeds_differences() -> None:
    one, other = made(5, 80)
    spread = mean_interval(one.mean(axis=1) - other.mean(axis=1))
    found = paired_difference(one, other, resamples=20)
    assert found.over_seeds == pytest.approx((spread.low, spread.high), abs=1e-12)


def test_one_seed_says_nothing_of_others() -> None:
    found = paired_difference(*made(1, 50), resamples=50)
    assert found.over_seeds is None
    assert found.over_both is None


def test_the_other_way_round_the_difference_changes_its_sign_alone() -> None:
    one, other = made(3, 200)
    here, there = paired_difference(one, other), paired_difference(other, one)
    assert here.difference == -there.difference
    assert here.over_images == pytest.approx(
        [-end for end in reversed(there.over_images)], abs=0.003
    )
    assert here == paired_difference(one, other)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("right", "difference"), [(True, 1.0), (False, 0.0)])
def test_equal_differences_have_no_interval(right: bool, difference: float) -> None:
    one, other = np.full((3, 10), right), np.zeros((3, 10), bool)
    assert paired_difference(one, other) == PairedDifference(difference, 3, 10, None, None, None)
    images = paired_difference(one[:1], other[:1])
    assert images == PairedDifference(difference, 1, 10, None, None, None)


@pytest.mark.filterwarnings("error")
def test_whatever_is_small_has_intervals_around_its_difference() -> None:
    for number in range(150):
        source = np.random.default_rng(number)
        shape = (int(source.integers(1, 4)), int(source.integers(2, 9)))
        one, other = (source.random(shape) < share for share in source.choice([0.03, 0.5, 0.9], 2))
        found = paired_difference(one, other, resamples=300)
        for low, high in filter(None, (found.over_images, found.over_seeds, found.over_both)):
            assert low <= found.difference <= high
    # Neither a seed nor an image is better on average: BCa's acceleration would be 0 / 0.
    found = paired_difference(np.eye(2, dtype=bool), np.zeros((2, 2), bool), resamples=300)
    assert found.over_images is None
    assert found.over_both == (0.0, 1.0)


def test_what_cannot_be_compared_is_an_error() -> None:
    one, other = made(2, 10)
    for bad in ((one, other[:, :9]), (one[0], other[0]), (one[:, :1], other[:, :1])):
        with pytest.raises(ValueError, match="expected"):
            paired_difference(*bad)
    with pytest.raises(ValueError, match="0 seeds"):
        paired_difference(one[:0], other[:0])


def test_memory_does_not_grow_with_the_resamples() -> None:
    one, other = made(5, 2000)
    tracemalloc.start()
    paired_difference(one, other)  # at once: 2,000 × 2,000 resampled images of 8 bytes, 32 MB
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6


# Tests of single networks, and many of them.


def networks(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, first, second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat(
        [True, False, True, False], counts
    )


def test_mcnemar_is_the_binomial_test_of_the_discordant_images() -> None:
    # 10 images that only one recognised, 9 of them the second: 2 × (1 + 10) / 2¹⁰.
    assert mcnemar_p(*networks(5, 1, 9, 3)) == pytest.approx(22 / 1024)
    # The ratings of a prime minister at two times, Agresti, Categorical Data Analysis, table 10.1.
    found = mcnemar_p(*networks(794, 150, 86, 570))
    assert found == pytest.approx(binomtest(86, 236).pvalue, rel=1e-9)
    assert found == pytest.approx(3.7e-5, rel=0.02)


@pytest.mark.filterwarnings("error")
def test_networks_that_recognise_the_same_images_do_not_differ() -> None:
    assert mcnemar_p(*networks(5, 0, 0, 3)) == 1.0
    assert mcnemar_p(*networks(5, 4, 4, 3)) == 1.0


def test_holm_multiplies_by_how_many_are_left() -> None:
    # Ascending: 4 × 0.005, 3 × 0.01, 2 × 0.02, and 1 × 0.03, which may not be less than that.
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


# What intervals cover, in 1,000 simulations with a known truth. Three standard errors of a
# share of 95 % are 2.1 points.

SAMPLING_ERROR = 3 * math.sqrt(0.95 * 0.05 / 1000)


def simulate(seeds: int, simulations: int = 1000) -> Coverage:
    """Seeds matter as they would with 10,000 images and a deviation over seeds of 0.4 points."""
    return measure(seeds, (10_000, 0.004), simulations, resamples=200, simulated_images=200)


@pytest.fixture(scope="module")
def three_seeds() -> Coverage:
    return simulate(3)


@pytest.mark.parametrize(
    ("interval", "truth", "allowance"),
    [
        ("wilson_interval", "images", 0.005),  # discrete: a score has 201 values
        ("mean_interval", "seeds", 0.0),
        ("over_seeds", "seeds", 0.0),
        # The bootstrap is right for many images; with 200, 40 of which tell the models
        # apart, and 200 resamples it is short by 1 to 2 points.
        ("over_images", "images", 0.015),
    ],
)
def test_intervals_cover_what_they_say(
    three_seeds: Coverage, interval: str, truth: str, allowance: float
) -> None:
    found = three_seeds[f"`{interval}`", OTHERS[truth]]
    assert abs(found - 0.95) < SAMPLING_ERROR + allowance


def test_with_three_seeds_the_interval_over_both_is_too_narrow(three_seeds: Coverage) -> None:
    assert 0.86 < three_seeds["`over_both`", OTHERS["both"]] < 0.94
    # But the one over images, which takes no account of seeds, is far from it ...
    assert three_seeds["`over_images`", OTHERS["both"]] < 0.75
    # ... and where the one over seeds has to agree, few verdicts are false.
    assert three_seeds["`over_seeds`, `over_both`", FALSE_VERDICT] < 0.05


def test_with_two_seeds_it_is_narrower_still() -> None:
    found = simulate(2, 500)
    assert 0.80 < found["`over_both`", OTHERS["both"]] < 0.91
    assert found["`over_seeds`, `over_both`", FALSE_VERDICT] < 0.05
