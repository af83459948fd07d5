"""Which classes are taken for which: numbers and tables."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from pj2.exhibits.confusion.numbers import ConfusedPair, confusion
from pj2.exhibits.confusion.table import confused_pairs_table, per_class_table
from pj2.exhibits.format import write_all_formats
from pj2.runs.reading import Predictions
from pj2.statistics import wilson_interval
from tests.helpers.made_up import make_index, make_run, squeezed


def guesses(classes, label, predicted):
    sure = np.eye(len(classes), dtype=np.float32)[predicted]
    return Predictions(classes, label, predicted, sure, np.arange(len(label)))


def test_counts_and_shares_agree_with_scikit_learn() -> None:
    source = np.random.default_rng(0)
    label, guess = source.integers(0, 5, 400), source.integers(0, 5, 400)
    predictions = guesses(tuple("abcde"), label, guess)
    result = confusion([predictions])
    assert np.array_equal(result.counts, confusion_matrix(label, guess))
    np.testing.assert_allclose(result.shares, confusion_matrix(label, guess, normalize="true"))
    np.testing.assert_allclose(result.class_accuracy, recall_score(label, guess, average=None))
    assert predictions.correct / 400 == accuracy_score(label, guess)


def test_most_confused_pairs_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    guess = np.array([1, 1, 1, 0, 2, 1, 1, 2])
    result = confusion([guesses(("cat", "dog", "fox", "owl"), label, guess)])
    found = [astuple(pair)[:4] for pair in result.most_confused(5)]
    assert found == [("cat", "dog", 3, 0.75), ("dog", "fox", 1, 0.5), ("fox", "dog", 1, 0.5)]
    assert [pair.true for pair in result.most_confused(1)] == ["cat"]
    assert np.isnan(result.spread).all()  # of one seed nothing is known
    assert result.images.tolist() == [4, 2, 2, 0]
    assert np.isnan(result.class_accuracy[3])  # no image of an owl was shown


def test_over_seeds_counts_are_means_with_their_standard_deviation() -> None:
    label = np.array([0, 0, 0, 0, 1, 1])
    first = guesses(("cat", "dog"), label, np.array([1, 1, 1, 0, 1, 1]))
    second = guesses(("cat", "dog"), label, np.array([1, 0, 0, 0, 1, 0]))
    result = confusion([first, second])
    assert result.counts.tolist() == [[2.0, 2.0], [0.5, 1.5]]
    assert result.class_accuracy.tolist() == [0.5, 0.75]
    sd = 2**0.5
    assert result.most_confused(2) == [
        ConfusedPair("cat", "dog", 2.0, 0.5, pytest.approx(sd)),
        ConfusedPair("dog", "cat", 0.5, 0.25, pytest.approx(sd / 2)),
    ]


@pytest.fixture
def index(tmp_path: Path) -> list[Path]:
    labels = [0] * 5 + [1] * 5
    guesses = [0, 0, 0, 0, 2, 1, 2, 2, 2, 0]
    seen = {"labels": labels, "predicted": guesses}
    return make_index(
        tmp_path,
        [
            make_run(tmp_path, "A", [2.0], lr="0.1", val=(0.5,)),
            make_run(tmp_path, "A", [2.0], lr="0.2", val=(0.6,), **seen),
            make_run(tmp_path, "B", [2.0], val=(), diverged=True),
            make_run(tmp_path, "C", [2.0], val=(0.1,), labels=labels, predicted=labels),
        ],
    )


def test_classes_of_the_chosen_runs(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(per_class_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    one = frame[frame["model"] == "A"]
    assert one["learning_rate"].unique().tolist() == [0.2]
    assert one["class"].tolist() == ["plane", "car", ""]  # no image of the other two
    assert one["n"].tolist() == [5, 5, 10]
    assert one["accuracy"].tolist() == [0.8, 0.2, 0.5]
    assert one[["low", "high"]].iloc[0].tolist() == list(wilson_interval(4, 5))
    text = squeezed(tmp_path / "t.md")
    assert "A: lr 0.2, seed 0; B: no run finished an epoch; C: lr 0.001, seed 0" in text
    assert "| Class | n | A | C |" in text
    assert "| all classes | 10 | 50.00 [23.66, 76.34] | 100.00 [72.25, 100.00] |" in text


def test_most_frequent_mistakes(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(confused_pairs_table(index, top=2), tmp_path / "t")
    assert (tmp_path / "t.csv").read_text() == (
        "experiment,model,learning_rate,seeds,true,predicted,count,share,sd\n"
        "e,A,0.2,1,car,bird,3.0,0.6,\n"
        "e,A,0.2,1,plane,bird,1.0,0.2,\n"
    )
    assert "| A | car → bird | 3 | 60.00 |" in squeezed(tmp_path / "t.md")
    assert r"car $\rightarrow$ bird" in (tmp_path / "t.tex").read_text()


def test_over_seeds_there_are_means_and_standard_deviations(tmp_path: Path) -> None:
    labels = [0, 0, 1, 1]
    runs = [
        make_run(tmp_path, "A", [2.0], seed=seed, labels=labels, predicted=guess)
        for seed, guess in enumerate([[0, 0, 1, 0], [0, 1, 1, 1]])
    ]
    # Worse on validation, whatever the test split says.
    worse = {"lr": "0.5", "val": (0.4,), "labels": labels, "predicted": labels}
    runs += [make_run(tmp_path, "A", [2.0], seed=seed, **worse) for seed in (0, 1)]
    index = make_index(tmp_path, runs)
    write_all_formats(per_class_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert frame["seeds"].tolist() == [2, 2, 2]
    assert frame["accuracy"].tolist() == [0.75, 0.75, 0.75]
    assert frame["sd"].tolist() == pytest.approx([0.5**1.5, 0.5**1.5, 0.0])
    assert "| all classes | 4 | 75.00 ± 0.00 |" in squeezed(tmp_path / "t.md")
    write_all_formats(confused_pairs_table(index), tmp_path / "t")
    assert "| A | plane → car | 0.5 ± 0.7 | 25.00 |" in squeezed(tmp_path / "t.md")
    assert "lr 0.001, seeds 0, 1" in (tmp_path / "t.md").read_text()
