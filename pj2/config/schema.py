"""The shape of `config.yaml`, as strict pydantic models.

Names follow the field: learning rate, seed, epoch, patience, validation split.
Unknown keys are errors everywhere, since a mistyped key that is ignored makes
a run that is not the one the user asked for.
"""

from __future__ import annotations

import math
import os
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from pj2.config.catalogue import LOSSES, OPTIMIZERS
from pj2.config.choices import DatasetName, ModelName, Quantities, no_repeats
from pj2.config.datasets import DATASETS
from pj2.config.names import (
    NAME_RULE,
    as_number,
    canonical_learning_rate,
    check_labels,
    is_name,
)
from pj2.config.registered import Registered
from pj2.config.variants import Factors, list_variants, parse_factors


def _gpu_choice(value: object) -> object:
    if value == "auto":
        return value
    indices = _as_list(value)
    if not indices or not all(type(i) is int and i >= 0 for i in indices):
        raise ValueError("it is auto, or a list of GPUs by index, such as [0, 2]")
    return no_repeats(indices)


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _seed_list(value: object) -> object:
    """Return the seeds from 0 if `value` is their number; return others unchanged."""
    if type(value) is not int:
        return value
    if not 1 <= value <= MOST_RUNS:
        raise ValueError(f"it is how many seeds, 1 to {MOST_RUNS:,}, or a list of them")
    return list(range(value))


def _place(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("it names a folder or a file")
    return os.path.expanduser(value)


# Snakemake would take too long to plan more jobs.
MOST_RUNS = 100_000

Number = Annotated[float, BeforeValidator(as_number), Field(allow_inf_nan=False)]
LearningRate = Annotated[float, BeforeValidator(canonical_learning_rate)]
Count = Annotated[int, Field(ge=1, strict=True)]
Place = Annotated[str, AfterValidator(_place)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]

Resize = Literal["crop", "pad", "stretch"]
Source = Literal["sample", "torchvision", "parquet", "imagefolder", "archive"]
Monitor = Literal["val_accuracy", "test_accuracy"]


class Strict(BaseModel):
    """A section of the config: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(Strict):
    """How many images of each split to use; class-balanced, the same ones every time."""

    train: Count | None = None
    """Training images, those set aside for validation included; all of them if it is null."""
    test: Count | None = None
    """Test images; all of them if it is null."""


class DatasetConfig(Strict):
    """Where the images come from."""

    name: DatasetName = "cifar10"
    """Which data set; `custom` is an image folder of your own."""
    source: Source = "sample"
    """How it is read: the bundled sample, a download, or one of three layouts on disk."""
    path: Place | None = None
    """The folder or archive; `PJ2_DATA` overrides it. The bundled sample has none."""
    resize: Resize | None = None
    """How images of other sizes become 32x32, with `imagefolder` and `parquet`: `crop` keeps the
    square in the middle, `pad` adds black, `stretch` changes proportions; null refuses them."""
    limit: Limit = Limit()
    """Use only so many images."""

    @model_validator(mode="after")
    def _source_fits(self) -> DatasetConfig:
        if self.source == "sample" and self.name != "cifar10":
            raise ValueError("the bundled sample is cifar10; choose another source for others")
        if self.source == "archive" and self.name not in ("cifar10", "cifar100"):
            raise ValueError("source archive reads the official cifar10 and cifar100 files only")
        if self.source == "torchvision" and self.name == "custom":
            raise ValueError(f"torchvision downloads {', '.join(DATASETS)}")
        if self.source in ("parquet", "imagefolder", "archive") and not self.path:
            raise ValueError(f"source {self.source} needs path (or the variable PJ2_DATA)")
        if self.source not in ("parquet", "imagefolder") and self.resize:
            raise ValueError(f"resize: the images of source {self.source} are 32x32 already")
        return self


def _path_is_enough(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class StoreConfig(Strict):
    """Where finished runs and checkpoints are kept, with an optional remote tier.

    A text alone is the path.
    """

    path: Place = ".pj2/store"
    """A folder; `PJ2_STORE` overrides it."""
    remote: Annotated[str, Field(min_length=1)] | None = None
    """Another folder, or a URI such as ``s3://bucket/prefix``; `PJ2_STORE_REMOTE` overrides it."""
    weights: Literal["few", "all"] = "few"
    """Which epochs' weights are kept: the best, the last and at most three between, or all, so
    that a run of any smaller budget is cut from them. `PJ2_STORE_WEIGHTS` overrides it."""


class ReportConfig(Strict):
    """The report page: the language of its words, and of those in figures and tables."""

    language: Literal["en", "zh"] = "en"
    """English or Chinese."""


class LoggingConfig(Strict):
    """What a run writes for other tools to read while it trains."""

    tensorboard: bool = False
    """Event files for TensorBoard."""


class OptimizerConfig(Registered):
    """An optimizer of `pj2.training.optimizers`, and its options."""

    catalogue = OPTIMIZERS

    name: str = "adam"
    """Which optimizer."""

    @model_validator(mode="after")
    def _nesterov_has_a_momentum(self) -> OptimizerConfig:
        if self.options.get("nesterov") and not self.options.get("momentum"):
            raise ValueError("nesterov needs a momentum above zero")
        return self


class LossConfig(Registered):
    """A training loss of `pj2.training.losses`, and its options."""

    catalogue = LOSSES

    name: str = "cross_entropy"
    """Which loss is minimised; validation and test losses are always the cross-entropy."""


class AugmentationConfig(Strict):
    """The random changes to each training image, drawn anew in every epoch."""

    crop_padding: Annotated[int, Field(ge=0, le=16, strict=True)] = 4
    """Crop at random after so many pixels of zeros on every side; 0 crops nothing."""
    horizontal_flip: bool = True
    """Mirror with probability 1/2."""


def _ordered_range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] >= value[1]:
        raise ValueError("the first is below the second, such as [0.5, 4]")
    return value


Positive = Annotated[Number, Field(gt=0)]


class ProbeConfig(Strict):
    """Measurements of the loss along the direction of a step, during training.

    Once in `every` steps, the loss and its gradient are computed at `steps` points
    along the step (Santurkar et al. 2018, section 3.1).
    """

    every: Count = 25
    """How many training steps from one probed step to the next."""
    steps: Annotated[int, Field(ge=2, strict=True)] = 8
    """How many points, evenly spaced in the logarithm of their distance."""
    range: Annotated[tuple[Positive, Positive], AfterValidator(_ordered_range)] = (0.5, 4.0)
    """The nearest and the farthest point, in learning rates."""
    along: Annotated[
        list[Literal["gradient", "update"]],
        BeforeValidator(_as_list),
        Field(min_length=1),
        AfterValidator(no_repeats),
    ] = ["gradient"]
    """The gradient, as in the paper, or the optimizer's update, or both."""
    covariate_shift: bool = False
    """Also compare every layer's gradient before and after the layers below were updated
    (definition 2.1 of the paper)."""
    moments: bool = False
    """Also record mean and variance of some channels before each activation function
    (figures 2 and 8 of the paper)."""


Statistics = Annotated[
    list[Literal["running", "batch"]],
    BeforeValidator(_as_list),
    Field(min_length=1),
    AfterValidator(no_repeats),
]


class SurfaceConfig(Strict):
    """The loss around trained weights, along filter-normalised random directions."""

    points: Annotated[int, Field(ge=3, strict=True)] = 21
    """Points on a side of the square grid; an odd number."""
    line_points: Annotated[int, Field(ge=3, strict=True)] = 51
    """Points along the first direction alone; an odd number."""
    range: Positive = 1.0
    """How far grid and line reach to either side, in norms of the weights."""
    images: Count = 1000
    """How many images of the split, class-balanced."""
    split: Literal["train", "validation"] = "train"
    """Which images the loss is taken over."""
    seed: Seed = 0
    """Draws the directions, which models of equal shapes share."""
    statistics: Statistics = ["running", "batch"]
    """What BatchNorm normalises with: the running statistics of training, those of the batch of
    images measured, or both, one after the other; a network without BatchNorm is measured once."""
    batch_size: Annotated[int, Field(ge=4, strict=True)] = 250
    """The most images in a batch; all batches are equally large."""
    rows_per_job: Count = 3
    """How many rows of the grid one job computes."""

    @model_validator(mode="after")
    def _has_a_centre(self) -> SurfaceConfig:
        if self.points % 2 == 0 or self.line_points % 2 == 0:
            raise ValueError("points and line_points are odd, so that the weights are one of them")
        return self


class CurvatureConfig(Strict):
    """The Hessian of the loss at trained weights: its largest eigenvalues, trace and density."""

    images: Count = 500
    """How many training images, class-balanced."""
    eigenvalues: Annotated[int, Field(ge=1, le=50, strict=True)] = 5
    """How many of the largest eigenvalues."""
    vectors: Annotated[int, Field(ge=2, strict=True)] = 10
    """Random vectors; each gives one estimate of the trace and of the density."""
    lanczos_steps: Annotated[int, Field(ge=2, strict=True)] = 30
    """Hessian-vector products for each of these vectors."""
    seed: Seed = 0
    """Draws the vectors."""
    statistics: Statistics = ["running", "batch"]
    """What BatchNorm normalises with, as in `surface`."""
    batch_size: Annotated[int, Field(ge=4, strict=True)] = 250
    """The most images in a batch; all batches are equally large."""


