"""Reading a config and saying everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from pj2.config.catalogue import model_modules, resolved_options
from pj2.config.schema import Experiment, Grid, StudyConfig
from pj2.config.variants import list_variants, merge, parse_factors
from pj2.errors import UserError

DATA_VARIABLE = "PJ2_DATA"
STORE_VARIABLES = {"path": "PJ2_STORE", "remote": "PJ2_STORE_REMOTE"}
# What an override cannot change, because it is what the experiment is a grid of.
_NOT_OVERRIDABLE = frozenset(Experiment.model_fields) - frozenset(Grid.model_fields)


def load_study(path: str | os.PathLike[str]) -> StudyConfig:
    """Read and validate a YAML config.

    Raises UserError, one line a mistake, if the file is missing, is not YAML
    or does not validate.
    """
    return parse_study(read_yaml(path), str(path))


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file. Raises UserError, naming the place, if that cannot be done."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; a config is a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "unreadable"
        raise UserError(f"{path}{where}: not valid YAML: {reason}") from None


def parse_study(raw: Any, origin: str, environment: Mapping[str, str] = os.environ) -> StudyConfig:
    """Validate a config that is already a mapping; `origin` names it in errors.

    ``$PJ2_DATA``, where set, replaces ``dataset.path`` for every source that
    has a path; the bundled sample has none. ``$PJ2_STORE`` and
    ``$PJ2_STORE_REMOTE`` replace ``store.path`` and ``store.remote``.

    Raises UserError with one line for every mistake found.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise UserError(f"{origin}: holds no settings; expected keys such as study, experiments")
    raw = _with_store_variables(_with_data_variable(dict(raw), environment), environment)
    problems: list[str] = []
    study = None
    try:
        study = StudyConfig.model_validate(raw)
    except ValidationError as error:
        problems += _lines(error, origin, StudyConfig)
    problems += _override_problems(raw, origin)
    problems += _variant_problems(raw, origin)
    if study and not problems:
        problems = _architecture_problems(study, origin)
    if problems or study is None:
        raise UserError(problems)
    return study


def merged_grid(experiment: Experiment, model: str, changes: Mapping[str, Any]) -> Grid:
    """Return an experiment's keys with `model`'s overrides and then `changes` merged in."""
    base = experiment.model_dump(exclude_unset=True, exclude=set(_NOT_OVERRIDABLE))
    return Grid.model_validate(merge(merge(base, experiment.overrides.get(model, {})), changes))


