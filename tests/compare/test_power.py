"""How many seeds a difference takes: against statsmodels, SciPy, and simulated verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from pj2.compare.power import Spread, power_of, seeds_needed
from pj2.exhibits.pairwise.numbers import verdict_of
from pj2.statistics import paired_difference
from scripts.coverage import simulate


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
@pytest.mark.parametrize("effect", [0.3, 1.0, 1.5])
def test_without_a_part_of_the_images_it_is_the_power_of_the_paired_t_test(
    seeds: int, effect: float
) -> None:
    spread = Spread(0.01**2)
    expected = TTestPower().power(effect, seeds, 0.05)
    assert power_of(0.01 * effect, seeds, spread) == pytest.approx(expected, abs=1e-4)


def test_so_many_seeds_reach_the_power_and_one_less_does_not() -> None:
    # statsmodels: ceil(TTestPower().solve_power(1 / (0.4 * 2**0.5), alpha=0.05, power=0.8)) = 5
    assert seeds_needed(0.01, 0.8, Spread.stated(0.004)) == 5
    spread = Spread(0.006**2, images=0.002**2, rest=0.004**2)
    seeds = seeds_needed(0.01, 0.9, spread)
    assert seeds is not None
    assert power_of(0.01, seeds - 1, spread) < 0.9 <= power_of(0.01, seeds, spread)


def test_what_the_images_leave_open_no_number_of_seeds_settles() -> None:
    assert seeds_needed(0.01, 0.8, Spread(0.004**2, images=0.005**2)) is None
    assert seeds_needed(0.02, 0.8, Spread(0.004**2, images=0.005**2)) is not None


def test_the_parts_of_a_spread_are_those_of_the_analysis_of_variance() -> None:
    source = np.random.default_rng(0)
    one, other = (source.random((4, 50)) < share for share in (0.9, 0.7))
    apart = one.astype(float) - other
    spread = Spread.of(one, other)
    assert spread.seeds == pytest.approx(apart.mean(axis=1).var(ddof=1))
    rest = apart - apart.mean(axis=0) - apart.mean(axis=1, keepdims=True) + apart.mean()
    left = (rest**2).sum() / (3 * 49)
    between = (apart.mean(axis=0).var(ddof=1) * 4 - left) / 4
    assert spread.images == pytest.approx(max(between, 0) / 50)
    assert spread.rest == pytest.approx(left / 50)
    assert spread.n == 4


def test_two_seeds_know_little_of_their_spread() -> None:
    low, high = Spread(0.01**2, n=2).interval
    assert (low, high) == pytest.approx((0.01 * 0.4461, 0.01 * 31.91), rel=1e-3)
    assert Spread(0.01**2, n=2).at_most.seeds == pytest.approx(high**2)
    degrees = 4
    low, high = Spread(0.01**2, n=5).interval
    # A spread at an end of the interval gives one as far from it, or further, once in forty times.
    assert stats.chi2.sf(degrees * (0.01 / low) ** 2, degrees) == pytest.approx(0.025)
    assert stats.chi2.cdf(degrees * (0.01 / high) ** 2, degrees) == pytest.approx(0.025)


def test_the_power_is_that_of_the_verdict() -> None:
    """Verdicts on simulated models of which the spread over seeds and images is known."""
    seeds, images, trials, luck = 8, 400, 200, 0.006
    source = np.random.default_rng(7)
    many = simulate(source, 300, 2000, luck)
    parts = Spread.of(*many.right)  # those of so many images, of fewer they are greater
    more = 2000 / images
    rest = parts.rest * more
    spread = Spread(parts.seeds - parts.rest + rest, parts.images * more, rest)
    difference = float(many.everything[0] - many.everything[1]) * 2.5
    shift = difference - float(many.everything[0] - many.everything[1])
    settled = 0
    for trial in range(trials):
        one, other = simulate(source, seeds, images, luck).right
        other = other & (source.random(other.shape) >= shift / other.mean())
        paired = paired_difference(one, other, resamples=400, seed=trial)
        settled += verdict_of(paired, 1.0) == "higher"
    expected = power_of(difference, seeds, spread)
    assert 0.2 < expected < 0.95
    assert settled / trials == pytest.approx(expected, abs=4 * math.sqrt(0.25 / trials))
