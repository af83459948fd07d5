"""The directive `exhibit-list`: every figure and table with its files, by section of the page."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from pj2.exhibits.catalogue import SECTIONS, topics
from pj2.exhibits.declare import Exhibit

_KEYS = {
    "study": (),
    "experiment": ("<experiment>",),
    "model": ("<experiment>", "<model>"),
}


class ExhibitList(SphinxDirective):
    """A table a section: the files of each exhibit, and what it shows."""

    def run(self) -> list[nodes.Node]:
        """Write the list as Markdown, and parse that where the directive stands."""
        return self.parse_text_to_nodes("\n".join(_markdown()))


def _markdown() -> Iterator[str]:
    for section, (title, _) in SECTIONS.items():
        here = [each for topic in topics() if topic.section == section for each in topic.exhibits]
        yield from ("", f"| {title} | |", "|---|---|")
        yield from (f"| {_files(each)} | {each.summary} |" for each in here)


def _files(exhibit: Exhibit) -> str:
    stems = ("/".join((exhibit.folder, exhibit.name, *_KEYS[each])) for each in exhibit.levels)
    ending = ".html" if exhibit.kind == "view" else ""
    return "<br>".join(f"`{stem}{ending}`" for stem in stems)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("exhibit-list", ExhibitList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
