"""What decides a fingerprint, and how a difference between two is told."""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from pj2.config.names import canonical_json
from pj2.config.registered import Registered
from pj2.config.schema import ProbeConfig
from pj2.config.study import BUDGET, RunSettings
from pj2.fingerprint.run import (
    differences,
    explain,
    prediction_fingerprint,
    run_fingerprint,
    setting_differences,
)

DATA = "ab" * 32
SETTINGS = RunSettings(model="BasicCNN", learning_rate=1e-3, seed=0, precision="fp32")
PROBED = SETTINGS.model_copy(update={"probe": ProbeConfig()})


def leaves(settings: BaseModel, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key, however deep."""
    for name in (*type(settings).model_fields, *(settings.model_extra or ())):
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, (*before, name))
        else:
            yield (*before, name)


def with_another(settings: BaseModel, path: tuple[str, ...]) -> Any:
    """The settings with another value at a path; whether the whole makes sense is no matter."""
    name, *below = path
    value = getattr(settings, name)
    other = with_another(value, tuple(below)) if below else another(settings, name, value)
    return settings.model_copy(update={name: other})


def another(settings: BaseModel, name: str, value: Any) -> Any:
    if name == "model":
        return "VGG_A"
    if name == "quantities":
        return ("weight_norm",)
    if name == "precision":
        return "bf16"
    if isinstance(settings, Registered):
        if name != "name":
            return value + 0.1
        return next(each for each in settings.catalogue.modules() if each != value)
    annotation = type(settings).model_fields[name].annotation
    if typing.get_origin(annotation) is typing.Literal:
        return next(choice for choice in typing.get_args(annotation) if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, list | tuple):
        return value * 2
    if isinstance(value, dict):
        return {"width": 2.0}
    return 7 if value is None else value + 1


def change(*path: str) -> RunSettings:
    return with_another(PROBED, path)


@pytest.mark.parametrize("path", list(leaves(PROBED)), ids=".".join)
def test_every_setting_but_the_budget_decides(path):
    before = run_fingerprint(PROBED, DATA)
    after = run_fingerprint(change(*path), DATA)
    if path[0] in BUDGET:
        assert after.digest == before.digest
        assert differences(before.inputs, after.inputs) == []
    else:
        assert after.digest != before.digest
        key = ".".join(path)
        assert differences(before.inputs, after.inputs)[0].startswith((f"{key} ", f"{key}."))


def test_the_budget_is_a_set_of_settings():
    assert sorted(BUDGET) == ["epochs", "monitor", "patience"]
    assert BUDGET.issubset(RunSettings.model_fields)


def test_the_digest_is_that_of_the_inputs_canonical_json():
    fingerprint = run_fingerprint(PROBED, DATA)
    expected = hashlib.sha256(canonical_json(fingerprint.inputs).encode()).hexdigest()
    assert fingerprint.digest == expected


def test_equal_settings_have_one_fingerprint():
    spelled = RunSettings(
        model="BasicCNN", learning_rate="1e-3", seed=0, batch_size=128, precision="fp32"
    )
    assert run_fingerprint(spelled, DATA) == run_fingerprint(SETTINGS, DATA)


def test_data_decide():
    before, after = run_fingerprint(SETTINGS, DATA), run_fingerprint(SETTINGS, "cd" * 32)
    assert before.digest != after.digest
    assert differences(before.inputs, after.inputs) == [
        "data: content hash abababababab → cdcdcdcdcdcd"
    ]


def test_predictions_depend_on_weights_model_options_data_and_classes():
    digests = {
        prediction_fingerprint(weights, model, options, data, classes).digest
        for weights in ("1" * 64, "2" * 64)
        for model in ("BasicCNN", "VGG_A")
        for options in ({}, {"dropout": 0.5})
        for data in (DATA, "cd" * 32)
        for classes in (("cat", "dog"), ("dog", "cat"))
    }
    assert len(digests) == 32


def test_explain_has_a_line_for_everything():
    fingerprint = run_fingerprint(SETTINGS, DATA)
    lines = explain(fingerprint)
    assert "setting  optimizer.weight_decay = 0.0" in lines
    assert f"data     {DATA}" in lines
    assert any(line.startswith("package  torch ") for line in lines)
    assert any(line.endswith("  training/loop.py: function train_epoch") for line in lines)
    assert any(line.endswith("  models/__init__.py: (module level)") for line in lines)
    parts = sum(len(part) for part in fingerprint.inputs["modules"].values())
    settings = len(list(leaves(SETTINGS))) - len(BUDGET) - 1  # the architecture has no options
    assert len(lines) == settings + 1 + len(fingerprint.inputs["packages"]) + parts
    assert "data     not prepared yet" in explain(run_fingerprint(SETTINGS, ""))


def test_differences_of_code_name_file_and_part():
    inputs = run_fingerprint(SETTINGS, DATA).inputs
    modules = {name: dict(parts) for name, parts in inputs["modules"].items()}
    modules["pj2.training.loop"]["function train_epoch"] = "0"
    modules["pj2.training.loop"]["class Gone"] = "0"
    del modules["pj2.data.augment"]
    modules["pj2.training.gone"] = {"(module level)": "0"}
    modules["pj2.models"]["(module level)"] = "0"
    packages = {**inputs["packages"], "torch": "1.0"}
    old = {**inputs, "modules": modules, "packages": packages}
    assert differences(old, inputs) == [
        f"torch 1.0 → {inputs['packages']['torch']}",
        "data/augment.py is new",
        "models/__init__.py changed: (module level)",
        "training/gone.py is gone",
        "training/loop.py changed: class Gone, function train_epoch",
    ]


def test_setting_differences_are_told_by_key():
    old = SETTINGS.model_dump(mode="json")
    new = RunSettings(
        model="BasicCNN",
        learning_rate=2e-3,
        seed=0,
        optimizer={"weight_decay": 5e-4},
        precision="fp32",
    ).model_dump(mode="json")
    assert setting_differences(old, new) == [
        "learning_rate 0.001 → 0.002",
        "optimizer.weight_decay 0.0 → 0.0005",
    ]
    # A key that is new is a difference even where its value is null.
    assert setting_differences({}, {"patience": None}) == ["patience (absent) → None"]
