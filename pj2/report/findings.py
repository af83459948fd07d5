"""The findings of a study and their limits: sentences computed from its runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pj2.config.datasets import DATASETS
from pj2.exhibits.cautions import chosen_by_test, diverged_runs, hardly_learned, unlike_budgets
from pj2.exhibits.landscape.numbers import (
    common_widths,
    ratio_of_widths,
    width_ratio,
    width_ratios_without_a_rate,
    width_ratios_without_a_seed,
)
from pj2.exhibits.pairwise.numbers import pairwise, seeds_that_turn
from pj2.exhibits.tested import Accuracy, test_accuracies
from pj2.language import said, tr
from pj2.report.contents import Shown
from pj2.runs.reading import (
    RunRecord,
    by_model,
    by_setting,
    diverged,
    minimises_cross_entropy,
    precision_of,
    seeds_in_words,
)
from pj2.runs.stalled import is_stalled
from pj2.wording import NOT_SETTLED, mixed_precisions, named, rates

_LEARNED, _SOUND, _STALLED, _DIVERGED = _ENDS = (
    said("learned at {rates}"), said("did not diverge at {rates}"),
    said("hardly learned at {rates}"), said("diverged at {rates}"),
)  # fmt: skip
_PAIRS = 3  # reported pairs of an experiment: those furthest apart
_FEW_IMAGES = 2_000


@dataclass(frozen=True)
class Finding:
    """A sentence, and the section of the page with the evidence for it."""

    text: str
    section: str


@dataclass(frozen=True)
class Findings:
    """The findings of each experiment, in the order of the config, and the limits of them all."""

    found: tuple[tuple[str, tuple[Finding, ...]], ...]
    limits: tuple[str, ...]


def findings(shown: Shown) -> Findings:
    """Return the findings of a study and their limits."""
    stalled = [run for run in shown.runs if is_stalled(run)]
    found = []
    for name in shown.contents.config.experiments:
        runs = shown.of([name])
        told = (*_accuracies(runs), *_learning(runs, stalled), *_bands(runs, stalled))
        if told:
            found.append((name, told))
    return Findings(tuple(found), tuple(_limits(shown, stalled)))


def _accuracies(runs: Sequence[RunRecord]) -> Iterator[Finding]:
    """Yield which model was the most accurate, and which pairs are settled."""
    tested = test_accuracies(runs)
    if tested:
        yield Finding(_most_accurate(tested), "comparison")
        yield from _pairs(runs)


def _most_accurate(tested: Sequence[Accuracy]) -> str:
    best = max(tested, key=lambda each: each.mean.mean)
    first = [each.runs[0].model for each in tested if each.mean.mean == best.mean.mean]
    accuracy = 100 * best.mean.mean
    if len(first) > 1:
        return tr(
            "Most test images were recognised by {models}: {accuracy:.1f} % of {images:,} each",
            models=named(first, tr(" and ")), accuracy=accuracy, images=best.images,
        )  # fmt: skip
    interval = ""
    if not math.isnan(best.mean.low):
        interval = f" [{100 * best.mean.low:.1f}, {100 * best.mean.high:.1f}]"
    most = said(
        "Most test images were recognised by {model}: {accuracy:.1f} %{interval} of {images:,} "
        "(learning rate {lr}, {seeds})"
    )
    alone = said(
        "{model} recognised {accuracy:.1f} %{interval} of {images:,} test images (learning rate "
        "{lr}, {seeds})"
    )
    return tr(
        most if len(tested) > 1 else alone,
        model=first[0], accuracy=accuracy, interval=interval,
        images=best.images, lr=best.runs[0].lr, seeds=seeds_in_words(best.runs),
    )  # fmt: skip


def _pairs(runs: Sequence[RunRecord]) -> Iterator[Finding]:
    frame, _ = pairwise(runs)
    budgets = {run.model: run.info["settings"]["epochs"] for run in runs}
    rows = sorted(frame.to_dict("records"), key=lambda row: -abs(row["difference"]))
    settled = [row for row in rows if not row["verdict"].startswith(NOT_SETTLED)]
    for row in settled[:_PAIRS]:
        model, other = row["model"], row["other"]
        if row["difference"] < 0:
            model, other = other, model
        several = said(
            "{model} is more accurate than {other} by {points:.1f} points, over {n} seeds"
        )
        one = said("{model} is more accurate than {other} by {points:.1f} points, in this seed")
        text = tr(
            several if row["seeds"] > 1 else one,
            model=model, other=other, points=100 * abs(row["difference"]), n=row["seeds"],
        )  # fmt: skip
        if budgets[model] != budgets[other]:
            text += tr(
                ", with up to {own} epochs against {others}",
                own=budgets[model], others=budgets[other],
            )  # fmt: skip
        text += _without_a_seed(runs, row) + _ended_early(runs, row)
        yield Finding(text, "comparison")
    if len(settled) > _PAIRS:
        yield Finding(tr("{n} further pairs are settled", n=len(settled) - _PAIRS), "comparison")
    unsettled = [f"{row['model']} / {row['other']}" for row in rows if row not in settled]
    if unsettled:
        yield Finding(tr("Not settled: {pairs}", pairs=named(unsettled)), "comparison")


def _without_a_seed(runs: Sequence[RunRecord], row: Mapping[Any, Any]) -> str:
    """Return whether a settled pair stays settled with any one seed left out."""
    if row["seeds"] == 1:
        return ""
    turned = seeds_that_turn(runs, row)
    if turned is None:
        return tr("; two seeds are too few to leave one out")
    if not turned:
        return tr(", also with any one seed left out")
    return tr(
        "; not settled without seed {seeds}",
        seeds=named(list(map(str, turned)), tr(" or ")),
    )


def _ended_early(runs: Sequence[RunRecord], row: Mapping[Any, Any]) -> str:
    """Return which of a pair's models have a diverged run at the rates compared."""
    compared = ((row["model"], row["lr"]), (row["other"], row["other_lr"]))
    lost = dict.fromkeys(run.model for run in diverged(runs) if (run.model, run.lr) in compared)
    return tr("; runs of {models} diverged", models=named(list(lost), tr(" and "))) if lost else ""


