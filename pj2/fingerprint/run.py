"""Fingerprints of training runs and predictions, and what differs between two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pj2.config.names import canonical_json
from pj2.config.study import RunSettings
from pj2.fingerprint.code import (
    PACKAGE_FOLDER,
    Code,
    prediction_code,
    source_file,
    training_code,
)


@dataclass(frozen=True)
class Fingerprint:
    """A hash, and everything that went into it."""

    settings: Mapping[str, Any]
    data: str
    code: Code

    @property
    def inputs(self) -> dict[str, Any]:
        """What went in, as ``settings``, ``data``, ``modules`` and ``packages``."""
        return {"settings": self.settings, "data": self.data, **self.code.as_json()}

    @property
    def digest(self) -> str:
        """The hex SHA-256 of the inputs' canonical JSON."""
        # Assembled from parts, in the order of their keys: the JSON of the code is long,
        # and the runs of a model share it.
        code = self.code.canonical.removeprefix("{").removesuffix("}")
        data, settings = canonical_json(self.data), canonical_json(self.settings)
        text = f'{{"data":{data},{code},"settings":{settings}}}'
        return hashlib.sha256(text.encode()).hexdigest()


def run_fingerprint(settings: RunSettings, data_hash: str) -> Fingerprint:
    """Return the fingerprint of a run's epochs: settings except the budget, data, and code.

    `data_hash` is the content hash in ``dataset.json``. The device is left
    out: a finished run serves every machine.

    Raises ValueError for ``precision: auto``, which each machine resolves for itself;
    see `RunSettings.computed_in`.
    """
    if settings.precision == "auto":
        raise ValueError("precision: auto; expected fp32 or bf16")
    return Fingerprint(settings.identity(), data_hash, training_code(settings))


def prediction_fingerprint(
    weights: str,
    model: str,
    architecture: Mapping[str, Any],
    data_hash: str,
    classes: Sequence[str],
) -> Fingerprint:
    """Return the fingerprint of predictions; `weights` is the SHA-256 of the weights' file.

    It includes the class names, since the predictions' file holds them and `data_hash`
    does not cover them.
    """
    settings = {
        "model": model,
        "architecture": dict(architecture),
        "weights": weights,
        "classes": list(classes),
    }
    return Fingerprint(settings, data_hash, prediction_code(model))


def explain(fingerprint: Fingerprint) -> list[str]:
    """Return one line for each thing that went into a fingerprint."""
    inputs = fingerprint.inputs
    lines = [f"setting  {key} = {value!r}" for key, value in flat(inputs["settings"])]
    lines.append(f"data     {inputs['data'] or 'not prepared yet'}")
    lines += [f"package  {name} {version}" for name, version in inputs["packages"].items()]
    for module, parts in inputs["modules"].items():
        lines += [f"code     {digest}  {_file(module)}: {part}" for part, digest in parts.items()]
    return lines


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in words what differs between the inputs of two fingerprints."""
    lines = setting_differences(old["settings"], new["settings"])
    if old["data"] != new["data"]:
        lines.append(f"data: content hash {old['data'][:12]} → {new['data'][:12]}")
    for name, before, after in _changes(old["packages"], new["packages"]):
        lines.append(f"{name} {before} → {after}")
    for module, before, after in _changes(old["modules"], new["modules"]):
        if before is _ABSENT or after is _ABSENT:
            lines.append(f"{_file(module)} {'is new' if before is _ABSENT else 'is gone'}")
        else:
            parts = [part for part, _, _ in _changes(before, after)]
            lines.append(f"{_file(module)} changed: {', '.join(parts)}")
    return lines


def setting_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return ``key before → after`` for every setting that differs."""
    changed = _changes(dict(flat(old)), dict(flat(new)))
    return [f"{key} {before!r} → {after!r}" for key, before, after in changed]


class _Absent:
    """Stands for a value that one of two fingerprints lacks; null is a value."""

    def __repr__(self) -> str:
        return "(absent)"


_ABSENT = _Absent()


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, _ABSENT), new.get(key, _ABSENT)
        if before != after:
            yield key, before, after


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting, however deep, as ``section.key`` and its value."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@cache
def _file(module: str) -> str:
    """Return a module's file, relative to the package's folder."""
    return source_file(module).relative_to(PACKAGE_FOLDER).as_posix()
