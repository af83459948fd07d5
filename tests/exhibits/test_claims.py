"""Every kind of claim, every verdict, on made-up runs with numbers computed by hand."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pj2.config.load import load_study, merged_grid
from pj2.config.study import list_runs
from pj2.errors import UserError
from pj2.exhibits.claims.comparable import setting_problems
from pj2.exhibits.claims.finding import Finding
from pj2.exhibits.claims.numbers import check_claims
from pj2.exhibits.claims.published import Report, read_report, statement
from pj2.runs.reading import RunRecord, load_runs
from pj2.statistics import gradient_variation, wilson_interval
from tests.helpers.made_up import make_index, make_run

PUBLISHED = Path("workflow/published.yaml")
REPORT = read_report(PUBLISHED)
DATA = {"name": "cifar10", "train_images": 45_000, "validation_images": 5_000,
        "test_images": 10_000}  # fmt: skip
RATES = ("0.0001", "0.0005", "0.001", "0.002")
A, B = "VGG_A_BatchNorm", "VGG_A"
T2 = 4.302652729911275  # the 0.975 quantile of Student's t with 2 degrees of freedom


def settings(model: str, **changes: Any) -> dict[str, Any]:
    recipe = REPORT.recipes[model].model_dump(mode="json", exclude={"learning_rates"})
    return recipe | {"model": model} | changes


def cnn(
    root: Path, model: str, test: Sequence[float], seed: int = 0, **info: Any
) -> dict[str, Any]:
    """A run of the comparison that validation ends; its honest accuracy is 0.75."""
    facts = {"status": "stopped_early", "data": DATA, "settings": settings(model)} | info
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
    return make_run(root, model, losses, lr=lr, seed=seed, **facts)


def check(
    root: Path, entries: Iterable[dict[str, Any]], *claims: Mapping[str, Any], report: Any = None
) -> Finding:
    """The finding about the last of some claims."""
    raw = yaml.safe_load(PUBLISHED.read_text()) if report is None else report
    raw["claims"] = [dict(claim) for claim in claims]
    path = root / "published.yaml"
    path.write_text(yaml.safe_dump(raw))
    return check_claims(load_runs(make_index(root, list(entries))), read_report(path))[-1]


def accuracy(root: Path, tops: Sequence[float], **claim: Any) -> Finding:
    """What three epochs, the second the best on the test set, say of BasicCNN's accuracy."""
    runs = [cnn(root, "BasicCNN", [0.5, top, 0.6], seed) for seed, top in enumerate(tops)]
    claim = {"kind": "accuracy", "model": "BasicCNN", "value": 82.91} | claim
    return check(root, runs, claim, {"kind": "epochs", "model": "BasicCNN", "value": 1}, claim)


# What the report says, as data


def test_the_file_states_what_the_report_does() -> None:
    values = {(c.kind, c.model): c.value for c in REPORT.claims if hasattr(c, "value")}
    assert values["accuracy", "BasicCNN"] == 82.91
    assert values["accuracy", "ImprovedCNN"] == 92.61
    assert values["accuracy", "ResidualCNN"] == 91.57
    assert [values["epochs", m] for m in ("BasicCNN", "ImprovedCNN", "ResidualCNN", B, A)] == [
        37, 50, 50, 100, 45,
    ]  # fmt: skip
    about = {c.model: c.tolerance for c in REPORT.claims if c.kind == "accuracy"}
    assert {model for model, tolerance in about.items() if tolerance} == {A, B}
    assert len({(c.kind, c.models) for c in REPORT.claims}) == len(REPORT.claims)


def test_the_recipes_are_those_of_the_published_study() -> None:
    study = load_study("config/paper.yaml")
    for name, experiment in study.experiments.items():
        for model in experiment.models:
            assert merged_grid(experiment, model, {}) == REPORT.recipes[model], (name, model)
    assert {model for e in study.experiments.values() for model in e.models} == set(REPORT.recipes)


def test_runs_of_the_published_study_are_made_by_these_recipes() -> None:
    runs = [
        RunRecord(run.experiment, run.model, "", 0, Path(),
                  {"settings": run.settings.model_dump(mode="json")})
        for run in list_runs(load_study("config/paper.yaml"))
    ]  # fmt: skip
    assert len(runs) >= 11
    assert [line for run in runs for line in setting_problems(run, REPORT)] == []


