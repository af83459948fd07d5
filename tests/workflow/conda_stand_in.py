"""A stand-in for conda, which takes packages from the environment that runs the tests.

    conda env create --file environment.yml --prefix FOLDER

makes an environment that sees what the file names, all that those packages
need, and nothing else. Then pip installs the lines of the file's `pip:`
section, called as conda calls it. What else Snakemake asks of conda is
answered too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Conda's names of packages that PyPI calls otherwise.
PYPI_NAMES = {
    "matplotlib-base": "matplotlib",
    "pytorch": "torch",
    "snakemake-minimal": "snakemake",
}
ACTIVATE = 'PATH="$1/bin:$PATH"\n'


def read_environment(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the packages of an environment file, conda's name to range, and the lines for pip."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    packages = (entry.partition(" ") for entry in entries if isinstance(entry, str))
    lines = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    return {name: versions for name, _, versions in packages}, lines


def install(folder: Path) -> Path:
    """Write the programs `conda` and `activate` into a folder; return that of the programs."""
    programs = folder / "bin"
    programs.mkdir()
    conda = programs / "conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{folder}" "$@"\n')
    conda.chmod(0o755)
    (programs / "activate").write_text(ACTIVATE)
    return programs


def create(file: Path, prefix: Path) -> None:
    """Make an environment at `prefix` of what an environment file names."""
    packages, lines = read_environment(file)
    venv.create(prefix, symlinks=True)
    names = [PYPI_NAMES.get(name, name) for name in packages if name != "python"]
    # pip fetches setuptools to build a package; here it may fetch nothing.
    names += ["setuptools"] if "pip" in names else []
    # Beside the environment, where pip takes them for another's and never removes them.
    shared = prefix.parent / f"{prefix.name}-packages"
    shared.mkdir()
    for each in with_what_they_need(names):
        link(each, shared)
    (own_packages(prefix) / "conda.pth").write_text(f"{shared}\n")
    if lines:
        pip_install(prefix, lines, file.parent)


def pip_install(prefix: Path, lines: list[str], folder: Path) -> None:
    """Call pip as conda does: with a file of the lines, in the folder of the environment file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="condaenv.", suffix=".requirements.txt", dir=folder
    ) as requirements:
        requirements.write("\n".join(lines))
        requirements.flush()
        python = prefix / "bin" / "python"
        command = ["pip", "install", "-U", "-r", requirements.name, "--exists-action=b"]
        subprocess.run([python, "-m", *command], cwd=folder, check=True)


def own_packages(prefix: Path) -> Path:
    """Return the folder that an environment's pip installs into."""
    return next(prefix.glob("lib/python*/site-packages"))


def with_what_they_need(names: list[str]) -> list[Distribution]:
    """Return the distributions of these names, and all that they require."""
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        each = distribution(requirement.name)
        found[canonicalize_name(requirement.name)] = each
        for text in each.requires or []:
            needed = Requirement(text)
            extras = {"", *requirement.extras}
            if not needed.marker or any(needed.marker.evaluate({"extra": x}) for x in extras):
                waiting.append(needed)
    return list(found.values())


def link(package: Distribution, destination: Path) -> None:
    """Link the modules and the metadata of a distribution into a folder."""
    for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
        if not (destination / top).exists():  # a namespace is there once for all
            (destination / top).symlink_to(Path(str(package.locate_file(top))))


def main(base: str, *arguments: str) -> None:
    """Answer a call of `conda`; `base` is where it is installed."""
    match arguments:
        case ["--version"]:
            print("conda 26.1.0")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": base, "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *options]:
            parser = argparse.ArgumentParser()
            parser.add_argument("--file", "-f", type=Path)
            parser.add_argument("--prefix", "-p", type=Path)
            chosen, _ = parser.parse_known_args(options)
            create(chosen.file.resolve(), chosen.prefix.resolve())
        case ["clean", *_]:
            pass
        case _:
            sys.exit(f"unknown to this stand-in: {arguments}")


if __name__ == "__main__":
    main(*sys.argv[1:])
