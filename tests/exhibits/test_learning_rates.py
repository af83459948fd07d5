"""Loss and accuracy at each learning rate: which rates train, and the sensitivity to them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pj2.errors import UserError
from pj2.exhibits.format import Table
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.exhibits.learning_rates.chart import rate_charts
from pj2.exhibits.learning_rates.figure import plot_learning_rates
from pj2.exhibits.learning_rates.numbers import (
    DIVERGED,
    LEARNED,
    STALLED,
    greatest_that_learns,
    guessing,
    outcomes,
    seeds_of,
    step_counts,
)
from pj2.exhibits.learning_rates.table import learning_rates_table
from pj2.runs.reading import RunRecord, load_runs
from pj2.store.files import write_table
from tests.exhibits.drawing import Drawn, words
from tests.helpers.chart_data import rows
from tests.helpers.made_up import make_index, make_run

GUESS = math.log(4)  # made-up runs tell four classes apart
LEARNS = [*[1.0] * 10, *[0.2] * 10]  # of two epochs; the last has a mean loss of 0.2
SLOWLY = [*[1.2] * 10, *[0.5] * 10]
STAYS = [GUESS] * 20
TWO = (0.3, 0.5)


def load(root: Path, entries: list[dict[str, Any]]) -> list[RunRecord]:
    return load_runs(make_index(root, entries))


def trained(root: Path, losses: Iterable[float], lr: str, **more: Any) -> dict[str, Any]:
    given = {"model": "A", "val": TWO, "test": TWO} | more
    return make_run(root, given.pop("model"), [*losses], lr=lr, **given)


def diverged(root: Path, losses: Iterable[float], lr: str, **more: Any) -> dict[str, Any]:
    return trained(root, losses, lr, val=(), test=(), diverged=True, **more)


def table_of(root: Path, entries: list[dict[str, Any]]) -> Table:
    index = make_index(root, entries)
    write_table(root / "band.parquet", landscape_band(load_runs(index)))
    return learning_rates_table(index, root / "band.parquet")


def read(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.headings, row, strict=True)) for row in table.rows]


def test_a_loss_is_the_mean_of_the_steps_before_and_counts_go_by_the_shortest(
    tmp_path: Path,
) -> None:
    entries = [
        trained(tmp_path, np.arange(240.0), "0.1"),
        trained(tmp_path, np.arange(200.0), "0.2"),
        diverged(tmp_path, np.arange(120.0), "0.3"),
        diverged(tmp_path, [], "0.4"),
    ]
    runs = load(tmp_path, entries)
    assert step_counts(runs) == ([50, 100, 200], 10)
    found = [each.losses for each in outcomes(runs)]
    assert found[0] == found[1] == {50: 44.5, 100: 94.5, 200: 194.5}
    assert found[2] == pytest.approx({50: 44.5, 100: 94.5, 200: math.nan}, nan_ok=True)
    assert all(map(math.isnan, found[3].values()))
    assert step_counts(runs[2:]) == ([30, 60, 120], 6)
    assert step_counts(runs[3:]) == ([1], 1)


def test_a_run_learned_stalled_or_diverged_and_has_the_accuracy_of_its_predictions(
    tmp_path: Path,
) -> None:
    entries = [
        trained(tmp_path, LEARNS, "0.1", predicted=(0, 1, 2, 3)),
        trained(tmp_path, STAYS, "0.2", predicted=(0, 0, 0, 0)),
        diverged(tmp_path, LEARNS, "0.3"),
    ]
    runs = load(tmp_path, entries)
    found = outcomes(runs)
    assert [each.state for each in found] == [LEARNED, STALLED, DIVERGED]
    assert [each.accuracy for each in found] == pytest.approx([1.0, 0.25, math.nan], nan_ok=True)
    assert guessing(runs).loss == pytest.approx(GUESS)
    assert guessing(runs).accuracy == 0.25


def test_the_greatest_rate_that_learns_is_the_greatest_at_which_no_seed_failed() -> None:
    states = [("0.001", LEARNED), ("0.01", LEARNED), ("0.01", STALLED), ("1e-05", STALLED)]
    assert greatest_that_learns(states) == "0.001"
    assert greatest_that_learns([*states, ("0.001", DIVERGED)]) is None
    # A lesser rate that fails takes nothing away.
    assert greatest_that_learns([*states, ("0.1", LEARNED)]) == "0.1"


def test_sensitivity_is_the_mean_distance_to_the_best_and_nothing_counts_as_more_than_guessing(
    tmp_path: Path,
) -> None:
    entries = [
        trained(tmp_path, LEARNS, "0.01"),
        trained(tmp_path, SLOWLY, "0.1"),
        trained(tmp_path, [1.0] * 10 + [50.0] * 10, "1.0"),
        diverged(tmp_path, [0.1] * 5, "10.0"),
    ]
    (seed,) = seeds_of(load(tmp_path, entries))
    assert [*seed.final.values()] == pytest.approx([0.2, 0.5, 50.0, math.inf])
    assert seed.initial == pytest.approx(GUESS)
    assert seed.sensitivity == pytest.approx((0 + 0.3 + 2 * (GUESS - 0.2)) / 4)
    assert seed.best == pytest.approx(0.2)
    # Equal losses at all rates: the rate does not matter.
    alike = [trained(tmp_path / "alike", LEARNS, lr) for lr in ("0.01", "0.1")]
    assert seeds_of(load(tmp_path / "alike", alike))[0].sensitivity == 0


def test_there_is_no_sensitivity_of_one_rate_of_none_that_learns_or_of_another_loss(
    tmp_path: Path,
) -> None:
    squared = {"settings": {"loss": {"name": "squared_error"}}}
    entries = [
        trained(tmp_path, LEARNS, "0.1", model="One"),
        trained(tmp_path, STAYS, "0.1", model="Stalled"),
        diverged(tmp_path, [2.0], "1.0", model="Stalled"),
        trained(tmp_path, LEARNS, "0.1", model="Squared", **squared),
        trained(tmp_path, SLOWLY, "1.0", model="Squared", **squared),
        diverged(tmp_path, [2.0], "0.1", model="Lost"),
        diverged(tmp_path, [2.0], "1.0", model="Lost"),
    ]
    assert all(math.isnan(seed.sensitivity) for seed in seeds_of(load(tmp_path, entries)))
    table = table_of(tmp_path, entries)
    shown = {row["Model"]: row for row in read(table)}
    assert {row["Sensitivity"] for row in shown.values()} == {"–"}
    assert shown["Lost"]["Best final loss"] == "–"
    assert "no sensitivity: Squared." in table.caption
    assert "different rates" in table.caption


def test_two_runs_of_one_rate_and_seed_are_refused(tmp_path: Path) -> None:
    entries = [
        trained(tmp_path, LEARNS, "0.1"),
        trained(tmp_path, LEARNS, "0.1", experiment="f"),
    ]
    for take in (seeds_of, outcomes):
        with pytest.raises(UserError, match=r"a second run of A at learning rate 0\.1"):
            take(load(tmp_path, entries))


def test_the_table_has_a_models_range_over_seeds_and_what_bounds_it(tmp_path: Path) -> None:
    entries = [
        *(trained(tmp_path, LEARNS, "0.01", seed=seed) for seed in (0, 1)),
        trained(tmp_path, SLOWLY, "0.1", seed=0),
        trained(tmp_path, STAYS, "0.1", seed=1),
        *(diverged(tmp_path, [2.0], "1.0", seed=seed) for seed in (0, 1)),
        *(
            trained(tmp_path, LEARNS, lr, model="B", seed=seed)
            for lr in ("0.01", "0.1", "1.0") for seed in (0, 1)
        ),
    ]  # fmt: skip
    table = table_of(tmp_path, entries)
    first, second = read(table)
    assert first["Did not learn"] == ("hardly learned: 0.1 (1 of 2); diverged: 1.0")
    assert first["Greatest rate that learns"] == "0.01 [0.01 to 0.1]"
    assert first["Greater rates tried"] == "0.1, 1.0"
    each = [(0.3 + GUESS - 0.2) / 3, 2 * (GUESS - 0.2) / 3]
    mean, sd = np.mean(each), np.std(each, ddof=1)
    assert first["Sensitivity"] == f"{mean:.3f} ± {sd:.3f}"
    assert second["Did not learn"] == "none"
    assert second["Greatest rate that learns"] == "1.0"
    assert second["Greater rates tried"] == "none, so not bounded: learns at all rates tried"
    assert second["Sensitivity"] == "0.000 ± 0.000"
    frame = table.frame
    assert frame["sensitivity"].tolist() == pytest.approx([*each, 0, 0])
    assert frame["greatest_that_learns"].tolist() == ["0.1", "0.01", "1.0", "1.0"]
    assert frame["greater_tried"].tolist() == ["1.0", "0.1 1.0", "", ""]
    assert frame["final_losses"].tolist()[0] == "0.2 0.5 inf"


def test_of_one_seed_no_spread_is_shown_and_the_width_is_that_of_its_band(tmp_path: Path) -> None:
    entries = [
        trained(tmp_path, LEARNS, "0.01"),
        trained(tmp_path, [loss + 0.25 for loss in LEARNS], "0.1"),
        diverged(tmp_path, [1.0], "1.0", model="B"),
        trained(tmp_path, STAYS, "0.1", model="B"),
    ]
    first, second = read(table_of(tmp_path, entries))
    assert not {"±", "[", "("} & set("".join(first.values()))
    assert first["Median width (common)"] == "0.250"
    assert first["Sensitivity"] == "0.125"
    assert second["Did not learn"] == "hardly learned: 0.1; diverged: 1.0"
    assert (second["Greatest rate that learns"], second["Greater rates tried"]) == ("none", "–")


def mixed(root: Path) -> list[dict[str, Any]]:
    """A learns at two of four rates; at one a seed stalls, at one both diverge at once."""
    runs = []
    for seed in (0, 1):
        runs += [
            trained(root, LEARNS, "0.001", seed=seed, predicted=(0, 1, 2, 3)),
            trained(root, SLOWLY, "0.01", seed=seed),
            trained(root, (SLOWLY, STAYS)[seed], "0.1", seed=seed),
            diverged(root, [2.0], "1.0", seed=seed),
        ]
    return runs


def test_the_figures_lines_leave_out_the_rates_at_which_a_seed_failed(
    tmp_path: Path, drawn: Drawn
) -> None:
    figure = drawn(plot_learning_rates, make_index(tmp_path, mixed(tmp_path)))
    *losses, accuracy = figure.axes
    assert [axes.get_title() for axes in losses] == [f"after {n} steps" for n in (5, 10, 20)]
    assert accuracy.get_xscale() == "log"
    rates, means = losses[-1].lines[0].get_data()
    assert list(rates) == [0.001, 0.01, 0.1, 1.0]
    assert means == pytest.approx([0.2, 0.5, math.nan, math.nan], nan_ok=True)
    percent = accuracy.lines[0].get_ydata()
    assert percent == pytest.approx([100, 75, math.nan, math.nan], nan_ok=True)
    (two,) = [text for text in losses[-1].texts if text.get_text()]
    assert two.get_text() == "2"
    assert "Hardly learned" in words(figure)
    assert "A at 0.1, seed 1" in words(figure)


def test_what_keeps_runs_from_being_compared_stands_beside_each(
    tmp_path: Path, drawn: Drawn
) -> None:
    entries = [
        trained(tmp_path, LEARNS, "0.1", settings={"monitor": "test_accuracy"}),
        trained(tmp_path, LEARNS, "0.2"),
    ]
    caution = "The test set chose the epoch"
    index = make_index(tmp_path, entries)
    figure = words(drawn(plot_learning_rates, index))
    assert caution in figure
    assert "means" not in figure  # of one seed
    assert caution in table_of(tmp_path, entries).caption
    assert all(caution in chart.caption for chart in rate_charts(load_runs(index)))


def test_names_of_rates_that_lie_close_are_left_out_and_their_ticks_kept(
    tmp_path: Path, drawn: Drawn
) -> None:
    rates = ("0.001", "0.0011", "0.0012", "0.1")
    entries = [trained(tmp_path, LEARNS, lr) for lr in rates]
    axes = drawn(plot_learning_rates, make_index(tmp_path, entries)).axes[-1]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.001", "", "", "0.1"]


def test_the_charts_have_every_run_and_no_mean_where_a_seed_failed(tmp_path: Path) -> None:
    loss, accuracy = rate_charts(load(tmp_path, mixed(tmp_path)))
    points, means = rows(loss.data["points"]), rows(loss.data["means"])
    assert len(points) == 3 * 8
    last = means[means["after"] == "20"]
    assert last["value"].tolist() == pytest.approx([0.2, 0.5, math.nan, math.nan], nan_ok=True)
    one = points[(points["after"] == "20") & (points["lr"] == "0.1")]
    assert one["seed"].tolist() == ["0", "1"]
    assert one["state"].tolist() == ["learned", "hardly learned"]
    assert one["value"].tolist() == pytest.approx([0.5, GUESS], abs=1e-4)
    lost = points[(points["after"] == "20") & (points["lr"] == "1.0")]
    assert lost["value"].isna().all()
    assert lost["rate"].is_unique  # to be pointed at one by one
    assert rows(accuracy.data["points"])["value"].tolist()[:2] == [100, 75]
    # All that may be chosen lies on the axes, which an empty choice could not give an extent.
    for chart, (low, high) in ((loss, (0.2, GUESS)), (accuracy, (25, 100))):
        for layer in chart.spec["layer"][:2]:
            y, x = (layer["encoding"][name]["scale"]["domain"] for name in ("y", "x"))
            assert (y[0], y[1]) == pytest.approx((low, high))
            assert x == [0.001, 1.0]
    (choice,) = [each for each in loss.choices if each.parameter == "after"]
    assert [value for value, _, _ in choice.options] == ["5", "10", "20"]
