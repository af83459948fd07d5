"""Every kind of claim, every verdict, on made-up runs with numbers computed by hand."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from pj2.config.load import load_study, merged_grid
from pj2.config.study import list_runs
from pj2.errors import UserError
from pj2.exhibits.claims.comparable import setting_problems
from pj2.exhibits.claims.finding import Finding
from pj2.exhibits.claims.kinds import statement
from pj2.exhibits.claims.numbers import check_claims
from pj2.exhibits.claims.published import Report, read_report
from pj2.runs.reading import RunRecord, load_runs
from pj2.statistics import gradient_variation
from tests.helpers.made_up import make_index, make_run
from tests.helpers.published import DATA, PUBLISHED, REPORT, settings

RATES = ("0.0001", "0.0005", "0.001", "0.002")
A, B = "VGG_A_BatchNorm", "VGG_A"
CLASSES = tuple(f"class{label}" for label in range(10))
LOST = {"status": "diverged", "diverged_at_step": 2}
T2 = 4.302652729911275  # the 0.975 quantile of Student's t with 2 degrees of freedom


def cnn(
    root: Path, model: str, test: Sequence[float], seed: int = 0, **info: Any
) -> dict[str, Any]:
    """A run of the comparison that validation ends; its honest accuracy is 0.75."""
    facts = {"status": "stopped_early", "data": DATA, "settings": settings(model)} | info
    facts = {"classes": CLASSES} | facts
    val = np.linspace(0.6, 0.5, len(test))
    return make_run(root, model, [2.0, 1.0, 1.0], seed=seed, val=val, test=test, **facts)


def vgg(
    root: Path,
    model: str,
    losses: Sequence[float],
    lr: str,
    seed: int = 0,
    **info: Any,
) -> dict[str, Any]:
    """A run of the landscape that validation ends, with given losses."""
    facts = {"status": "stopped_early", "data": DATA, "settings": settings(model)} | info
    return make_run(root, model, losses, lr=lr, seed=seed, **{"classes": CLASSES} | facts)


def check(
    root: Path, entries: Iterable[dict[str, Any]], *claims: Mapping[str, Any], report: Any = None
) -> Finding:
    """The finding about the last of some claims."""
    raw = yaml.safe_load(PUBLISHED.read_text()) if report is None else report
    raw["claims"] = [dict(claim) for claim in claims]
    path = root / "published.yaml"
    path.write_text(yaml.safe_dump(raw))
    return check_claims(load_runs(make_index(root, list(entries))), read_report(path))[-1]


# What the report says, as data


def test_the_file_states_what_the_report_does() -> None:
    values = {
        (c.kind, c.model): c.value for c in REPORT.claims if c.kind in ("parameters", "epochs")
    }
    assert values["parameters", "ImprovedCNN"] == 12_906_250
    assert [values["epochs", m] for m in ("BasicCNN", "ImprovedCNN", "ResidualCNN", B, A)] == [
        37, 50, 50, 109, 45,
    ]  # fmt: skip
    best = {c.model: c for c in REPORT.claims if c.kind == "accuracy" and c.epoch is None}
    assert {model: claim.value for model, claim in best.items()} == {
        "BasicCNN": 82.91, "ImprovedCNN": 92.61, "ResidualCNN": 91.57, B: 84, A: 89,
    }  # fmt: skip
    assert {claim.learning_rate for claim in best.values()} == {1e-3}
    assert all(claim.source == "text" for claim in best.values())
    stated = [statement(claim) for claim in REPORT.claims]
    assert len(set(stated)) == len(stated)


def test_the_recipes_are_those_of_the_published_study() -> None:
    study = load_study("config/paper.yaml")
    for name, experiment in study.experiments.items():
        for model in experiment.models:
            assert merged_grid(experiment, model, {}) == REPORT.recipes[model], (name, model)
    assert {model for e in study.experiments.values() for model in e.models} == set(REPORT.recipes)


@pytest.mark.parametrize("config", ["config/paper.yaml", "config/report-protocol.yaml"])
def test_runs_of_the_published_study_are_made_by_these_recipes(config: str) -> None:
    runs = [
        RunRecord(run.experiment, run.model, "", 0, Path(),
                  {"settings": run.settings.model_dump(mode="json")})
        for run in list_runs(load_study(config))
    ]  # fmt: skip
    assert len(runs) >= 11
    assert [line for run in runs for line in setting_problems(run, REPORT)] == []


def changed(root: Path, **changes: Any) -> list[str]:
    raw = copy.deepcopy(yaml.safe_load(PUBLISHED.read_text())) | changes
    path = root / "p.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(UserError) as caught:
        read_report(path)
    assert all("\n" not in line for line in caught.value.problems)
    return [line.removeprefix(f"{path}: ") for line in caught.value.problems]


AT = {"model": "BasicCNN", "learning_rate": 1e-3}
CLAIM = {"kind": "accuracy", **AT, "value": 80, "margin": 1}
PAIR = {"kind": "order", "model": "BasicCNN", "than": "ResidualCNN", "learning_rate": 1e-3}
BAND = {"kind": "narrower_band", "model": A, "than": B}
OPEN = {"kind": "open", "says": {"en": "It is blue"}, "why": {"en": "nobody looked"}}


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        ({**CLAIM, "margn": 1}, "claims.0.margn: unknown key (did you mean margin?); the keys her"),
        ({**CLAIM, "kind": "acuracy"},
         "claims.0: found kind 'acuracy' (did you mean accuracy?); expected one of parameters, ac"),
        ({"model": "BasicCNN"}, "claims.0: has no kind; expected one of parameters, accuracy, epo"),
        ({**CLAIM, "value": 829.1},
         "claims.0.value: found 829.1: input should be less than or equal to 100"),
        ({**CLAIM, "kind": "epochs", "value": 3.5}, "claims.0.value: found 3.5: input should be"),
        ({**CLAIM, "source": "rumour"}, "claims.0.source: found 'rumour': input should be 'text'"),
        ({key: value for key, value in CLAIM.items() if key != "value"},
         "claims.0.value: missing, and it has no default"),
        ({**CLAIM, "model": "BasicCN"}, "claims.0.model: found 'BasicCN': no such model"),
        ({**CLAIM, "model": "VGG_A_NoisyBatchNorm"},
         "claims.0: found VGG_A_NoisyBatchNorm, which no experiment trains; expected one of "
         "BasicCNN, ImprovedCNN, ResidualCNN, VGG_A, VGG_A_BatchNorm"),
        ({**PAIR, "than": "BasicCNN"}, "claims.0: compares BasicCNN with itself; expected two"),
        ({**BAND, "factor": 2}, "claims.0.factor: found 2: input should be less than"),
        ({**OPEN, "why": "nobody"}, "claims.0.why: found 'nobody': input should be a valid dict"),
        ({**AT, "kind": "confused", "classes": ["cat", "cat"]},
         "claims.0.classes: found ['cat', 'cat']: listed twice: cat"),
        ({**AT, "kind": "best_classes", "classes": ["cat", "dog", "cat"]},
         "claims.0.classes: found ['cat', 'dog', 'cat']: listed twice: cat"),
        ("accuracy", "claims.0: found 'accuracy': "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_claim_is_one_line(tmp_path: Path, claim: Any, line: str) -> None:
    (found,) = changed(tmp_path, claims=[claim])
    assert found.startswith(line)


def test_every_mistake_of_the_file_at_once(tmp_path: Path) -> None:
    recipe = {"models": ["BasicCNN"], "learning_rates": [1e-3]}
    found = changed(
        tmp_path,
        data={"name": "cifar10", "training_images": "many", "test_images": 10_000, "images": 1},
        clams=[],
        claims=[{**CLAIM, "about": 1}, {**PAIR, "value": 3}],
        experiments={"one": {**recipe, "epoch": 3}},
    )
    assert [line.split(": ")[0] for line in found] == [
        "data.training_images", "data.images", "experiments.one.epoch", "claims.0.about",
        "claims.1.value", "clams",
    ]  # fmt: skip
    assert "(did you mean claims?)" in found[-1]
    assert "(did you mean epochs?)" in found[2]
    twice = {
        "one": recipe,
        "two": {**recipe, "overrides": {"BasicCNN": {"epochs": 0}, "VGG_A": {}}},
    }
    found = changed(tmp_path, experiments=twice, claims=[CLAIM])
    assert [line.split(": ")[0] for line in found] == [
        "experiments.two.models", "experiments.two.overrides.BasicCNN.epochs",
        "experiments.two.overrides",
    ]  # fmt: skip


def test_a_file_that_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(UserError, match=r"empty.yaml: holds no claims; expected the keys report,"):
        read_report(tmp_path / "empty.yaml")
    with pytest.raises(UserError, match=r"absent.yaml: cannot be read \(No such file"):
        read_report(tmp_path / "absent.yaml")


# Intervals


def test_variation_of_gradients() -> None:
    norms = np.r_[np.full(9, 1.0), 11.0]  # mean 2, population sd 3, median 1
    assert gradient_variation(norms) == pytest.approx((1.5, np.percentile(norms, 95)))
    assert gradient_variation(np.full(5, 2.0)) == (0.0, 1.0)
    assert np.isnan(gradient_variation(np.zeros(5))).all()


# What a run scores


def runs_of(root: Path, model: str, tests: Sequence[Sequence[float]], **info: Any) -> list[Any]:
    """Runs, one a seed, with these test accuracies after each epoch."""
    return [cnn(root, model, test, seed, **info) for seed, test in enumerate(tests)]


SPREAD = (-0.002, 0.0, 0.002)


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        ([0.8291 + apart for apart in SPREAD], "agrees"),  # ± 2.92 · 0.2 · √(4/3) = 0.67
        ([0.8325 + apart for apart in SPREAD], "cannot tell"),
        ([0.8591 + apart for apart in SPREAD], "differs"),
        ([0.7991 + apart for apart in SPREAD], "differs"),
        ([0.8291 + 4 * apart for apart in SPREAD], "cannot tell"),
        ([0.8291], "cannot tell"),
        ([0.65], "cannot tell"),
    ],
)
def test_accuracy(tmp_path: Path, best: list[float], verdict: str) -> None:
    runs = runs_of(tmp_path, "BasicCNN", [[0.5, top, 0.6] for top in best])
    found = check(tmp_path, runs, EARLY, {**CLAIM, "value": 82.91})
    assert found.verdict == verdict
    assert list(found.ours.values()) == best
    assert list(found.honest.values()) == [0.75] * len(best)
    assert found.rates == ("0.001",)
    apart = np.mean(best) - 0.8291
    assert found.reason.startswith(f"ours less the published: {100 * apart:+.2f} points")
    if len(best) == 1:
        assert found.reason.endswith("one seed, so the spread is unknown")
        return
    reach = 2.919985580355516 * np.std(best, ddof=1) * sqrt(4 / 3)
    assert (found.low, found.high) == pytest.approx((apart - reach, apart + reach))
    assert "n = 3" in found.reason


EARLY = {"kind": "epochs", "model": "BasicCNN", "learning_rate": 1e-3, "value": 1, "margin": 1}


def test_what_it_would_take_to_tell(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, "BasicCNN", [[0.8270], [0.8330]])
    found = check(tmp_path, runs, EARLY, {**CLAIM, "value": 82.91})
    sd = 0.6 / sqrt(2)
    assert found.verdict == "cannot tell"
    least = 1 + 6.313751514675043 * sd * sqrt(1.5)
    assert f"differences of {least:.2f} points or more could have been found" in found.reason
    assert found.reason.endswith("agreement takes 5 seeds")
    runs = runs_of(tmp_path, "BasicCNN", [[0.81], [0.83]])
    found = check(tmp_path, runs, EARLY, {**CLAIM, "value": 82.91})
    assert found.reason.endswith("agreement cannot be shown with any number of seeds")


def test_only_the_learning_rate_of_the_claim_counts(tmp_path: Path) -> None:
    kept = {"status": "stopped_early", "data": DATA, "settings": settings(B), "classes": CLASSES}
    runs = [
        make_run(tmp_path, B, [1.0], lr=lr, test=[test], **kept)
        for lr, test in (("0.001", 0.7), ("0.002", 0.9))
    ]
    claim = {**CLAIM, "model": B}
    early = {**EARLY, "model": B}
    assert check(tmp_path, runs, early, claim).ours == {0: 0.7}
    found = check(tmp_path, runs[1:], early, claim)
    assert (found.verdict, found.problems) == ("not comparable", ("no run at learning rate 0.001",))


def test_after_a_number_of_epochs_a_run_may_end_as_it_likes(tmp_path: Path) -> None:
    tests = [[0.5, 0.73, 0.6], [0.5, 0.731, 0.6]]
    runs = runs_of(tmp_path, "BasicCNN", tests, status="completed")
    claim = {**CLAIM, "value": 73}
    assert check(tmp_path, runs, claim).verdict == "not comparable"
    found = check(tmp_path, runs, {**claim, "epoch": 2})
    assert (found.verdict, found.ours, found.honest) == ("agrees", {0: 0.73, 1: 0.731}, {})
    found = check(tmp_path, runs, {**claim, "epoch": 4})
    assert found.problems == ("fewer than 4 epochs",)
    lost = cnn(tmp_path, "BasicCNN", [0.5], 2, **LOST)  # no budget ended it
    found = check(tmp_path, [*runs, lost], {**claim, "epoch": 2})
    assert (found.verdict, found.problems) == ("cannot tell", ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": {**DATA, "train_images": 2_700, "validation_images": 300, "test_images": 300}},
         "3,000 training images, 2,700 without validation (published 50,000); "
         "300 test images (published 10,000)"),
        ({"data": {**DATA, "name": "svhn"}}, "data svhn (published cifar10)"),
        ({"settings": settings("BasicCNN", batch_size=16)}, "batch_size 16 (published 128)"),
        ({"settings": settings("BasicCNN", init="xavier")}, "init xavier (published default)"),
        ({"settings": settings("BasicCNN", patience=None)}, "patience not set (published 6)"),
        ({"settings": settings("BasicCNN", optimizer={"name": "adam", "weight_decay": 5e-4})},
         "optimizer.name adam (published adamw)"),
        ({"settings": settings("BasicCNN", architecture={"width": 0.5})},
         "architecture.width 0.5 (published not set)"),
        ({"status": "completed", "epochs_run": 36},
         "BasicCNN had at most 36 epochs (the published run took 37)"),
        ({"epochs_run": 51}, "BasicCNN took 51 epochs (published at most 50)"),
        ({"test": [np.nan]}, "the test set was not measured after every epoch"),
    ],
)  # fmt: skip
def test_what_was_made_otherwise_is_not_comparable(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    run = cnn(tmp_path, "BasicCNN", **{"test": [0.8]} | change)
    found = check(tmp_path, [run], {**EARLY, "value": 37}, CLAIM)
    assert found.verdict == "not comparable"
    assert "; ".join(found.problems) == reason


def test_runs_that_are_not_there(tmp_path: Path) -> None:
    runs = [
        cnn(tmp_path, "BasicCNN", [0.8], experiment="one"),
        cnn(tmp_path, "ResidualCNN", [0.9], experiment="two"),
        cnn(tmp_path, "ImprovedCNN", [0.9], variant={"width": "half"}),
    ]
    found = check(tmp_path, runs, {**CLAIM, "model": "ImprovedCNN"})
    assert (found.verdict, found.reason) == ("not run", "no run of ImprovedCNN")
    assert (found.experiment, found.ours) == (None, {})
    found = check(tmp_path, runs, {"kind": "steadier_gradients", "model": A, "than": B})
    assert found.reason == "no run of VGG_A_BatchNorm or VGG_A"
    found = check(tmp_path, runs, PAIR)
    assert (found.verdict, found.reason) == ("not run", "not in one experiment")
    found = check(tmp_path, runs, OPEN)
    assert (found.verdict, found.reason) == ("not tested here", "nobody looked")


def test_the_first_experiment_with_all_models_is_taken(tmp_path: Path) -> None:
    runs = [
        cnn(tmp_path, "BasicCNN", [0.7], experiment="one"),
        cnn(tmp_path, "BasicCNN", [0.8], experiment="two"),
        cnn(tmp_path, "ResidualCNN", [0.9], experiment="two"),
    ]
    assert check(tmp_path, runs, CLAIM).experiment == "one"
    assert check(tmp_path, runs, PAIR).experiment == "two"


def test_two_runs_of_one_cell_are_refused(tmp_path: Path) -> None:
    runs = [cnn(tmp_path / study, "BasicCNN", [0.8]) for study in ("a", "b")]
    with pytest.raises(UserError, match=r"a second run of BasicCNN at learning rate 0.001 and se"):
        check(tmp_path, runs, CLAIM)


def test_a_run_that_diverged_or_stalled_earns_no_verdict(tmp_path: Path) -> None:
    good = runs_of(tmp_path, "BasicCNN", [[0.799], [0.8], [0.801]])
    assert check(tmp_path, good, EARLY, CLAIM).verdict == "agrees"
    found = check(tmp_path, [*good, cnn(tmp_path, "BasicCNN", [0.1], 3, **LOST)], EARLY, CLAIM)
    assert (found.verdict, list(found.ours)) == ("cannot tell", [0, 1, 2])
    assert found.reason.startswith("diverged or stalled: BasicCNN at 0.001, seed 3; ours less")
    kept = {"status": "stopped_early", "data": DATA, "settings": settings("BasicCNN")}
    flat = make_run(
        tmp_path, "BasicCNN", [2.29] * 3 + [2.0] * 3, seed=4, test=[0.8], classes=CLASSES, **kept
    )
    assert check(tmp_path, [*good, flat], EARLY, CLAIM).verdict == "cannot tell"
    learned = make_run(
        tmp_path, "BasicCNN", [2.29] * 2 + [2.0] * 3, seed=4, test=[0.8], classes=CLASSES, **kept
    )
    assert check(tmp_path, [*good, learned], EARLY, CLAIM).verdict == "agrees"


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([36, 37, 38], "agrees"),  # ± 3.37
        ([36, 37, 37], "agrees"),
        ([37, 37], "cannot tell"),
        ([20, 21, 22], "differs"),
        ([30, 37, 44], "cannot tell"),
        ([37], "cannot tell"),
    ],
)
def test_epochs(tmp_path: Path, ours: list[int], verdict: str) -> None:
    runs = [cnn(tmp_path, "BasicCNN", [0.8], seed, epochs_run=n) for seed, n in enumerate(ours)]
    found = check(tmp_path, runs, {**EARLY, "value": 37, "margin": 5})
    assert found.verdict == verdict
    assert (list(found.ours.values()), found.honest) == (ours, {})


def test_epochs_that_a_budget_ended_are_not_comparable(tmp_path: Path) -> None:
    run = cnn(tmp_path, "BasicCNN", [0.8], status="completed", epochs_run=8)
    found = check(tmp_path, [run], {**EARLY, "value": 37})
    assert (found.verdict, found.ours) == ("not comparable", {0: 8.0})


def test_epochs_until_it_is_stable(tmp_path: Path) -> None:
    """0.5 points below the greatest are enough."""
    runs = runs_of(tmp_path, "BasicCNN", [[0.5, 0.7, 0.796, 0.8], [0.5, 0.796, 0.79, 0.8]])
    claim = {"kind": "settles", "model": "BasicCNN", "learning_rate": 1e-3, "value": 3, "margin": 9}
    found = check(tmp_path, runs, EARLY, claim)
    assert found.ours == {0: 3, 1: 2}
    assert found.verdict == "agrees"  # -0.5 ± 6.31 · 0.71 · √1.5 = 5.47
    rising = cnn(tmp_path / "rising", "BasicCNN", [0.5, 0.7, 0.8])
    found = check(tmp_path / "rising", [rising], EARLY, claim)
    assert (found.verdict, found.ours) == ("not comparable", {})
    assert "the test accuracy still rose in the last epoch" in found.problems


def test_a_level_that_is_reached_in_time(tmp_path: Path) -> None:
    claim = {
        "kind": "reaches", "model": "BasicCNN", "learning_rate": 1e-3, "level": 80, "epochs": 2,
    }  # fmt: skip
    runs = runs_of(tmp_path, "BasicCNN", [[0.5, 0.82, 0.9], [0.5, 0.821, 0.9]], status="completed")
    found = check(tmp_path, runs, claim)
    assert found.ours == pytest.approx({0: 0.02, 1: 0.021})
    assert found.verdict == "holds"
    assert check(tmp_path, runs, {**claim, "level": 85}).verdict == "does not hold"
    assert check(tmp_path, runs, {**claim, "level": 82}).verdict == "cannot tell"
    assert check(tmp_path, runs[:1], claim).verdict == "cannot tell"
    late = {**claim, "epochs": 4}
    assert check(tmp_path, runs, late).problems == ("fewer than 4 epochs",)
    runs = runs_of(tmp_path, "BasicCNN", [[0.5, 0.82], [0.5, 0.821]])  # which validation ended
    assert check(tmp_path, runs, late).verdict == "holds"


def test_parameters(tmp_path: Path) -> None:
    small = {**DATA, "train_images": 2_700, "validation_images": 300}
    run = cnn(tmp_path, "BasicCNN", [0.8], parameters=1_147_466, data=small)
    claim = {"kind": "parameters", "model": "BasicCNN", "value": 1_147_466}
    found = check(tmp_path, [run], claim)
    assert (found.verdict, found.reason, found.ours) == ("agrees", "equal", {0: 1_147_466.0})
    found = check(tmp_path, [run], {**claim, "value": 1_147_465})
    assert (found.verdict, found.reason) == ("differs", "ours less the published: +1")
    other = cnn(tmp_path, "BasicCNN", [0.8], data={**DATA, "name": "cifar100"})
    found = check(tmp_path, [other], claim)
    assert (found.verdict, found.problems) == (
        "not comparable", ("data cifar100 (published cifar10)",),
    )  # fmt: skip


# One model beside another


def two(root: Path, above: Sequence[float], below: Sequence[float], **info: Any) -> list[Any]:
    return [
        *runs_of(root, "BasicCNN", [[top] for top in above], **info),
        *runs_of(root, "ResidualCNN", [[top] for top in below]),
    ]


def guesses(share: int) -> dict[str, Any]:
    """Predictions of which `share` of 20 are right, all others wrong."""
    return {"labels": [0] * 20, "predicted": [0] * share + [1] * (20 - share)}


@pytest.mark.parametrize(
    ("above", "below", "right", "verdict"),
    [
        ([0.92, 0.925, 0.93], [0.91, 0.91, 0.92], 18, "holds"),  # +1, +1.5, +1
        ([0.90, 0.895, 0.90], [0.91, 0.91, 0.91], 9, "does not hold"),
        ([0.92, 0.90, 0.93], [0.91, 0.91, 0.91], 17, "cannot tell"),  # +1, -1, +2
        ([0.92, 0.96, 0.95], [0.91, 0.91, 0.92], 17, "cannot tell"),  # all above; t too wide
        ([0.92, 0.925, 0.93], [0.91, 0.91, 0.92], 9, "cannot tell"),  # the honest one is below
        ([0.92], [0.50], 17, "cannot tell"),
    ],
)
def test_order(
    tmp_path: Path, above: list[float], below: list[float], right: int, verdict: str
) -> None:
    """By its protocol the accuracies are `above` and `below`, honestly `right`… / 20 and 0.75."""
    runs = [
        cnn(tmp_path, "BasicCNN", [top], seed, **guesses(right + seed))
        for seed, top in enumerate(above)
    ]
    runs += runs_of(tmp_path, "ResidualCNN", [[top] for top in below])
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, PAIR)
    assert found.verdict == verdict
    apart = np.array(above) - below
    assert list(found.ours.values()) == pytest.approx(list(apart))
    honest = [(right + seed) / 20 - 0.75 for seed in range(len(above))]
    assert list(found.honest.values()) == pytest.approx(honest)
    if len(above) == 3:
        reach = T2 * apart.std(ddof=1) / sqrt(3)
        assert (found.low, found.high) == pytest.approx(
            (apart.mean() - reach, apart.mean() + reach)
        )


def test_order_is_paired_by_seed(tmp_path: Path) -> None:
    runs = [
        cnn(tmp_path, "BasicCNN", [0.9], seed=1),
        cnn(tmp_path, "BasicCNN", [0.1], seed=2),
        cnn(tmp_path, "ResidualCNN", [0.8], seed=1),
        cnn(tmp_path, "ResidualCNN", [0.99], seed=3),
    ]
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    assert check(tmp_path, runs, *early, PAIR).ours == pytest.approx({1: 0.1})
    found = check(tmp_path, [runs[1], runs[3]], *early, PAIR)
    assert (found.verdict, found.problems) == (
        "not comparable", ("BasicCNN and ResidualCNN have no seed in common",),
    )  # fmt: skip


def test_models_that_diverged_have_their_seeds_in_common(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, "BasicCNN", [[0.1], [0.1]], **LOST) + two(tmp_path, [], [0.9, 0.9])
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, PAIR)
    assert (found.verdict, found.problems) == ("cannot tell", ())
    assert found.reason.startswith("diverged or stalled: BasicCNN at 0.001, seed 0; BasicCNN")


@pytest.mark.parametrize(
    ("margin", "right", "verdict"),
    [
        (1.5, 741, "holds"),  # -0.9 ± 0.17 by its protocol, -0.8 ± 0.17 by the honest one
        (0.5, 741, "does not hold"),
        (0.9, 741, "cannot tell"),
        (1.5, 720, "cannot tell"),  # the honest ones are 2.9 points apart
    ],
)
def test_two_models_that_are_near(tmp_path: Path, margin: float, right: int, verdict: str) -> None:
    runs = [
        cnn(
            tmp_path, "BasicCNN", [0.9 + seed / 1000], seed,
            labels=[0] * 1000, predicted=[0] * (right + seed) + [1] * (1000 - right - seed),
        )
        for seed in range(3)
    ]  # fmt: skip
    runs += runs_of(tmp_path, "ResidualCNN", [[0.91]] * 3)
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, {**PAIR, "kind": "near", "margin": margin})
    assert found.verdict == verdict
    if margin == 0.9:
        assert found.reason.endswith("no difference below 1.07 points could have been found")


def test_which_model_is_sooner_and_which_takes_longer(tmp_path: Path) -> None:
    """BasicCNN is at 80 % after 1 or 2 epochs, ResidualCNN after 3 or never."""
    quick = [[0.8] * 3, [0.8] * 3, [0.7, 0.8, 0.8]]
    slow = [[0.5, 0.6, 0.7], [0.5, 0.6, 0.8], [0.5, 0.6, 0.7]]
    runs = [
        cnn(tmp_path, model, test, seed, seconds=seconds + seed)
        for model, tests, seconds in (("BasicCNN", quick, 10.0), ("ResidualCNN", slow, 20.0))
        for seed, test in enumerate(tests)
    ]
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, {**PAIR, "kind": "sooner", "level": 80})
    assert found.ours == {0: 3, 1: 2, 2: 2}  # never is one epoch more than they had
    assert found.verdict == "holds"
    never = "ResidualCNN never reached 80 % (seed 0, 2), which counts as one epoch more than"
    assert found.reason.endswith(f"n = 3; {never} the longer run")
    longer = {**PAIR, "kind": "longer"}
    found = check(tmp_path, runs, *early, longer)
    assert found.ours == {0: 0.5, 1: 11 / 21, 2: 12 / 22}
    assert found.verdict == "does not hold"
    assert found.reason.startswith("0.52 times the other's, 95 % [0.47, 0.58], n = 3")
    found = check(tmp_path, runs, *early, {**longer, "model": "ResidualCNN", "than": "BasicCNN"})
    assert found.verdict == "holds"
    assert found.reason.startswith("1.91 times the other's, 95 % [1.72, 2.13], n = 3")


def test_a_run_that_stopped_before_the_level_is_not_sooner(tmp_path: Path) -> None:
    """BasicCNN stops after 1 epoch, below 80 %; ResidualCNN is there in epoch 2 or 3 of 3."""
    runs = runs_of(tmp_path, "BasicCNN", [[0.5]] * 4)
    late, early = [0.5, 0.6, 0.8], [0.5, 0.8, 0.8]
    runs += runs_of(tmp_path, "ResidualCNN", [late, late, early, early])
    ends = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    sooner = {**PAIR, "kind": "sooner", "level": 80}
    found = check(tmp_path, runs, *ends, sooner)
    assert (found.verdict, found.ours) == ("does not hold", {0: -1, 1: -1, 2: -2, 3: -2})
    assert "BasicCNN never reached 80 % (seed 0, 1, 2, 3), which counts as" in found.reason
    found = check(tmp_path, runs, *ends, {**sooner, "model": "ResidualCNN", "than": "BasicCNN"})
    assert (found.verdict, found.ours) == ("holds", {0: 1, 1: 1, 2: 2, 3: 2})


def test_neither_is_sooner_where_neither_arrives(tmp_path: Path) -> None:
    runs = two(tmp_path, [0.7, 0.8], [0.6, 0.6])
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, {**PAIR, "kind": "sooner", "level": 80})
    assert (found.verdict, found.ours) == ("not comparable", {1: 1})
    assert "neither BasicCNN nor ResidualCNN reached 80 % (seed 0)" in found.problems


def test_without_test_accuracies_of_epochs_there_is_no_number(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path, model, [2.0, 1.0, 1.0], val=(0.6, 0.5, 0.5), test=None, data=DATA,
            settings=settings(model), classes=CLASSES, status="stopped_early",
        )
        for model in ("BasicCNN", "ResidualCNN")
    ]  # fmt: skip
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    for claim in (
        {**EARLY, "kind": "settles"},
        {**AT, "kind": "reaches", "level": 80, "epochs": 2},
        {**PAIR, "kind": "sooner", "level": 80},
        {**PAIR, "kind": "smaller_gap"},
    ):
        found = check(tmp_path, runs, *early, claim)
        assert (found.verdict, found.ours) == ("not comparable", {})
        assert "the test set was not measured after every epoch" in found.problems
        assert not any("rose" in problem for problem in found.problems)


def test_the_gap_to_the_test_loss(tmp_path: Path) -> None:
    """Made-up runs have a test loss of 0.15 nats above their training loss."""
    runs = two(tmp_path, [0.8, 0.8], [0.8, 0.8])
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, {**PAIR, "kind": "smaller_gap"})
    assert found.ours == pytest.approx({0: 0, 1: 0})
    for run in runs[:2]:
        path = Path(run["folder"], "epochs.parquet")
        table = pq.read_table(path).to_pandas()
        table["test_loss"] -= 0.1 + 0.001 * run["seed"]
        table.to_parquet(path)
    found = check(tmp_path, runs, *early, {**PAIR, "kind": "smaller_gap"})
    assert found.ours == pytest.approx({0: 0.1, 1: 0.101})
    assert found.verdict == "holds"


def test_times_on_unlike_hardware_are_not_comparable(tmp_path: Path) -> None:
    other = {"hardware": {"name": "Another CPU"}}
    runs = runs_of(tmp_path, "BasicCNN", [[0.8]], **other) + two(tmp_path, [], [0.8])
    early = [{**EARLY, "model": model} for model in ("BasicCNN", "ResidualCNN")]
    found = check(tmp_path, runs, *early, {**PAIR, "kind": "longer"})
    assert found.problems == ("computed on unlike hardware",)


def test_classes(tmp_path: Path) -> None:
    """Recall 1, 3/4, 1/4, 1/2; 2 and 3 are taken for each other by 3/4 and 1/4 of the images."""
    labels = [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    predicted = [0] * 4 + [1] * 3 + [0] + [2] + [3] * 3 + [3] * 2 + [2] + [0]
    kept = {"labels": labels, "predicted": predicted, "classes": ("a", "b", "c", "d")}
    runs = runs_of(tmp_path, "BasicCNN", [[0.8]], data=DATA, **kept)
    other = kept | {"labels": [*labels, 0], "predicted": [*predicted, 3]}  # recall 4/5 of class a
    runs += [cnn(tmp_path, "BasicCNN", [0.8], seed=1, data=DATA, **other)]
    best = {"kind": "best_classes", **AT, "classes": ["a", "b"]}
    found = check(tmp_path, runs, EARLY, best)
    assert (found.verdict, found.ours) == ("cannot tell", {0: 0.25, 1: 0.25})  # no spread
    found = check(tmp_path, runs, EARLY, {**best, "classes": ["a"]})
    assert found.ours == pytest.approx({0: 0.25, 1: 0.05})
    lost_too = [*runs, cnn(tmp_path, "BasicCNN", [0.1], seed=2, data=DATA, **kept, **LOST)]
    found = check(tmp_path, lost_too, EARLY, {**best, "classes": ["a"]})
    assert (found.verdict, list(found.ours)) == ("cannot tell", [0, 1])
    confused = {"kind": "confused", **AT, "classes": ["c", "d"]}
    found = check(tmp_path, runs, EARLY, confused)
    assert found.ours == pytest.approx({0: 0.5 - 0.125, 1: 0.5 - 0.225})
    found = check(tmp_path, runs, EARLY, {**confused, "classes": ["c", "b"]})
    assert found.ours == {0: -0.5, 1: -0.5}
    found = check(tmp_path, runs, EARLY, {**confused, "classes": ["c", "cat"]})
    assert found.problems == ("no class cat",)


@pytest.mark.parametrize("kind", ["best_classes", "confused"])
def test_classes_without_another_are_best_of_none(tmp_path: Path, kind: str) -> None:
    runs = runs_of(
        tmp_path, "BasicCNN", [[0.8]], classes=("a", "b"), labels=[0, 1], predicted=[0, 0]
    )
    found = check(tmp_path, runs, EARLY, {**AT, "kind": kind, "classes": ["a", "b"]})
    assert (found.verdict, found.ours) == ("not comparable", {})
    assert found.problems == ("no other class to compare with",)


# Bands and gradients


def bands(root: Path, widths: Sequence[tuple[float, float]], **changes: Any) -> Finding:
    """What bands of these widths (of A and of B, by seed) say, each at all four rates."""
    runs = []
    for seed, pair in enumerate(widths):
        for model, width in zip((A, B), pair, strict=True):
            for place, lr in enumerate(RATES):  # the extremes are those of two of the rates
                losses = [1 + width * (place == 3), 2 - width * (place == 0), 1.0]
                runs.append(vgg(root, model, losses, lr, seed, **changes))
    return check(root, runs, {**BAND, "factor": 0.5})


@pytest.mark.parametrize(
    ("widths", "verdict"),
    [
        ([(0.25, 1.0), (0.25, 0.9), (0.25, 1.0)], "holds"),
        ([(0.75, 1.0), (0.75, 1.0), (0.7, 1.0)], "holds in part"),
        ([(0.25, 1.0), (0.25, 1.0)], "cannot tell"),
        ([(0.25, 1.0), (1.0, 0.5), (0.2, 1.0)], "cannot tell"),
        ([(1.0, 0.5), (1.0, 0.5), (0.9, 0.5)], "does not hold"),
        ([(0.25, 1.0)], "cannot tell"),
        ([(0.0, 0.0)], "cannot tell"),
    ],
)
def test_bands(tmp_path: Path, widths: list[tuple[float, float]], verdict: str) -> None:
    found = bands(tmp_path, widths)
    assert found.verdict == verdict
    if widths[0][1]:
        ratios = [one / other for one, other in widths]
        assert list(found.ours.values()) == pytest.approx(ratios, rel=1e-6)
        assert "over 3 steps" in found.reason
    if len(widths) == 3:
        logs = np.log(ratios)
        reach = T2 * logs.std(ddof=1) / sqrt(3)
        ends = np.exp([logs.mean() - reach, logs.mean() + reach])
        assert (found.low, found.high) == pytest.approx(tuple(ends), rel=1e-6)
    assert found.rates == RATES


def test_seeds_at_all_published_rates_count(tmp_path: Path) -> None:
    runs = [
        vgg(tmp_path, model, [1.0 + width * (lr == "0.002")] * 2, lr, seed)
        for seed in (0, 1, 2)
        for model, width in ((A, 0.75 - seed / 64), (B, 1.0))
        for lr in RATES
    ]
    assert check(tmp_path, runs, BAND).verdict == "holds"
    partial = [vgg(tmp_path, model, [2.0], lr, 7) for model in (A, B) for lr in RATES[:2]]
    assert list(check(tmp_path, runs + partial, BAND).ours) == [0, 1, 2]
    found = check(tmp_path, partial, BAND)
    assert found.verdict == "not comparable"
    assert found.problems == (
        "learning rates 0.0001, 0.0005 (published 0.0001, 0.0005, 0.001, 0.002)",
    )
    found = check(tmp_path, [partial[0], partial[3]], BAND)
    assert found.problems == ("no seed has two learning rates of both models",)
    assert found.verdict == "not comparable"
    assert check(tmp_path, [partial[0], partial[3]], STEADY).reason == ""


def test_the_shortest_run_decides_whether_a_band_is_comparable(tmp_path: Path) -> None:
    """A budget that cut longer runs has changed nothing; numbers are given either way."""
    claims = {**EARLY, "model": A, "value": 45}, {**BAND, "factor": 0.5}

    def runs(status: str) -> list[dict[str, Any]]:
        cut = [
            vgg(tmp_path, model, [1.0] * 9, lr, status="completed", epochs_run=20)
            for model in (A, B)
            for lr in RATES[1:]
        ]
        ended = {"status": status, "epochs_run": 11}
        return cut + [vgg(tmp_path, model, [2.0] * 5, RATES[0], **ended) for model in (A, B)]

    assert check(tmp_path, runs("stopped_early"), *claims).verdict == "cannot tell"
    found = check(tmp_path, runs("completed"), *claims)
    assert found.verdict == "not comparable"
    assert found.problems == (f"{A} had at most 11 epochs (the published run took 45)",)
    assert found.reason.startswith("1.00 times the other's; one seed")
    assert found.ours == {0: 1.0}


def test_a_rate_that_did_not_train_must_not_decide(tmp_path: Path) -> None:
    """B is wide because of its greatest rate, at which it learned nothing."""

    def runs(flat: float) -> list[dict[str, Any]]:
        lost = {(B, "0.002"): flat}
        return [
            vgg(
                tmp_path,
                model,
                [lost.get((model, lr), 1.0 + (0.2 + 0.01 * seed) * place)] * 2,
                lr,
                seed,
            )
            for seed in (0, 1, 2)
            for model in (A, B)
            for place, lr in enumerate(RATES)
        ]

    assert check(tmp_path, runs(2.1), BAND).verdict == "holds"
    found = check(tmp_path, runs(2.3), BAND)
    assert found.verdict == "cannot tell"
    assert "diverged or stalled: VGG_A at 0.002, seed 0; VGG_A at 0.002, seed 1" in found.reason
    assert found.reason.split("; ")[-2] == "without these rates: cannot tell"


def test_a_band_keeps_diverged_runs_and_names_them(tmp_path: Path) -> None:
    runs = [vgg(tmp_path, model, [1.0, 1.0], lr) for model in (A, B) for lr in RATES[:3]]
    runs += [vgg(tmp_path, A, [1.25, 1.25], "0.002")]
    runs += [vgg(tmp_path, B, [2.0], "0.002", status="diverged", diverged_at_step=1)]
    found = check(tmp_path, runs, BAND)
    assert found.ours == {0: 0.5}  # 0.25 at both steps; 1 and 0
    assert "diverged or stalled: VGG_A at 0.002, seed 0" in found.reason


def test_a_band_is_as_long_as_the_longest_run_of_a_model_that_always_diverged(
    tmp_path: Path,
) -> None:
    runs = [vgg(tmp_path, A, [1.0] * 9, lr) for lr in RATES]
    runs += [vgg(tmp_path, B, [1.5] * n, lr, **LOST) for n, lr in enumerate(RATES, start=1)]
    assert "; over 4 steps; " in check(tmp_path, runs, BAND).reason


def test_other_images_are_not_comparable_whatever_rates_trained(tmp_path: Path) -> None:
    small = {"data": {**DATA, "train_images": 2_700, "validation_images": 300}}
    runs = [
        vgg(tmp_path, model, [1.0 if lr == "0.001" else 2.3], lr, **small)
        for model in (A, B)
        for lr in RATES
    ]
    found = check(tmp_path, runs, BAND)
    assert found.verdict == "not comparable"
    assert "without these rates: cannot tell" in found.reason


def test_a_ratio_without_a_number_for_some_seeds_says_so(tmp_path: Path) -> None:
    """The band of B has no width for seed 0; for seeds 1 and 2 the ratio is 1."""
    found = bands(tmp_path, [(1.0, 0.0), (1.0, 1.0), (1.0, 1.0)])
    assert found.verdict == "cannot tell"
    assert "0, infinite or undefined in 1 of 3 seeds, so the spread is unknown" in found.reason
    found = bands(tmp_path / "none", [(0.0, 0.0)])
    assert "nan" not in found.reason
    assert "0, infinite or undefined in 1 of 1 seeds" in found.reason


def test_widths_with_one_rate_left_out_are_given(tmp_path: Path) -> None:
    """Widths of 3 and 1 quarters; without the lowest or the greatest rate 2 and 1, or 3 and 0."""
    losses = {A: (1.0, 1.0, 1.25, 1.25), B: (1.0, 1.25, 1.5, 1.75)}
    runs = [
        vgg(tmp_path, model, [loss], lr)
        for model in (A, B)
        for lr, loss in zip(RATES, losses[model], strict=True)
    ]
    reason = check(tmp_path, runs, BAND).reason
    assert reason.endswith("0.33 to 0.50 times with any one rate left out")


STEADY = {"kind": "steadier_gradients", "model": A, "than": B}


def gradients(root: Path, spreads: Sequence[tuple[float, float]]) -> Finding:
    """What norms 1 and 1 + spread, in turns, say at three rates; the fourth is far steadier."""
    runs = []
    for seed, pair in enumerate(spreads):
        for model, spread in zip((A, B), pair, strict=True):
            for lr in RATES:
                norms = [1.0, 1.0] if lr == "0.002" else [1.0, 1 + spread]
                runs.append(vgg(root, model, [1.0] * 100, lr, seed, norms=norms * 50))
    return check(root, runs, STEADY)


@pytest.mark.parametrize(
    ("spreads", "verdict"),
    [
        ([(1.0, 2.0), (1.0, 2.1), (1.0, 2.2)], "holds"),
        ([(1.0, 2.0), (4.0, 1.0), (2.0, 3.0)], "cannot tell"),
        ([(2.0, 1.0), (2.1, 1.0), (2.2, 1.0)], "does not hold"),
        ([(1.0, 2.0)], "cannot tell"),
    ],
)
def test_gradients(tmp_path: Path, spreads: list[tuple[float, float]], verdict: str) -> None:
    found = gradients(tmp_path, spreads)
    assert found.verdict == verdict
    variation = [[(s / 2) / (1 + s / 2) for s in pair] for pair in spreads]  # sd / mean
    tails = [[(1 + s) / (1 + s / 2) for s in pair] for pair in spreads]  # of half and half
    assert list(found.ours.values()) == pytest.approx([a / b for a, b in variation])
    mean = np.exp(np.mean(np.log([a / b for a, b in tails])))
    assert f"95th percentile / median: {mean:.2f} times" in found.reason
    assert "over 100 steps" in found.reason


def test_a_run_that_diverged_in_its_first_step_has_no_gradients(tmp_path: Path) -> None:
    none = {"status": "diverged", "diverged": True, "val": ()}
    runs = [vgg(tmp_path, model, [1.0, 1.0], lr) for model in (A, B) for lr in RATES[:3]]
    runs += [vgg(tmp_path, A, [1.0], "0.002"), vgg(tmp_path, B, [], "0.002", **none)]
    for kind in ("steadier_gradients", "closer_gradients"):
        found = check(tmp_path, runs, {**STEADY, "kind": kind})
        assert found.verdict == "cannot tell"
        assert "diverged or stalled: VGG_A at 0.002, seed 0" in found.reason


def test_both_measures_of_gradients_have_to_agree(tmp_path: Path) -> None:
    spiky, even = [1.0] * 97 + [30.0] * 3, [1.0] * 90 + [2.0] * 10
    runs = []
    for seed in (0, 1):
        runs += [vgg(tmp_path, A, [1.0] * 100, lr, seed, norms=spiky) for lr in RATES]
        runs += [vgg(tmp_path, B, [1.0] * 100, lr, seed, norms=even) for lr in RATES]
    found = check(tmp_path, runs, STEADY)
    assert found.verdict == "cannot tell"  # a greater variation, a smaller 95th percentile
    assert found.ours[0] > 1
    assert "median: 0.50 times" in found.reason


def test_the_scale_of_gradients_between_rates(tmp_path: Path) -> None:
    """Medians of 1, 2, 2 and 40 beside 1, 1, 1, 2, over the two steps that both have."""
    runs = []
    for seed in (0, 1):
        for lr, one, other in zip(RATES, (1, 1, 1, 2), (1, 2, 2, 40 + seed), strict=True):
            runs.append(vgg(tmp_path, A, [1.0] * 2, lr, seed, norms=[one] * 2))
            runs.append(vgg(tmp_path, B, [1.0] * 4, lr, seed, norms=[other] * 2 + [90] * 2))
    found = check(tmp_path, runs, {**STEADY, "kind": "closer_gradients"})
    assert (found.verdict, found.ours) == ("holds", {0: 2 / 40, 1: 2 / 41})


def test_the_sample_is_not_the_published_study(tmp_path: Path) -> None:
    small = {**DATA, "train_images": 2_700, "validation_images": 300, "test_images": 300}
    found = bands(tmp_path, [(0.25, 1.0)], data=small)
    assert found.verdict == "not comparable"
    assert found.problems[0].startswith("3,000 training images, 2,700 without validation (pub")
    assert found.reason.startswith("0.25 times the other's")


def test_a_report_is_frozen() -> None:
    assert isinstance(REPORT, Report)
    with pytest.raises(ValueError, match="frozen"):
        REPORT.report = "another"
