"""The directive `claim-list`: every statement of the published report, and what tests it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from pj2.exhibits.claims.kinds import AtOneRate, Claim, OpenClaim, statement
from pj2.exhibits.claims.numbers import CHECKS
from pj2.exhibits.claims.published import read_report

_REPORT = Path(__file__).parents[2] / "workflow" / "published.yaml"


class ClaimList(SphinxDirective):
    """A table: the statement, where it stands, its value, and how it is tested."""

    def run(self) -> list[nodes.Node]:
        """Write the list as Markdown, and parse that where the directive stands."""
        self.env.note_dependency(str(_REPORT))
        return self.parse_text_to_nodes("\n".join(_markdown()))


def _markdown() -> Iterator[str]:
    yield from ("| statement | source | value | test |", "|---|---|---|---|")
    for claim in read_report(_REPORT).claims:
        rate = f", rate {claim.rate}" if isinstance(claim, AtOneRate) else ""
        yield f"| {statement(claim)} | {claim.source}{rate} | {_value(claim)} | {_test(claim)} |"


def _value(claim: Claim) -> str:
    value, margin = getattr(claim, "value", None), getattr(claim, "margin", None)
    if value is None:
        return f"± {margin:g}" if margin else ""
    return f"{value:,} ± {margin:g}" if margin else f"{value:,}"


def _test(claim: Claim) -> str:
    if isinstance(claim, OpenClaim):
        return f"none: {claim.why['en']}"
    first = (CHECKS[type(claim)].__doc__ or "").split("\n\n")[0]
    return " ".join(first.split())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("claim-list", ClaimList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
