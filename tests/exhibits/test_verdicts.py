"""Verdicts on simulated runs whose truth is known, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pj2.exhibits.claims.verdicts import (
    AGREES,
    CANNOT_TELL,
    DIFFERS,
    FAILS,
    HOLDS,
    agreement,
    excess,
    nearness,
    seeds_to_agree,
)

SIMULATIONS = 1_000
MARGIN = 1.0
SEEDS = (1, 2, 3, 5, 10)
# Of 1,000 draws at 5 %, more than 72 happen once in a thousand times.
MOST = 0.072


def rate(verdict: str, distance: float, sd: float, n: int) -> float:
    """How often a verdict falls where ours and the published run expect `distance` apart."""
    rng = np.random.default_rng(0)
    ours = rng.normal(distance, sd, (SIMULATIONS, n))
    published = rng.normal(0, sd, SIMULATIONS)
    given = [
        agreement(values, one, MARGIN).verdict for values, one in zip(ours, published, strict=True)
    ]
    return given.count(verdict) / SIMULATIONS


@pytest.mark.parametrize("sd", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("n", SEEDS)
def test_wrong_verdicts_on_a_value_are_rare_whatever_n(n: int, sd: float) -> None:
    assert rate(AGREES, MARGIN, sd, n) <= MOST
    assert rate(AGREES, 3 * MARGIN, sd, n) <= MOST
    assert rate(DIFFERS, MARGIN, sd, n) <= MOST
    assert rate(DIFFERS, 0, sd, n) <= MOST


def test_more_seeds_make_right_verdicts_easier() -> None:
    agrees = [rate(AGREES, 0, 0.3, n) for n in SEEDS]
    differs = [rate(DIFFERS, 3 * MARGIN, 0.3, n) for n in SEEDS]
    for rates in (agrees, differs):
        assert rates == sorted(rates)
        assert rates[0] == 0
        assert rates[-1] > 0.75


def verdicts(mean: float, n: int) -> list[str]:
    draws = np.random.default_rng(1).normal(mean, 1, (SIMULATIONS, n))
    return [excess(values).verdict for values in draws]


@pytest.mark.parametrize("n", SEEDS)
def test_wrong_verdicts_on_an_order_are_rare_whatever_n(n: int) -> None:
    assert verdicts(0, n).count(HOLDS) / SIMULATIONS <= MOST / 2
    assert verdicts(0, n).count(FAILS) / SIMULATIONS <= MOST / 2
    assert verdicts(-0.5, n).count(HOLDS) / SIMULATIONS <= MOST / 2
    draws = np.random.default_rng(2).normal(MARGIN, 0.3, (SIMULATIONS, n))
    near = [nearness(values, MARGIN).verdict for values in draws]
    assert near.count(HOLDS) / SIMULATIONS <= MOST
    assert near.count(FAILS) / SIMULATIONS <= MOST


def test_seeds_that_agreement_takes() -> None:
    """Five values of a deviation of 0.42 reach 0.99 from their mean, four reach 1.12."""
    assert seeds_to_agree(0.6 / np.sqrt(2), 1) == 5
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    for n, verdict in ((5, AGREES), (4, CANNOT_TELL)):
        some = values[:n] - values[:n].mean()
        some *= 0.6 / np.sqrt(2) / some.std(ddof=1)
        assert agreement(list(some), 0.0, 1.0).verdict == verdict
    assert seeds_to_agree(0.7, 1) is None  # one published run is not known that well


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0, 5.0], [5.0, np.nan]])
def test_seeds_without_a_known_spread_tell_nothing(values: list[float]) -> None:
    for judged in (agreement(values, 0, 1), excess(values), nearness(values, 10)):
        assert judged.verdict == CANNOT_TELL
        assert np.isnan(judged.low)