def test_statements_are_sentences() -> None:
    found = [statement(claim) for claim in REPORT.claims]
    assert found[0] == "BasicCNN: test accuracy, %"
    assert found[-3:] == [
        "ResidualCNN is more accurate than BasicCNN",
        f"The band of {A} is far narrower than that of {B}",
        f"The gradients of {A} are steadier than those of {B}",
    ]


def changed(root: Path, **changes: Any) -> list[str]:
    raw = copy.deepcopy(yaml.safe_load(PUBLISHED.read_text())) | changes
    path = root / "p.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(UserError) as caught:
        read_report(path)
    assert all("\n" not in line for line in caught.value.problems)
    return [line.removeprefix(f"{path}: ") for line in caught.value.problems]


CLAIM = {"kind": "accuracy", "model": "BasicCNN", "value": 80}
PAIR = {"kind": "order", "model": "BasicCNN", "than": "ResidualCNN"}
BAND = {"kind": "narrower_band", "model": A, "than": B}


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        ({**CLAIM, "tolerence": 1},
         "claims.0.tolerence: unknown key (did you mean tolerance?); the keys here are model, "
         "kind, value, tolerance"),
        ({**CLAIM, "kind": "acuracy"},
         "claims.0: found kind 'acuracy' (did you mean accuracy?); expected one of accuracy, "
         "epochs, parameters, order, narrower_band, steadier_gradients"),
        ({"model": "BasicCNN"},
         "claims.0: has no kind; expected one of accuracy, epochs, parameters, order, "
         "narrower_band, steadier_gradients"),
        ({**CLAIM, "value": 829.1},
         "claims.0.value: found 829.1: input should be less than or equal to 100"),
        ({**CLAIM, "kind": "epochs", "value": 3.5}, "claims.0.value: found 3.5: input should be"),
        ({key: CLAIM[key] for key in ("kind", "model")},
         "claims.0.value: missing, and it has no default"),
        ({**CLAIM, "model": "BasicCN"}, "claims.0.model: found 'BasicCN': no such model"),
        ({**CLAIM, "model": "VGG_A_NoisyBatchNorm"},
         "claims.0: found VGG_A_NoisyBatchNorm, which no experiment trains; expected one of "
         "BasicCNN, ImprovedCNN, ResidualCNN, VGG_A, VGG_A_BatchNorm"),
        ({**PAIR, "than": "BasicCNN"}, "claims.0: compares BasicCNN with itself; expected two"),
        ({**BAND, "factor": 2}, "claims.0.factor: found 2: input should be less than"),
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


# Accuracies


@pytest.mark.parametrize(
    ("tops", "verdict"),
    [
        ([0.82, 0.83, 0.84], "agrees"),
        ([0.810, 0.811, 0.812], "lower"),
        ([0.850, 0.851, 0.852], "higher"),
        ([0.8292], "agrees (n < 3)"),
        ([0.8250, 0.8330], "agrees (n < 3)"),
        ([0.81], "lower (n < 3)"),
        ([0.85], "higher (n < 3)"),
    ],
)
def test_accuracy(tmp_path: Path, tops: list[float], verdict: str) -> None:
    found = accuracy(tmp_path, tops)
    assert found.verdict == verdict
    assert list(found.ours.values()) == tops
    assert list(found.honest.values()) == [0.75] * len(tops)
    assert list(found.bias.values()) == pytest.approx([top - 0.75 for top in tops])
    mean = np.mean(tops)
    if len(tops) == 3:
        reach = T2 * np.std(tops, ddof=1) * sqrt(4 / 3)
        assert (found.low, found.high) == pytest.approx((mean - reach, mean + reach))
    else:
        ours, theirs = wilson_interval(round(mean * 10_000), 10_000), wilson_interval(8291, 10_000)
        down = sqrt((mean - ours[0]) ** 2 + (theirs[1] - 0.8291) ** 2)
        up = sqrt((ours[1] - mean) ** 2 + (0.8291 - theirs[0]) ** 2)
        assert (found.low, found.high) == pytest.approx((mean - down, mean + up))
    assert f"ours less the published: {100 * (mean - 0.8291):+.2f} points" in found.reason
    assert f"n = {len(tops)}" in found.reason


