"""A study's grid: every training run, with its settings fully resolved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import PurePosixPath
from typing import Any

from pydantic import ConfigDict, ValidationError, field_validator, model_validator

from pj2.config.catalogue import MODELS, resolved_options
from pj2.config.choices import ModelName, Quantities
from pj2.config.load import merged_grid
from pj2.config.names import canonical_json, learning_rate_text
from pj2.config.registered import Registered
from pj2.config.schema import (
    LearningRate,
    ProbeConfig,
    Recipe,
    Seed,
    StudyConfig,
)
from pj2.config.variants import UNCHANGED, Variant, list_variants
from pj2.errors import UserError

# Settings that decide how far a run goes and which epoch it keeps, but not what an
# epoch computes: a run with other values continues the same epochs, or is cut from them.
BUDGET = frozenset({"epochs", "patience", "monitor"})


class RunSettings(Recipe):
    """Everything that decides what one training run computes, and nothing else.

    Paths, the device and the experiment's name are left out: they do not
    belong to a run's identity. Options of the architecture that equal the
    model's defaults are left out too, so a variant that changes nothing is
    the same run. Optimizer and loss have all of their options.
    """

    model_config = ConfigDict(validate_default=True)

    model: ModelName
    learning_rate: LearningRate
    seed: Seed
    probe: ProbeConfig | None = None
    quantities: Quantities = ()

    @model_validator(mode="before")
    @classmethod
    def _options_of_the_model(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("model") in MODELS.modules():
            given = raw.get("architecture", {})
            if isinstance(given, dict):
                return raw | {"architecture": resolved_options(raw["model"], given)}
        return raw

    @field_validator("optimizer", "loss")
    @classmethod
    def _all_options(cls, section: Registered) -> Registered:
        return section.complete()

    def canonical(self) -> str:
        """Return the one JSON text of these settings, in which key order is fixed."""
        return canonical_json(self.model_dump(mode="json"))

    def identity(self) -> dict[str, Any]:
        """Return the settings that decide what an epoch computes: all but the budget."""
        return self.model_dump(mode="json", exclude=set(BUDGET))

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that the run may be computed in: both for ``auto``."""
        return ("fp32", "bf16") if self.precision == "auto" else (self.precision,)

    def computed_in(self, precision: str) -> RunSettings:
        """Return these settings with the precision that a machine computes in."""
        return self.model_copy(update={"precision": precision})


@dataclass(frozen=True)
class Run:
    """One cell of the grid."""

    experiment: str
    settings: RunSettings
    variant: Variant = UNCHANGED

    @cached_property
    def model(self) -> str:
        """Return the model's name, with the levels of its variant where it is one."""
        return self.variant.label(self.settings.model)

    @cached_property
    def wildcards(self) -> dict[str, str]:
        """Return the values of the wildcards that stand for this run in paths."""
        return {
            "experiment": self.experiment,
            "model": self.model,
            "lr": learning_rate_text(self.settings.learning_rate),
            "seed": str(self.settings.seed),
        }

    @cached_property
    def folder(self) -> str:
        """Return the run's folder below ``runs/``, Hive-partitioned."""
        return str(PurePosixPath(*(f"{key}={value}" for key, value in self.wildcards.items())))


def list_runs(study: StudyConfig) -> list[Run]:
    """Return the runs of a study in the order of its config."""
    runs = []
    for name, experiment in study.experiments.items():
        variants = list_variants(experiment.variants)
        for model, variant in product(experiment.models, variants):
            grid = merged_grid(experiment, model, variant.changes)
            recipe = grid.model_dump(exclude={"learning_rates"})
            for rate, seed in product(grid.learning_rates, experiment.seeds):
                settings = RunSettings(
                    **recipe,
                    model=model,
                    learning_rate=rate,
                    seed=seed,
                    probe=experiment.probe,
                    quantities=experiment.quantities,
                )
                runs.append(Run(name, settings, variant))
    return runs


def parse_settings(text: str) -> RunSettings:
    """Read the JSON that `RunSettings.canonical` wrote. Raises UserError if it is not that."""
    try:
        raw: Any = json.loads(text)
        return RunSettings.model_validate(raw)
    except json.JSONDecodeError as error:
        raise UserError(f"--settings: not JSON: {error.msg} at column {error.colno}") from None
    except ValidationError as error:
        raise UserError(
            [
                f"--settings: {'.'.join(map(str, detail['loc']))}: {detail['msg']}"
                for detail in error.errors()
            ]
        ) from None
