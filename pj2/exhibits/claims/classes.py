"""Claims about the classes that a model recognises best or confuses most."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pj2.exhibits.claims.comparable import run_problems
from pj2.exhibits.claims.finding import POINTS, Finding, about_an_order, unless_lost, unsettled
from pj2.exhibits.claims.kinds import BestClassesClaim, ConfusedClaim
from pj2.exhibits.claims.published import Report
from pj2.language import tr
from pj2.runs.reading import RunRecord, tested


def check_best_classes(
    claim: BestClassesClaim, groups: Sequence[Sequence[RunRecord]], report: Report
) -> Finding:
    """Compute how far the worst of the claimed classes lies above the best of the others."""

    def above(shares: np.ndarray, named: np.ndarray) -> float:
        recall = np.diag(shares)
        return float(recall[named].min() - recall[~named].max())

    return _check(claim, groups[0], report, above)


def check_confused(
    claim: ConfusedClaim, groups: Sequence[Sequence[RunRecord]], report: Report
) -> Finding:
    """Compute how far the confusion of two classes exceeds that of any other two.

    The confusion of two classes is the mean of the shares of each that are predicted as the
    other.
    """

    def above(shares: np.ndarray, named: np.ndarray) -> float:
        between = (shares + shares.T) / 2
        np.fill_diagonal(between, 0)
        own = tuple(np.flatnonzero(named))
        most = float(between[own])
        between[own] = between[own[::-1]] = 0
        return most - float(between.max())

    return _check(claim, groups[0], report, above)


def _check(
    claim: BestClassesClaim | ConfusedClaim,
    runs: Sequence[RunRecord],
    report: Report,
    above: Callable[[np.ndarray, np.ndarray], float],
) -> Finding:
    """Judge `above`, a function of shares[true, predicted] and the claimed classes (bool[K])."""
    own = [run for run in runs if run.lr == claim.rate]
    ours: dict[int, float] = {}
    whole = [run for run in own if run.diverged_at is None]
    problems = run_problems(own, whole, report)
    if not own:
        problems = [tr("no run at learning rate {lr}", lr=claim.rate)]
    for run, guesses in tested(whole):
        unknown = [name for name in claim.classes if name not in guesses.classes]
        if unknown:
            problems.append(tr("no class {name}", name=unknown[0]))
            continue
        if len(claim.classes) == len(guesses.classes):
            problems.append(tr("no other class to compare with"))
            continue
        counts = guesses.counts
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        ours[run.seed] = above(shares, np.isin(guesses.classes, claim.classes))
    finding = about_an_order(unsettled(claim, problems, own, ours), POINTS)
    return unless_lost(finding, own)
