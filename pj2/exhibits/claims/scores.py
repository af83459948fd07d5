"""Claims about test accuracies, epochs and parameters.

Two test accuracies of a run are told apart. By *its protocol*, the report's: the greatest
of any epoch, which the test set itself has chosen. By the *honest* one: at the epoch that
validation chose. Where a run's epoch was monitored on the test set there is no honest one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pj2.exhibits.claims.comparable import (
    data_name_problems,
    rate_problems,
    run_problems,
    setting_problems,
)
from pj2.exhibits.claims.finding import (
    AGREES,
    DIFFERS,
    ENOUGH_SEEDS,
    FAILS,
    FEWER,
    HOLDS,
    MORE,
    Finding,
    differences,
    unsettled,
    with_n,
)
from pj2.exhibits.claims.published import (
    AccuracyClaim,
    EpochsClaim,
    OrderClaim,
    ParametersClaim,
    Report,
)
from pj2.language import said, tr
from pj2.runs.reading import RunRecord, chosen_setting, epochs, test_result
from pj2.statistics import (
    DIFFERENCE_OF_SHARES,
    SHARE,
    difference_interval,
    mean_interval,
    prediction_interval,
)
from pj2.wording import HIGHER, LOWER, NOT_SETTLED


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


def check_accuracy(claim: AccuracyClaim, runs: Sequence[RunRecord], report: Report) -> Finding:
    """Compare the published accuracy with ours by its protocol.

    The published figure is one run's. From three seeds on it "agrees" if it lies where
    one further run of ours would (`prediction_interval`). With fewer the spread between
    seeds is not known, and it agrees if its difference from our mean is within what two
    test sets of that size can tell (`difference_interval`). Otherwise ours is "higher" or
    "lower". A figure with a tolerance agrees if any part of value ± tolerance does.
    """
    scores = _scores(runs)
    problems = [*rate_problems(runs, report), *run_problems(runs, scores.whole, report)]
    problems = [*scores.not_measured, *problems]
    finding = unsettled(claim, problems, scores.chosen, scores.ours, scores.honest)
    if problems:
        return finding
    value, values, n = claim.value / 100, list(scores.ours.values()), len(scores.ours)
    mean = float(np.mean(values))
    if n >= ENOUGH_SEEDS:
        low, high = prediction_interval(values, SHARE)
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
    return finding.settled(with_n(verdict, n), reason, low, high)


def check_epochs(claim: EpochsClaim, runs: Sequence[RunRecord], report: Report) -> Finding:
    """Compare the published number of epochs with ours.

    It "agrees" if it lies in our seeds' prediction interval, with fewer than three seeds
    if it is from their least to their greatest: with one, if it is equal. Otherwise ours
    are "more" or "fewer".
    """
    scores = _scores(runs)
    problems = [*rate_problems(runs, report), *run_problems(runs, scores.whole, report)]
    ours = {run.seed: float(run.info["epochs_run"]) for run in scores.whole}
    finding = unsettled(claim, problems, scores.chosen, ours)
    if problems:
        return finding
    values, n = list(ours.values()), len(ours)
    enough = n >= ENOUGH_SEEDS
    low, high = prediction_interval(values) if enough else (min(values), max(values))
    verdict = _placed(low, high, claim.value, 0, (FEWER, MORE))
    further = said("95 % for one further run: [{low:.1f}, {high:.1f}], n = {n}")
    between = said("ours: [{low:.1f}, {high:.1f}], n = {n}")
    reason = tr(further if enough else between, low=low, high=high, n=n)
    return finding.settled(with_n(verdict, n), reason, low, high)


def check_parameters(claim: ParametersClaim, runs: Sequence[RunRecord], report: Report) -> Finding:
    """Compare the published number of parameters with ours: equal, or it "differs".

    It depends on the architecture and the number of classes, not on the recipe.
    """
    ours = {run.seed: float(run.info["parameters"]) for run in runs}
    problems = [line for run in runs for line in data_name_problems(run, report)]
    problems += [line for run in runs for line in setting_problems(run, report, {"architecture"})]
    finding = unsettled(claim, problems, runs, ours, lost="")
    if problems:
        return finding
    gaps = sorted({int(run.info["parameters"]) - claim.value for run in runs})
    if gaps == [0]:
        return finding.settled(AGREES, tr("equal"))
    in_words = tr(", ").join(f"{gap:+,}" for gap in gaps)
    return finding.settled(DIFFERS, tr("ours less the published: {gaps}", gaps=in_words))


def check_order(
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
    problems += run_problems([*runs, *others], [*above.whole, *below.whole], report)
    ours = differences(above.ours, below.ours)
    honest = differences(above.honest, below.honest)
    if not ours and not problems:
        names = {"one": claim.model, "other": claim.than}
        problems = [tr("{one} and {other} have no seed in common", **names)]
    finding = unsettled(claim, problems, both, ours, honest)
    if problems:
        return finding
    images = report.data.test_images
    verdict, reason, low, high = _order_by_one(above.ours, below.ours, images)
    reason = tr("its protocol: {numbers}", numbers=reason)
    if honest:
        other, also, _, _ = _order_by_one(above.honest, below.honest, images)
        verdict = verdict if verdict == other else NOT_SETTLED
        reason += tr("; ") + tr("honest: {numbers}", numbers=also)
    return finding.settled(verdict, reason, low, high)


def _order_by_one(
    above: Mapping[int, float], below: Mapping[int, float], images: int
) -> tuple[str, str, float, float]:
    """Return the verdict by one protocol, its reason, and the interval of the differences."""
    apart = differences(above, below)
    n, values = len(apart), list(apart.values())
    if n >= ENOUGH_SEEDS:
        spread = mean_interval(values, DIFFERENCE_OF_SHARES)
        low, high = spread.low, spread.high
    else:
        means = [float(np.mean([each[seed] for seed in apart])) for each in (above, below)]
        low, high = difference_interval(means[0], means[1], images)
    reason = tr(
        "{points:+.2f} points [{low:.2f}, {high:.2f}], above in {above} of {n} seeds",
        points=100 * np.mean(values), low=100 * low, high=100 * high,
        above=sum(value > 0 for value in values), n=n,
    )  # fmt: skip
    if low > 0 and min(values) > 0:
        return with_n(HOLDS, n), reason, low, high
    if high < 0 and max(values) < 0:
        return with_n(FAILS, n), reason, low, high
    return NOT_SETTLED, reason, low, high


def _placed(low: float, high: float, value: float, tolerance: float, words: tuple[str, str]) -> str:
    """Return whether an interval of ours meets value ± tolerance, or is below or above it."""
    if high < value - tolerance:
        return words[0]
    return words[1] if low > value + tolerance else AGREES
