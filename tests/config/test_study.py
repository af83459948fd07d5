"""The grid of runs and the settings that identify one."""

from __future__ import annotations

import copy
import json

import pytest

from pj2.config.load import parse_study
from pj2.config.study import list_runs, parse_settings
from pj2.errors import UserError
from tests.config.tiny import CONFIG


def runs(**experiment):
    raw = copy.deepcopy(CONFIG)
    raw["experiments"]["first"].update(experiment)
    return list_runs(parse_study(raw, "c", {}))


def test_grid_is_models_by_rates_by_seeds_in_the_configs_order():
    found = [run.folder for run in runs(learning_rates=["2e-3", 1e-4], seeds=[3, 1])]
    expected = [
        f"experiment=first/model={model}/lr={lr}/seed={seed}"
        for model in ("BasicCNN", "VGG_A")
        for lr in ("0.002", "0.0001")
        for seed in (3, 1)
    ]
    assert found == expected


def test_an_override_changes_its_model_and_keeps_what_it_does_not_name():
    basic, vgg = runs(overrides={"VGG_A": {"optimizer": {"weight_decay": "1e-4"}, "epochs": 7}})
    assert (basic.settings.epochs, basic.settings.optimizer.weight_decay) == (3, 5e-4)
    assert (vgg.settings.epochs, vgg.settings.optimizer.weight_decay) == (7, 1e-4)
    assert vgg.settings.optimizer.name == "adamw"


def test_settings_are_one_text_whatever_the_order_of_keys():
    first = runs(batch_size=32, epochs=64)[0].settings.canonical()
    reordered = runs(epochs=64, batch_size=32)[0].settings.canonical()
    swapped = runs(batch_size=64, epochs=32)[0].settings.canonical()
    assert first == reordered
    assert first != swapped


def test_settings_survive_the_command_line():
    settings = runs()[0].settings
    assert parse_settings(settings.canonical()) == settings
    with pytest.raises(UserError, match="--settings: not JSON"):
        parse_settings("{")
    bad = {**json.loads(settings.canonical()), "epochs": 0}
    with pytest.raises(UserError, match="--settings: epochs"):
        parse_settings(json.dumps(bad))