def _with_data_variable(raw: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    path = environment.get(DATA_VARIABLE)
    dataset = raw.get("dataset")
    if path and isinstance(dataset, Mapping) and dataset.get("source", "sample") != "sample":
        raw["dataset"] = {**dataset, "path": path}
    return raw


def _with_store_variables(raw: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    given = {
        key: environment[name] for key, name in STORE_VARIABLES.items() if environment.get(name)
    }
    store = raw.get("store", {})
    if isinstance(store, str):
        store = {"path": store}
    if given and isinstance(store, Mapping):
        raw["store"] = {**store, **given}
    return raw


def _override_problems(raw: Mapping[str, Any], origin: str) -> list[str]:
    """Return the mistakes inside `overrides`, which pydantic sees as plain mappings."""
    problems: list[str] = []
    experiments = raw.get("experiments")
    for name, experiment in (experiments if isinstance(experiments, Mapping) else {}).items():
        overrides = experiment.get("overrides") if isinstance(experiment, Mapping) else None
        if not isinstance(overrides, Mapping):
            continue
        base = {key: value for key, value in experiment.items() if key not in _NOT_OVERRIDABLE}
        models = experiment.get("models")
        for model, changes in overrides.items():
            where = ("experiments", str(name), "overrides", str(model))
            if isinstance(models, list) and model not in models:
                hint = _nearest(str(model), map(str, models))
                problems.append(
                    f"{origin}: {'.'.join(where)}: this experiment has no model {model}{hint}"
                )
            if not isinstance(changes, Mapping):
                continue  # the schema has said so
            # What is wrong without the override has been said of the experiment.
            known = _grid_problems(base, origin, where)
            found = _grid_problems(merge(base, changes), origin, where)
            problems += [line for line in found if line not in known]
    return problems


def _variant_problems(raw: Mapping[str, Any], origin: str) -> list[str]:
    """Return the mistakes inside `variants`' levels, which pydantic sees as plain mappings."""
    problems: list[str] = []
    experiments = raw.get("experiments")
    for name, experiment in (experiments if isinstance(experiments, Mapping) else {}).items():
        try:
            factors = parse_factors(experiment["variants"])
        except (KeyError, TypeError, ValueError):
            continue  # there are none, or the schema says what is wrong with them
        base = {key: value for key, value in experiment.items() if key not in _NOT_OVERRIDABLE}
        for factor, levels in factors.items() if isinstance(factors, Mapping) else ():
            for level, changes in levels.items():
                if not isinstance(changes, Mapping):
                    continue  # the schema has said so
                where = ("experiments", str(name), "variants", factor, level)
                known = _grid_problems(base, origin, where)
                found = _grid_problems(merge(base, changes), origin, where)
                problems += [line for line in found if line not in known]
    return problems


def _architecture_problems(study: StudyConfig, origin: str) -> list[str]:
    """Return the options that a model does not have, or that cannot be what they are."""
    problems: dict[str, None] = {}
    for name, experiment in study.experiments.items():
        for model in experiment.models:
            for variant in list_variants(experiment.variants):
                grid = merged_grid(experiment, model, variant.changes)
                try:
                    resolved_options(model, grid.architecture)
                except ValueError as error:
                    problems[f"{origin}: experiments.{name}.{error}"] = None
    return list(problems)


def _grid_problems(raw: Mapping[str, Any], origin: str, prefix: tuple[str, ...]) -> list[str]:
    try:
        Grid.model_validate(raw)
    except ValidationError as error:
        return _lines(error, origin, Grid, prefix)
    return []


def _lines(
    error: ValidationError,
    origin: str,
    schema: type[BaseModel],
    prefix: tuple[str, ...] = (),
) -> list[str]:
    lines = []
    for detail in error.errors():
        location = (*prefix, *(str(part) for part in detail["loc"]))
        key = ".".join(location)
        found = detail["input"]
        if detail["type"] == "extra_forbidden":
            valid = _fields_at(schema, detail["loc"][:-1])
            if prefix and str(location[-1]) in _NOT_OVERRIDABLE:
                reason = "cannot be overridden for one model; it belongs to the experiment"
            else:
                reason = f"unknown key{_nearest(str(location[-1]), valid)}"
                reason += f"; the keys here are {', '.join(valid)}"
        elif detail["type"] == "missing":
            reason = "missing, and it has no default"
        elif detail["type"] == "literal_error":
            expected = detail["ctx"]["expected"].replace("'", "")
            choices = expected.replace(" or ", ", ").split(", ")
            reason = f"found {found!r}{_nearest(str(found), choices)}; expected {expected}"
        else:
            message = detail["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            shown = "" if isinstance(found, Mapping) else f"found {found!r}: "
            hint = _nearest(str(found), model_modules()) if "no such model" in message else ""
            reason = f"{shown}{message}{hint}"
        lines.append(f"{origin}: {key}: {reason}" if key else f"{origin}: {reason}")
    return lines


def _nearest(word: str, valid: Iterable[str]) -> str:
    names = {name.lower(): name for name in valid}
    close = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return f" (did you mean {names[close[0]]}?)" if close else ""


def _fields_at(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that `schema` allows at a location inside it."""
    current: Any = schema
    for part in location:
        field = getattr(current, "model_fields", {}).get(part)
        if field is not None:
            current = field.annotation
            options = [each for each in get_args(current) if each is not type(None)]
            if len(options) < len(get_args(current)):  # a section that may be left out
                (current,) = options
        else:  # a key of a mapping: its values' type is what follows
            current = getattr(current, "__args__", (None, None))[-1]
    return list(getattr(current, "model_fields", {}))
