"""The page's first picture: what it draws of runs whose guesses are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pj2.report.accuracies import Picture, picture
from pj2.report.contents import Shown
from pj2.runs.reading import load_runs
from pj2.statistics import mean_interval, wilson_interval
from tests.helpers.made_up import make_index, make_run


def drawn(root: Path, *runs: dict[str, Any]) -> Picture:
    experiments = dict.fromkeys(run["experiment"] for run in runs)
    contents: Any = SimpleNamespace(config=SimpleNamespace(experiments=experiments))
    return picture(Shown(contents, tuple(load_runs(make_index(root, list(runs))))))


def guesses(right: int, of: int = 40) -> dict[str, Any]:
    return {"labels": [0] * of, "predicted": [0] * right + [1] * (of - right)}


def test_rows_stand_at_the_chosen_rate_with_interval_epochs_and_seeds(tmp_path: Path) -> None:
    found = drawn(
        tmp_path,
        make_run(tmp_path, "A", [1.0], lr="0.1", val=(0.9,), **guesses(30)),
        make_run(
            tmp_path, "A", [1.0] * 3, lr="0.1", seed=1, val=(0.9,) * 3, test=None, **guesses(32)
        ),
        make_run(tmp_path, "A", [1.0], lr="0.2", val=(0.2,), **guesses(40)),
        make_run(tmp_path, "B", [1.0], **guesses(10)),
        make_run(tmp_path, "C", [1.0], val=(), diverged=True),
        make_run(tmp_path, "B", [1.0], experiment="f", **guesses(11)),
    )
    (first, (one, other)), (second, (again,)) = found.groups
    assert (first, second) == ("e", "f")
    assert (one.name, one.detail, one.mean) == ("A", "lr 0.1 · epochs 1 to 3 · n = 2", 77.5)
    student = mean_interval([0.75, 0.8])
    assert (one.low, one.high) == (pytest.approx(100 * student.low), 100.0)
    assert (other.name, other.detail, other.mean) == ("B", "lr 0.001 · epochs 1 · n = 1", 25.0)
    assert (other.low, other.high) == pytest.approx([100 * x for x in wilson_interval(10, 40)])
    assert other.interval == " [14.2, 40.2]"
    assert again.mean == pytest.approx(27.5)
    assert found.chance == 25.0
    assert "Dashed: guessing, 25 %." in found.caption


def test_equal_seeds_have_no_interval_and_a_study_that_diverged_no_rows(tmp_path: Path) -> None:
    equal = [make_run(tmp_path, "A", [1.0], seed=seed, **guesses(20)) for seed in (0, 1)]
    ((_, (row,)),) = drawn(tmp_path, *equal).groups
    assert (row.low, row.high, row.interval) == (None, None, "")
    lost = drawn(tmp_path / "lost", make_run(tmp_path / "lost", "A", [1.0], val=(), diverged=True))
    assert lost.groups == ()


def test_of_very_many_models_the_most_accurate_are_drawn_in_their_order(tmp_path: Path) -> None:
    right = [20, 25, 5, 30, 21, 35, 6, 22, 23, 24]
    runs = [make_run(tmp_path, f"M{n}", [1.0], **guesses(r)) for n, r in enumerate(right)]
    found = drawn(tmp_path, *runs)
    ((_, rows),) = found.groups
    assert [row.name for row in rows] == [f"M{n}" for n, r in enumerate(right) if r >= 20]
    assert "2 less accurate models are in the tables only." in found.caption
