"""What the page's charts are made of: Vega-Lite, its data sets and the controls above it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

HEIGHT = 300


@dataclass(frozen=True)
class Choice:
    """A control above a chart: `many` options at once, or one; each (value, label, colour).

    Of many, all are `checked` at first, or none; of one, that which is `chosen`.
    """

    parameter: str
    label: str
    options: tuple[tuple[str, str, str], ...]
    many: bool = True
    chosen: str = ""
    checked: bool = True


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


def options(
    values: Iterable[str], colours: Mapping[str, str] | None = None
) -> tuple[tuple[str, str, str], ...]:
    """Return the options of a `Choice` whose values are their own labels."""
    return tuple((value, value, (colours or {}).get(value, "")) for value in values)


def tooltip(*fields: tuple[str, ...]) -> list[alt.Tooltip]:
    """Return what is said of a point: of each field its title and, of a number, a format."""
    return [
        alt.Tooltip(field, title=title, format=rest[0] if rest else alt.Undefined)
        for field, title, *rest in fields
    ]


def shown_nearby(points: Any, fields: list[str], told: list[alt.Tooltip]) -> Any:
    """Show of some points the one that is nearest to the pointer, and what is told of it."""
    hover = alt.selection_point(
        name="hover", on="pointerover", nearest=True, fields=fields, empty=False
    )
    opacity = alt.condition(hover, alt.value(1), alt.value(0))
    return points.encode(opacity=opacity, tooltip=told).add_params(hover)


def colour_scale(shown: dict[str, str]) -> alt.Scale:
    """Return the scale that gives each name its colour."""
    return alt.Scale(domain=list(shown), range=list(shown.values()))


def sized(chart: Any, title: str, height: int = HEIGHT) -> Any:
    """Let a chart be as wide as its place on the page; its title is what a screen reader says."""
    return chart.properties(width="container", height=height, description=title)
