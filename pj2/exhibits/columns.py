"""Numbers in the compact form that the page embeds: columns, with each word listed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def columns(frame: pd.DataFrame, digits: int = 5) -> dict[str, Any]:
    """Return a frame as ``{"rows": n, "columns": {name: values}, "words": {name: words}}``.

    Numbers are rounded to `digits` significant digits; missing numbers are null. A text becomes
    its index in the column's words.
    """
    values: dict[str, list[Any]] = {}
    words: dict[str, list[str]] = {}
    for name in map(str, frame.columns):
        if pd.api.types.is_numeric_dtype(frame[name]):
            values[name] = _short(frame[name].to_numpy(), digits)
        else:
            codes, unique = pd.factorize(frame[name])
            values[name], words[name] = codes.tolist(), unique.tolist()
    return {"rows": len(frame), "columns": values, "words": words}


def _short(values: np.ndarray, digits: int) -> list[float | int | None]:
    if np.issubdtype(values.dtype, np.integer):
        return [int(value) for value in values]
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]


def bin_width(longest: int, most: int) -> int:
    """Return the number of values per bin that makes at most `most` bins of a series."""
    return max(1, -(-longest // most))


def bins(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return minimum, maximum and mean of every `width` values; the last bin may have fewer."""
    starts = np.arange(0, len(values), width)
    if not len(values):
        return values, values, values
    total = np.add.reduceat(values.astype(np.float64), starts)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return low, high, total / np.diff([*starts, len(values)])


def share(total: int, parts: Sequence[object], most: int, least: int = 10) -> int:
    """Return how many of `total` points each part may have, between `least` and `most`."""
    return max(least, min(most, total // max(1, len(parts))))
