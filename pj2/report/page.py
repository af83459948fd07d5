"""The page itself: sections, charts and pictures in one HTML file that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

import pj2
from pj2.exhibits.palette import on_dark
from pj2.language import html_language, tr
from pj2.report.contents import Shown, read_contents
from pj2.report.glance import at_a_glance
from pj2.report.sections import Section, sections
from pj2.runs.reading import PathLike, load_runs
from pj2.store.files import write_text

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_SCRIPT = ("band.js", "page.js")


def write_report(
    contents_path: PathLike, index_paths: Iterable[PathLike], output: PathLike
) -> None:
    """Write the report of a study as one HTML file, which loads nothing.

    `contents_path` is what the pipeline lists (see `pj2.report.contents.Contents`), and
    `index_paths` are the study's runs. Raises UserError for a file that is missing or is
    not what it should be.
    """
    contents = read_contents(contents_path)
    shown = Shown(contents, tuple(load_runs(index_paths)))
    filled = sections(shown)
    data = _script_data(_chart_data(filled))
    page = _environment().get_template("page.html.j2")
    write_text(
        output,
        page.render(
            study=contents.config.study,
            language=html_language(),
            version=pj2.__version__,
            glance=at_a_glance(shown),
            sections=filled,
            colours={colour: on_dark(colour) for colour in sorted(set(_COLOUR.findall(data)))},
            data=_COLOUR.sub(_variable, data),
            style=_asset("style.css"),
            library=_library(),
            script="\n".join(map(_asset, _SCRIPT)),
        ),
    )


def _chart_data(filled: list[Section]) -> dict[str, Any]:
    """Return what the page's scripts need: charts by name, colours for the dark, words."""
    charts = {
        item.chart.name: {
            "spec": item.chart.spec,
            "data": item.chart.data,
            "band": item.chart.band,
        }
        for section in filled
        for item in section.items
        if item.chart
    }
    words = {
        "width": tr("median width"),
        "steps": tr("steps"),
        "nothing": tr("Nothing is chosen."),
        "above": tr("steps above the axis"),
    }
    return {"charts": charts, "words": words}


def _script_data(value: Any) -> str:
    """Return JSON that may stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _variable(colour: re.Match[str]) -> str:
    """Return the CSS variable of a colour, which the page sets for light and for dark."""
    return f"var(--c{colour[0][1:]})"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pj2.report"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["tr"] = tr
    return environment


def _asset(name: str) -> str:
    source, _, _ = _environment().loader.get_source(_environment(), name)  # type: ignore[union-attr]
    return source


def _library() -> str:
    """Return the code of Vega-Embed, Vega-Lite and Vega, as vl-convert bundles them."""
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # it has a default
    return bundle.replace("</script", "<\\/script")
