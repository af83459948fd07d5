"""Which code a step of the pipeline runs: the modules it imports, and their digests."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import grimp

from pj2.config.catalogue import LOSSES, MODELS, OPTIMIZERS, QUANTITIES, Catalogue
from pj2.config.names import canonical_json
from pj2.config.study import RunSettings
from pj2.fingerprint.remembered import remembered_digests

# Trains one epoch; `_training_roots` adds the registered model, optimizer and so on.
TRAINING = "pj2.training.trainer"
# Writes a run's files from its recorded epochs; a change to it needs no training.
RESULT = "pj2.runs.result"
# Measures a run that is probed.
PROBING = "pj2.training.probing"
PREDICTION = "pj2.evaluation.predict"

_PACKAGE = "pj2"  # its __init__.py holds only the version, which changes no result
PACKAGE_FOLDER = Path(__file__).resolve().parents[1]

# Modules left out of digests: a fingerprint holds what they decide by value (the resolved
# settings), or they only move bytes.
_BY_VALUE = ("pj2.config", "pj2.errors", "pj2.store", "pj2.fingerprint", "pj2.data.layout")

# Import names that differ from the names of their distributions. For a name that this table
# lacks, importlib reads the metadata of all packages: a quarter of a second at each start.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "curvlinops": "curvlinops-for-pytorch",
    "mpl_toolkits": "matplotlib",
    "sklearn": "scikit-learn",
    "vl_convert": "vl-convert-python",
    "yaml": "pyyaml",
}


@dataclass(frozen=True)
class Code:
    """The code behind one step: digests by module and part, and package versions.

    ``packages`` holds ``major.minor`` of each third-party package that the
    modules import directly.
    """

    modules: dict[str, dict[str, str]]
    packages: dict[str, str]

    @cached_property
    def canonical(self) -> str:
        """The canonical JSON of modules and packages."""
        return canonical_json(self.as_json())

    @property
    def digest(self) -> str:
        """The hex SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the code as run.json and the store keep it, to compare with later code."""
        return {"modules": self.modules, "packages": self.packages}


@cache
def code_of(*roots: str) -> Code:
    """Return the code of the modules `roots` and of all that they import.

    Imports inside this package are followed by reading source files; nothing
    is imported. A module that is imported by a computed name is not found, so
    name registered ones (a model, a loss) among the roots.

    Raises ValueError for a module that does not exist.
    """
    graph = _graph()
    found: set[str] = set()
    packages: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in found or module == _PACKAGE or _is_by_value(module):
            continue
        if module not in graph.modules:
            raise ValueError(f"{module}: no such module")
        if graph.is_module_squashed(module):
            if module not in sys.stdlib_module_names:
                packages.add(module)
            continue
        found.add(module)
        waiting += graph.find_modules_directly_imported_by(module)
        waiting.append(module.rpartition(".")[0])  # importing a module runs its package
    digests = {module: _digests(module) for module in sorted(found)}
    remembered_digests().save()
    return Code(digests, {package: _version(package) for package in sorted(packages)})


def training_code(settings: RunSettings) -> Code:
    """Return the code that decides what a run learns and what is measured during it."""
    return code_of(*_training_roots(settings))


def prediction_code(model: str) -> Code:
    """Return the code that decides what a trained `model` predicts."""
    return code_of(PREDICTION, MODELS.modules()[model])


def train_digest(settings: RunSettings) -> str:
    """Return the digest that decides whether a training job must run again."""
    return code_of(RESULT, PREDICTION, *_training_roots(settings)).digest


def _training_roots(settings: RunSettings) -> list[str]:
    return [
        TRAINING,
        MODELS.modules()[settings.model],
        OPTIMIZERS.modules()[settings.optimizer.name],
        LOSSES.modules()[settings.loss.name],
        *(QUANTITIES.modules()[name] for name in settings.quantities),
        *([PROBING] if settings.probe else []),
    ]


def source_file(module: str) -> Path:
    """Return the path of a module's source file, which may not exist."""
    path = PACKAGE_FOLDER.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _digests(module: str) -> dict[str, str]:
    return remembered_digests().of(module, source_file(module))


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        _PACKAGE,
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def _is_by_value(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in _BY_VALUE)


@cache
def _version(package: str) -> str:
    try:
        version = importlib.metadata.version(_DISTRIBUTIONS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(package)
        if not names:
            return "unknown"
        version = importlib.metadata.version(names[0])
    return ".".join(version.split(".")[:2])


def read_sources_again() -> None:
    """Clear the caches, so that the next call reads the source files again."""
    for known in (code_of, _digests, _graph, Catalogue.modules):
        known.cache_clear()
