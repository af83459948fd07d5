"""The finding on a claim: its verdict, and the numbers behind the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pj2.exhibits.cautions import run_in_words
from pj2.exhibits.claims.kinds import Claim
from pj2.exhibits.claims.verdicts import (
    CANNOT_TELL,
    Judged,
    agreement,
    excess,
    nearness,
    seeds_to_agree,
    spread_is_known,
)
from pj2.language import said, tr
from pj2.runs.reading import RunRecord
from pj2.runs.stalled import not_trained
from pj2.wording import named

NOT_COMPARABLE, NOT_RUN, NOT_TESTED = (
    said("not comparable"), said("not run"), said("not tested here"),
)  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """How to write numbers of one kind: a phrase with the unit, a factor, the number of digits."""

    words: str
    scale: float = 1.0
    digits: int = 2

    def signed(self, value: float) -> str:
        """Return a difference with its sign and its unit."""
        return tr(self.words, number=f"{value * self.scale:+.{self.digits}f}")

    def plain(self, value: float) -> str:
        """Return a size with its unit."""
        return tr(self.words, number=f"{value * self.scale:.{self.digits}f}")

    def span(self, low: float, high: float) -> str:
        """Return an interval without its unit."""
        ends = (f"{end * self.scale:+.{self.digits}f}" for end in (low, high))
        return f"[{', '.join(ends)}]"


POINTS = Unit(said("{number} points"), 100.0)
EPOCHS = Unit(said("{number} epochs"), digits=1)
NATS = Unit(said("{number} nats"), digits=3)


@dataclass(frozen=True)
class Finding:
    """A claim, and what our runs show about it.

    `ours` (by the report's protocol, if there are two) and `honest` are values by seed:
    accuracies and their differences as fractions, epochs, parameters, nats, or ratios of the
    claim's model to the other. `low` and `high` are the interval behind the verdict, NaN if there
    is none. `problems` say why the claim cannot be compared; `reason` gives the numbers behind
    the verdict. `rates` are the learning rates in canonical spelling.
    """

    claim: Claim
    verdict: str
    reason: str = ""
    problems: tuple[str, ...] = ()
    experiment: str | None = None
    rates: tuple[str, ...] = ()
    ours: Mapping[int, float] = field(default_factory=dict)
    honest: Mapping[int, float] = field(default_factory=dict)
    low: float = np.nan
    high: float = np.nan

    def settled(self, judged: Judged, *reasons: str) -> Finding:
        """Return the finding with its numbers, and with its verdict if it is comparable."""
        verdict = NOT_COMPARABLE if self.problems else judged.verdict
        reason = tr("; ").join(filter(None, (*reasons, self.reason)))
        return replace(self, verdict=verdict, reason=reason, low=judged.low, high=judged.high)


def unsettled(
    claim: Claim,
    problems: Iterable[str],
    runs: Sequence[RunRecord],
    ours: Mapping[int, float],
    honest: Mapping[int, float] | None = None,
) -> Finding:
    """Return a finding without a verdict yet, or "not comparable" if there are problems."""
    distinct = tuple(dict.fromkeys(problems))
    rates = tuple(sorted({run.lr for run in runs}, key=float))
    verdict = NOT_COMPARABLE if distinct else CANNOT_TELL
    return Finding(claim, verdict, "", distinct, None, rates, ours, honest or {})


def about_a_value(finding: Finding, published: float, margin: float, unit: Unit) -> Finding:
    """Judge whether the published value, from one run, agrees with ours within a margin."""
    values = list(finding.ours.values())
    if not values:
        return finding
    judged = agreement(values, published, margin)
    apart = unit.signed(float(np.mean(values)) - published)
    if not spread_is_known(values):
        first = tr("ours less the published: {apart}", apart=apart)
        return finding.settled(judged, first, _unknown(values))
    numbers = tr(
        "ours less the published: {apart}, 90 % {interval}, margin ±{margin}, n = {n}",
        apart=apart, interval=unit.span(judged.low, judged.high),
        margin=f"{margin * unit.scale:g}", n=len(values),
    )  # fmt: skip
    return finding.settled(judged, numbers, _power(judged, values, margin, unit))


def about_an_order(finding: Finding, unit: Unit, margin: float | None = None) -> Finding:
    """Judge whether differences, one per seed, are above 0, or within `margin` if it is given.

    If the finding has honest differences and their verdict is another, neither is given.
    """
    values, honest = list(finding.ours.values()), list(finding.honest.values())
    if not values:
        return finding

    def judge(values: Sequence[float]) -> Judged:
        return excess(values) if margin is None else nearness(values, margin)

    judged = judge(values)
    mean = unit.signed(float(np.mean(values)))
    if not spread_is_known(values):
        return finding.settled(judged, mean, _unknown(values))
    confidence = 95 if margin is None else 90
    numbers = tr(
        "{mean}, {confidence} % {interval}, n = {n}",
        mean=mean, confidence=confidence, interval=unit.span(judged.low, judged.high),
        n=len(values),
    )  # fmt: skip
    found = ""
    if judged.verdict == CANNOT_TELL:
        least = unit.plain(judged.reach + (margin or 0))
        found = tr("no difference below {least} could have been found", least=least)
    elif honest and (other := judge(honest).verdict) != judged.verdict:
        judged = replace(judged, verdict=CANNOT_TELL)
        found = tr("by the honest protocol it {verdict}", verdict=tr(other))
    return finding.settled(judged, numbers, found)


def about_a_ratio(finding: Finding, factor: float, *more: str, greater: bool = False) -> Finding:
    """Judge by logarithms whether ratios, one per seed, are below 1, and below `factor`.

    With `greater` it is whether they are above.
    """
    ratios = list(finding.ours.values())
    if not ratios:
        return finding
    sign = 1 if greater else -1
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = list(sign * np.log(np.asarray(ratios, np.float64)))
        middle = float(np.exp(sign * np.mean(beyond)))
    mean = f"{middle:.2f}"
    judged = excess(beyond, sign * math.log(factor))
    if not spread_is_known(beyond):
        has_mean = middle > 0 and math.isfinite(middle)
        first = tr("{mean} times the other's", mean=mean) if has_mean else ""
        return finding.settled(judged, first, _unknown(beyond), *more)
    low, high = sorted(math.exp(sign * end) for end in (judged.low, judged.high))
    judged = Judged(judged.verdict, low, high)
    numbers = tr(
        "{mean} times the other's, 95 % [{low:.2f}, {high:.2f}], n = {n}",
        mean=mean, low=judged.low, high=judged.high, n=len(ratios),
    )  # fmt: skip
    return finding.settled(judged, numbers, *more)


def named_as_lost(lost: Sequence[RunRecord]) -> str:
    """Return words that name these runs as diverged or stalled."""
    return tr("diverged or stalled: {runs}", runs=named([run_in_words(run) for run in lost]))


def unless_lost(finding: Finding, runs: Sequence[RunRecord]) -> Finding:
    """Withhold the verdict of a finding if one of its runs diverged or stalled."""
    lost = not_trained(runs)
    if not lost:
        return finding
    verdict = finding.verdict if finding.problems else CANNOT_TELL
    reason = tr("; ").join(filter(None, (named_as_lost(lost), finding.reason)))
    return replace(finding, verdict=verdict, reason=reason)


def differences(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    """Return first less second for the seeds that both have."""
    return {seed: first[seed] - second[seed] for seed in first if seed in second}


def _unknown(values: Sequence[float]) -> str:
    """Return why the spread of values, one per seed, is not known; of ratios, the logarithms."""
    if few := int(np.sum(~np.isfinite(values))):
        return tr(
            "0, infinite or undefined in {few} of {n} seeds, so the spread is unknown",
            few=few, n=len(values),
        )  # fmt: skip
    if len(values) == 1:
        return tr("one seed, so the spread is unknown")
    return tr("equal in all {n} seeds, so the spread is unknown", n=len(values))


def _power(judged: Judged, values: Sequence[float], margin: float, unit: Unit) -> str:
    """Return which difference could have been found; empty if there is a verdict."""
    if judged.verdict != CANNOT_TELL:
        return ""
    least = unit.plain(margin + judged.reach)
    seeds = seeds_to_agree(float(np.std(values, ddof=1)), margin)
    if seeds is None:
        return tr(
            "differences of {least} or more could have been found; agreement cannot be shown with "
            "any number of seeds",
            least=least,
        )
    return tr(
        "differences of {least} or more could have been found; agreement takes {seeds} seeds",
        least=least, seeds=seeds,
    )  # fmt: skip
