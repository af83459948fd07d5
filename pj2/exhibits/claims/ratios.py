"""Claims about loss bands and gradients: ratios of two models, over learning rates.

A seed counts if both models have it at all published learning rates; if no such seed exists,
seeds with any two rates count. A verdict is given only if it stays the same without the learning
rates at which a run diverged or stalled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pj2.exhibits.claims.comparable import rate_problems, run_problems
from pj2.exhibits.claims.finding import Finding, about_a_ratio, named_as_lost, unsettled
from pj2.exhibits.claims.kinds import BandClaim, GradientsClaim, ScaleClaim
from pj2.exhibits.claims.published import Report
from pj2.exhibits.claims.verdicts import CANNOT_TELL
from pj2.exhibits.landscape.numbers import width_ratio, width_ratios_without_a_rate
from pj2.language import tr
from pj2.runs.reading import RunRecord, count_steps, steps
from pj2.runs.stalled import not_trained
from pj2.statistics import gradient_variation
from pj2.wording import span

Pair = tuple[RunRecord, RunRecord]
Measure = Callable[[Sequence[Pair]], float]
"""Maps the pairs of a seed, one per learning rate, to the ratio of the first model to the other."""
_Claim = BandClaim | GradientsClaim | ScaleClaim


def check_band(claim: BandClaim, groups: Sequence[Sequence[RunRecord]], report: Report) -> Finding:
    """Compare the widths of two models' loss bands: medians over the steps that all runs have.

    A diverged run stays in its band up to its last loss. The shortest of the other runs ends the
    band, so only its length has to be comparable.
    """
    seeds = _pairs(groups, report.recipes[claim.model].learning_rates)
    shortest = [
        min(map(_last_of_band, zip(*pairs, strict=True)), key=count_steps)
        for pairs in seeds.values()
    ]

    def ratio(pairs: Sequence[Pair]) -> float:
        return width_ratio(_members(pairs), claim.model, claim.than)

    finding = _over_rates(claim, seeds, ratio, claim.factor, shortest, report)
    alone = [
        each
        for pairs in seeds.values()
        for each in width_ratios_without_a_rate(_members(pairs), claim.model, claim.than)
        if np.isfinite(each)
    ]
    if not alone:
        return finding
    more = tr(
        "{least:.2f} to {greatest:.2f} times with any one rate left out",
        least=min(alone), greatest=max(alone),
    )  # fmt: skip
    return replace(finding, reason=tr("; ").join((finding.reason, more)))


def check_gradients(
    claim: GradientsClaim, groups: Sequence[Sequence[RunRecord]], report: Report
) -> Finding:
    """Compare how much two models' gradient norms vary over their runs.

    The report does not define "steady". Here both measures of `gradient_variation` are taken over
    the steps that both models have at a learning rate and seed, then medians over learning rates,
    then the ratio of the models. `ours` is the ratio of the coefficients of variation; the other
    ratio must lead to the same verdict.
    """
    seeds = _pairs(groups, report.recipes[claim.model].learning_rates)

    def ratio(place: int) -> Measure:
        def measure(pairs: Sequence[Pair]) -> float:
            varied = [[gradient_variation(norms) for norms in _norms(pair)] for pair in pairs]
            own, other = np.median(np.array(varied), axis=0)  # [rates, models, measures]
            return _ratio(own[place], other[place])

        return measure

    shorter = [min(pair, key=count_steps) for pairs in seeds.values() for pair in pairs]
    variation, tail = (
        _over_rates(claim, seeds, ratio(place), 1.0, shorter, report) for place in (0, 1)
    )
    what = tr("coefficient of variation"), tr("95th percentile / median")
    both = zip(what, (variation, tail), strict=True)
    reason = tr("; ").join(f"{name}{tr(': ')}{found.reason}" for name, found in both if found.ours)
    same = variation.verdict == tail.verdict
    return replace(variation, reason=reason, verdict=variation.verdict if same else CANNOT_TELL)


def check_scale(
    claim: ScaleClaim, groups: Sequence[Sequence[RunRecord]], report: Report
) -> Finding:
    """Compare how much the scale of the gradients differs between learning rates.

    The scale at a rate is the median norm over the steps that both models have; the measure is
    the greatest scale divided by the least.
    """
    seeds = _pairs(groups, report.recipes[claim.model].learning_rates)

    def ratio(pairs: Sequence[Pair]) -> float:
        medians = np.array([[np.median(norms) for norms in _norms(pair)] for pair in pairs])
        own, other = medians.max(axis=0) / medians.min(axis=0)
        return _ratio(own, other)

    shorter = [min(pair, key=count_steps) for pairs in seeds.values() for pair in pairs]
    return _over_rates(claim, seeds, ratio, 1.0, shorter, report)


def _over_rates(
    claim: _Claim,
    seeds: Mapping[int, Sequence[Pair]],
    measure: Measure,
    factor: float,
    timed: Sequence[RunRecord],
    report: Report,
) -> Finding:
    """Judge a ratio by seed, over all rates and without the rates at which a run did not train."""
    by_seed = [_members(pairs) for pairs in seeds.values()]
    used = [run for members in by_seed for run in members]
    problems = [line for members in by_seed for line in rate_problems(members, report)]
    problems += run_problems(used, timed, report)
    if not seeds:
        problems = [tr("no seed has two learning rates of both models")]
    steps_used = [count_steps(run) for run in timed]
    over = tr("over {steps} steps", steps=span(steps_used)) if steps_used else ""

    def judged(kept: Mapping[int, Sequence[Pair]], *more: str) -> Finding:
        ratios = {seed: measure(pairs) for seed, pairs in kept.items()}
        return about_a_ratio(unsettled(claim, problems, used, ratios), factor, *more)

    finding = judged(seeds, over)
    lost = not_trained(used)
    if not lost:
        return finding
    bad = {run.lr for run in lost}
    rest = {s: [p for p in pairs if p[0].lr not in bad] for s, pairs in seeds.items()}
    enough = all(len(pairs) > 1 for pairs in rest.values())
    without = judged(rest).verdict if enough else CANNOT_TELL
    same = bool(problems) or without == finding.verdict
    said_so = tr("without these rates: {verdict}", verdict=tr(without))
    reason = tr("; ").join((finding.reason, named_as_lost(lost), said_so))
    return replace(finding, reason=reason, verdict=finding.verdict if same else CANNOT_TELL)


def _pairs(
    groups: Sequence[Sequence[RunRecord]], published: Sequence[float]
) -> dict[int, list[Pair]]:
    """Return, by seed, the runs of two models at the learning rates that both have.

    Seeds are those with all published learning rates, or else those with any two.
    """
    runs, others = groups
    cells = {(run.seed, run.lr): run for run in others}
    pairs: dict[int, list[Pair]] = {}
    for run in sorted(runs, key=lambda run: (run.seed, run.learning_rate)):
        if (run.seed, run.lr) in cells:
            pairs.setdefault(run.seed, []).append((run, cells[run.seed, run.lr]))
    rates = {seed: {run.learning_rate for run, _ in group} for seed, group in pairs.items()}
    whole = {seed: group for seed, group in pairs.items() if rates[seed] == set(published)}
    return whole or {seed: group for seed, group in pairs.items() if len(group) > 1}


def _last_of_band(runs: Sequence[RunRecord]) -> RunRecord:
    """Return the run that ends a band: the shortest that did not diverge, or else the longest."""
    whole = [run for run in runs if run.diverged_at is None]
    return min(whole, key=count_steps) if whole else max(runs, key=count_steps)


def _members(pairs: Iterable[Pair]) -> list[RunRecord]:
    return [run for pair in pairs for run in pair]


def _norms(pair: Pair) -> list[np.ndarray]:
    """Return the gradient norms of two runs over the steps that both have; NaN if none."""
    common = min(map(count_steps, pair))
    if not common:
        return [np.array([np.nan])] * 2
    return [steps(run)["grad_norm"].to_numpy()[:common] for run in pair]


def _ratio(own: float, other: float) -> float:
    """Return own / other; NaN or infinite where the other is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(own) / np.float64(other))
