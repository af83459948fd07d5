"""The findings as a Markdown file for a terminal."""

from __future__ import annotations

import textwrap

from pj2.exhibits.escaping import escape_markdown
from pj2.exhibits.letters import wrap
from pj2.language import tr
from pj2.report.findings import Findings

_COLUMNS = 79


def as_markdown(study: str, told: Findings) -> str:
    """Return a study's findings as Markdown, one list per experiment, in short lines."""
    parts = ["# " + tr("{study}: findings", study=study)]
    for experiment, found in told.found:
        parts.append(f"## {experiment}")
        parts.append("\n".join(_item(finding.text) for finding in found))
    if told.limits:
        parts.append("## " + tr("What cannot be concluded"))
        parts.append("\n".join(map(_item, told.limits)))
    return "\n\n".join(parts) + "\n"


def _item(text: str) -> str:
    return "- " + textwrap.indent(wrap(escape_markdown(text), _COLUMNS - 2), "  ").lstrip()