def test_a_planted_wrong_value_flips_the_verdict(tmp_path: Path) -> None:
    runs = [0.828, 0.829, 0.830]  # 82.40 to 83.40
    assert accuracy(tmp_path, runs).verdict == "agrees"
    assert accuracy(tmp_path, runs, value=83.45).verdict == "lower"
    assert accuracy(tmp_path, runs, value=82.35).verdict == "higher"
    # "About" is an interval that has to be met, not hit.
    assert accuracy(tmp_path, runs, value=83.45, tolerance=0.1).verdict == "agrees"
    assert accuracy(tmp_path, runs, value=83.60, tolerance=0.1).verdict == "lower"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": {**DATA, "train_images": 2_700, "validation_images": 300, "test_images": 300}},
         "3,000 training images, 2,700 without validation (published 50,000); "
         "300 test images (published 10,000)"),
        ({"data": {**DATA, "name": "svhn"}}, "data svhn (published cifar10)"),
        ({"settings": settings("BasicCNN", batch_size=16)}, "batch_size 16 (published 128)"),
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
    run = cnn(tmp_path, "BasicCNN", **({"test": [0.83]} | change))
    epochs = {"kind": "epochs", "model": "BasicCNN", "value": 37}
    found = check(tmp_path, [run], epochs, CLAIM)
    assert (found.verdict, "; ".join(found.problems)) == ("not comparable", reason)
    assert np.isnan([found.low, found.high]).all()


def test_what_does_not_matter_is_not_compared(tmp_path: Path) -> None:
    """Neither a budget that did not end the run, nor how exactly it was computed."""
    free = settings("BasicCNN", epochs=40, precision="bf16", validation_fraction=0.2)
    found = check(tmp_path, [cnn(tmp_path, "BasicCNN", [0.8], settings=free)], CLAIM)
    assert found.verdict == "agrees (n < 3)"
    done = cnn(tmp_path, "BasicCNN", [0.8], status="completed", epochs_run=37)
    epochs = {"kind": "epochs", "model": "BasicCNN", "value": 37}
    assert check(tmp_path, [done], epochs, CLAIM).verdict == "agrees (n < 3)"


def test_an_epoch_chosen_on_the_test_set_is_not_honest(tmp_path: Path) -> None:
    monitored = settings("BasicCNN", monitor="test_accuracy")
    found = check(tmp_path, [cnn(tmp_path, "BasicCNN", [0.8], settings=monitored)], CLAIM)
    assert (found.verdict, found.honest, found.bias) == ("agrees (n < 3)", {}, {})


def test_validation_chooses_the_learning_rate(tmp_path: Path) -> None:
    """Not the test set, which likes another one; a rate that is missing is named."""
    claim = {"kind": "accuracy", "model": B, "value": 84, "tolerance": 1}
    runs = [
        vgg(tmp_path, B, [2.0], lr, val=[val], test=[test])
        for lr, val, test in zip(RATES, (0.5, 0.9, 0.6, 0.1), (0.9, 0.828, 0.7, 0.1), strict=True)
    ]
    found = check(tmp_path, runs, claim)
    assert (found.verdict, found.rates, found.ours) == ("agrees (n < 3)", ("0.0005",), {0: 0.828})
    found = check(tmp_path, runs[:3], claim)
    assert found.verdict == "not comparable"
    assert found.problems == (
        "learning rates 0.0001, 0.0005, 0.001 (published 0.0001, 0.0005, 0.001, 0.002)",
    )


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


def test_diverged_runs_are_left_out_and_named(tmp_path: Path) -> None:
    good = cnn(tmp_path, "BasicCNN", [0.8])
    bad = cnn(tmp_path, "BasicCNN", [0.1], seed=1, status="diverged", diverged_at_step=2)
    found = check(tmp_path, [good, bad], CLAIM)
    assert (found.verdict, found.ours) == ("agrees (n < 3)", {0: 0.8})
    assert found.reason.endswith("; left out, diverged: BasicCNN at 0.001, seed 1")
    found = check(tmp_path, [bad], CLAIM)
    assert found.verdict == "not comparable"
    assert found.problems == ("nothing is left without runs that diverged",)
    assert found.reason.startswith("left out, diverged: ")


