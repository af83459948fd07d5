"""Lists that stay short in words, however large a study is; CSV files hold everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def rates(learning_rates: Iterable[str], most: int = 8) -> str:
    """Return learning rates in words, smallest first; of very many their range and number."""
    ordered = sorted(learning_rates, key=float)
    if len(ordered) <= most:
        return ", ".join(ordered)
    return f"{ordered[0]} to {ordered[-1]} ({len(ordered):,} rates)"


def named(items: Sequence[str], separator: str = "; ", most: int = 6) -> str:
    """Return a list in words that stays short: all items, or `most` - 1 and how many more."""
    if len(items) <= most:
        return separator.join(items)
    return separator.join([*items[: most - 1], f"and {len(items) - most + 1:,} more"])
