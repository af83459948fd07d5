"""Words that figures, tables and the report share, in the chosen language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pj2.language import said, tr

# CSV and JSON files hold verdicts in these words; figures and the report translate them.
HIGHER, LOWER, NOT_SETTLED = said("higher"), said("lower"), said("not settled")

# How runs end, by the status in run.json.
STATUSES = {
    "completed": said("completed"),
    "stopped_early": said("stopped early"),
    "diverged": said("diverged"),
}


def verdict_in_words(verdict: str) -> str:
    """Return a verdict in the chosen language, with the precisions or ``n`` in its brackets."""
    word, bracket, rest = verdict.partition(" (")
    return tr(word) + bracket + rest.replace(" and ", tr(" and "))


def readable_size(number: float) -> str:
    """Return a number of bytes for people: ``1.3 GB``."""
    from rich.filesize import decimal

    return decimal(round(number))


def sentences(*texts: str) -> str:
    """Join sentences, leaving empty ones out; no space follows a Chinese full stop."""
    return " ".join(filter(None, texts)).replace("。 ", "。")


def span(values: Iterable[int]) -> str:
    """Return in words a whole number, or the least and the greatest of several."""
    ascending = sorted(values)
    if ascending[0] == ascending[-1]:
        return f"{ascending[0]:,}"
    return tr("{least:,} to {greatest:,}", least=ascending[0], greatest=ascending[-1])


def hardware_in_words(hardware: Mapping[str, Any]) -> str:
    """Return the hardware of a run, from its run.json, with the number of threads."""
    if hardware["threads"] == 1:
        return tr("{name}, 1 thread", name=hardware["name"])
    return tr("{name}, {n} threads", name=hardware["name"], n=hardware["threads"])


def never_finished(models: Sequence[str]) -> str:
    """Return a sentence on models without a run that finished an epoch; empty without models."""
    if not models:
        return ""
    return tr("No run finished an epoch: {models}.", models=named(models))


def rates(learning_rates: Iterable[str], most: int = 8) -> str:
    """Return learning rates in words, smallest first; if many, their range and number."""
    ordered = sorted(learning_rates, key=float)
    if len(ordered) <= most:
        return tr(", ").join(ordered)
    return tr(
        "{least} to {greatest} ({n:,} rates)",
        least=ordered[0], greatest=ordered[-1], n=len(ordered),
    )  # fmt: skip


def in_unlike_precisions(verdict: str, precisions: Iterable[str]) -> str:
    """Return a verdict on runs, followed by their precisions if these differ."""
    used = sorted(set(precisions))
    return f"{verdict} ({' and '.join(used)})" if len(used) > 1 else verdict


def mixed_precisions(precisions: Iterable[str]) -> str:
    """Return a sentence on the precisions of runs if these differ; empty if not."""
    used = sorted(set(precisions))
    if len(used) < 2:
        return ""
    return tr(
        "Some runs were computed in {precisions}.", precisions=tr(" and others in ").join(used)
    )


def named(items: Sequence[str], separator: str | None = None, most: int = 6) -> str:
    """Return a list in words that stays short: all items, or `most` - 1 and how many more.

    A study may have thousands; CSV files hold everything. Semicolons separate them by default.
    """
    separator = tr("; ") if separator is None else separator
    if len(items) <= most:
        return separator.join(items)
    return separator.join([*items[: most - 1], tr("and {n:,} more", n=len(items) - most + 1)])
