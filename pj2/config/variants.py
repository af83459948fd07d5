"""Variants of a recipe: every combination of the levels of some factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from pj2.config.names import LEVEL_RULE, NAME_RULE, is_level, is_name

Factors = dict[str, dict[str, dict[str, Any]]]
"""The keys of the experiment that a level changes, by factor and level."""


@dataclass(frozen=True)
class Variant:
    """One combination: the level of each factor, and the keys that they change together."""

    levels: Mapping[str, str]
    changes: Mapping[str, Any]

    def label(self, model: str) -> str:
        """Name a model's variant for paths, tables and figures, as ``Model.factor-level``."""
        return ".".join([model, *(f"{factor}-{level}" for factor, level in self.levels.items())])


UNCHANGED = Variant({}, {})


def parse_factors(raw: object) -> object:
    """Return ``variants`` as `Factors`; a value of another shape is left for the schema to refuse.

    A factor is a key of the experiment with a list of values, such as
    ``loss.label_smoothing: [0, 0.1]``, or a name with a mapping of its levels
    to the keys that each changes. Raises ValueError for a name that cannot
    stand in a path, or for a factor without two levels.
    """
    if not isinstance(raw, Mapping):
        return raw
    factors: dict[str, Any] = {}
    for key, levels in raw.items():
        path = str(key).split(".")
        name = path[-1]
        if isinstance(levels, list):
            if any(isinstance(value, dict | list) for value in levels):
                raise ValueError(
                    f"{key}: a list holds plain values; name the levels otherwise, as in "
                    f"{name}: {{level: {{key: value}}}}"
                )
            pairs = [(_level(value), _nested(path, value)) for value in levels]
        elif isinstance(levels, Mapping):
            pairs = [
                (_level(level), {} if changes is None else changes)
                for level, changes in levels.items()
            ]
        else:
            return raw
        if not is_name(name):
            raise ValueError(f"{key}: a factor's name is {NAME_RULE}")
        if name in factors:
            raise ValueError(f"{key}: a second factor named {name}")
        if len(pairs) < 2 or len({level for level, _ in pairs}) < len(pairs):
            raise ValueError(f"{key}: a factor has two levels or more, all different")
        for level, _ in pairs:
            if not is_level(level):
                raise ValueError(f"{key}.{level}: a level's name is {LEVEL_RULE}")
        factors[name] = dict(pairs)
    return factors


def list_variants(factors: Factors) -> list[Variant]:
    """Return every combination of levels; without factors the one that changes nothing."""
    variants = []
    for combination in product(*(levels.items() for levels in factors.values())):
        changes: dict[str, Any] = {}
        for _, change in combination:
            changes = merge(changes, change)
        levels = dict(zip(factors, (level for level, _ in combination), strict=True))
        variants.append(Variant(levels, changes))
    return variants


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` merged in, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _level(value: object) -> str:
    """Return a value as the name of a level; YAML reads on and off as booleans."""
    if isinstance(value, bool):
        return "on" if value else "off"
    try:
        return f"{float(str(value)):.12g}"
    except ValueError:
        return str(value)


def _nested(path: list[str], value: object) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    assert isinstance(value, dict)
    return value
