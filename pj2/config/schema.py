"""The shape of `config.yaml`, as strict pydantic models.

Names follow the field: learning rate, seed, epoch, patience, validation split.
Unknown keys are errors everywhere, since a mistyped key that is ignored makes
a run that is not the one the user asked for.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from pj2.config.catalogue import model_modules
from pj2.config.names import as_number, canonical_learning_rate, is_name
from pj2.config.variants import Factors, parse_factors


def _model_name(value: object) -> object:
    if isinstance(value, str) and value not in model_modules():
        raise ValueError(f"no such model; the models are {', '.join(sorted(model_modules()))}")
    return value


def _gpu_choice(value: object) -> object:
    if value == "auto":
        return value
    # On Snakemake's command line, --config gpus=[1], a number in a list is a string.
    indices = [int(i) if isinstance(i, str) and i.isdigit() else i for i in _as_list(value)]
    if not indices or not all(type(i) is int and i >= 0 for i in indices):
        raise ValueError("it is auto, or a list of GPUs by index, such as [0, 2]")
    return _no_repeats(indices)


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _seed_list(value: object) -> object:
    """Let a number stand for so many seeds, from 0."""
    if type(value) is not int:
        return value
    if value < 1:
        raise ValueError("it is how many seeds, at least 1, or a list of them")
    return list(range(value))


def _no_repeats(values: list[Item]) -> list[Item]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"listed twice: {', '.join(repeated)}")
    return values


Item = TypeVar("Item")

Number = Annotated[float, BeforeValidator(as_number), Field(allow_inf_nan=False)]
LearningRate = Annotated[float, BeforeValidator(canonical_learning_rate)]
ModelName = Annotated[str, BeforeValidator(_model_name)]
Count = Annotated[int, Field(ge=1, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]

DatasetName = Literal["cifar10", "cifar100", "svhn", "fashion_mnist", "custom"]
Source = Literal["sample", "torchvision", "parquet", "imagefolder", "archive"]
Monitor = Literal["val_accuracy", "test_accuracy"]


class Strict(BaseModel):
    """A section of the config: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(Strict):
    """How many images of each split to use; class-balanced, the same ones every time."""

    train: Count | None = None
    test: Count | None = None


class DatasetConfig(Strict):
    """Where the images come from. ``path`` is unused by the bundled sample."""

    name: DatasetName = "cifar10"
    source: Source = "sample"
    path: Annotated[str, AfterValidator(os.path.expanduser)] | None = None
    limit: Limit = Limit()

    @model_validator(mode="after")
    def _source_fits(self) -> DatasetConfig:
        if self.source == "sample" and self.name != "cifar10":
            raise ValueError("the bundled sample is cifar10; choose another source for others")
        if self.source == "archive" and self.name not in ("cifar10", "cifar100"):
            raise ValueError("source archive reads the official cifar10 and cifar100 files only")
        if self.source == "torchvision" and self.name == "custom":
            raise ValueError("torchvision downloads cifar10, cifar100, svhn and fashion_mnist")
        if self.source in ("parquet", "imagefolder", "archive") and not self.path:
            raise ValueError(f"source {self.source} needs path (or the variable PJ2_DATA)")
        return self


