"""Checks of Python, and of the packages that pj2 needs."""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import pj2
from pj2.doctor.finding import Finding, Subject

ROOT = Path(pj2.__file__).resolve().parents[1]


def check_python(subject: Subject) -> Iterator[Finding]:
    """Check Python's version, and which pj2 this is."""
    found, (needed, _) = platform.python_version(), _needed()
    if found in SpecifierSet(needed, prereleases=True):
        yield Finding("ok", "python", f"{found} ({sys.executable})")
    else:
        yield Finding(
            "problem",
            "python",
            f"{found}; pj2 needs {needed}",
            "make a new environment: make PYTHON=python3.12, or environment.yml with conda",
        )
    here = Path.cwd() / "pj2" / "__init__.py"
    if here.exists() and here.parent.parent.resolve() != ROOT:
        yield Finding(
            "warning",
            "pj2",
            f"this is {pj2.__version__} in {ROOT}, but snakemake here runs the one in {Path.cwd()}",
            "in this folder use: python -m pj2 …, or activate this clone's environment",
        )
    else:
        yield Finding("ok", "pj2", f"{pj2.__version__} ({ROOT})")


def check_packages(subject: Subject) -> Iterator[Finding]:
    """Check that the packages pj2 needs are installed in supported versions."""
    _, requirements = _needed()
    wrong = []
    for requirement in requirements:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, needed is {requirement.specifier}")
    if wrong:
        yield Finding(
            "problem",
            "packages",
            "; ".join(wrong),
            f"{sys.executable} -m pip install -r requirements.lock, or with conda: "
            "conda env update -f environment.yml (in pj2's clone)",
        )
    else:
        yield Finding(
            "ok", "packages", f"{len(requirements)} needed, all installed in supported versions"
        )


def _needed() -> tuple[str, list[Requirement]]:
    """Return pj2's range of Python versions and its required packages, without extras."""
    project = ROOT / "pyproject.toml"
    if project.exists():
        declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        python, texts = declared["requires-python"], declared["dependencies"]
    else:
        about = metadata("pj2")
        python, texts = about["Requires-Python"], about.get_all("Requires-Dist") or []
    requirements = [Requirement(text) for text in texts]
    return python, [
        each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})
    ]