def _learning(runs: Sequence[RunRecord], stalled: Sequence[RunRecord]) -> Iterator[Finding]:
    """Yield the learning rates at which each model learned, hardly learned, or diverged."""
    for (_, model), group in by_model(runs).items():
        settings = by_setting(group)
        if len(settings) < 2:
            continue
        ended: dict[str, list[str]] = {words: [] for words in _ENDS}
        for (_, _, lr), members in settings.items():
            ended[_end(members, stalled)].append(lr)
        parts = [tr(words, rates=rates(lrs)) for words, lrs in ended.items() if lrs]
        text = f"{model} {tr('; ').join(parts)}"
        if any(len({_end([run], stalled) for run in members}) > 1 for members in settings.values()):
            text += tr(" (if seeds differ, the worst outcome)")
        yield Finding(text, "curves")


def _end(runs: Sequence[RunRecord], stalled: Sequence[RunRecord]) -> str:
    """Return the outcome at a learning rate: that of its worst seed."""
    if any(run.diverged_at is not None for run in runs):
        return _DIVERGED
    if any(run in stalled for run in runs):
        return _STALLED
    return _LEARNED if all(map(minimises_cross_entropy, runs)) else _SOUND


def _bands(runs: Sequence[RunRecord], stalled: Sequence[RunRecord]) -> Iterator[Finding]:
    """Compare the bands of two models, also with rates or seeds left out."""
    models = list(dict.fromkeys(run.model for run in runs))
    if len(models) != 2:
        return
    model, other = models
    shared = set.intersection(*({run.lr for run in runs if run.model == each} for each in models))
    if len(shared) < 2:
        return
    runs = [run for run in runs if run.lr in shared]
    widths = common_widths(runs)
    ratio = math.nan if widths is None else ratio_of_widths(widths, other, model)
    if widths is None or not _is_told(ratio):
        return
    text = tr(
        "Over the {rates} learning rates and {steps:,} steps that both models have, the band of "
        "{other} is {ratio:.2f} times as wide as that of {model}",
        rates=len(shared), steps=widths["steps"].min(), model=model, other=other, ratio=ratio,
    )  # fmt: skip
    left_out = {
        said(", and {least:.2f} to {greatest:.2f} times with any one rate left out"): (
            width_ratios_without_a_rate(runs, other, model), tr("a single rate"),
        ),
        said(", and {least:.2f} to {greatest:.2f} times with any one seed left out"): (
            width_ratios_without_a_seed(runs, other, model), tr("a single seed"),
        ),
    }  # fmt: skip
    failed = {run.lr for run in runs if run in stalled or run.diverged_at is not None}
    if failed:
        rest = [run for run in runs if run.lr not in failed]
        left_out[said(", and {least:.2f} times without {what}")] = (
            [width_ratio(rest, other, model) if rest else math.nan],
            tr("rates at which a run diverged or hardly learned"),
        )
    hangs_on = []
    for words, (ratios, what) in left_out.items():
        told = list(filter(_is_told, ratios))
        if told:
            text += tr(words, least=min(told), greatest=max(told), what=what)
        turned = any(np.sign(each - 1) != np.sign(ratio - 1) for each in told)
        if turned or (ratios and not told):
            hangs_on.append(what)
    if hangs_on:
        text += tr(": which band is wider depends on {what}", what=tr(" and ").join(hangs_on))
    yield Finding(text, "landscape")


