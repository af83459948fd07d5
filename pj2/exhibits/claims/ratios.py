"""Claims about loss bands and gradients: ratios of two models, over learning rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pj2.exhibits.claims.comparable import rate_problems, run_problems
from pj2.exhibits.claims.finding import FAILS, HOLDS, IN_PART, Finding, unsettled, with_n
from pj2.exhibits.claims.published import BandClaim, GradientsClaim, Report
from pj2.exhibits.landscape.numbers import band_width_table, common_steps, landscape_band
from pj2.language import said, tr
from pj2.runs.reading import RunRecord, count_steps, steps
from pj2.statistics import gradient_variation
from pj2.wording import NOT_SETTLED, span

Pair = tuple[RunRecord, RunRecord]


def check_band(
    claim: BandClaim, runs: Sequence[RunRecord], others: Sequence[RunRecord], report: Report
) -> Finding:
    """Compare the widths of two models' loss bands, seed by seed.

    A seed's ratio is that of the bands' median widths over their common steps, each over
    the learning rates that both models have (two at least). The claim "holds" if the
    ratio is below `factor` in every seed; it "holds in part" if it is below 1 in every
    seed; it "does not hold" if it is 1 or more in every seed; otherwise it is "not
    settled". Diverged runs stay in a band as far as they go. The bands are as long as
    the shortest run, so that run's length alone has to be comparable.
    """
    seeds = _pairs(runs, others, report.recipes[claim.model].learning_rates)
    ratios: dict[int, float] = {}
    lengths: list[int] = []
    shortest: list[RunRecord] = []
    for seed, pairs in seeds.items():
        members = _members(pairs)
        table = band_width_table(common_steps(landscape_band(members)))
        width = dict(zip(table["model"], table["median_width"], strict=True))
        ratios[seed] = _ratio(width[claim.model], width[claim.than])
        lengths.append(int(table["steps"].min()))
        whole = [run for run in members if run.diverged_at is None]
        shortest += [min(whole, key=count_steps)] if whole else []
    problems, used = _pair_problems(seeds, shortest, report)
    numbers = ""
    if ratios:
        narrower = sum(ratio < 1 for ratio in ratios.values())
        far = tr(" (far: below {factor:g})", factor=claim.factor) if claim.factor < 1 else ""
        numbers = tr(
            "median width {ratios} times the other's{far} over {steps} steps, narrower in "
            "{narrower} of {n} seeds",
            ratios=_spread(ratios), far=far, steps=span(lengths), narrower=narrower, n=len(ratios),
        )  # fmt: skip
    finding = unsettled(claim, problems, used, ratios, lost=said("in the band until it diverged"))
    return finding.settled(_verdict([ratios], claim.factor), numbers)


def check_gradients(
    claim: GradientsClaim, runs: Sequence[RunRecord], others: Sequence[RunRecord], report: Report
) -> Finding:
    """Compare how much two models' gradient norms vary over their runs, seed by seed.

    The report does not say what steady means. Here: both measures of `gradient_variation`,
    over the steps that both models have at a learning rate and seed; then medians over
    learning rates; then their ratio. The claim "holds" if both ratios are below 1 in every
    seed; it "does not hold" if both are 1 or more in every seed; otherwise it is "not
    settled". A learning rate at which either model diverged is left out. `ours` is the
    ratio of the coefficients of variation.
    """
    seeds = _pairs(runs, others, report.recipes[claim.model].learning_rates)
    variation: dict[int, float] = {}
    tail: dict[int, float] = {}
    lengths: list[int] = []
    shorter: list[RunRecord] = []
    for seed, pairs in seeds.items():
        measured = []
        for pair in pairs:
            if all(run.diverged_at is None for run in pair):
                shorter.append(min(pair, key=count_steps))
                lengths.append(count_steps(shorter[-1]))
                norms = [steps(run)["grad_norm"].to_numpy()[: lengths[-1]] for run in pair]
                measured.append([gradient_variation(each) for each in norms])
        if measured:
            own, other = np.median(np.array(measured), axis=0)  # [rates, models, measures]
            variation[seed], tail[seed] = _ratio(own[0], other[0]), _ratio(own[1], other[1])
    problems, used = _pair_problems(seeds, shorter, report)
    numbers = ""
    if variation:
        numbers = tr(
            "coefficient of variation {variation} times the other's, 95th percentile / median "
            "{tail} times, over {steps} steps, n = {n}",
            variation=_spread(variation), tail=_spread(tail), steps=span(lengths), n=len(variation),
        )  # fmt: skip
    finding = unsettled(claim, problems, used, variation)
    return finding.settled(_verdict([variation, tail]), numbers)


def _pairs(
    runs: Sequence[RunRecord], others: Sequence[RunRecord], published: Sequence[float]
) -> dict[int, list[Pair]]:
    """Return, by seed, the runs of two models at the learning rates that both have.

    Seeds are those with all published learning rates; without one, those with any two.
    """
    cells = {(run.seed, run.lr): run for run in others}
    pairs: dict[int, list[Pair]] = {}
    for run in sorted(runs, key=lambda run: (run.seed, run.learning_rate)):
        if (run.seed, run.lr) in cells:
            pairs.setdefault(run.seed, []).append((run, cells[run.seed, run.lr]))
    rates = {seed: {run.learning_rate for run, _ in group} for seed, group in pairs.items()}
    whole = {seed: group for seed, group in pairs.items() if rates[seed] == set(published)}
    return whole or {seed: group for seed, group in pairs.items() if len(group) > 1}


def _pair_problems(
    seeds: Mapping[int, Sequence[Pair]], timed: Sequence[RunRecord], report: Report
) -> tuple[list[str], list[RunRecord]]:
    """Return what keeps pairs of runs from being compared, and the runs."""
    if not seeds:
        return [tr("no seed has two learning rates of both models")], []
    by_seed = [_members(pairs) for pairs in seeds.values()]
    used = [run for members in by_seed for run in members]
    problems = [line for members in by_seed for line in rate_problems(members, report)]
    return [*problems, *run_problems(used, timed, report)], used


def _members(pairs: Iterable[Pair]) -> list[RunRecord]:
    return [run for pair in pairs for run in pair]


def _verdict(measures: Sequence[Mapping[int, float]], factor: float = 1.0) -> str:
    """Return the verdict of ratios by seed, which all measures and seeds must share."""
    ratios = [ratio for measure in measures for ratio in measure.values()]
    n = len(measures[0])
    if all(ratio < factor for ratio in ratios):
        return with_n(HOLDS, n)
    if all(ratio < 1 for ratio in ratios):
        return with_n(IN_PART, n)
    return with_n(FAILS, n) if all(ratio >= 1 for ratio in ratios) else NOT_SETTLED


def _ratio(own: float, other: float) -> float:
    """Return own / other; NaN or infinite where the other is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(own) / np.float64(other))


def _spread(values: Mapping[int, float]) -> str:
    """Return the mean over seeds in words, and the least and the greatest if they are several."""
    ratios = list(values.values())
    text = f"{np.mean(ratios):.2f}"
    return text if len(ratios) == 1 else f"{text} [{min(ratios):.2f}, {max(ratios):.2f}]"
