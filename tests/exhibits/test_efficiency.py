from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pj2.exhibits.efficiency.numbers import efficiencies, fronts, note_conditions, pareto_front
from pj2.runs.reading import load_runs
from pj2.statistics import mean_interval, wilson_interval
from tests.helpers.made_up import make_index, make_run


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
    assert one.accuracy == mean_interval([0.75, 1.0])
    assert one.wilson is None
    assert [one.cost(name) for name in ("parameters", "macs", "seconds")] == [1234567, 7654321, 20]
    assert other.accuracy.mean == 0.75
    assert other.wilson == wilson_interval(3, 4)
    on = {name: front.tolist() for name, front in fronts(found).items()}
    assert on == {"parameters": [True, True], "macs": [True, True], "seconds": [True, False]}


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
        "Made-up CPU, 1 thread, bf16; Made-up GPU, 4 threads, fp32) and do not compare across them."
    )
    assert note_conditions(found[:1]) == ""
    assert note_conditions([]) == ""


@pytest.mark.parametrize("n", [1, 7])
def test_somebody_is_always_on_the_front(n: int) -> None:
    source = np.random.default_rng(n)
    assert pareto_front(source.random(n), source.random(n)).any()
