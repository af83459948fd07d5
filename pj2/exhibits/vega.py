"""What the page's charts are made of: Vega-Lite, its data sets and the controls above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

HEIGHT = 300


@dataclass(frozen=True)
class Choice:
    """A control above a chart: `many` options at once, or one; each (value, label, colour)."""

    parameter: str
    label: str
    options: tuple[tuple[str, str, str], ...]
    many: bool = True
    chosen: str = ""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification, the data sets that it names, and its controls.

    ``log`` offers a logarithmic loss axis. ``band`` marks the landscape, whose data set
    the page computes from its losses. ``caption`` says what a reader should know of it.
    """

    name: str
    title: str
    spec: dict[str, Any]
    data: dict[str, Any]
    choices: tuple[Choice, ...] = ()
    log: bool = False
    band: dict[str, Any] | None = None
    caption: str = ""


def colour_scale(shown: dict[str, str]) -> alt.Scale:
    """Return the scale that gives each name its colour."""
    return alt.Scale(domain=list(shown), range=list(shown.values()))


def sized(chart: Any, title: str, height: int = HEIGHT) -> Any:
    """Let a chart be as wide as its place on the page; its title is what a screen reader says."""
    return chart.properties(width="container", height=height, description=title)
