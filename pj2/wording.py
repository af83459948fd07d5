"""What figures, tables and the report say alike, in the chosen language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pj2.language import tr


def rates(learning_rates: Iterable[str], most: int = 8) -> str:
    """Return learning rates in words, smallest first; of very many their range and number."""
    ordered = sorted(learning_rates, key=float)
    if len(ordered) <= most:
        return tr(", ").join(ordered)
    return tr(
        "{least} to {greatest} ({n:,} rates)",
        least=ordered[0], greatest=ordered[-1], n=len(ordered),
    )  # fmt: skip


def in_unlike_precisions(verdict: str, precisions: Iterable[str]) -> str:
    """Return a verdict on runs, followed by what they were computed in if that is not the same."""
    used = sorted(set(precisions))
    return f"{verdict} ({' and '.join(used)})" if len(used) > 1 else verdict


def mixed_precisions(precisions: Iterable[str]) -> str:
    """Return a sentence that says so where runs were not all computed in the same precision."""
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
