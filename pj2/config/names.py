"""Canonical spellings shared by paths, tables and settings."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

# Names are parts of a file's name, which has 255 letters on common file systems.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_LEVEL = re.compile(r"[A-Za-z0-9_.+-]{1,100}")
_LONGEST_LABEL = 200
NAME_RULE = "1 to 100 letters, digits and _, and begins with a letter"
LEVEL_RULE = "1 to 100 letters, digits, _, +, - and ."


def canonical_learning_rate(value: object) -> float:
    """Return a learning rate as a float, however YAML or a shell spelled it.

    YAML 1.1 reads ``1e-3`` as a string and ``1.0e-3`` as a number, so both
    must be accepted, and must mean the same run.

    Raises ValueError unless the value is a finite number above zero.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a learning rate is a number such as 0.001 or 1e-3")
    try:
        rate = float(value)
    except ValueError:
        raise ValueError("a learning rate is a number such as 0.001 or 1e-3") from None
    if not math.isfinite(rate) or rate <= 0:
        raise ValueError("a learning rate is finite and above zero")
    return rate


def as_number(value: object) -> object:
    """Return a text such as ``1e-4``, a string to YAML 1.1, as a float; others unchanged.

    Raises ValueError for a boolean, which Python would take for 0 or 1.
    """
    if isinstance(value, bool):
        raise ValueError("expected a number, which on, yes and true are not")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def learning_rate_text(rate: float) -> str:
    """Return the one spelling of a learning rate used in paths: ``repr(float)``."""
    return repr(float(rate))


def spelled_learning_rate(text: str) -> str:
    """Return a learning rate in its one spelling, and any other text unchanged."""
    try:
        return learning_rate_text(canonical_learning_rate(text))
    except ValueError:
        return text


def is_name(text: str) -> bool:
    """Tell whether `text` can stand in a path and a wildcard: up to 100 letters, digits, ``_``."""
    return _NAME.fullmatch(text) is not None


def is_level(text: str) -> bool:
    """Tell whether `text` can name a level of a factor, as a part of a folder's name."""
    return _LEVEL.fullmatch(text) is not None


def check_labels(labels: Sequence[str]) -> None:
    """Raise ValueError unless each label can name a folder of its own.

    On a file system that ignores case, labels that differ only in case would share a folder.
    """
    for label in labels:
        if len(label) > _LONGEST_LABEL:
            raise ValueError(
                f"{label[:40]}… has {len(label)} letters; at most {_LONGEST_LABEL} are allowed"
            )
    seen: dict[str, str] = {}
    for label in labels:
        first = seen.setdefault(label.lower(), label)
        if first is not label:
            raise ValueError(f"{first} and {label} would have one folder; rename one")


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )
