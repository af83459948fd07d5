"""``run.json``: the record of a run, with the digests of all its files. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from pj2.runs.files import RUN, artifact_names
from pj2.store.records import Amount, Count, Digest, Name, read_record

_ALWAYS, _EVER = (frozenset(artifact_names(probed)) for probed in (False, True))
_open = with_config(ConfigDict(strict=True, extra="allow"))


def _files_of_a_run(named: dict[str, str]) -> dict[str, str]:
    """Return `named`. Raises ValueError if it names other files than a run's, or lacks one."""
    others, missing = sorted(named.keys() - _EVER), sorted(_ALWAYS - named.keys())
    if others:
        raise ValueError(
            f"names {', '.join(map(repr, others))}, no file of a run; expected only "
            f"{', '.join(sorted(_EVER))}"
        )
    if missing:
        raise ValueError(f"does not name {', '.join(missing)}")
    return named


@_open
class Named(TypedDict):
    """A loss or an optimizer: its name, and its options."""

    name: str


@_open
class Settings(TypedDict):
    """The run's settings that are read by name; the others are only compared."""

    model: Name
    learning_rate: Annotated[float, Field(gt=0)]
    seed: int
    epochs: Count
    batch_size: Count
    monitor: Literal["val_accuracy", "test_accuracy"]
    architecture: dict[str, Any]
    quantities: list[Name]
    loss: Named
    optimizer: Named
    probe: dict[str, Any] | None


@_open
class Precision(TypedDict):
    """The precision that was asked for, and the one that was used."""

    asked: Literal["auto", "fp32", "bf16"]
    used: Literal["fp32", "bf16"]


@_open
class Code(TypedDict):
    """See `pj2.fingerprint.code.Code`."""

    modules: dict[str, dict[str, str]]
    packages: dict[str, str]


@_open
class Hardware(TypedDict):
    """See `pj2.training.device.describe_device`."""

    device: str
    name: str
    threads: Count


@_open
class Data(TypedDict):
    """The data that a run was made with, and how many images each split has."""

    hash: Digest
    name: str
    source: str
    train_images: Count
    validation_images: Count
    test_images: Count


@_open
class PredictedWith(TypedDict):
    """The settings of predictions."""

    classes: list[str]
    weights: Digest


@_open
class PredictionInputs(Code):
    """All that decides predictions: code, settings and data."""

    settings: PredictedWith
    data: Digest


@_open
class Predictions(TypedDict):
    """The fingerprint of the predictions beside a run.json, and what went into it."""

    fingerprint: Digest
    inputs: PredictionInputs


@_open
class RunInfo(TypedDict):
    """The keys of a run.json that are read. Another version may have written more."""

    status: Literal["completed", "stopped_early", "diverged"]
    diverged_at_step: Count | None
    best_epoch: Count | None
    epochs_run: Count
    settings: Settings
    parameters: Count
    macs: Count
    first_conv: str | None
    precision: Precision
    data: Data
    seconds: Amount
    images_per_second: Amount | None
    hardware: Hardware
    versions: dict[str, str]
    fingerprint: Digest
    code: Code
    predictions: Predictions
    written_by: Digest
    artifacts: Annotated[dict[Name, Digest], AfterValidator(_files_of_a_run)]
    digest: Digest


def read_run(folder: Path) -> RunInfo:
    """Return a folder's run.json. Raises BadRecord."""
    return read_record(folder / RUN, RunInfo)
