"""Variants: every combination of levels, named so that paths and people can read them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from pj2.config.load import load_study, parse_study
from pj2.config.study import list_runs
from pj2.config.variants import list_variants, parse_factors
from pj2.errors import UserError
from tests.config.tiny import CONFIG


def study(**experiment):
    raw = copy.deepcopy(CONFIG)
    raw["experiments"]["first"].update(models=["ImprovedCNN"], learning_rates=[1e-3], **experiment)
    return parse_study(raw, "c", {})


def problems(**experiment):
    with pytest.raises(UserError) as caught:
        study(**experiment)
    return list(caught.value.problems)


def test_a_list_of_values_and_named_levels_are_the_same_grammar():
    short = parse_factors({"loss.label_smoothing": [0, "1e-1"]})
    long = {"label_smoothing": {0: {"loss": {"label_smoothing": 0}}, 0.1: {}}}
    assert list(short["label_smoothing"]) == list(parse_factors(long)["label_smoothing"])
    assert short["label_smoothing"]["0.1"] == {"loss": {"label_smoothing": "1e-1"}}


def test_every_combination_is_trained_with_every_seed():
    runs = list_runs(
        study(
            seeds=2,
            variants={
                "architecture.batch_norm": [False, True],
                "augmentation": {
                    "none": {"augmentation": {"crop_padding": 0, "horizontal_flip": False}},
                    "flip": {"augmentation": {"crop_padding": 0}},
                },
            },
        )
    )
    assert [run.folder.split("/")[1] for run in runs[::2]] == [
        "model=ImprovedCNN.batch_norm-off.augmentation-none",
        "model=ImprovedCNN.batch_norm-off.augmentation-flip",
        "model=ImprovedCNN.batch_norm-on.augmentation-none",
        "model=ImprovedCNN.batch_norm-on.augmentation-flip",
    ]
    assert [run.settings.seed for run in runs[:2]] == [0, 1]
    first = runs[0].settings
    assert first.model == "ImprovedCNN"
    assert first.architecture == {"batch_norm": False}
    assert (first.augmentation.crop_padding, first.augmentation.horizontal_flip) == (0, False)
    assert runs[0].variant.levels == {"batch_norm": "off", "augmentation": "none"}


def test_a_level_may_have_its_own_learning_rates():
    levels = {"sgd": {"optimizer": {"name": "sgd"}, "learning_rates": [0.1, 0.2]}, "adamw": {}}
    runs = list_runs(study(variants={"optimizer": levels}))
    assert [(run.model, run.settings.learning_rate) for run in runs] == [
        ("ImprovedCNN.optimizer-sgd", 0.1),
        ("ImprovedCNN.optimizer-sgd", 0.2),
        ("ImprovedCNN.optimizer-adamw", 0.001),
    ]


def test_a_variant_that_changes_nothing_is_the_run_without_variants():
    """So that an ablation restores its baseline from the store."""
    (plain,) = list_runs(study())
    varied = list_runs(study(variants={"architecture.dropout": [0.5, 0]}))
    assert varied[0].settings == plain.settings
    assert varied[0].settings.canonical() == plain.settings.canonical()
    assert varied[1].settings.architecture == {"dropout": 0.0}


def test_without_factors_there_is_one_variant():
    (only,) = list_variants({})
    assert only.label("VGG_A") == "VGG_A"


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ({"loss.label_smoothing": [0]}, "two levels or more"),
        ({"loss.label_smoothing": [0, 0.0]}, "all different"),
        ({"a.b": [1, 2], "c.b": [1, 2]}, "a second factor named b"),
        ({"x": {"a b": {}, "c": {}}}, "a level's name is"),
        ({"x": [{"a": 1}, {"b": 2}]}, "a list holds plain values"),
        ({"x-y": [1, 2]}, "a factor's name is"),
    ],
)
def test_factors_that_cannot_be(variants, expected):
    (line,) = problems(variants=variants)
    assert line.startswith("c: experiments.first.variants: ")
    assert expected in line


def test_mistakes_inside_a_level_are_named_with_the_level():
    lines = problems(variants={"smoothing": {"no": {}, "yes": {"loss": {"label_smothing": 0.1}}}})
    assert lines == [
        "c: experiments.first.variants.smoothing.yes.loss.label_smothing: unknown key "
        "(did you mean label_smoothing?); the keys here are name, label_smoothing"
    ]
    (line,) = problems(variants={"loss.label_smoothing": [0, 2]})
    assert line.startswith("c: experiments.first.variants.label_smoothing.2.loss.label_smoothing: ")


def test_options_that_a_model_does_not_have_or_cannot_be():
    assert problems(architecture={"batch_nrom": False}) == [
        "c: experiments.first.architecture.batch_nrom: ImprovedCNN has no such option; "
        "its options are width, activation, batch_norm, dropout"
    ]
    assert problems(variants={"architecture.dropout": [0.5, 1.5]}) == [
        "c: experiments.first.architecture.dropout: found 1.5; expected at least 0 and below 1"
    ]
    assert problems(architecture={"width": True}) == [
        "c: experiments.first.architecture.width: found True; expected a number above 0"
    ]
    (line,) = problems(architecture={"activation": "rleu"})
    assert "found 'rleu'; expected relu | leaky_relu" in line


def test_a_number_of_seeds_counts_from_zero():
    assert study(seeds=3).experiments["first"].seeds == [0, 1, 2]
    assert study(seeds=[3]).experiments["first"].seeds == [3]
    assert "how many seeds" in problems(seeds=0)[0]


def test_the_reports_own_protocol_is_the_published_study_otherwise():
    honest, reports = (
        yaml.safe_load(Path(f"config/{name}.yaml").read_text())
        for name in ("paper", "report-protocol")
    )
    assert (honest.pop("study"), reports.pop("study")) == ("paper", "report_protocol")
    for experiment in reports["experiments"].values():
        assert experiment.pop("validation_fraction") == 0
        assert experiment.pop("monitor") == "test_accuracy"
    assert honest == reports


def test_the_study_of_full_width_is_the_default_study_otherwise():
    default, wide = (
        yaml.safe_load(Path(name).read_text()) for name in ("config.yaml", "config/full-width.yaml")
    )
    assert (default.pop("study"), wide.pop("study")) == ("default", "full_width")
    for experiment in default["experiments"].values():
        assert experiment.pop("architecture") == {"width": 0.25}
    assert default == wide


def test_the_study_of_three_seeds_is_the_default_study_otherwise():
    """Else its first seed would not be restored from the store."""
    default, seeds = (
        yaml.safe_load(Path(name).read_text()) for name in ("config.yaml", "config/seeds.yaml")
    )
    assert (default.pop("study"), seeds.pop("study")) == ("default", "seeds")
    for section in (default, seeds):
        for experiment in section["experiments"].values():
            experiment.pop("seeds", None)
    assert default == seeds
    runs = list_runs(load_study("config/seeds.yaml"))
    known = {run.settings.canonical() for run in list_runs(load_study("config.yaml"))}
    asked = {run.settings.canonical() for run in runs}
    assert known < asked
    assert len({run.settings.seed for run in runs}) == 3


def test_the_ablations_are_what_they_say():
    runs = list_runs(load_study("config/ablation.yaml"))
    factorial = [run for run in runs if run.experiment == "factorial"]
    assert len({run.model for run in factorial}) == 16
    assert {run.settings.loss.label_smoothing for run in factorial} == {0.0, 0.1}
    assert len({run.settings.canonical() for run in factorial}) == len(factorial)
    names = {run.settings.optimizer.name for run in runs if run.experiment == "optimizers"}
    assert names == {"sgd", "adam", "adamw"}


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ({"x": {"a": 0, "b": {}}}, "variants.x.a: found 0"),
        ({"x": None}, "variants.x"),
        ({"long": {"a" * 120: {}, "b": {}}}, "a level's name is"),
        ({name: {c * 60: {} for c in "ab"} for name in "wxyz"}, "at most 200 are allowed"),
        ({"a": {"1": {}, "1.b-2": {}}, "b": {"2": {}, "2.b-2": {}}}, "would have one folder"),
        ({"activation": {"ReLU": {}, "relu": {}}}, "would have one folder"),
        ({f"f{i}": {"a": {}, "b": {}} for i in range(40)}, "at most 100,000 are allowed"),
    ],
)
def test_variants_whose_runs_would_have_no_folder_of_their_own(variants, expected):
    (line,) = problems(variants=variants)
    assert expected in line


def test_what_only_an_override_and_a_level_together_get_wrong_is_a_mistake_of_the_run():
    (line,) = problems(
        optimizer={"name": "sgd"},
        overrides={"ImprovedCNN": {"optimizer": {"momentum": 0.9}}},
        variants={"optimizer": {"sgd": {}, "adam": {"optimizer": {"name": "adam"}}}},
    )
    assert line.startswith("c: experiments.first.ImprovedCNN.optimizer-adam.optimizer.momentum: ")
    assert "the keys here are name, weight_decay" in line
