"""How many images of each class a part of a data set gets. No torch: Snakemake imports this."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pj2.errors import UserError


def class_shares(counts: Sequence[int], total: int) -> list[int]:
    """Return how many of `total` images each class gives, in proportion to how many it has.

    Where the shares are no whole numbers, the classes with the greatest remainders
    give one more, earlier classes first.
    """
    exact = [count * (total / sum(counts)) for count in counts]
    given = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(counts)), key=lambda index: given[index] - exact[index])
    for index in by_remainder[: total - sum(given)]:
        given[index] += 1
    return given


def validation_size(total: int, fraction: float) -> int:
    """Return how many of `total` training images are set aside for validation."""
    return math.ceil(fraction * total)


def validation_shares(per_class: Mapping[str, int], fraction: float) -> list[int]:
    """Return how many training images of each class are set aside for validation.

    Args:
        per_class: how many training images each class has, by its name.
        fraction: share of the images for validation, at least 0 and below 1.

    Raises:
        UserError: a line for each class that would have no image on one of the sides,
            unless `fraction` is 0.
    """
    total = sum(per_class.values())
    held_out = class_shares(list(per_class.values()), validation_size(total, fraction))
    problems = []
    for (name, count), size in zip(per_class.items(), held_out, strict=True):
        if fraction == 0 or 0 < size < count:
            continue
        remedy = "a higher" if size == 0 else "a lower"
        also = f", or {remedy} validation_fraction" if count > 1 else ""
        problems.append(
            f"validation_fraction: {fraction} of {total} training images cannot be split with "
            f"every class on both sides (class {name} would give {size} of its {count}); "
            f"more images of class {name} are needed{also}"
        )
    if problems:
        raise UserError(problems)
    return held_out


def check_class_sizes(info: Mapping[str, Any], fractions: Iterable[float]) -> None:
    """Raise UserError if a class of ``dataset.json`` is too small for one of the fractions."""
    per_class = {name: info["per_class"]["train"][name] for name in info["classes"]}
    for fraction in fractions:
        validation_shares(per_class, fraction)
