"""The published report's figures and claims, checked against a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pj2.exhibits.claims.finding import Finding
from pj2.exhibits.claims.numbers import check_claims
from pj2.exhibits.claims.published import (
    AccuracyClaim,
    BandClaim,
    Claim,
    EpochsClaim,
    GradientsClaim,
    OrderClaim,
    ParametersClaim,
    read_report,
    statement,
)
from pj2.exhibits.format import MISSING, Table, count, mean_sd
from pj2.language import in_language, said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.statistics import NO_VALUES, Mean, mean_interval
from pj2.wording import named, verdict_in_words

_CAPTION = said(
    "What the published report ({report}) states of single runs, beside our runs: "
    "mean ± standard deviation over n seeds. "
    "Its protocol: the greatest test accuracy of any epoch, which the test set itself has chosen. "
    "Honest: the test accuracy at the epoch that validation chose (none where the test set did). "
    "Selection bias: the first less the second, in points, seed by seed. "
    "Our runs also set training images aside to validate on, and stop by them. "
    "Of several learning rates the one with the best validation accuracy stands for a model. "
    "Accuracies (its protocol) and epochs agree if the published figure lies in the 95 % "
    "prediction interval for one further run, otherwise ours are higher, lower, more or fewer. "
    "With fewer than three seeds (n < 3) their spread is not known: an accuracy then agrees if the "
    "difference is within what two test sets of this size can tell (Newcombe 1998), and epochs "
    "if they are equal, or between those of two seeds. "
    '"About" is read as ± {about} points. '
    "One model is more accurate if it is so in every seed and the 95 % Student t interval of the "
    "differences is above 0 (with n < 3 Newcombe's), by both protocols; in points. "
    "Bands: the ratio of the median widths over learning rates, over common steps; far narrower "
    "is below {factor} in every seed, which is our reading, and in part below 1. "
    "Gradients: the report does not define steady; here the coefficient of variation of the "
    "gradient's norm over the steps of a run, and its 95th percentile over its median, medians "
    "over learning rates; the ratio of both is below 1 in every seed. "
    "Not comparable: our images, recipe or budget are not the report's."
)


def published_table(index_paths: Iterable[PathLike], claims_path: PathLike) -> Table:
    """Return one row a claim of a published report.

    `claims_path` is a file such as `workflow/published.yaml`; `index_paths` are those of
    one study.

    CSV: ``kind, model, than`` (the other model), ``claim``,
    ``published, tolerance``; ``experiment, learning_rates`` (separated by blanks);
    ``n`` (seeds), ``ours_mean, ours_sd, ours`` (by its protocol) and ``honest_mean,
    honest_sd, honest``, the last of each as ``seed=value`` separated by blanks;
    ``bias_mean, bias_sd``; ``low, high``, the interval that the verdict rests on;
    ``verdict``; ``problems``, which keep the claim from being compared, and ``reason``,
    the numbers that the verdict rests on, or would. Accuracies and their differences
    are fractions; of bands and gradients ``ours`` is the model's ratio to the other.
    What is not there is empty.
    """
    report = read_report(claims_path)
    runs = load_runs(index_paths)
    with in_language("en"):  # of the CSV, whatever the study's
        rows = [_row(finding) for finding in check_claims(runs, report)]
    shown = [_shown(finding) for finding in check_claims(runs, report)]
    frame = pd.DataFrame(rows).astype({"n": "Int64"})
    return Table.of(frame, caption=_caption(report.report, report.claims), shown=shown)


def _caption(report: str, claims: Iterable[Claim]) -> str:
    claims = list(claims)
    about = {f"{c.tolerance:g}" for c in claims if isinstance(c, AccuracyClaim) and c.tolerance}
    factors = {f"{c.factor:g}" for c in claims if isinstance(c, BandClaim)}
    return tr(
        _CAPTION,
        report=report,
        about=tr(" or ").join(sorted(about)) or "0",
        factor=tr(" or ").join(sorted(factors)) or "1",
    )


def _row(finding: Finding) -> dict[str, Any]:
    claim = finding.claim
    ours, honest, bias = map(_mean, (finding.ours, finding.honest, finding.bias))
    published, tolerance = _published(claim)
    return {
        "kind": claim.kind,
        "model": claim.model,
        "than": getattr(claim, "than", None),
        "claim": statement(claim),
        "published": published,
        "tolerance": tolerance,
        "experiment": finding.experiment,
        "learning_rates": " ".join(finding.rates),
        "n": max(ours.n, honest.n),
        "ours_mean": ours.mean,
        "ours_sd": ours.sd,
        "ours": _by_seed(finding.ours),
        "honest_mean": honest.mean,
        "honest_sd": honest.sd,
        "honest": _by_seed(finding.honest),
        "bias_mean": bias.mean,
        "bias_sd": bias.sd,
        "low": finding.low,
        "high": finding.high,
        "verdict": finding.verdict,
        "problems": "; ".join(finding.problems),
        "reason": finding.reason,
    }


def _published(claim: Claim) -> tuple[float | None, float | None]:
    """Return the published value and its tolerance, an accuracy as a fraction."""
    match claim:
        case AccuracyClaim():
            return claim.value / 100, claim.tolerance / 100
        case EpochsClaim() | ParametersClaim():
            return claim.value, 0.0
        case OrderClaim() | BandClaim() | GradientsClaim():
            return None, None


def _shown(finding: Finding) -> dict[str, str]:
    claim = finding.claim
    because = [named(finding.problems, most=4), finding.reason]
    return {
        tr("Claim"): statement(claim),
        tr("Published"): _published_text(claim),
        tr("Ours, its protocol"): _value_text(claim, _mean(finding.ours)),
        tr("Ours, honest"): _value_text(claim, _mean(finding.honest)),
        tr("Selection bias"): _points(_mean(finding.bias)),
        tr("n"): str(max(len(finding.ours), len(finding.honest))),
        tr("Verdict"): verdict_in_words(finding.verdict),
        tr("Because"): tr("; ").join(filter(None, because)),
    }


def _published_text(claim: Claim) -> str:
    match claim:
        case AccuracyClaim():
            about = claim.tolerance > 0
            return tr("about {value:g}", value=claim.value) if about else f"{claim.value:.2f}"
        case EpochsClaim() | ParametersClaim():
            return count(claim.value)
        case OrderClaim() | BandClaim() | GradientsClaim():
            return tr("stated")


def _value_text(claim: Claim, mean: Mean) -> str:
    if np.isnan(mean.mean):
        return MISSING
    match claim:
        case AccuracyClaim():
            return mean_sd(mean, scale=100)
        case ParametersClaim():
            return count(mean.mean)
        case OrderClaim():
            return _points(mean)
        case EpochsClaim():
            return mean_sd(mean, digits=1) if mean.n > 1 else count(mean.mean)
        case BandClaim() | GradientsClaim():
            return tr("{ratio} times", ratio=mean_sd(mean))


def _points(difference: Mean) -> str:
    return mean_sd(difference, scale=100, sign="+")


def _mean(by_seed: Mapping[int, float]) -> Mean:
    return mean_interval(list(by_seed.values())) if by_seed else NO_VALUES


def _by_seed(values: Mapping[int, float]) -> str:
    return " ".join(f"{seed}={value!r}" for seed, value in values.items())