def _is_told(ratio: float) -> bool:
    """Tell whether a ratio is finite and positive, so that both bands have a width."""
    return math.isfinite(ratio) and ratio > 0


def _limits(shown: Shown, stalled: Sequence[RunRecord]) -> Iterator[str]:
    """Yield the limits of a study's numbers."""
    data = shown.runs[0].info["data"]
    known = DATASETS.get(data["name"])
    used = int(data["train_images"]) + int(data["validation_images"])
    if known and used < known.train_images:
        yield tr(
            "{used:,} of the {all:,} training images of {name} were used: these accuracies are "
            "not results on all of {name}.",
            used=used, all=known.train_images, name=known.title,
        )  # fmt: skip
    narrow: dict[float, list[str]] = {}
    for run in shown.runs:
        width = float(run.info["settings"]["architecture"].get("width", 1.0))
        experiments = narrow.setdefault(width, [])
        if run.experiment not in experiments:
            experiments.append(run.experiment)
    for width, experiments in narrow.items():
        if width != 1:
            yield tr(
                "Networks have {width:g} times their published width in {experiments}.",
                width=width, experiments=named(experiments, tr(", ")),
            )  # fmt: skip
    images = int(data["test_images"])
    if images < _FEW_IMAGES:
        apart = 100 * 1.96 * math.sqrt(0.5 / images)
        yield tr(
            "{n:,} test images: two networks' accuracies may differ by up to {points:.0f} points "
            "by the choice of images alone.",
            n=images, points=apart,
        )  # fmt: skip
    single = [
        name
        for name in shown.contents.config.experiments
        if len({run.seed for run in shown.of([name])}) == 1
    ]
    if single:
        yield tr(
            "One seed in {experiments}: how much another seed would change is not known.",
            experiments=named(single, tr(", ")),
        )
    for name in shown.contents.config.experiments:
        budgets = unlike_budgets(shown.of([name]))
        if budgets:
            yield f"{name}{tr(': ')}{budgets}"
    for sentence in (
        chosen_by_test(shown.runs),
        diverged_runs(shown.runs),
        hardly_learned(stalled, shown.runs),
        mixed_precisions(map(precision_of, shown.runs)),
    ):
        if sentence:
            yield sentence
