"""A CITATION.cff as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_MOST = 4  # authors; of a longer list only the first is named


@dataclass(frozen=True)
class Citation:
    """The software, and the works that it names as its foundations."""

    software: str
    works: tuple[str, ...]


def read_citation(path: Path) -> Citation:
    """Return the citation of the software, and those of the works in its references."""
    cff = yaml.safe_load(path.read_text(encoding="utf-8"))
    software = f"{_authors(cff['authors'])}. {cff['title']}. Version {cff['version']}."
    return Citation(software, tuple(map(_work, cff["references"])))


def _work(work: Mapping[str, Any]) -> str:
    publisher = work.get("journal") or work.get("collection-title") or work["institution"]["name"]
    volume = ", ".join(str(work[key]) for key in ("volume", "start") if key in work)
    title = work["title"] if work["title"].endswith("?") else f"{work['title']}."
    return (
        f"{_authors(work['authors'])} ({work['year']}). {title} "
        f"{publisher}{f' {volume}' if volume else ''}."
    )


def _authors(authors: Sequence[Mapping[str, str]]) -> str:
    names = [
        each.get("name") or f"{each['given-names']} {each['family-names']}" for each in authors
    ]
    return f"{names[0]} et al." if len(names) > _MOST else ", ".join(names)