# Epochs and parameters


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([34, 37, 40], "agrees"),  # 37 ± 14.9
        ([30, 31, 32], "fewer"),  # 31 ± 4.97
        ([42, 43, 44], "more"),
        ([37], "agrees (n < 3)"),
        ([34], "fewer (n < 3)"),
        ([38], "more (n < 3)"),
        ([36, 38], "agrees (n < 3)"),
    ],
)
def test_epochs(tmp_path: Path, ours: list[int], verdict: str) -> None:
    runs = [cnn(tmp_path, "BasicCNN", [0.8], seed, epochs_run=n) for seed, n in enumerate(ours)]
    found = check(tmp_path, runs, {"kind": "epochs", "model": "BasicCNN", "value": 37})
    assert found.verdict == verdict
    assert (list(found.ours.values()), found.honest) == (ours, {})
    if len(ours) == 3:
        reach = T2 * np.std(ours, ddof=1) * sqrt(4 / 3)
        assert found.high - np.mean(ours) == pytest.approx(reach)


def test_epochs_that_a_budget_ended_are_not_comparable(tmp_path: Path) -> None:
    run = cnn(tmp_path, "BasicCNN", [0.8], status="completed", epochs_run=8)
    found = check(tmp_path, [run], {"kind": "epochs", "model": "BasicCNN", "value": 37})
    assert (found.verdict, found.ours) == ("not comparable", {0: 8.0})


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


# One model above another


def order(root: Path, above: Sequence[float], below: Sequence[float], **info: Any) -> Finding:
    runs = [cnn(root, "BasicCNN", [top], seed, **info) for seed, top in enumerate(above)]
    runs += [cnn(root, "ResidualCNN", [top], seed) for seed, top in enumerate(below)]
    return check(root, runs, PAIR)


def guesses(share: int) -> dict[str, Any]:
    """Predictions of which `share` of 20 are right, all others wrong."""
    return {"labels": [0] * 20, "predicted": [0] * share + [1] * (20 - share)}


@pytest.mark.parametrize(
    ("above", "below", "right", "verdict"),
    [
        ([0.92, 0.925, 0.93], [0.91, 0.91, 0.92], 17, "holds"),  # +1, +1.5, +1
        ([0.90, 0.895, 0.90], [0.91, 0.91, 0.91], 13, "does not hold"),
        ([0.92, 0.90, 0.93], [0.91, 0.91, 0.91], 17, "not settled"),  # +1, -1, +2
        ([0.92, 0.96, 0.95], [0.91, 0.91, 0.92], 17, "not settled"),  # all above; t too wide
        ([0.92, 0.925, 0.93], [0.91, 0.91, 0.92], 13, "not settled"),  # the honest one is below
        ([0.92], [0.90], 17, "holds (n < 3)"),
        ([0.90], [0.92], 13, "does not hold (n < 3)"),
        ([0.905], [0.90], 17, "not settled"),
        ([0.93, 0.89], [0.90, 0.90], 17, "not settled"),
    ],
)
def test_order(
    tmp_path: Path, above: list[float], below: list[float], right: int, verdict: str
) -> None:
    """By its protocol the accuracies are `above` and `below`, honestly `right` / 20 and 0.75."""
    found = order(tmp_path, above, below, **guesses(right))
    assert found.verdict == verdict
    apart = np.array(above) - below
    assert list(found.ours.values()) == pytest.approx(list(apart))
    assert list(found.honest.values()) == pytest.approx([right / 20 - 0.75] * len(above))
    if len(above) == 3:
        reach = T2 * apart.std(ddof=1) / sqrt(3)
        assert (found.low, found.high) == pytest.approx(
            (apart.mean() - reach, apart.mean() + reach)
        )
    assert f"above in {(apart > 0).sum()} of {len(apart)} seeds; honest: " in found.reason


