"""Measurements as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tabulate import tabulate

from benchmarks.measure import Measurement, spread


def markdown(machine: Mapping[str, Any], measurements: Iterable[Measurement]) -> str:
    """Return a table for each part: median, least and greatest of every variant and ratio."""
    parts: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        parts.setdefault(measurement.part, []).append(measurement)
    head = (
        f"{machine['cores']} cores of {machine['processor']} "
        f"({', '.join(machine['instructions']) or 'no vector instructions known'}), "
        f"{machine['memory_gb']} GB, GPU: {machine['gpu'] or 'none'}; "
        f"{machine['system']}, Python {machine['python']}, torch {machine['torch']}; "
        f"commit {machine['commit']}.\n\n"
        "Median (least to greatest) of n interleaved repeats; a ratio is taken in each repeat.\n"
    )
    sections = [head]
    for part, members in parts.items():
        rows = [row for member in members for row in _rows(member)]
        columns = ["what", "variant", "median", "range", "unit", "n"]
        sections.append(
            f"## {part}\n\n{tabulate(rows, columns, tablefmt='github', disable_numparse=True)}\n"
        )
    return "\n".join(sections)


def _rows(measurement: Measurement) -> list[list[str]]:
    rows = []
    for name, values in measurement.samples.items():
        rows.append([measurement.what, name, *_numbers(values), measurement.unit, len(values)])
    for one, other in measurement.compare:
        values = measurement.ratios(one, other)
        label = f"**{one} / {other}**"
        rows.append([measurement.what, label, *_numbers(values), "times", len(values)])
    return [[str(cell) for cell in row] for row in rows]


def _numbers(values: list[float]) -> tuple[str, str]:
    middle, low, high = (_short(value) for value in spread(values))
    return middle, f"{low} to {high}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
