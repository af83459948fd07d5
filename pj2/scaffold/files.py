"""Filling in templates and writing the files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import pj2
from pj2.errors import UserError
from pj2.store.files import write_text


def checkout() -> Path:
    """Return the clone that contains this package. Raises UserError if there is no clone."""
    root = Path(pj2.__file__).resolve().parents[1]
    if not (root / "workflow").is_dir():
        raise UserError(
            f"pj2 is installed in {root}, without its Snakefile and tests; this needs a clone of "
            "the repository, in whose environment pj2 is installed with: pip install -e ."
        )
    return root


def fill(template: str, **words: str) -> str:
    """Return the text of a template, with each ``$word`` replaced."""
    text = files("pj2.scaffold").joinpath("templates", template).read_text(encoding="utf-8")
    return Template(text).substitute(words)


def write_new(contents: Mapping[Path, str]) -> None:
    """Write files. Raises UserError, before any is written, if one exists already."""
    there = [path for path in contents if path.exists()]
    if there:
        raise UserError([f"{path}: exists already, and is not overwritten" for path in there])
    for path, text in contents.items():
        write_text(path, text)
