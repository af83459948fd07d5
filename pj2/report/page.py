"""The page: sections, charts and pictures in one self-contained HTML file."""

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
from pj2.report.accuracies import picture
from pj2.report.contents import Shown, read_contents
from pj2.report.findings import findings
from pj2.report.glance import at_a_glance
from pj2.report.sections import Section, sections
from pj2.report.written import as_markdown
from pj2.runs.reading import PathLike, load_runs
from pj2.store.files import write_text

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_SCRIPT = ("band.js", "page.js")


def write_report(
    contents_path: PathLike,
    index_paths: Iterable[PathLike],
    output: PathLike,
    findings_output: PathLike | None = None,
) -> None:
    """Write the report of a study as one HTML file, which loads nothing else.

    `contents_path` is the pipeline's list (see `pj2.report.contents.Contents`), `index_paths` are
    the study's runs, and `findings_output` gets the report's findings as Markdown. Raises
    UserError for a file that is missing or invalid.
    """
    contents = read_contents(contents_path)
    shown = Shown(contents, tuple(load_runs(index_paths)))
    told = findings(shown)
    filled = sections(shown)
    accuracies = picture(shown)
    colours = {row.colour for _, rows in accuracies.groups for row in rows}
    data = _script_data(_chart_data(filled, colours))
    page = _environment().get_template("page.html.j2")
    write_text(
        output,
        page.render(
            study=contents.config.study,
            language=html_language(),
            version=pj2.__version__,
            findings=told,
            accuracies=accuracies,
            glance=at_a_glance(shown),
            sections=filled,
            colours={colour: on_dark(colour) for colour in sorted(colours)},
            data=data,
            style=_asset("style.css"),
            library=_library(),
            script="\n".join(map(_asset, _SCRIPT)),
        ),
    )
    if findings_output:
        write_text(findings_output, as_markdown(contents.config.study, told))


def _chart_data(filled: list[Section], colours: set[str]) -> dict[str, Any]:
    """Return the data of the page's scripts, charts by name and words; add the charts' colours."""
    charts = {
        item.chart.name: {
            "spec": _themed(item.chart.spec, colours),
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
    """Return JSON that is safe inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _themed(spec: Any, colours: set[str]) -> Any:
    """Replace the colours of a specification's scales by CSS variables; add them to `colours`.

    The page sets the variables for light and for dark. A class that is named like a colour stays
    as it is.
    """
    if isinstance(spec, list):
        return [_themed(part, colours) for part in spec]
    if not isinstance(spec, dict):
        return spec
    themed = {key: _themed(part, colours) for key, part in spec.items()}
    scale = spec.get("range")
    if isinstance(scale, list) and all(map(_COLOUR.fullmatch, map(str, scale))):
        colours.update(scale)
        themed["range"] = [f"var(--c{colour[1:]})" for colour in scale]
    return themed


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
