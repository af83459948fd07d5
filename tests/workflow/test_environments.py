"""pyproject.toml says what pj2 needs; pip's lock file and conda's environments agree with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.helpers.repository import REPOSITORY
from tests.workflow.clones import SHORT, SHORT_RUN, copy_checkout, new_study
from tests.workflow.conda_stand_in import PYPI_NAMES, install, own_packages, read_environment

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def ranges(texts) -> dict[str, SpecifierSet]:
    found = map(Requirement, texts)
    return {canonicalize_name(each.name): each.specifier for each in found}


NEEDED = ranges(PROJECT["dependencies"])


@pytest.mark.parametrize(
    ("file", "without"),
    [("environment.yml", set()), ("workflow/envs/pj2.yaml", {"snakemake"})],
    ids=["environment.yml", "pj2.yaml"],
)
def test_conda_installs_what_pyproject_names(file, without):
    packages, _ = read_environment(REPOSITORY / file)
    python = packages.pop("python").removeprefix("=")
    assert python in SpecifierSet(PROJECT["requires-python"])
    packages.pop("pip", None)
    found = {PYPI_NAMES.get(name, name): SpecifierSet(text) for name, text in packages.items()}
    assert found == {name: text for name, text in NEEDED.items() if name not in without}


def test_the_lock_file_pins_what_pyproject_names():
    text = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = {name: next(iter(pin)).version for name, pin in ranges(lines).items()}
    needed = NEEDED | ranges(PROJECT["optional-dependencies"]["dev"])
    wrong = {
        name: (pins.get(name), str(text))
        for name, text in needed.items()
        if name not in pins or pins[name] not in text
    }
    assert not wrong


def test_pyproject_names_what_is_imported_and_nothing_else():
    graph = grimp.build_graph("pj2", include_external_packages=True, cache_dir=None)
    imported = {each for each in graph.modules if graph.is_module_squashed(each)}
    providers = packages_distributions()
    found = {
        canonicalize_name(name)
        for module in imported - sys.stdlib_module_names
        for name in providers[module]
    }
    # Snakemake runs the package, and only `pj2 doctor` looks into it; TensorBoard is an extra.
    assert found - {"snakemake"} == NEEDED.keys() - {"snakemake"} | {"tensorboard"}


@pytest.fixture
def conda(tmp_path, monkeypatch):
    """Put a stand-in for conda on PATH; whatever pip would have to fetch is an error."""
    programs = install(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PIP_", "PYTHON"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # the value of --build-isolation, for pip
    return programs / "conda"


def succeed(*arguments, cwd):
    result = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


@pytest.mark.workflow
def test_an_environment_of_conda_has_the_checkout_and_all_that_it_needs(conda, tmp_path):
    clone, environment = copy_checkout(tmp_path / "clone"), tmp_path / "environment"
    for name in ("environment.yml", "pyproject.toml", "README.md", "LICENSE", "config.yaml"):
        (clone / name).write_bytes((REPOSITORY / name).read_bytes())
    succeed(
        *(conda, "env", "create", "-f", "clone/environment.yml", "-p", environment), cwd=tmp_path
    )
    installed = {each.name for each in distributions(path=[str(own_packages(environment))])}
    assert installed == {"pj2"}  # no second torch: everything else is conda's
    python = environment / "bin" / "python"
    where = succeed(python, "-c", "import pj2; print(pj2.__file__)", cwd=tmp_path)
    assert where.strip() == str(clone / "pj2" / "__init__.py")
    succeed(environment / "bin" / "pj2", "--help", cwd=tmp_path)
    succeed(python, "-m", "snakemake", "-n", "all", cwd=clone)


@pytest.mark.workflow
def test_jobs_in_environments_of_conda_run_the_checkout(conda, tmp_path):
    study = new_study(tmp_path / "study", SHORT)
    said = study.run(
        "--software-deployment-method", "conda", "--until", "index", "--", "comparison_table"
    )
    assert "Activating conda environment" in said
    assert (study.folder / SHORT_RUN / "best.safetensors").exists()
