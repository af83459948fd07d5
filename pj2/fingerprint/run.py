"""Fingerprints of training runs and predictions, and what differs between two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pj2.config.names import canonical_json
from pj2.config.study import RunSettings
from pj2.fingerprint.code import Code, prediction_code, training_code


@dataclass(frozen=True)
class Fingerprint:
    """A hash, and everything that went into it."""

    inputs: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The hex SHA-256 of the inputs' canonical JSON."""
        return hashlib.sha256(canonical_json(self.inputs).encode()).hexdigest()


def run_fingerprint(settings: RunSettings, data_hash: str) -> Fingerprint:
    """Return what decides the epochs of a run: its settings without the budget, data and code.

    `data_hash` is the content hash in ``dataset.json``. The device is left
    out: a finished run serves every machine.
    """
    return _fingerprint(settings.identity(), data_hash, training_code(settings.model))


def prediction_fingerprint(weights: str, model: str, data_hash: str) -> Fingerprint:
    """Return what decides predictions; `weights` is the SHA-256 of the weights' file."""
    settings = {"model": model, "weights": weights}
    return _fingerprint(settings, data_hash, prediction_code(model))


def _fingerprint(settings: Mapping[str, Any], data_hash: str, code: Code) -> Fingerprint:
    return Fingerprint({"settings": settings, "data": data_hash, **code.as_json()})


def explain(fingerprint: Fingerprint) -> list[str]:
    """Return one line for each thing that went into a fingerprint."""
    inputs = fingerprint.inputs
    lines = [f"setting  {key} = {value!r}" for key, value in _flat(inputs["settings"])]
    lines.append(f"data     content hash {inputs['data']}")
    lines += [f"package  {name} {version}" for name, version in inputs["packages"].items()]
    for module, parts in inputs["modules"].items():
        lines += [f"code     {_file(module)}: {part} {digest}" for part, digest in parts.items()]
    return lines


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in words what differs between the inputs of two fingerprints."""
    lines = setting_differences(old["settings"], new["settings"])
    if old["data"] != new["data"]:
        lines.append(f"data: content hash {old['data'][:12]} → {new['data'][:12]}")
    packages = old["packages"], new["packages"]
    lines += [f"{name} {before} → {after}" for name, before, after in _changes(*packages)]
    for module, before, after in _changes(old["modules"], new["modules"]):
        if before is None or after is None:
            lines.append(f"{_file(module)} {'is new' if before is None else 'is gone'}")
        else:
            parts = [part for part, _, _ in _changes(before, after)]
            lines.append(f"{_file(module)} changed: {', '.join(parts)}")
    return lines


def setting_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return ``key before → after`` for every setting that differs."""
    changed = _changes(dict(_flat(old)), dict(_flat(new)))
    return [f"{key} {before!r} → {after!r}" for key, before, after in changed]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield key, old.get(key), new.get(key)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _file(module: str) -> str:
    """Name a module as people find it: its path below the package."""
    return module.removeprefix("pj2.").replace(".", "/") + ".py"