class Recipe(Strict):
    """How one model is trained; every key has a default that `config.yaml` may change."""

    architecture: dict[str, bool | int | float | str] = {}
    """Options of the model's constructor; those not named keep the model's own values."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """What updates the weights."""
    loss: LossConfig = LossConfig()
    """What is minimised."""
    augmentation: AugmentationConfig = AugmentationConfig()
    """What is done to the training images."""
    batch_size: Count = 128
    """Images per step."""
    epochs: Count = 50
    """The most epochs a run may take."""
    patience: Count | None = None
    """Stop after so many epochs without a better one; null never stops early."""
    monitor: Monitor = "val_accuracy"
    """What chooses the epoch whose weights are kept; the test accuracy is the published
    protocol."""
    test_every_epoch: bool = True
    """Read the test split after every epoch; otherwise once, with the best weights."""
    validation_fraction: Annotated[Number, Field(ge=0, lt=1)] = 0.1
    """The share of the training images set aside, class by class. With 0, the published protocol,
    a run trains on all of them and the test set chooses, which flatters every accuracy."""
    init: Literal["default", "xavier"] = "default"
    """Initial weights: as PyTorch's layers draw them, or Glorot normal with zero biases."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """The precision of convolutions and matrix products; `auto` is `bf16` on a GPU that
    has it and on a processor with AMX, `fp32` elsewhere."""

    @model_validator(mode="after")
    def _monitor_is_measured(self) -> Recipe:
        if self.monitor == "test_accuracy" and not self.test_every_epoch:
            raise ValueError("monitor test_accuracy needs test_every_epoch: true")
        if self.monitor == "val_accuracy" and not self.validation_fraction:
            raise ValueError("validation_fraction 0 needs monitor: test_accuracy")
        return self


class Grid(Recipe):
    """A recipe and the learning rates to try it at: all that a model may override."""

    learning_rates: Annotated[
        list[LearningRate],
        BeforeValidator(_as_list),
        Field(min_length=1),
        AfterValidator(no_repeats),
    ]
    """A list, or one number; every model is trained at each of them."""


class Experiment(Grid):
    """A grid of models, learning rates and seeds that share a recipe."""

    models: Annotated[list[ModelName], Field(min_length=1), AfterValidator(no_repeats)]
    """Names of registered models."""
    seeds: Annotated[
        list[Seed], BeforeValidator(_seed_list), Field(min_length=1), AfterValidator(no_repeats)
    ] = [0]
    """A list, or how many: 3 is 0, 1 and 2."""
    variants: Annotated[Factors, BeforeValidator(parse_factors)] = {}
    """Factors with their levels; every combination of levels is trained. A level's keys
    are merged in after the overrides."""
    probe: ProbeConfig | None = None
    """Measure the loss along the steps of every run; null measures nothing."""
    quantities: Quantities = ()
    """Further quantities to record at every step, each a column of `steps.parquet`."""
    surface: SurfaceConfig | None = None
    """Measure the loss around the weights of each model's best run; null measures nothing."""
    curvature: CurvatureConfig | None = None
    """Measure the Hessian at the weights of each model's best run; null measures nothing."""
    overrides: dict[str, dict[str, Any]] = {}
    """By a model's name, the keys of the recipe or `learning_rates` that differ for it.
    A partial section such as `optimizer: {weight_decay: 0}` keeps the rest."""

    @model_validator(mode="after")
    def _runs_have_folders(self) -> Experiment:
        runs = len(self.models) * len(self.learning_rates) * len(self.seeds)
        runs *= math.prod(len(levels) for levels in self.variants.values())
        if runs > MOST_RUNS:
            raise ValueError(f"it asks for {runs:,} runs; at most {MOST_RUNS:,} are allowed")
        variants = list_variants(self.variants)
        check_labels([each.label(model) for model in self.models for each in variants])
        return self


class StudyConfig(Strict):
    """A whole `config.yaml`."""

    study: str
    """A name: letters, digits and _, beginning with a letter. Results go to `results/<study>/`."""
    dataset: DatasetConfig = DatasetConfig()
    """Where the images come from."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where runs compute; `auto` takes a GPU where there is one."""
    gpus: Annotated[Literal["auto"] | list[int], BeforeValidator(_gpu_choice)] = "auto"
    """Which GPUs jobs may take, by index; `auto` is all that CUDA_VISIBLE_DEVICES shows."""
    runs_per_gpu: Count = 2
    """How many runs share a GPU."""
    threads: Count = 1
    """CPU threads per run; Snakemake fills the cores with runs."""
    store: Annotated[StoreConfig, BeforeValidator(_path_is_enough)] = StoreConfig()
    """Where every run that was trained is kept."""
    report: ReportConfig = ReportConfig()
    """The report page."""
    logging: LoggingConfig = LoggingConfig()
    """What a run writes for other tools while it trains."""
    experiments: Annotated[dict[str, Experiment], Field(min_length=1)]
    """Names of experiments, and what each of them trains."""

    @field_validator("study")
    @classmethod
    def _study_is_a_name(cls, value: str) -> str:
        if not is_name(value):
            raise ValueError(f"a study's name is {NAME_RULE}")
        return value

    @field_validator("experiments")
    @classmethod
    def _experiments_are_names(cls, value: dict[str, Experiment]) -> dict[str, Experiment]:
        for name in value:
            if not is_name(name):
                raise ValueError(f"experiment {name!r}: a name is {NAME_RULE}")
        check_labels(list(value))
        return value
