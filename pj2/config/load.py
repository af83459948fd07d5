"""Reads a config, and reports all of its mistakes at once."""

from __future__ import annotations

import difflib
import os
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pj2.config.catalogue import MODELS, resolved_options
from pj2.config.schema import Experiment, Grid, StudyConfig
from pj2.config.strict_yaml import read_word, read_yaml
from pj2.config.variants import list_variants, merge, parse_factors
from pj2.errors import UserError

DATA_VARIABLE = "PJ2_DATA"
STORE_VARIABLES = {
    "path": "PJ2_STORE",
    "remote": "PJ2_STORE_REMOTE",
    "weights": "PJ2_STORE_WEIGHTS",
}
# Keys that an override cannot change, since they belong to the experiment as a whole.
_NOT_OVERRIDABLE = frozenset(Experiment.model_fields) - frozenset(Grid.model_fields)
# What a key should hold, by the type of pydantic's error if it holds something else.
_HOLDS = {
    "dict_type": "a section, with keys of its own",
    "model_type": "a section, with keys of its own",
    "list_type": "a list, such as [a, b]",
    "tuple_type": "a list, such as [a, b]",
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 80


def load_study(path: str | os.PathLike[str]) -> StudyConfig:
    """Read and validate a YAML config.

    Raises UserError, one line per mistake, if the file is missing, is not YAML
    or does not validate.
    """
    return parse_study(read_yaml(path), str(path))


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
        problems = _run_problems(study, origin)
    if problems or study is None:
        raise UserError(problems)
    return study


def with_words_read(merged: Any, given: Any) -> Any:
    """Return a config in which the values that ``--config`` gave are read as YAML.

    Snakemake reads numbers at the top level only, and passes values inside a section as strings.

    Args:
        merged: the config of all files and of ``--config``, as Snakemake merged it.
        given: what ``--config`` gave.

    Raises:
        UserError: for an ambiguous word, such as ``010``.
    """
    if isinstance(merged, Mapping) and isinstance(given, Mapping):
        return {key: with_words_read(value, given.get(key)) for key, value in merged.items()}
    if isinstance(merged, list) and merged == given:
        return [with_words_read(value, value) for value in merged]
    return read_word(merged) if isinstance(merged, str) and merged == given else merged


def merged_grid(experiment: Experiment, model: str, changes: Mapping[str, Any]) -> Grid:
    """Return an experiment's keys with `model`'s overrides and then `changes` merged in.

    Optimizer and loss have all of their options.
    """
    base = experiment.model_dump(exclude_unset=True, exclude=set(_NOT_OVERRIDABLE))
    grid = Grid.model_validate(merge(merge(base, experiment.overrides.get(model, {})), changes))
    complete = {"optimizer": grid.optimizer.complete(), "loss": grid.loss.complete()}
    return grid.model_copy(update=complete)


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
            key = ("experiments", str(name), "overrides", str(model))
            if isinstance(models, list) and model not in models:
                hint = _nearest(str(model), map(str, models))
                reason = f"this experiment has no model {model}{hint}"
                problems.append(_line(origin, key, reason))
            if isinstance(changes, Mapping):  # otherwise the schema reports it
                problems += _new_problems(base, changes, origin, key)
    return problems


def _variant_problems(raw: Mapping[str, Any], origin: str) -> list[str]:
    """Return the mistakes inside `variants`' levels, which pydantic sees as plain mappings."""
    problems: list[str] = []
    experiments = raw.get("experiments")
    for name, experiment in (experiments if isinstance(experiments, Mapping) else {}).items():
        try:
            factors = parse_factors(experiment["variants"])
        except (KeyError, TypeError, ValueError):
            continue  # there are none, or the schema reports what is wrong with them
        base = {key: value for key, value in experiment.items() if key not in _NOT_OVERRIDABLE}
        for factor, levels in factors.items() if isinstance(factors, Mapping) else ():
            for level, changes in levels.items() if isinstance(levels, Mapping) else ():
                if isinstance(changes, Mapping):  # otherwise the schema reports it
                    key = ("experiments", str(name), "variants", factor, level)
                    problems += _new_problems(base, changes, origin, key)
    return problems


def _run_problems(study: StudyConfig, origin: str) -> list[str]:
    """Return mistakes in a model's options, and in its overrides and levels taken together."""
    problems: dict[str, None] = {}
    for name, experiment in study.experiments.items():
        for model in experiment.models:
            for variant in list_variants(experiment.variants):
                key = ("experiments", name)
                try:
                    grid = merged_grid(experiment, model, variant.changes)
                    resolved_options(model, grid.architecture)
                    _check_split(experiment, grid)
                except ValidationError as error:
                    lines = _lines(error, origin, Grid, (*key, variant.label(model)))
                    problems |= dict.fromkeys(lines)
                except ValueError as error:
                    option, _, reason = str(error).partition(": ")
                    problems[_line(origin, (*key, option), reason)] = None
    return list(problems)


def _check_split(experiment: Experiment, grid: Grid) -> None:
    surface = experiment.surface
    if surface and surface.split == "validation" and not grid.validation_fraction:
        raise ValueError("surface.split: validation needs a validation_fraction above 0")


def _new_problems(
    base: Mapping[str, Any], changes: Mapping[str, Any], origin: str, key: tuple[str, ...]
) -> list[str]:
    """Return the mistakes that `changes` add; the experiment's own are reported elsewhere."""
    known = _grid_problems(base, origin, key)
    return [line for line in _grid_problems(merge(base, changes), origin, key) if line not in known]


def _grid_problems(raw: Mapping[str, Any], origin: str, key: tuple[str, ...]) -> list[str]:
    try:
        Grid.model_validate(raw)
    except ValidationError as error:
        return _lines(error, origin, Grid, key)
    return []


def _lines(
    error: ValidationError,
    origin: str,
    schema: type[BaseModel],
    prefix: tuple[str, ...] = (),
) -> list[str]:
    lines = []
    for detail in error.errors():
        key = (*prefix, *(str(part) for part in detail["loc"]))
        value = detail["input"]
        word = value if isinstance(value, str) else ""
        if detail["type"] in ("extra_forbidden", "no_such_option"):
            valid = detail.get("ctx", {}).get("keys") or _fields_at(schema, detail["loc"][:-1])
            if prefix and key[-1] in _NOT_OVERRIDABLE:
                reason = "cannot be overridden for one model; it belongs to the experiment"
            else:
                reason = f"unknown key{_nearest(key[-1], valid)}"
                reason += f"; the keys here are {', '.join(valid)}"
        elif detail["type"] == "missing":
            reason = "missing, and it has no default"
        elif detail["type"] == "literal_error":
            expected = detail["ctx"]["expected"].replace("'", "")
            choices = expected.replace(" or ", ", ").split(", ")
            reason = f"found {_SHORT.repr(value)}{_nearest(word, choices)}; expected {expected}"
        elif detail["type"] in _HOLDS:
            reason = f"found {_as_yaml(value)}; expected {_HOLDS[detail['type']]}"
        else:
            message = detail["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            shown = "" if isinstance(value, Mapping) else f"found {_SHORT.repr(value)}: "
            hint = _nearest(word, MODELS.modules()) if "no such model" in message else ""
            reason = f"{shown}{message}{hint}"
        lines.append(_line(origin, key, reason))
    return lines


def _as_yaml(value: Any) -> str:
    """Return a value as a config spells it, cut short; None is ``nothing``."""
    words = {None: "nothing", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else _SHORT.repr(value)


def _line(origin: str, key: tuple[str, ...], reason: str) -> str:
    return ": ".join(filter(None, [origin, ".".join(key), reason]))


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
        else:  # a key of a mapping: go on with the type of its values
            current = getattr(current, "__args__", (None, None))[-1]
    return list(getattr(current, "model_fields", {}))
