"""The claims of a published report, checked against the runs of a study.

A claim about a model is checked on its runs without a variant, in the first experiment
that has all models of the claim. Where a model was trained at several learning rates, the
one that validation chooses stands for it (`chosen_setting`). Every verdict is computed
from stored results, by the rules in the docstrings of the checks, in `scores` and `ratios`.

With fewer than three seeds nothing reliable is known of their spread; a verdict then says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pj2.errors import UserError
from pj2.exhibits.claims.finding import NOT_COMPARABLE, NOT_RUN, Finding
from pj2.exhibits.claims.published import (
    AccuracyClaim,
    BandClaim,
    Claim,
    EpochsClaim,
    GradientsClaim,
    OrderClaim,
    ParametersClaim,
    Report,
)
from pj2.exhibits.claims.ratios import check_band, check_gradients
from pj2.exhibits.claims.scores import check_accuracy, check_epochs, check_order, check_parameters
from pj2.language import tr
from pj2.runs.reading import RunRecord, precision_of
from pj2.wording import in_unlike_precisions


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
            return check_accuracy(claim, groups[0], report)
        case EpochsClaim():
            return check_epochs(claim, groups[0], report)
        case ParametersClaim():
            return check_parameters(claim, groups[0], report)
        case OrderClaim():
            return check_order(claim, groups[0], groups[1], report)
        case BandClaim():
            return check_band(claim, groups[0], groups[1], report)
        case GradientsClaim():
            return check_gradients(claim, groups[0], groups[1], report)


def _refuse_doubles(runs: Sequence[RunRecord]) -> None:
    seen: dict[tuple[str, str, str, int], RunRecord] = {}
    for run in runs:
        first = seen.setdefault((run.experiment, run.model, run.lr, run.seed), run)
        if first is not run:
            raise UserError(
                f"{run.folder}: a second run of {run.model} at learning rate {run.lr} and seed "
                f"{run.seed} beside {first.folder}; expected the runs of one study"
            )
