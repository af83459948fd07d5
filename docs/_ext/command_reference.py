"""The directive `command-reference`: every command of a Typer app, its arguments and options."""

from __future__ import annotations

import re
from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from typer.cli import get_docs_for_click
from typer.core import TyperGroup
from typer.main import get_group

# What each command has, and lists that cut each command's help short.
_NOISE = re.compile(
    r"\* `--help`: .*\n|\* `--(install|show)-completion`: .*\n|\*\*Commands\*\*:\n\n(\* .*\n)+\n"
)
_NOTHING_LEFT = "**Options**:\n\n\n"
_EXAMPLE = re.compile(r"\s+Example: (.+?)\n\n", re.DOTALL)


class CommandReference(SphinxDirective):
    """The commands of the app ``module:attribute``, a heading each."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Have Typer write its Markdown, and parse that where the directive stands."""
        module, _, attribute = self.arguments[0].partition(":")
        app = get_group(getattr(import_module(module), attribute))
        return self.parse_text_to_nodes(_markdown(app), allow_section_headings=True)


def _markdown(app: TyperGroup) -> str:
    text: str = get_docs_for_click(
        obj=app, ctx=app.make_context(app.name, ["--help"], resilient_parsing=True), indent=1
    )
    text = _NOISE.sub("", text).replace(_NOTHING_LEFT, "")
    return _EXAMPLE.sub(r"\n\nExample:\n\n```console\n$ \1\n```\n\n", text)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