def test_order_is_paired_by_seed(tmp_path: Path) -> None:
    runs = [
        cnn(tmp_path, "BasicCNN", [0.9], seed=1),
        cnn(tmp_path, "BasicCNN", [0.1], seed=2),
        cnn(tmp_path, "ResidualCNN", [0.8], seed=1),
        cnn(tmp_path, "ResidualCNN", [0.99], seed=3),
    ]
    assert check(tmp_path, runs, PAIR).ours == pytest.approx({1: 0.1})
    found = check(tmp_path, [runs[1], runs[3]], PAIR)
    assert (found.verdict, found.problems) == (
        "not comparable", ("BasicCNN and ResidualCNN have no seed in common",),
    )  # fmt: skip


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
        ([(0.25, 1.0), (0.25, 0.75), (0.2, 1.0)], "holds"),
        ([(0.25, 1.0), (0.75, 1.0), (0.2, 1.0)], "holds in part"),
        ([(0.25, 1.0), (1.0, 0.5), (0.2, 1.0)], "not settled"),
        ([(1.0, 1.0), (1.0, 0.5), (0.5, 0.25)], "does not hold"),
        ([(0.25, 1.0)], "holds (n < 3)"),
        ([(0.75, 1.0)], "holds in part (n < 3)"),
        ([(1.0, 0.5)], "does not hold (n < 3)"),
        ([(0.0, 0.0)], "not settled"),
    ],
)
def test_bands(tmp_path: Path, widths: list[tuple[float, float]], verdict: str) -> None:
    found = bands(tmp_path, widths)
    assert found.verdict == verdict
    if widths[0][1]:
        ratios = [one / other for one, other in widths]
        assert list(found.ours.values()) == pytest.approx(ratios, rel=1e-6)
        narrower = sum(ratio < 1 for ratio in ratios)
        assert f"narrower in {narrower} of {len(widths)} seeds" in found.reason
        assert "times the other's (far: below 0.5) over 3 steps" in found.reason
    assert found.rates == RATES


def test_a_band_without_a_factor_need_only_be_narrower(tmp_path: Path) -> None:
    runs = [
        vgg(tmp_path, model, [1.0 + width * (lr == "0.002")] * 2, lr, seed)
        for seed in (0, 1, 2)
        for model, width in ((A, 0.75), (B, 1.0))
        for lr in RATES
    ]
    assert check(tmp_path, runs, BAND).verdict == "holds"
    # Beside seeds at all four rates those at two of them do not count.
    partial = [vgg(tmp_path, model, [2.0], lr, 7) for model in (A, B) for lr in RATES[:2]]
    assert list(check(tmp_path, runs + partial, BAND).ours) == [0, 1, 2]
    found = check(tmp_path, partial, BAND)
    assert found.verdict == "not comparable"
    assert found.problems == (
        "learning rates 0.0001, 0.0005 (published 0.0001, 0.0005, 0.001, 0.002)",
    )
    assert "over 1 steps" in found.reason
    found = check(tmp_path, [partial[0], partial[3]], BAND)
    assert found.problems == ("no seed has two learning rates of both models",)
    assert found.verdict == "not comparable"


def test_the_shortest_run_decides_whether_a_band_is_comparable(tmp_path: Path) -> None:
    """A budget that cut longer runs has changed nothing; numbers are given either way."""
    claims = {"kind": "epochs", "model": A, "value": 45}, {**BAND, "factor": 0.5}

    def runs(status: str) -> list[dict[str, Any]]:
        cut = [
            vgg(tmp_path, model, [1.0] * 9, lr, status="completed", epochs_run=20)
            for model in (A, B)
            for lr in RATES[1:]
        ]
        ended = {"status": status, "epochs_run": 11}
        return cut + [vgg(tmp_path, model, [2.0] * 5, RATES[0], **ended) for model in (A, B)]

    assert check(tmp_path, runs("stopped_early"), *claims).verdict == "does not hold (n < 3)"
    found = check(tmp_path, runs("completed"), *claims)
    assert found.verdict == "not comparable"
    assert found.problems == (f"{A} had at most 11 epochs (the published run took 45)",)
    assert found.reason == (
        "median width 1.00 times the other's (far: below 0.5) over 5 steps, "
        "narrower in 0 of 1 seeds"
    )


def test_a_band_keeps_diverged_runs_and_names_them(tmp_path: Path) -> None:
    runs = [vgg(tmp_path, model, [1.0, 1.0], lr) for model in (A, B) for lr in RATES[:3]]
    runs += [vgg(tmp_path, A, [1.25, 1.25], "0.002")]
    runs += [vgg(tmp_path, B, [2.0], "0.002", status="diverged", diverged_at_step=1)]
    found = check(tmp_path, runs, BAND)
    assert found.ours == {0: 0.5}  # 0.25 at both steps; 1 and 0
    assert found.reason.endswith("; in the band until it diverged: VGG_A at 0.002, seed 0")