def _path_is_enough(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class StoreConfig(Strict):
    """Where finished runs and checkpoints are kept, and a second place that is behind it.

    ``path`` is a folder. ``remote`` is anything that pyarrow.fs opens: another
    folder, or a URI such as ``s3://bucket/prefix``.
    """

    path: Annotated[str, AfterValidator(os.path.expanduser)] = ".pj2/store"
    remote: str | None = None


class ReportConfig(Strict):
    """The report page: the language of its words, and of those in the figures."""

    language: Literal["en", "zh"] = "en"


class LoggingConfig(Strict):
    """What a run writes for other tools to read while it trains."""

    tensorboard: bool = False


class OptimizerConfig(Strict):
    """An optimizer of torch.optim, with the arguments that its name allows."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _momentum_is_sgd(self) -> OptimizerConfig:
        if self.name != "sgd" and (self.momentum or self.nesterov):
            raise ValueError("momentum and nesterov belong to sgd")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above zero")
        return self


class LossConfig(Strict):
    """The training loss; see `pj2.training.loss`. Label smoothing belongs to cross-entropy."""

    name: Literal["cross_entropy", "squared_error", "multi_margin"] = "cross_entropy"
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _smoothing_is_cross_entropy(self) -> LossConfig:
        if self.label_smoothing and self.name != "cross_entropy":
            raise ValueError("label_smoothing belongs to cross_entropy")
        return self


class AugmentationConfig(Strict):
    """Random crop after zero padding, and horizontal flip with probability 1/2."""

    crop_padding: Annotated[int, Field(ge=0, le=16, strict=True)] = 4
    horizontal_flip: bool = True


def _ordered_range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] >= value[1]:
        raise ValueError("the first is below the second, such as [0.5, 4]")
    return value


Positive = Annotated[Number, Field(gt=0)]


class ProbeConfig(Strict):
    """Measuring the loss along the step's direction at some of the steps of a run.

    Every so many steps the loss and its gradient are computed at ``steps``
    points, whose distances are ``range`` times the learning rate, evenly
    spaced in their logarithm (Santurkar et al. 2018, section 3.1). ``along``:
    the ``gradient``, as in the paper, or the optimizer's ``update``, or both.
    ``covariate_shift``: also compare every layer's gradient before and after
    the layers below were updated (definition 2.1).
    """

    every: Count = 25
    steps: Annotated[int, Field(ge=2, strict=True)] = 8
    range: Annotated[tuple[Positive, Positive], AfterValidator(_ordered_range)] = (0.5, 4.0)
    along: Annotated[
        list[Literal["gradient", "update"]],
        BeforeValidator(_as_list),
        Field(min_length=1),
        AfterValidator(_no_repeats),
    ] = ["gradient"]
    covariate_shift: bool = False


class SurfaceConfig(Strict):
    """The loss around trained weights, along filter-normalised random directions.

    ``points`` a side of the square grid, ``line_points`` along the first
    direction alone; both reach ``range`` times the norm of the weights to
    either side. ``images``: how many of a split, class-balanced. ``seed``
    draws the directions, which models of equal shapes share. A job computes
    ``rows_per_job`` rows of the grid.
    """

    points: Annotated[int, Field(ge=3, strict=True)] = 21
    line_points: Annotated[int, Field(ge=3, strict=True)] = 51
    range: Positive = 1.0
    images: Count = 1000
    split: Literal["train", "validation"] = "train"
    seed: Seed = 0
    rows_per_job: Count = 3

    @model_validator(mode="after")
    def _has_a_centre(self) -> SurfaceConfig:
        if self.points % 2 == 0 or self.line_points % 2 == 0:
            raise ValueError("points and line_points are odd, so that the weights are one of them")
        return self


class CurvatureConfig(Strict):
    """The Hessian of the loss at trained weights: its largest eigenvalues, trace and density.

    ``images``: how many training images, class-balanced; ``trace_vectors`` and
    ``lanczos_steps``: Hessian-vector products of the two estimates.
    """

    images: Count = 500
    eigenvalues: Annotated[int, Field(ge=1, le=50, strict=True)] = 5
    trace_vectors: Annotated[int, Field(ge=2, strict=True)] = 20
    lanczos_steps: Annotated[int, Field(ge=2, strict=True)] = 30
    seed: Seed = 0


class Recipe(Strict):
    """How one model is trained; every key has a default that `config.yaml` may change.

    ``architecture`` holds options of the model's constructor; those it does not
    name are the model's own.
    """

    architecture: dict[str, bool | int | float | str] = {}
    optimizer: OptimizerConfig = OptimizerConfig()
    loss: LossConfig = LossConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    batch_size: Count = 128
    epochs: Count = 50
    patience: Count | None = None
    monitor: Monitor = "val_accuracy"
    test_every_epoch: bool = True
    validation_fraction: Annotated[Number, Field(gt=0, lt=1)] = 0.1
    init: Literal["default", "xavier"] = "default"
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    @model_validator(mode="after")
    def _monitor_is_measured(self) -> Recipe:
        if self.monitor == "test_accuracy" and not self.test_every_epoch:
            raise ValueError("monitor test_accuracy needs test_every_epoch: true")
        return self


class Grid(Recipe):
    """A recipe and the learning rates to try it at: all that a model may override."""

    learning_rates: Annotated[
        list[LearningRate],
        BeforeValidator(_as_list),
        Field(min_length=1),
        AfterValidator(_no_repeats),
    ]


class Experiment(Grid):
    """A grid of models, learning rates and seeds that share a recipe.

    ``overrides`` maps a model to the keys it changes. They are merged into the
    experiment's keys and validated as a `Grid` when the runs are listed, so a
    partial section such as ``optimizer: {weight_decay: 0}`` keeps the rest.
    ``variants`` are factors, each with its levels, of which every combination
    is trained; a level's keys are merged in after the overrides. ``seeds`` is a
    list, or how many: 3 is 0, 1 and 2.
    """

    models: Annotated[list[ModelName], Field(min_length=1), AfterValidator(_no_repeats)]
    seeds: Annotated[
        list[Seed], BeforeValidator(_seed_list), Field(min_length=1), AfterValidator(_no_repeats)
    ] = [0]
    variants: Annotated[Factors, BeforeValidator(parse_factors)] = {}
    probe: ProbeConfig | None = None
    surface: SurfaceConfig | None = None
    curvature: CurvatureConfig | None = None
    overrides: dict[str, dict[str, Any]] = {}


class StudyConfig(Strict):
    """A whole `config.yaml`."""

    study: str
    dataset: DatasetConfig = DatasetConfig()
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    gpus: Annotated[Literal["auto"] | list[int], BeforeValidator(_gpu_choice)] = "auto"
    runs_per_gpu: Count = 2
    threads: Count = 1
    store: Annotated[StoreConfig, BeforeValidator(_path_is_enough)] = StoreConfig()
    report: ReportConfig = ReportConfig()
    logging: LoggingConfig = LoggingConfig()
    experiments: Annotated[dict[str, Experiment], Field(min_length=1)]

    @field_validator("study")
    @classmethod
    def _study_is_a_name(cls, value: str) -> str:
        if not is_name(value):
            raise ValueError("a study's name is letters, digits and _, and begins with a letter")
        return value

    @field_validator("experiments")
    @classmethod
    def _experiments_are_names(cls, value: dict[str, Experiment]) -> dict[str, Experiment]:
        for name in value:
            if not is_name(name):
                raise ValueError(
                    f"experiment {name!r}: a name is letters, digits and _, "
                    "and begins with a letter"
                )
        return value
