"""The published report's figures and claims, checked against a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pj2.exhibits.claims.finding import EPOCHS, NATS, POINTS, Finding, Unit
from pj2.exhibits.claims.kinds import (
    AccuracyClaim,
    AtOneRate,
    BandClaim,
    Claim,
    EpochsClaim,
    GapClaim,
    ParametersClaim,
    SettlesClaim,
    SoonerClaim,
    statement,
)
from pj2.exhibits.claims.numbers import check_claims
from pj2.exhibits.claims.published import read_report
from pj2.exhibits.format import MISSING, Table, count, mean_sd
from pj2.language import in_language, said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.statistics import NO_VALUES, Mean, mean_interval
from pj2.wording import named, verdict_in_words

_SOURCES = {"text": said("its text"), "figure": said("a figure"), "code": said("its code")}
_CAPTION = said(
    "The published report's single runs ({report}) beside ours. Ours: mean ± standard deviation "
    "over n seeds. Its protocol: greatest test accuracy of any epoch; honest: at the epoch that "
    "validation chose. Far narrower: less than {factor} of the other's width."
)


def published_table(index_paths: Iterable[PathLike], claims_path: PathLike) -> Table:
    """Return one row per claim of a published report.

    `claims_path` is a file such as `workflow/published.yaml`; `index_paths` are those of one
    study.

    CSV: ``kind, model, than`` (the other model), ``claim``, ``source``, ``published, margin``;
    ``learning_rate`` of the claim; ``experiment, learning_rates`` of the runs used (separated by
    blanks); ``n`` (seeds), ``ours_mean, ours_sd, ours`` (by its protocol) and ``honest_mean,
    honest_sd, honest``, the last of each as ``seed=value`` separated by blanks; ``low, high``,
    the interval behind the verdict; ``verdict``; ``problems``, why the claim cannot be compared;
    and ``reason``, the numbers behind the verdict. Accuracies and their differences are
    fractions; for bands, gradients and times ``ours`` is a ratio. Missing values are empty.
    """
    report = read_report(claims_path)
    runs = load_runs(index_paths)
    with in_language("en"):  # the CSV is in English, whatever the study's language
        rows = [_row(finding) for finding in check_claims(runs, report)]
    shown = [_shown(finding) for finding in check_claims(runs, report)]
    frame = pd.DataFrame(rows).astype({"n": "Int64"})
    factors = {f"{claim.factor:g}" for claim in report.claims if isinstance(claim, BandClaim)}
    factor = tr(" or ").join(sorted(factors)) or "1"
    caption = tr(_CAPTION, report=report.report, factor=factor)
    return Table.of(frame, caption=caption, shown=shown)


def _row(finding: Finding) -> dict[str, Any]:
    claim = finding.claim
    ours, honest = map(_mean, (finding.ours, finding.honest))
    scale = 100 if isinstance(claim, AccuracyClaim) else 1
    published, margin = (getattr(claim, key, None) for key in ("value", "margin"))
    return {
        "kind": claim.kind,
        "model": getattr(claim, "model", None),
        "than": getattr(claim, "than", None),
        "claim": statement(claim),
        "source": claim.source,
        "published": None if published is None else published / scale,
        "margin": None if margin is None else margin / scale,
        "learning_rate": claim.rate if isinstance(claim, AtOneRate) else None,
        "experiment": finding.experiment,
        "learning_rates": " ".join(finding.rates),
        "n": max(ours.n, honest.n),
        "ours_mean": ours.mean,
        "ours_sd": ours.sd,
        "ours": _by_seed(finding.ours),
        "honest_mean": honest.mean,
        "honest_sd": honest.sd,
        "honest": _by_seed(finding.honest),
        "low": finding.low,
        "high": finding.high,
        "verdict": finding.verdict,
        "problems": "; ".join(finding.problems),
        "reason": finding.reason,
    }


def _shown(finding: Finding) -> dict[str, str]:
    claim = finding.claim
    because = [named(finding.problems, most=4), finding.reason]
    said_at = [tr(_SOURCES[claim.source])]
    if isinstance(claim, AtOneRate):
        said_at.append(tr("rate {lr}", lr=claim.rate))
    return {
        tr("Claim"): statement(claim),
        tr("Stated in"): tr(", ").join(said_at),
        tr("Published"): _published_text(claim),
        tr("Ours, its protocol"): _value_text(claim, _mean(finding.ours)),
        tr("Ours, honest"): _value_text(claim, _mean(finding.honest)),
        tr("n"): str(max(len(finding.ours), len(finding.honest))),
        tr("Verdict"): verdict_in_words(finding.verdict),
        tr("Because"): tr("; ").join(filter(None, because)),
    }


def _published_text(claim: Claim) -> str:
    match claim:
        case AccuracyClaim():
            return f"{claim.value:.2f}" if claim.source == "text" else f"{claim.value:g}"
        case EpochsClaim() | SettlesClaim() | ParametersClaim():
            return count(claim.value)
        case _:
            return tr("stated")


def _value_text(claim: Claim, mean: Mean) -> str:
    if np.isnan(mean.mean):
        return MISSING
    match claim:
        case AccuracyClaim():
            return mean_sd(mean, scale=100)
        case ParametersClaim():
            return count(mean.mean)
        case EpochsClaim() | SettlesClaim():
            return mean_sd(mean, digits=1) if mean.n > 1 else count(mean.mean)
        case SoonerClaim():
            return _difference(EPOCHS, mean)
        case GapClaim():
            return _difference(NATS, mean)
        case _ if claim.kind in ("order", "near", "reaches", "best_classes", "confused"):
            return _difference(POINTS, mean)
        case _:
            return tr("{ratio} times", ratio=mean_sd(mean))


def _difference(unit: Unit, mean: Mean) -> str:
    number = mean_sd(mean, scale=unit.scale, digits=unit.digits, sign="+")
    return tr(unit.words, number=number)


def _mean(by_seed: Mapping[int, float]) -> Mean:
    return mean_interval(list(by_seed.values())) if by_seed else NO_VALUES


def _by_seed(values: Mapping[int, float]) -> str:
    return " ".join(f"{seed}={value!r}" for seed, value in values.items())
