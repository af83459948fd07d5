"""Every mistake in a config is named, all at once, one line each."""

from __future__ import annotations

import copy

import pytest

from pj2.config.load import load_study, parse_study
from pj2.config.study import list_runs
from pj2.errors import UserError
from tests.config.tiny import CONFIG


def problems(raw, environment=None):
    with pytest.raises(UserError) as caught:
        parse_study(raw, "config.yaml", environment or {})
    return caught.value.problems


def changed(**experiment):
    raw = copy.deepcopy(CONFIG)
    raw["experiments"]["first"].update(experiment)
    return raw


def test_every_mistake_at_once():
    raw = changed(epoch=3, models=["BasicCNN", "VGGA"], learning_rates=["fast"])
    raw["datset"] = {}
    raw["dataset"] = {"source": "parqet"}
    found = problems(raw)
    assert len(found) == 5
    assert all(line.startswith("config.yaml: ") and "\n" not in line for line in found)
    text = "\n".join(found)
    assert "experiments.first.epoch: unknown key (did you mean epochs?)" in text
    assert "experiments.first.models.1: found 'VGGA'" in text
    assert "did you mean VGG_A?" in text
    assert "experiments.first.learning_rates.0: found 'fast'" in text
    assert "datset: unknown key (did you mean dataset?)" in text
    assert "dataset.source: found 'parqet' (did you mean parquet?)" in text


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        ({"learning_rates": [0]}, "learning_rates.0", "above zero"),
        ({"learning_rates": [True]}, "learning_rates.0", "number"),
        ({"learning_rates": [1e-3, "1e-3"]}, "learning_rates", "listed twice: 0.001"),
        ({"learning_rates": []}, "learning_rates", "at least 1"),
        ({"seeds": [-1]}, "seeds.0", "greater than or equal to 0"),
        ({"epochs": 2.5}, "epochs", "a whole number"),
        ({"validation_fraction": 1}, "validation_fraction", "less than 1"),
        ({"validation_fraction": 0}, "first", "validation_fraction 0 needs monitor: test_accuracy"),
        (
            {
                "overrides": {"VGG_A": {"validation_fraction": 0, "monitor": "test_accuracy"}},
                "surface": {"split": "validation"},
            },
            "surface.split",
            "validation needs a validation_fraction above 0",
        ),
        (
            {"optimizer": {"name": "adam", "momentum": 0.9}},
            "optimizer.momentum",
            "unknown key; the keys here are name, weight_decay",
        ),
        (
            {"optimizer": {"name": "adma"}},
            "optimizer.name",
            "found 'adma' (did you mean adam?); expected adam, adamw or sgd",
        ),
        (
            {"optimizer": {"name": "sgd", "momentum": 1}},
            "optimizer.momentum",
            "found 1: expected at least 0 and below 1",
        ),
        (
            {"optimizer": {"name": "sgd", "nesterov": True}},
            "optimizer",
            "nesterov needs a momentum above zero",
        ),
        (
            {"monitor": "test_accuracy", "test_every_epoch": False},
            "first",
            "needs test_every_epoch: true",
        ),
        ({"optimizer": {"name": "adamw", "weight_decay": True}}, "weight_decay", "a number"),
        ({"surface": {"range": True}}, "surface.range", "a number"),
        ({"seeds": 10**9}, "seeds", "1 to 100,000"),
        ({"optimizer": None}, "optimizer", "found nothing; expected a section"),
        ({"models": None}, "models", "found nothing; expected a list"),
        ({"models": "VGG_A"}, "models", "found 'VGG_A'; expected a list"),
        ({"epochs": True}, "epochs", "found true; expected a whole number"),
        ({"overrides": {"VGG_A": {"epohcs": 2}}}, "overrides.VGG_A.epohcs", "did you mean epochs?"),
        ({"overrides": {"VGG": {}}}, "overrides.VGG", "did you mean VGG_A?"),
        ({"overrides": {"VGG_A": {"seeds": [1]}}}, "overrides.VGG_A.seeds", "cannot be overridden"),
    ],
)
def test_one_mistake_is_one_line(change, key, reason):
    found = problems(changed(**change))
    assert len(found) == 1, found
    assert f".{key}: " in found[0]
    assert reason in found[0]


def test_an_experiments_mistake_is_not_repeated_for_its_overrides():
    assert len(problems(changed(epochs=0, overrides={"VGG_A": {"batch_size": 4}}))) == 1


@pytest.mark.parametrize("spelling", ["1e-3", 0.001, "0.001", "1.0E-3"])
def test_a_learning_rate_has_one_name(spelling):
    runs = list_runs(parse_study(changed(learning_rates=[spelling]), "c", {}))
    assert runs[0].folder == "experiment=first/model=BasicCNN/lr=0.001/seed=0"
    assert runs[0].settings.learning_rate == 0.001


def test_yaml_numbers_that_are_strings_to_yaml(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "study: tiny\nexperiments:\n  a:\n    models: [VGG_A]\n    learning_rates: 1e-3\n"
        "    optimizer: {name: adam, weight_decay: 5e-4}\n"
    )
    settings = list_runs(load_study(path))[0].settings
    assert (settings.learning_rate, settings.optimizer.weight_decay) == (0.001, 0.0005)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"missing\.yaml: cannot be read"):
        load_study(tmp_path / "missing.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("study: [\nexperiments: {")
    with pytest.raises(UserError, match=r"broken\.yaml, line 2.*not valid YAML"):
        load_study(broken)
    broken.write_text("")
    with pytest.raises(UserError, match="holds no settings"):
        load_study(broken)


def test_data_variable_replaces_the_path():
    raw = {**copy.deepcopy(CONFIG), "dataset": {"source": "parquet", "path": "/a"}}
    assert parse_study(raw, "c", {"PJ2_DATA": "/b"}).dataset.path == "/b"
    assert parse_study(raw, "c", {}).dataset.path == "/a"
    assert parse_study(CONFIG, "c", {"PJ2_DATA": "/b"}).dataset.path is None


@pytest.mark.parametrize("path", ["", " ", "\0"])
def test_a_place_is_named(path):
    for store in (path, {"path": path}):
        (line,) = problems({**copy.deepcopy(CONFIG), "store": store})
        assert line.startswith("config.yaml: store.path: found ")


def test_names_that_capital_letters_alone_tell_apart_would_share_a_folder():
    raw = changed()
    raw["experiments"]["First"] = raw["experiments"]["first"]
    assert "first and First would have one folder" in problems(raw)[0]


def test_a_problem_is_one_line_whatever_it_quotes():
    (line,) = problems({**CONFIG, "a\nb\u2028": ["x" * 1000]})
    assert len(line.splitlines()) == 1
    assert "a\\nb\\u2028: unknown key" in line
    (line,) = problems(changed(models=["x" * 1000]))
    assert len(line) < 400


def test_a_source_that_reads_the_disk_needs_a_path():
    raw = {**copy.deepcopy(CONFIG), "dataset": {"source": "imagefolder"}}
    assert "needs path (or the variable PJ2_DATA)" in problems(raw)[0]
    assert parse_study(raw, "c", {"PJ2_DATA": "/b"}).dataset.path == "/b"
