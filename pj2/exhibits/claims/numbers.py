"""Checks of the claims of a published report against the runs of a study.

A claim about models is checked on their runs without a variant, in the first experiment that has
all of them, at the claim's learning rate. Every verdict is computed from stored results, by the
rules in the docstrings of the checks and of `pj2.exhibits.claims.verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pj2.errors import UserError
from pj2.exhibits.claims import kinds, ratios, scores
from pj2.exhibits.claims.classes import check_best_classes, check_confused
from pj2.exhibits.claims.finding import NOT_COMPARABLE, NOT_RUN, NOT_TESTED, Finding
from pj2.exhibits.claims.kinds import Claim, OpenClaim, in_own_words
from pj2.exhibits.claims.published import Report
from pj2.language import tr
from pj2.runs.reading import RunRecord, precision_of
from pj2.wording import in_unlike_precisions

CHECKS: dict[type, Callable[[Any, Sequence[Sequence[RunRecord]], Report], Finding]] = {
    kinds.ParametersClaim: scores.check_parameters,
    kinds.AccuracyClaim: scores.check_accuracy,
    kinds.EpochsClaim: scores.check_epochs,
    kinds.SettlesClaim: scores.check_settles,
    kinds.ReachesClaim: scores.check_reaches,
    kinds.OrderClaim: scores.check_order,
    kinds.NearClaim: scores.check_order,
    kinds.SoonerClaim: scores.check_sooner,
    kinds.LongerClaim: scores.check_longer,
    kinds.GapClaim: scores.check_gap,
    kinds.BestClassesClaim: check_best_classes,
    kinds.ConfusedClaim: check_confused,
    kinds.BandClaim: ratios.check_band,
    kinds.GradientsClaim: ratios.check_gradients,
    kinds.ScaleClaim: ratios.check_scale,
}


def check_claims(runs: Iterable[RunRecord], report: Report) -> list[Finding]:
    """Return a finding for each claim of a report, in its order.

    A claim without runs is "not run". A claim is "not comparable", with the reason, if a run's
    images or recipe differ from the report's, or if a smaller budget ended the run before the
    published one.

    Raises UserError if two runs have one experiment, model, learning rate and seed.
    """
    plain = [run for run in runs if not run.variant]
    _refuse_doubles(plain)
    return [_check(claim, plain, report) for claim in report.claims]


def _check(claim: Claim, runs: Sequence[RunRecord], report: Report) -> Finding:
    if isinstance(claim, OpenClaim):
        return Finding(claim, NOT_TESTED, in_own_words(claim.why))
    for experiment in dict.fromkeys(run.experiment for run in runs):
        groups = [
            [run for run in runs if (run.experiment, run.architecture) == (experiment, model)]
            for model in claim.models
        ]
        if all(groups):
            finding = CHECKS[type(claim)](claim, groups, report)
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


def _refuse_doubles(runs: Sequence[RunRecord]) -> None:
    seen: dict[tuple[str, str, str, int], RunRecord] = {}
    for run in runs:
        first = seen.setdefault((run.experiment, run.model, run.lr, run.seed), run)
        if first is not run:
            raise UserError(
                f"{run.folder}: a second run of {run.model} at learning rate {run.lr} and seed "
                f"{run.seed} besides {first.folder}; expected the runs of one study"
            )
