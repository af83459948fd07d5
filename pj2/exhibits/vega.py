"""The parts of the page's charts: Vega-Lite specifications, data sets and controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

HEIGHT = 300


@dataclass(frozen=True)
class Choice:
    """A control above a chart, with options (value, label, colour): `many` at once, or one.

    With `many`, all are `checked` at first, or none; otherwise the `chosen` one is.
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

    ``log`` offers a logarithmic loss axis. ``band`` marks the landscape, whose data set the page
    computes from its losses. ``caption`` explains the chart to the reader.
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
    """Return the tooltip of a point: each field with its title and, for a number, a format."""
    return [
        alt.Tooltip(field, title=title, format=rest[0] if rest else alt.Undefined)
        for field, title, *rest in fields
    ]


def shown_nearby(points: Any, fields: list[str], told: list[alt.Tooltip]) -> Any:
    """Show the point nearest to the pointer, with the tooltip `told`."""
    hover = alt.selection_point(
        name="hover", on="pointerover", nearest=True, fields=fields, empty=False
    )
    opacity = alt.condition(hover, alt.value(1), alt.value(0))
    return points.encode(opacity=opacity, tooltip=told).add_params(hover)


def colour_scale(shown: dict[str, str]) -> alt.Scale:
    """Return the scale that maps each name to its colour."""
    return alt.Scale(domain=list(shown), range=list(shown.values()))


def sized(chart: Any, title: str, height: int = HEIGHT) -> Any:
    """Make a chart as wide as its place on the page; screen readers announce its title."""
    return chart.properties(width="container", height=height, description=title)
