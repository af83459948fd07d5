"""The number of seeds and hours that each pair of a study's models needs to show a difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from pj2.compare.power import Spread, seeds_needed
from pj2.exhibits.pairwise.numbers import Pair, matched, opponents
from pj2.runs.reading import RunRecord, by_setting
from pj2.statistics import are_equal


@dataclass(frozen=True)
class PairPlan:
    """The seeds that a pair of models needs: `needed`, and `at_most` for the greatest spread.

    The greatest spread is the upper end of its interval. Both are None if no number suffices, or
    if the spread is unknown. `seeds` is the number of common seeds. `seconds` is the time to train
    one more, both models at each of their learning rates and one run after another, as measured
    on the existing runs; None if there are none.
    """

    experiment: str
    model: str
    other: str
    seeds: int
    seconds: float | None
    spread: Spread | None
    needed: int | None
    at_most: int | None

    def hours(self, needed: int | None) -> float | None:
        """Return how long the pair takes to train the seeds missing to `needed`."""
        if needed is None or self.seconds is None:
            return None
        return max(needed - self.seeds, 0) * self.seconds / 3600


def plan_pairs(
    runs: Sequence[RunRecord], difference: float, power: float, stated: float | None = None
) -> tuple[list[PairPlan], list[str]]:
    """Return the plan of each pair that `pairwise` compares, and sentences on what is left out.

    Args:
        runs: the finished runs of a study.
        difference: the difference in test accuracy to be found, a fraction.
        power: the probability of finding it.
        stated: the standard deviation of a model's accuracy over seeds, to replace the measured
            one. It needs no runs: without them the plan is for any two models.
    """
    told: list[str] = []
    plans = []
    for experiment in dict.fromkeys(run.experiment for run in runs):
        own = [run for run in runs if run.experiment == experiment]
        seconds: dict[str, float] = defaultdict(float)
        for (_, model, _), group in by_setting(own).items():
            seconds[model] += mean(float(run.info["seconds"]) for run in group)
        for both in opponents(own, told):
            if pair := matched(*both, told):
                spread = _spread(pair, stated)
                plans.append(_plan(experiment, pair, seconds, spread, (difference, power)))
    if not plans and stated is not None:
        any_two = Spread.stated(stated)
        needed = seeds_needed(difference, power, any_two)
        plans.append(PairPlan("", "any model", "another", 0, None, any_two, needed, None))
    return plans, told


def _plan(
    experiment: str,
    pair: Pair,
    seconds: Mapping[str, float],
    spread: Spread | None,
    goal: tuple[float, float],
) -> PairPlan:
    known = spread is not None and spread.n is not None
    return PairPlan(
        experiment,
        model=pair.models[0].name,
        other=pair.models[1].name,
        seeds=len(pair.seeds),
        seconds=sum(seconds[model.name] for model in pair.models),
        spread=spread,
        needed=seeds_needed(*goal, spread) if spread else None,
        at_most=seeds_needed(*goal, spread.at_most) if spread and known else None,
    )


def _spread(pair: Pair, stated: float | None) -> Spread | None:
    """Return the spread of a pair's difference; None for one seed, or for equal differences."""
    measured = None
    if len(pair.seeds) > 1:
        measured = Spread.of(pair.right, pair.other_right)
    if stated is not None:
        known = Spread.stated(stated)
        return replace(measured, seeds=known.seeds, n=None) if measured else known
    apart = pair.right.mean(axis=1) - pair.other_right.mean(axis=1)
    return None if measured is None or are_equal(apart) else measured
