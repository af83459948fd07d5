"""The folder of a user's own study, which uses pj2 as a Snakemake module."""

from __future__ import annotations

import re
from pathlib import Path

from pj2.errors import UserError
from pj2.scaffold.files import checkout, fill, write_new

_FILES = {
    "Snakefile": "Snakefile.txt",
    "config.yaml": "config.yaml.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
    "scripts/own_figure.py": "own_figure.py.txt",
    "profiles/default/config.yaml": "profile.yaml.txt",
}


def new_study(folder: Path) -> list[Path]:
    """Write the files of a study, named after its folder, and return their paths.

    Raises UserError if the folder is not empty, or pj2 is installed without its Snakefile.
    """
    checkout()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is a file"
        raise UserError(f"{folder}: {what}; a study begins in a new or an empty folder")
    name = study_name(folder.resolve().name)
    contents = {
        folder / path: fill(f"study/{template}", study=name) for path, template in _FILES.items()
    }
    write_new(contents)
    return list(contents)


def study_name(text: str) -> str:
    """Return a folder's name as a valid study name: letters, digits and _, a letter first."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return name if re.match(r"[A-Za-z]", name) else f"study_{name}".rstrip("_")
