"""The statements of the published report as data: `workflow/published.yaml`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, ValidationError

from pj2.config.load import merged_grid
from pj2.config.schema import Count, Experiment, Grid, Strict
from pj2.config.strict_yaml import read_yaml
from pj2.errors import UserError
from pj2.exhibits.claims.kinds import KINDS, Claim, EpochsClaim
from pj2.runs.reading import PathLike


class PublishedData(Strict):
    """The report's images; ``training_images`` includes those that a run keeps for validation."""

    name: str
    training_images: Count
    test_images: Count


class Report(Strict):
    """A published report: its data, its recipes in the keys of a config, and its claims."""

    report: str
    data: PublishedData
    experiments: Annotated[dict[str, Experiment], Field(min_length=1)]
    claims: Annotated[list[Annotated[Claim, Field(discriminator="kind")]], Field(min_length=1)]

    @cached_property
    def recipes(self) -> dict[str, Grid]:
        """The recipe and the learning rates of each model."""
        return {
            model: merged_grid(experiment, model, {})
            for experiment in self.experiments.values()
            for model in experiment.models
        }

    def epochs(self, model: str) -> int:
        """Return the number of epochs that the report states for a model, or else its budget."""
        for claim in self.claims:
            if isinstance(claim, EpochsClaim) and claim.model == model:
                return claim.value
        return self.recipes[model].epochs


def read_report(path: PathLike) -> Report:
    """Read the claims of a report. Raises UserError, one line per mistake."""
    raw = read_yaml(path)
    if not isinstance(raw, Mapping) or not raw:
        raise UserError(f"{path}: holds no claims; expected the keys {', '.join(_keys(()))}")
    try:
        report = Report.model_validate(raw)
    except ValidationError as error:
        raise UserError([_line(path, detail) for detail in error.errors()]) from None
    problems = _recipe_problems(report, path)
    if problems:
        raise UserError(problems)
    return report


def _recipe_problems(report: Report, path: PathLike) -> list[str]:
    """Return mistakes in the recipes, and claims that no recipe covers."""
    problems: list[str] = []
    trained: dict[str, str] = {}
    for name, experiment in report.experiments.items():
        for model in experiment.models:
            if model in trained:
                problems.append(
                    f"{path}: experiments.{name}.models: {model} is in {trained[model]} too; "
                    "expected one"
                )
            trained[model] = name
            try:
                merged_grid(experiment, model, {})
            except ValidationError as error:
                prefix = ("experiments", name, "overrides", model)
                problems += [_line(path, detail, prefix) for detail in error.errors()]
        for model in experiment.overrides:
            if model not in experiment.models:
                reason = f"this experiment has no model {model}"
                problems.append(f"{path}: experiments.{name}.overrides: {reason}")
    for number, claim in enumerate(report.claims):
        problems += [
            f"{path}: claims.{number}: found {model}, which no experiment trains; "
            f"expected one of {', '.join(trained)}"
            for model in claim.models
            if model not in trained
        ]
    return problems


def _line(path: PathLike, detail: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> str:
    """Return one of pydantic's errors as one line: file, key, value found and value expected."""
    location = [str(part) for part in (*prefix, *detail["loc"])]
    valid = _keys(tuple(location[:-1]))
    if location[0] == "claims" and len(location) > 2:
        del location[2]  # the kind, which pydantic adds to the location of a union's member
    key, value = ".".join(location), detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            reason = f"unknown key{_nearest(location[-1], valid)}"
            reason += f"; the keys here are {', '.join(valid)}" if valid else ""
        case "missing":
            reason = "missing, and it has no default"
        case "union_tag_not_found":
            reason = f"has no kind; expected one of {', '.join(KINDS)}"
        case "union_tag_invalid":
            kind = str(detail["ctx"]["tag"])
            hint = _nearest(kind, KINDS)
            reason = f"found kind {kind!r}{hint}; expected one of {', '.join(KINDS)}"
        case _:
            message = detail["msg"].removeprefix("Value error, ")
            shown = "" if isinstance(value, Mapping) else f"found {value!r}: "
            reason = f"{shown}{message[0].lower()}{message[1:]}"
    return f"{path}: {key}: {reason}"


def _keys(location: tuple[str, ...]) -> list[str]:
    """Return the keys that are valid at a location; none inside a recipe's section."""
    match location:
        case ():
            schema: type[Strict] = Report
        case ("data",):
            schema = PublishedData
        case ("experiments", _):
            schema = Experiment
        case ("experiments", _, "overrides", _):
            schema = Grid
        case ("claims", _, kind):
            schema = KINDS[kind]
        case _:
            return []
    return list(schema.model_fields)


def _nearest(word: str, valid: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(valid), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
