"""Types of the names in a config: of a data set, models and quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticKnownError

from pj2.config.catalogue import MODELS, QUANTITIES
from pj2.config.datasets import DATASETS

Item = TypeVar("Item")

_DATASETS = [*DATASETS, "custom"]


def _dataset_name(value: object) -> object:
    if value not in _DATASETS:
        raise PydanticKnownError("literal_error", {"expected": " or ".join(_DATASETS)})
    return value


def _model_name(value: object) -> object:
    if isinstance(value, str) and value not in MODELS.modules():
        raise ValueError(f"no such model; the models are {', '.join(sorted(MODELS.modules()))}")
    return value


def _quantity_name(value: str) -> str:
    if value not in QUANTITIES.modules():
        known = ", ".join(sorted(QUANTITIES.modules()))
        raise ValueError(f"no such quantity; the quantities are {known}")
    return value


def no_repeats(values: Sequence[Item]) -> Sequence[Item]:
    """Return values unchanged. Raises ValueError if one of them is listed twice."""
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"listed twice: {', '.join(repeated)}")
    return values


DatasetName = Annotated[
    str, BeforeValidator(_dataset_name), WithJsonSchema({"type": "string", "enum": _DATASETS})
]
ModelName = Annotated[str, BeforeValidator(_model_name)]
# Sorted, so that their order does not change the settings.
Quantities = Annotated[
    tuple[Annotated[str, AfterValidator(_quantity_name)], ...],
    AfterValidator(no_repeats),
    AfterValidator(lambda names: tuple(sorted(names))),
]
