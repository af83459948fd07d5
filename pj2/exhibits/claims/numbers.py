"""The claims of a published report, checked against the runs of a study.

A claim about a model is checked on its runs without a variant, in the first experiment
that has all models of the claim. Where a model was trained at several learning rates, the
one that validation chooses stands for it (`chosen_setting`). Every verdict is computed
from stored results, by the rules in the docstrings of this module's checks.

Two test accuracies of a run are told apart. By *its protocol*, the report's: the greatest
of any epoch, which the test set itself has chosen. By the *honest* one: at the epoch that
validation chose. Where a run's epoch was monitored on the test set there is no honest one.

With fewer than three seeds nothing reliable is known of their spread; a verdict then says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pj2.errors import UserError
from pj2.exhibits.claims.published import (
    AccuracyClaim,
    BandClaim,
    Claim,
    EpochsClaim,
    GradientsClaim,
    OrderClaim,
    ParametersClaim,
    Report,
    data_name_problems,
    data_problems,
    length_problems,
    rate_problems,
    setting_problems,
)
from pj2.exhibits.landscape.numbers import band_width_table, common_steps, landscape_band
from pj2.language import said, tr
from pj2.runs.reading import (
    RunRecord,
    chosen_setting,
    count_steps,
    epochs,
    precision_of,
    steps,
    test_result,
)
from pj2.statistics import (
    difference_interval,
    gradient_variation,
    mean_interval,
    prediction_interval,
)
from pj2.wording import HIGHER, LOWER, NOT_SETTLED, in_unlike_precisions, named, span

AGREES, DIFFERS = said("agrees"), said("differs")
MORE, FEWER = said("more"), said("fewer")
HOLDS, IN_PART, FAILS = said("holds"), said("holds in part"), said("does not hold")
NOT_COMPARABLE, NOT_RUN = said("not comparable"), said("not run")

ENOUGH_SEEDS = 3  # to estimate their spread at all

Pair = tuple[RunRecord, RunRecord]


@dataclass(frozen=True)
class Finding:
    """A claim, and what our runs say of it.

    `ours` (by its protocol, where there are two) and `honest` are values by seed:
    accuracies and their differences as fractions, epochs, parameters, or ratios of the
    claim's model to the other. `low` and `high` are the interval that the verdict rests
    on, NaN if it rests on none. `problems` are what keeps the claim from being compared,
    `reason` the numbers that the verdict rests on, or would. `rates` are the learning
    rates, in their one spelling.
    """

    claim: Claim
    verdict: str
    reason: str
    problems: tuple[str, ...] = ()
    experiment: str | None = None
    rates: tuple[str, ...] = ()
    ours: Mapping[int, float] = field(default_factory=dict)
    honest: Mapping[int, float] = field(default_factory=dict)
    low: float = np.nan
    high: float = np.nan

    @property
    def bias(self) -> dict[int, float]:
        """Of an accuracy: what choosing the epoch on the test set adds to it, by seed."""
        if not isinstance(self.claim, AccuracyClaim):
            return {}
        return _differences(self.ours, self.honest)


def check_claims(runs: Iterable[RunRecord], report: Report) -> list[Finding]:
    """Return a finding for each claim of a report, in its order.

    A claim for which there are no runs is "not run". Where a run's images or recipe
    are not the report's, or it was ended by a smaller budget than the published run
    took, the claim is "not comparable", and the reason says why.

    Raises UserError if two runs have one experiment, model, learning rate and seed.
    """
    plain = [run for run in runs if not run.variant]
    _refuse_doubles(plain)
    return [_check(claim, plain, report) for claim in report.claims]


def _check(claim: Claim, runs: Sequence[RunRecord], report: Report) -> Finding:
    for experiment in dict.fromkeys(run.experiment for run in runs):
        groups = [
            [run for run in runs if (run.experiment, run.architecture) == (experiment, model)]
            for model in claim.models
        ]
        if all(groups):
            finding = _check_on(claim, groups, report)
            used = [
                precision_of(run) for group in groups for run in group if run.lr in finding.rates
            ]
            verdict = finding.verdict
            if len(groups) > 1 and verdict != NOT_COMPARABLE:
                verdict = in_unlike_precisions(verdict, used)
            return replace(finding, verdict=verdict, experiment=experiment)
    trained = {run.architecture for run in runs}
    absent = [model for model in claim.models if model not in trained]
    reason = tr("no run of {models}", models=tr(" or ").join(absent))
    return Finding(claim, NOT_RUN, reason if absent else tr("not in one experiment"))


def _check_on(claim: Claim, groups: Sequence[Sequence[RunRecord]], report: Report) -> Finding:
    """Check a claim on the runs of each of its models."""
    match claim:
        case AccuracyClaim():
            return _accuracy(claim, groups[0], report)
        case EpochsClaim():
            return _epochs(claim, groups[0], report)
        case ParametersClaim():
            return _parameters(claim, groups[0], report)
        case OrderClaim():
            return _order(claim, groups[0], groups[1], report)
        case BandClaim():
            return _band(claim, groups[0], groups[1], report)
        case GradientsClaim():
            return _gradients(claim, groups[0], groups[1], report)


def _accuracy(claim: AccuracyClaim, runs: Sequence[RunRecord], report: Report) -> Finding:
    """Compare the published accuracy with ours by its protocol.

    The published figure is one run's. From three seeds on it "agrees" if it lies where
    one further run of ours would (`prediction_interval`). With fewer the spread between
    seeds is not known, and it agrees if its difference from our mean is within what two
    test sets of that size can tell (`difference_interval`). Otherwise ours is "higher" or
    "lower". A figure with a tolerance agrees if any part of value ± tolerance does.
    """
    scores = _scores(runs)
    problems = [*rate_problems(runs, report), *_problems(runs, scores.whole, report)]
    problems = [*scores.not_measured, *problems]
    finding = _finding(claim, problems, scores.chosen, scores.ours, scores.honest)
    if problems:
        return finding
    value, values, n = claim.value / 100, list(scores.ours.values()), len(scores.ours)
    mean = float(np.mean(values))
    if n >= ENOUGH_SEEDS:
        low, high = prediction_interval(values)
        what = tr("one further run")
    else:
        least, greatest = difference_interval(mean, value, report.data.test_images)
        low, high = value + least, value + greatest  # around ours
        what = tr("another test set")
    verdict = _placed(low, high, value, claim.tolerance / 100, (LOWER, HIGHER))
    reason = tr(
        "ours less the published: {points:+.2f} points; 95 % for {what}: [{low:.2f}, {high:.2f}], "
        "n = {n}",
        points=100 * (mean - value), what=what, low=100 * low, high=100 * high, n=n,
    )  # fmt: skip
    return _settled(finding, _with_n(verdict, n), reason, low, high)


def _epochs(claim: EpochsClaim, runs: Sequence[RunRecord], report: Report) -> Finding:
    """Compare the published number of epochs with ours.

    It "agrees" if it lies in our seeds' prediction interval, with fewer than three seeds
    if it is from their least to their greatest: with one, if it is equal. Otherwise ours
    are "more" or "fewer".
    """
    scores = _scores(runs)
    problems = [*rate_problems(runs, report), *_problems(runs, scores.whole, report)]
    ours = {run.seed: float(run.info["epochs_run"]) for run in scores.whole}
    finding = _finding(claim, problems, scores.chosen, ours)
    if problems:
        return finding
    values, n = list(ours.values()), len(ours)
    enough = n >= ENOUGH_SEEDS
    low, high = prediction_interval(values) if enough else (min(values), max(values))
    verdict = _placed(low, high, claim.value, 0, (FEWER, MORE))
    further = said("95 % for one further run: [{low:.1f}, {high:.1f}], n = {n}")
    between = said("ours: [{low:.1f}, {high:.1f}], n = {n}")
    reason = tr(further if enough else between, low=low, high=high, n=n)
    return _settled(finding, _with_n(verdict, n), reason, low, high)


def _parameters(claim: ParametersClaim, runs: Sequence[RunRecord], report: Report) -> Finding:
    """Compare the published number of parameters with ours: equal, or it "differs".

    It depends on the architecture and the number of classes, not on the recipe.
    """
    ours = {run.seed: float(run.info["parameters"]) for run in runs}
    problems = [line for run in runs for line in data_name_problems(run, report)]
    problems += [line for run in runs for line in setting_problems(run, report, {"architecture"})]
    finding = _finding(claim, problems, runs, ours, lost="")
    if problems:
        return finding
    gaps = sorted({int(run.info["parameters"]) - claim.value for run in runs})
    if gaps == [0]:
        return _settled(finding, AGREES, tr("equal"))
    in_words = tr(", ").join(f"{gap:+,}" for gap in gaps)
    return _settled(finding, DIFFERS, tr("ours less the published: {gaps}", gaps=in_words))


def _order(
    claim: OrderClaim, runs: Sequence[RunRecord], others: Sequence[RunRecord], report: Report
) -> Finding:
    """Compare two models' accuracies, seed by seed, by both protocols.

    By one protocol, from three seeds on, the order "holds" if the model is above the
    other in every seed and the 95 % Student t interval of the differences is above 0;
    it "does not hold" if both are below; otherwise it is "not settled". With fewer
    seeds the interval is `difference_interval` of the means. The verdict is the one
    that both protocols agree on, "not settled" if they do not.
    """
    above, below = _scores(runs), _scores(others)
    both = [*above.chosen, *below.chosen]
    problems = [*above.not_measured, *below.not_measured]
    problems += [*rate_problems(runs, report), *rate_problems(others, report)]
    problems += _problems([*runs, *others], [*above.whole, *below.whole], report)
    ours = _differences(above.ours, below.ours)
    honest = _differences(above.honest, below.honest)
    if not ours and not problems:
        names = {"one": claim.model, "other": claim.than}
        problems = [tr("{one} and {other} have no seed in common", **names)]
    finding = _finding(claim, problems, both, ours, honest)
    if problems:
        return finding
    images = report.data.test_images
    verdict, reason, low, high = _order_by_one(above.ours, below.ours, images)
    reason = tr("its protocol: {numbers}", numbers=reason)
    if honest:
        other, also, _, _ = _order_by_one(above.honest, below.honest, images)
        verdict = verdict if verdict == other else NOT_SETTLED
        reason += tr("; ") + tr("honest: {numbers}", numbers=also)
    return _settled(finding, verdict, reason, low, high)


def _order_by_one(
    above: Mapping[int, float], below: Mapping[int, float], images: int
) -> tuple[str, str, float, float]:
    """Return the verdict by one protocol, its reason, and the interval of the differences."""
    apart = _differences(above, below)
    n, values = len(apart), list(apart.values())
    if n >= ENOUGH_SEEDS:
        found = mean_interval(values)
        low, high = found.low, found.high
    else:
        means = [float(np.mean([each[seed] for seed in apart])) for each in (above, below)]
        low, high = difference_interval(means[0], means[1], images)
    reason = tr(
        "{points:+.2f} points [{low:.2f}, {high:.2f}], above in {above} of {n} seeds",
        points=100 * np.mean(values), low=100 * low, high=100 * high,
        above=sum(value > 0 for value in values), n=n,
    )  # fmt: skip
    if low > 0 and min(values) > 0:
        return _with_n(HOLDS, n), reason, low, high
    if high < 0 and max(values) < 0:
        return _with_n(FAILS, n), reason, low, high
    return NOT_SETTLED, reason, low, high


def _band(
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
    seeds = _seeds_with_rates(_pairs(runs, others), report.recipes[claim.model].learning_rates)
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
    finding = _finding(claim, problems, used, ratios, lost=said("in the band until it diverged"))
    return _settled(finding, _ratio_verdict([ratios], claim.factor), numbers)


def _gradients(
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
    seeds = _seeds_with_rates(_pairs(runs, others), report.recipes[claim.model].learning_rates)
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
    finding = _finding(claim, problems, used, variation)
    return _settled(finding, _ratio_verdict([variation, tail]), numbers)


@dataclass(frozen=True)
class _Scores:
    """The runs that stand for a model, one a seed; those of them that did not diverge.

    `ours` and `honest` are the latter's accuracies by seed, by its protocol and honestly.
    """

    chosen: list[RunRecord]
    whole: list[RunRecord]
    ours: dict[int, float]
    honest: dict[int, float]

    @property
    def not_measured(self) -> list[str]:
        """Whether its protocol cannot be followed, in words."""
        missing = self.whole and not self.ours
        return [tr("the test set was not measured after every epoch")] if missing else []


def _scores(runs: Sequence[RunRecord]) -> _Scores:
    chosen = chosen_setting(runs)
    whole = [run for run in chosen if run.diverged_at is None]
    best = {run.seed: float(epochs(run)["test_accuracy"].max()) for run in whole}
    honest = {
        run.seed: result[0] / result[1]
        for run in whole
        if run.info["settings"]["monitor"] != "test_accuracy" and (result := test_result(run))
    }
    ours = {seed: accuracy for seed, accuracy in best.items() if not np.isnan(accuracy)}
    return _Scores(chosen, whole, ours, honest)


def _finding(
    claim: Claim,
    problems: Iterable[str],
    runs: Sequence[RunRecord],
    ours: Mapping[int, float],
    honest: Mapping[int, float] | None = None,
    lost: str = said("left out, diverged"),
) -> Finding:
    """Return a finding that waits for its verdict, unless problems make it not comparable.

    Its reason names the runs that diverged, where `lost` says what became of them.
    """
    found = tuple(dict.fromkeys(problems))
    learning_rates = tuple(sorted({run.lr for run in runs}, key=float))
    verdict = NOT_COMPARABLE if found else NOT_SETTLED
    return Finding(
        claim, verdict, _diverged(runs, lost), found, None, learning_rates, ours, honest or {}
    )


def _settled(
    finding: Finding, verdict: str, reason: str, low: float = np.nan, high: float = np.nan
) -> Finding:
    """Return a finding with its numbers, and with its verdict if it is comparable."""
    verdict = NOT_COMPARABLE if finding.problems else verdict
    reason = tr("; ").join(filter(None, (reason, finding.reason)))
    return replace(finding, verdict=verdict, reason=reason, low=low, high=high)


def _problems(runs: Sequence[RunRecord], timed: Sequence[RunRecord], report: Report) -> list[str]:
    """Return what keeps runs from being compared with the report's.

    `runs` are all runs of the claim's models; `timed`, those whose length matters.
    """
    found = [line for run in runs for line in data_problems(run, report)]
    found += [line for run in timed for line in length_problems(run, report)]
    found += [line for run in runs for line in setting_problems(run, report)]
    return found if timed else [tr("nothing is left without runs that diverged"), *found]


def _pair_problems(
    seeds: Mapping[int, Sequence[Pair]], timed: Sequence[RunRecord], report: Report
) -> tuple[list[str], list[RunRecord]]:
    """Return what keeps pairs of runs from being compared, and the runs."""
    if not seeds:
        return [tr("no seed has two learning rates of both models")], []
    used = [run for pairs in seeds.values() for run in _members(pairs)]
    found = [line for pairs in seeds.values() for line in rate_problems(_members(pairs), report)]
    return [*found, *_problems(used, timed, report)], used


def _pairs(runs: Sequence[RunRecord], others: Sequence[RunRecord]) -> dict[int, list[Pair]]:
    """Return, by seed, the runs of two models at the learning rates that both have."""
    cells = {(run.seed, run.lr): run for run in others}
    found: dict[int, list[Pair]] = {}
    for run in sorted(runs, key=lambda run: (run.seed, run.learning_rate)):
        if (run.seed, run.lr) in cells:
            found.setdefault(run.seed, []).append((run, cells[run.seed, run.lr]))
    return found


def _members(pairs: Iterable[Pair]) -> list[RunRecord]:
    return [run for pair in pairs for run in pair]


def _seeds_with_rates(
    pairs: Mapping[int, list[Pair]], published: Sequence[float]
) -> dict[int, list[Pair]]:
    """Return the seeds with all published learning rates; without one, those with any two."""
    rate_sets = {seed: {pair[0].learning_rate for pair in group} for seed, group in pairs.items()}
    whole = {seed: pairs[seed] for seed, found in rate_sets.items() if found == set(published)}
    return whole or {seed: group for seed, group in pairs.items() if len(group) > 1}


def _placed(low: float, high: float, value: float, tolerance: float, words: tuple[str, str]) -> str:
    """Return whether an interval of ours meets value ± tolerance, or is below or above it."""
    if high < value - tolerance:
        return words[0]
    return words[1] if low > value + tolerance else AGREES


def _ratio_verdict(measures: Sequence[Mapping[int, float]], factor: float = 1.0) -> str:
    """Return the verdict of ratios by seed, which all measures and seeds must share."""
    ratios = [ratio for measure in measures for ratio in measure.values()]
    n = len(measures[0])
    if all(ratio < factor for ratio in ratios):
        return _with_n(HOLDS, n)
    if all(ratio < 1 for ratio in ratios):
        return _with_n(IN_PART, n)
    return _with_n(FAILS, n) if all(ratio >= 1 for ratio in ratios) else NOT_SETTLED


def _with_n(verdict: str, n: int) -> str:
    return verdict if n >= ENOUGH_SEEDS else f"{verdict} (n < {ENOUGH_SEEDS})"


def _differences(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Return `one` less `other` for the seeds that both have."""
    return {seed: one[seed] - other[seed] for seed in one if seed in other}


def _ratio(one: float, other: float) -> float:
    """Return one / other; NaN or infinite where the other is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(one) / np.float64(other))


def _spread(values: Mapping[int, float]) -> str:
    """Return the mean over seeds in words, and the least and the greatest if they are several."""
    found = list(values.values())
    text = f"{np.mean(found):.2f}"
    return text if len(found) == 1 else f"{text} [{min(found):.2f}, {max(found):.2f}]"


def _diverged(runs: Sequence[RunRecord], what: str) -> str:
    lost = [
        tr("{model} at {lr}, seed {seed}", model=run.model, lr=run.lr, seed=run.seed)
        for run in runs
        if run.diverged_at is not None
    ]
    return tr(what) + tr(": ") + named(lost) if lost and what else ""


def _refuse_doubles(runs: Sequence[RunRecord]) -> None:
    seen: dict[tuple[str, str, str, int], RunRecord] = {}
    for run in runs:
        key = (run.experiment, run.model, run.lr, run.seed)
        if key in seen:
            raise UserError(
                f"{run.folder}: a second run of {run.model} at learning rate {run.lr} and seed "
                f"{run.seed} beside {seen[key].folder}; expected the runs of one study"
            )
        seen[key] = run
