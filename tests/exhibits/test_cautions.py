"""What is said beside a comparison of runs that are not alike, or that learned nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pj2.exhibits.calibration.figure import plot_reliability
from pj2.exhibits.calibration.table import calibration_table
from pj2.exhibits.cautions import cautions, stalled_runs, unlike_budgets
from pj2.exhibits.comparison.summary import summary_table
from pj2.exhibits.comparison.table import comparison_table
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.confusion.table import confused_pairs_table, per_class_table
from pj2.exhibits.curves.figure import plot_all_models, plot_curves
from pj2.exhibits.efficiency.figure import plot_efficiency
from pj2.exhibits.efficiency.table import efficiency_table
from pj2.exhibits.learning_rates.figure import plot_learning_rates
from pj2.exhibits.learning_rates.numbers import Guess, guessing
from pj2.exhibits.pairwise.table import pairwise_table
from pj2.runs.reading import chosen_run, chosen_setting, load_runs
from pj2.runs.stalled import is_stalled
from tests.exhibits.drawing import Drawn, words
from tests.helpers.made_up import make_index, make_run

SENTENCE = "Epoch budgets differ, which alone may explain a difference: A 3; B, C 1."


TABLES = (
    comparison_table,
    summary_table,
    pairwise_table,
    efficiency_table,
    calibration_table,
    per_class_table,
    confused_pairs_table,
)
FIGURES = (
    plot_curves,
    plot_all_models,
    plot_efficiency,
    plot_reliability,
    plot_confusion,
    plot_learning_rates,
)


def index_of(root: Path, **epochs: int) -> list[Path]:
    return make_index(
        root,
        [
            make_run(root, model, [1.0, 0.9, 0.8], val=[0.5] * n, test=[0.4] * n)
            for model, n in epochs.items()
        ],
    )


def test_unlike_budgets_are_named_beside_every_comparison(tmp_path: Path) -> None:
    unlike = index_of(tmp_path / "unlike", A=3, B=1, C=1)
    assert unlike_budgets(load_runs(unlike)) == SENTENCE
    for table in (comparison_table, summary_table, pairwise_table, efficiency_table):
        assert SENTENCE in table(unlike).caption, table
    alike = index_of(tmp_path / "alike", A=2, B=2)
    assert cautions(load_runs(alike)) == ""
    for table in (comparison_table, summary_table, pairwise_table, efficiency_table):
        assert "Budgets" not in table(alike).caption, table


def test_where_no_image_validates_the_test_set_chooses_and_that_is_said(
    tmp_path: Path, drawn: Drawn
) -> None:
    entries = [
        make_run(
            tmp_path, "A", [1.0, 0.9], lr=lr, val=[None] * 2, test=test,
            settings={"validation_fraction": 0, "monitor": "test_accuracy"},
            data={"train_images": 120, "validation_images": 0},
        )
        for lr, test in {"0.001": [0.4, 0.6], "0.002": [0.5, 0.7]}.items()
    ]  # fmt: skip
    index = make_index(tmp_path, entries)
    runs = load_runs(index)
    assert [run.best_epoch for run in runs] == [1, 1]
    assert chosen_run(runs).lr == "0.002"
    assert chosen_setting(runs) == [chosen_run(runs)]
    said = {table.__name__: table(index).caption for table in TABLES}
    said |= {plot.__name__: words(drawn(plot, index)) for plot in FIGURES}
    for name, caption in said.items():
        assert "the test set chose epoch and learning rate" in caption, name
        assert "validation accuracy" not in caption, name
    rows = comparison_table(index).frame
    assert rows["val_accuracy"].isna().all()
    assert list(rows["test_accuracy"]) == [0.75, 0.75]


def test_a_diverged_run_is_named_beside_every_accuracy_of_it(tmp_path: Path, drawn: Drawn) -> None:
    entries = [
        make_run(tmp_path, "A", [1.0] * 3, val=[0.5] * 3, test=[0.4] * 3),
        make_run(tmp_path, "B", [1.0] * 2, diverged=True, settings={"epochs": 3}),
    ]
    index = make_index(tmp_path, entries)
    tables = (pairwise_table, efficiency_table, calibration_table, per_class_table)
    said = {table.__name__: table(index).caption for table in tables}
    said |= {
        plot.__name__: words(drawn(plot, index)) for plot in (plot_efficiency, plot_reliability)
    }
    said["plot_confusion"] = words(drawn(plot_confusion, index[1:]))
    for name, caption in said.items():
        assert (
            "Diverged runs, which count only as far as they got: B at 0.001, seed 0." in caption
        ), name


def test_a_seed_that_finished_no_epoch_is_missed(tmp_path: Path, drawn: Drawn) -> None:
    entries = [make_run(tmp_path, "A", [1.0, 0.9])]
    entries += [make_run(tmp_path, "A", [], seed=seed, val=(), diverged=True) for seed in (1, 2)]
    index = make_index(tmp_path, entries)
    said = [words(drawn(plot, index)) for plot in (plot_confusion, plot_reliability)]
    said += [table(index).caption for table in (per_class_table, calibration_table)]
    for caption in said:
        assert "only as far as they got: A at 0.001, seed 1; A at 0.001, seed 2." in caption


def test_a_loss_that_is_not_in_nats_is_named(tmp_path: Path, drawn: Drawn) -> None:
    squared = {"loss": {"name": "squared_error"}}
    entries = [make_run(tmp_path, "A", [0.1, 0.05], settings=squared), make_run(tmp_path, "B", [1])]
    sentence = "The training loss of A is not the cross-entropy, nor in nats; validation and test"
    assert sentence in words(drawn(plot_curves, make_index(tmp_path, entries)[:1]))


def test_runs_of_one_model_in_two_experiments_are_told_apart(tmp_path: Path) -> None:
    entries = [
        make_run(tmp_path, "B", [1.0], diverged=name == "x", experiment=name) for name in "xy"
    ]
    caption = efficiency_table(make_index(tmp_path, entries)).caption
    assert "as far as they got: x/B at 0.001, seed 0." in caption


def test_how_a_rate_is_chosen_is_said_where_runs_diverged_or_only_some_validate(
    tmp_path: Path, drawn: Drawn
) -> None:
    entries = [
        make_run(tmp_path, "A", [1.0], val=[0.6]),
        make_run(tmp_path, "A", [1.0], lr="0.1", val=[0.9], diverged=True),
    ]
    shown = words(drawn(plot_confusion, make_index(tmp_path, entries)))
    assert "0.001, which has the best validation accuracy (diverged runs last) of 2" in shown
    entries = [
        make_run(tmp_path, "A", [1.0], val=[0.6]),
        make_run(
            tmp_path, "B", [1.0], val=[None], experiment="f", data={"validation_images": 0},
            settings={"validation_fraction": 0, "monitor": "test_accuracy"},
        ),
    ]  # fmt: skip
    caption = per_class_table(make_index(tmp_path, entries)).caption
    assert "validation accuracy (or test, where no image validates): A: lr" in caption


def test_a_budget_that_a_run_did_not_use_up_is_no_difference(tmp_path: Path) -> None:
    runs: list[dict[str, Any]] = [
        make_run(tmp_path, "A", [1.0], status="stopped_early"),
        make_run(tmp_path, "B", [1.0]),
    ]
    assert unlike_budgets(load_runs(make_index(tmp_path, runs))) == ""


def test_always_naming_the_class_that_is_most_frequent_is_not_learning(tmp_path: Path) -> None:
    """Nine of ten images are of one class: 0.325 nats are what that tells, ln 2 is 0.693."""
    of = {"classes": ("healthy", "ill"), "labels": [0] * 36 + [1] * 4, "predicted": [0] * 40}
    runs = [
        make_run(tmp_path, "A", [0.33] * 20, **of),
        make_run(tmp_path, "A", [0.1] * 20, seed=1, **of),
    ]
    (stalled,) = [run for run in load_runs(make_index(tmp_path, runs)) if is_stalled(run)]
    assert stalled.seed == 0
    assert guessing([stalled]) == Guess(pytest.approx(0.3251, abs=1e-4), 0.9)


def test_runs_that_learned_nothing_are_named(tmp_path: Path) -> None:
    """Four classes: guessing has a loss of 1.386."""
    runs = [
        make_run(tmp_path, "A", [1.38] * 10 + [0.5] * 10),
        make_run(tmp_path, "A", [1.38] * 9 + [0.5] * 11, seed=1),
        make_run(tmp_path, "A", [1.30] * 20, seed=2),
        make_run(tmp_path, "A", [1.25] * 20, seed=3),
        make_run(tmp_path, "A", [1.38] * 20, seed=4, diverged=True),
    ]
    said = stalled_runs(load_runs(make_index(tmp_path, runs)))
    assert said.startswith("Hardly learned (a loss hardly below that of guessing")
    assert "A at 0.001, seed 0; A at 0.001, seed 2." in said
    assert stalled_runs([]) == ""
