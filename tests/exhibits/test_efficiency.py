"""Accuracy against costs: numbers, table and figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pj2.exhibits.efficiency.figure import plot_efficiency
from pj2.exhibits.efficiency.numbers import efficiencies, fronts, note_conditions, pareto_front
from pj2.exhibits.efficiency.table import efficiency_table
from pj2.exhibits.format import write_all_formats
from pj2.runs.reading import load_runs
from pj2.statistics import NOT_NEGATIVE, SHARE, mean_interval, wilson_interval
from tests.exhibits.drawing import Drawn, words
from tests.helpers.made_up import make_index, make_run, squeezed

pytestmark = pytest.mark.filterwarnings("error")
RIGHT = (0, 1, 2, 3)


def test_fronts_by_hand() -> None:
    assert pareto_front([1, 2, 3], [1, 2, 3]).tolist() == [True] * 3
    assert pareto_front([1, 2, 3], [3, 2, 1]).tolist() == [True, False, False]
    assert pareto_front([1, 1, 1], [1, 2, 2]).tolist() == [False, True, True]  # equals stay
    assert pareto_front([1, 2, 2], [2, 2, 3]).tolist() == [True, False, True]
    assert pareto_front([1, np.nan, 2], [1, 9, np.nan]).tolist() == [True, False, False]
    assert pareto_front([np.nan], [1]).tolist() == [False]
    assert pareto_front([], []).tolist() == []


def test_a_front_is_what_a_walk_along_the_cost_finds() -> None:
    source = np.random.default_rng(0)
    cost, value = source.integers(0, 30, 200), source.integers(0, 30, 200)
    front = pareto_front(cost, value)
    best = -1
    for price in np.unique(cost):
        here = value[cost == price]
        wanted = (here == here.max()) & (here > best)
        assert front[cost == price].tolist() == wanted.tolist()
        best = max(best, here.max())


def test_costs_and_accuracy_over_the_seeds_of_the_chosen_learning_rate(tmp_path: Path) -> None:
    labels = [0, 1, 2, 3]
    entries = [
        make_run(tmp_path, "A", [1.0], lr="0.1", val=(0.4,)),
        make_run(tmp_path, "A", [1.0], lr="0.2", val=(0.6,), seconds=10.0),
        make_run(
            tmp_path, "A", [1.0], lr="0.2", seed=1, val=(0.6,), predicted=labels, seconds=30.0
        ),
        make_run(tmp_path, "B", [1.0], parameters=5, macs=6, seconds=40),
        make_run(tmp_path, "C", [1.0], val=(), diverged=True),
    ]
    found, absent = efficiencies(load_runs(make_index(tmp_path, entries)))
    one, other = found
    assert absent == ["C"]
    assert [one.name, one.own_name, one.images] == ["A", "A", 4]
    assert [run.lr for run in one.runs] == ["0.2", "0.2"]
    assert one.accuracy == mean_interval([0.75, 1.0], SHARE)
    assert one.wilson is None
    assert [one.cost(name) for name in ("parameters", "macs", "seconds")] == [1234567, 7654321, 20]
    assert other.accuracy.mean == 0.75
    assert other.wilson == wilson_interval(3, 4)
    on = {name: front.tolist() for name, front in fronts(found).items()}
    assert on == {"parameters": [True, True], "macs": [True, True], "seconds": [True, False]}


def test_a_run_that_diverged_is_not_fast(tmp_path: Path, drawn: Drawn) -> None:
    entries = [
        make_run(tmp_path, "A", [1.0] * 6, val=[0.5] * 6, test=[0.5] * 6, predicted=RIGHT),
        make_run(tmp_path, "B", [1.0] * 2, diverged=True),
    ]
    index = make_index(tmp_path, entries)
    found, _ = efficiencies(load_runs(index))
    assert found[1].cost("seconds") < found[0].cost("seconds")
    assert fronts(found)["seconds"].tolist() == [True, False]
    caption = efficiency_table(index).caption
    assert "A model with a diverged run is not on the front of seconds." in caption
    assert "Diverged runs, which count only as far as they got: B at" in caption
    assert drawn(plot_efficiency, index[1:]).axes  # without any front of seconds


def test_seconds_that_do_not_compare_are_named(tmp_path: Path) -> None:
    half = {"asked": "auto", "used": "bf16"}
    server = {"device": "cuda", "name": "Made-up GPU", "threads": 4}
    entries = [
        make_run(tmp_path, "A", [1.0]),
        make_run(tmp_path, "B", [1.0], precision=half),
        make_run(tmp_path, "C", [1.0], hardware=server),
    ]
    found, _ = efficiencies(load_runs(make_index(tmp_path, entries)))
    assert note_conditions(found) == (
        "Seconds were measured under different conditions (Made-up CPU, 1 thread, fp32; "
        "Made-up CPU, 1 thread, bf16; Made-up GPU, 4 threads, fp32) and are not comparable."
    )
    assert note_conditions(found[:1]) == ""
    assert note_conditions([]) == ""


@pytest.mark.parametrize("n", [1, 7])
def test_somebody_is_always_on_the_front(n: int) -> None:
    source = np.random.default_rng(n)
    assert pareto_front(source.random(n), source.random(n)).any()


@pytest.fixture
def index(tmp_path: Path) -> list[Path]:
    gpu = {"device": "cuda", "name": "Made-up GPU", "threads": 2}
    return make_index(
        tmp_path,
        [
            make_run(tmp_path, "A", [2.0], lr="0.1", val=(0.1,), predicted=RIGHT),
            make_run(tmp_path, "A", [2.0], lr="0.2", seconds=10.0),
            make_run(tmp_path, "A", [2.0], lr="0.2", seed=1, predicted=RIGHT, seconds=20.0),
            make_run(tmp_path, "A", [2.0], experiment="f", parameters=9, seconds=99, hardware=gpu),
            make_run(tmp_path, "B", [2.0], val=(), diverged=True),
        ],
    )


def test_csv_has_a_row_a_model(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(efficiency_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame[["experiment", "model", "learning_rate", "seeds", "n"]].values.tolist() == [
        ["e", "A", 0.2, 2, 4],
        ["f", "A", 0.001, 1, 4],
    ]
    one, other = frame.iloc[0], frame.iloc[1]
    for name, values, within in (
        ("seconds", [10.0, 20.0], NOT_NEGATIVE),
        ("accuracy", [0.75, 1.0], SHARE),
    ):
        wanted = mean_interval(values, within)
        found = one[[f"{name}_{part}" for part in ("mean", "sd", "low", "high")]].tolist()
        assert found == [wanted.mean, wanted.sd, wanted.low, wanted.high]
    assert one[["wilson_low", "wilson_high"]].isna().all()
    assert other[["accuracy_sd", "accuracy_low", "seconds_sd"]].isna().all()
    assert other[["wilson_low", "wilson_high"]].tolist() == list(wilson_interval(3, 4))
    fronts = ["parameters_front", "macs_front", "seconds_front"]
    assert frame[fronts].values.tolist() == [[True, True, True], [True, False, False]]
    assert one[["device", "hardware", "threads", "precision"]].tolist() == [
        "cpu", "Made-up CPU", 1, "fp32",
    ]  # fmt: skip


def test_people_read_spread_and_fronts(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(efficiency_table(index), tmp_path / "t")
    text = squeezed(tmp_path / "t.md")
    assert (
        "| e/A | 0.2 | 2 | 4 | 1,234,567 | 7,654,321 | 15 ± 7 | 87.50 ± 17.68 "
        "| parameters, MACs, seconds |"
    ) in text
    assert "| f/A | 0.001 | 1 | 4 | 9 | 7,654,321 | 99 | 75.00 [30.06, 95.44] | param" in text
    assert "(Made-up CPU, 1 thread, fp32; Made-up GPU, 2 threads, fp32)" in text
    assert "No run finished an epoch: B." in text
    assert r"Test accuracy, \%" in (tmp_path / "t.tex").read_text()


def test_a_study_that_diverged_has_an_empty_table(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [2.0], val=(), diverged=True)])
    write_all_formats(efficiency_table(index), tmp_path / "t")
    assert (tmp_path / "t.csv").read_text().startswith("experiment,model,learning_rate,seeds,n,")


def test_efficiency_draws_points_bars_and_front(tmp_path: Path, drawn: Drawn) -> None:
    right, half = (0, 1, 2, 3), (0, 1, 3, 2)
    entries = [
        make_run(tmp_path, "A", [1.0], parameters=100, macs=5000, seconds=1),
        make_run(tmp_path, "B", [1.0], parameters=1000, macs=5000, seconds=3, predicted=right),
        make_run(tmp_path, "B", [1.0], seed=1, parameters=1000, macs=5000, seconds=5),
        make_run(tmp_path, "C", [1.0], parameters=200, macs=10**9, seconds=2, predicted=half),
    ]
    figure = drawn(plot_efficiency, make_index(tmp_path, entries))
    first, second, third = figure.axes
    steps = first.lines[0]
    assert steps.get_drawstyle() == "steps-post"
    assert steps.get_xydata()[:2].tolist() == [[100, 75], [1000, 87.5]]
    assert second.lines[0].get_xydata()[:1].tolist() == [[5000, 87.5]]
    assert third.lines[0].get_xydata()[:2].tolist() == [[1, 75], [4, 87.5]]
    assert third.get_xscale() == "log"
    bars = [bar.get_segments()[0][:, 1].tolist() for bar in first.collections]
    spread = 100 * np.std([1.0, 0.75], ddof=1)
    assert bars[1] == pytest.approx([87.5 - spread, 87.5 + spread])
    assert bars[0] == pytest.approx([30.06, 95.44], abs=0.01)  # Wilson, 3 of 4
    said = words(figure)
    assert "standard deviation over 2 seeds; 95 % Wilson interval" in said
    assert "of models with one seed" in said


def test_many_variants_and_equal_costs_stay_apart(tmp_path: Path, drawn: Drawn) -> None:
    names = [f"ImprovedCNN.batch_norm-{on}.dropout-0.{i}" for on in ("on", "off") for i in range(6)]
    entries = [make_run(tmp_path, name, [1.0]) for name in names]
    entries += [make_run(tmp_path, "VGG_A", [1.0], experiment=name) for name in ("e", "f")]
    figure = drawn(plot_efficiency, make_index(tmp_path, entries))
    (legend,) = figure.legends
    handles = legend.legend_handles[:-1]
    looks = {(str(handle.get_color()), str(handle.get_marker())) for handle in handles}
    assert len(looks) == len(handles) == 14
    assert [text.get_text() for text in legend.get_texts()][-3:] == [
        "e/VGG_A", "f/VGG_A", "Pareto front",
    ]  # fmt: skip
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert 1 <= sum(low <= tick <= high for tick in axes.get_xticks()) <= 4