def gradients(root: Path, spreads: Sequence[tuple[float, float]]) -> Finding:
    """What norms 1 and 1 + spread, in turns, say at three rates; the fourth is far steadier."""
    runs = []
    for seed, pair in enumerate(spreads):
        for model, spread in zip((A, B), pair, strict=True):
            for lr in RATES:
                norms = [1.0, 1.0] if lr == "0.002" else [1.0, 1 + spread]
                runs.append(vgg(root, model, [1.0] * 100, lr, seed, norms=norms * 50))
    return check(root, runs, {"kind": "steadier_gradients", "model": A, "than": B})


@pytest.mark.parametrize(
    ("spreads", "verdict"),
    [
        ([(1.0, 2.0), (1.0, 4.0), (2.0, 3.0)], "holds"),
        ([(1.0, 2.0), (4.0, 1.0), (2.0, 3.0)], "not settled"),
        ([(2.0, 1.0), (2.0, 2.0), (3.0, 2.0)], "does not hold"),
        ([(1.0, 2.0)], "holds (n < 3)"),
        ([(2.0, 1.0)], "does not hold (n < 3)"),
    ],
)
def test_gradients(tmp_path: Path, spreads: list[tuple[float, float]], verdict: str) -> None:
    found = gradients(tmp_path, spreads)
    assert found.verdict == verdict
    variation = [[(s / 2) / (1 + s / 2) for s in pair] for pair in spreads]  # sd / mean
    tails = [[(1 + s) / (1 + s / 2) for s in pair] for pair in spreads]  # of half and half
    assert list(found.ours.values()) == pytest.approx([a / b for a, b in variation])
    mean = np.mean([a / b for a, b in tails])
    assert f"95th percentile / median {mean:.2f}" in found.reason
    assert found.reason.endswith(f"over 100 steps, n = {len(spreads)}")


def test_both_measures_of_gradients_have_to_agree(tmp_path: Path) -> None:
    spiky, even = [1.0] * 97 + [30.0] * 3, [1.0] * 90 + [2.0] * 10
    runs = [vgg(tmp_path, A, [1.0] * 100, lr, norms=spiky) for lr in RATES]
    runs += [vgg(tmp_path, B, [1.0] * 100, lr, norms=even) for lr in RATES]
    found = check(tmp_path, runs, {"kind": "steadier_gradients", "model": A, "than": B})
    assert found.verdict == "not settled"  # a greater variation, a smaller 95th percentile
    assert found.ours[0] > 1
    assert "median 0.50 times" in found.reason


def test_gradients_over_common_steps_of_pairs_that_did_not_diverge(tmp_path: Path) -> None:
    runs = [vgg(tmp_path, A, [1.0] * 2, lr, norms=[1.0, 2.0]) for lr in RATES]
    runs += [vgg(tmp_path, B, [1.0] * 4, lr, norms=[1.0, 3.0, 9.0, 90.0]) for lr in RATES[:3]]
    lost = {"status": "diverged", "diverged_at_step": 2}
    runs += [vgg(tmp_path, B, [1.0] * 2, "0.002", norms=[1.0, 99.0], **lost)]
    claim = {"kind": "steadier_gradients", "model": A, "than": B}
    found = check(tmp_path, runs, claim)
    assert found.ours == pytest.approx({0: (0.5 / 1.5) / (1 / 2)})
    assert found.reason.endswith("over 2 steps, n = 1; left out, diverged: VGG_A at 0.002, seed 0")
    every = [vgg(tmp_path, B, [1.0] * 2, lr, **lost) for lr in RATES]
    found = check(tmp_path, runs[:4] + every, claim)
    assert found.verdict == "not comparable"
    assert found.problems == ("nothing is left without runs that diverged",)
    assert found.reason.startswith("left out, diverged: ")


def test_the_sample_is_not_the_published_study(tmp_path: Path) -> None:
    small = {**DATA, "train_images": 2_700, "validation_images": 300, "test_images": 300}
    found = bands(tmp_path, [(0.25, 1.0)], data=small)
    assert found.verdict == "not comparable"
    assert found.problems[0].startswith("3,000 training images, 2,700 without validation (pub")
    assert found.reason.endswith("narrower in 1 of 1 seeds")


def test_no_torch() -> None:
    code = "import sys, pj2.exhibits.claims.table; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_report_is_frozen() -> None:
    assert isinstance(REPORT, Report)
    with pytest.raises(ValueError, match="frozen"):
        REPORT.report = "another"
