"""What the declarations of figures and tables have to hold, whoever adds one."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import Counter

import pytest

from pj2.config.load import parse_study
from pj2.config.study import list_runs
from pj2.exhibits.catalogue import exhibits, keys, on_page, paths, targets, topics
from pj2.exhibits.declare import Exhibit

ALL = [each for topic in topics() for each in topic.exhibits]
STUDY = {
    "study": "two",
    "dataset": {"source": "sample"},
    "experiments": {
        "one": {"models": ["BasicCNN"], "learning_rates": [1e-3], "epochs": 1},
        "many": {
            "models": ["VGG_A", "VGG_A_BatchNorm"],
            "learning_rates": [1e-3, 2e-3],
            "seeds": 2,
            "epochs": 1,
            "probe": {"every": 10},
        },
    },
}


def test_no_two_exhibits_write_the_same_file() -> None:
    files = Counter(path for each in ALL for path in paths(each, [("k",)]))
    assert [path for path, count in files.items() if count > 1] == []


@pytest.mark.parametrize("exhibit", ALL, ids=lambda each: f"{each.kind} {each.name}")
def test_its_function_takes_what_is_declared(exhibit: Exhibit) -> None:
    needed = [
        parameter
        for parameter in inspect.signature(exhibit.made_by()).parameters.values()
        if parameter.default is parameter.empty
    ]
    stem = exhibit.kind != "table"
    assert len(needed) == 1 + len(exhibit.options) + stem


def test_declarations_import_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "numpy", "matplotlib", "altair", "pydantic")
    code = (
        "import sys; from pj2.exhibits.catalogue import topics; assert topics()\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_claims_about_cifar10_stand_beside_no_other_images() -> None:
    own = {"name": "custom", "source": "imagefolder", "path": "photos"}
    for dataset, shown in ((STUDY["dataset"], [()]), (own, [])):
        study = parse_study(STUDY | {"dataset": dataset}, "test")
        runs = list_runs(study)
        assert keys(exhibits("table")["published"], "study", study, runs) == shown
        assert on_page(study, runs)["table"]["published"] == shown


def test_each_is_made_of_the_experiments_that_have_it() -> None:
    study = parse_study(STUDY, "STUDY")
    runs = list_runs(study)
    figures = exhibits("figure")
    assert keys(figures["training_curves"], "experiment", study, runs) == [("one",), ("many",)]
    assert keys(figures["filter_grids"], "model", study, runs) == [
        ("one", "BasicCNN"),
        ("many", "VGG_A"),
        ("many", "VGG_A_BatchNorm"),
    ]
    for name in ("landscape", "learning_rates", "differences", "gradient_probes"):
        assert keys(figures[name], "experiment", study, runs) == [("many",)]
    for name in ("covariate_shift", "factors", "loss_surfaces", "curvature"):
        assert keys(figures[name], "experiment", study, runs) == []
    assert keys(figures["efficiency"], "study", study, runs) == [()]


def test_the_page_shows_means_over_seeds_only_where_there_are_seeds() -> None:
    study = parse_study(STUDY, "STUDY")
    runs = list_runs(study)
    shown = on_page(study, runs)
    assert shown["table"]["summary"] == [()]
    assert shown["table"]["per_class_accuracy"] == []
    assert shown["view"]["loss_surfaces"] == []
    alone = [run for run in runs if run.settings.seed == 0]
    assert on_page(study, alone)["table"]["summary"] == []


def test_every_exhibit_is_made_by_a_target() -> None:
    made = {id(each) for exhibits_made in targets().values() for each in exhibits_made}
    assert [each.name for each in ALL if id(each) not in made] == []
