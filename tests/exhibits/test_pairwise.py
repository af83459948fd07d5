"""Every pair of models: numbers, table and figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pj2.errors import UserError
from pj2.exhibits.format import write_all_formats
from pj2.exhibits.pairwise import numbers as module
from pj2.exhibits.pairwise.figure import plot_differences
from pj2.exhibits.pairwise.numbers import COLUMNS, pairwise, seeds_that_turn, verdict_of
from pj2.exhibits.pairwise.table import pairwise_table
from pj2.runs.reading import load_runs
from pj2.statistics import PairedDifference, holm, mcnemar_p, paired_difference
from pj2.wording import verdict_in_words
from tests.exhibits.drawing import Drawn, words
from tests.helpers.made_up import make_index, make_run, squeezed

IMAGES = 120
FORTY = np.arange(40)
LONG = "VGG_A_NoisyBatchNorm.label_smoothing-0.1"


def recognised(share: float, source: int | list[int]) -> np.ndarray:
    return np.random.default_rng(source).random(IMAGES) < share


def run_of(root: Path, model: str, right: np.ndarray, **more: Any) -> dict[str, Any]:
    """A run that recognises the images of `right`; all are of the first class."""
    predicted = (~right).astype(int).tolist()
    return make_run(root, model, [2.0], labels=[0] * len(right), predicted=predicted, **more)


def compare(root: Path, runs: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    frame, told = pairwise(load_runs(make_index(root, runs)))
    assert list(frame) == list(COLUMNS)
    return frame.to_dict("records"), told


def test_models_are_compared_at_their_chosen_rates_over_the_seeds_of_both(tmp_path: Path) -> None:
    rights = {
        (model, seed): recognised(share, 10 * seed + place)
        for place, (model, share) in enumerate((("A", 0.9), ("B", 0.5), ("C", 0.88)))
        for seed in (0, 1, 2)
    }
    runs = [
        run_of(tmp_path, model, right, seed=seed, lr="0.1", val=(0.8,))
        for (model, seed), right in rights.items()
        if (model, seed) != ("C", 1)
    ]
    # A rate that is better on the test set but not on validation has no say.
    perfect = np.ones(IMAGES, bool)
    runs += [run_of(tmp_path, "B", perfect, seed=s, lr="0.2", val=(0.7,)) for s in (0, 1, 2)]
    rows, told = compare(tmp_path, runs)
    assert told == []
    assert [(row["model"], row["other"], row["seeds"]) for row in rows] == [
        ("A", "B", 3), ("A", "C", 2), ("B", "C", 2),
    ]  # fmt: skip
    first = rows[0]
    one, other = (np.stack([rights[model, seed] for seed in (0, 1, 2)]) for model in "AB")
    wanted = paired_difference(one, other)
    assert (first["lr"], first["other_lr"], first["images"]) == ("0.1", "0.1", IMAGES)
    assert first["difference"] == wanted.difference
    assert (first["images_low"], first["images_high"]) == wanted.over_images
    assert (first["seeds_low"], first["seeds_high"]) == wanted.over_seeds
    assert (first["both_low"], first["both_high"]) == wanted.over_both
    assert first["discordant"] == (one != other).sum()
    by_seed = {seed: rights["A", seed].mean() - rights["B", seed].mean() for seed in (0, 1, 2)}
    assert first["by_seed"] == pytest.approx(by_seed)
    assert list(rows[1]["by_seed"]) == [0, 2]
    assert (first["verdict"], rows[1]["verdict"]) == ("higher", "not settled")
    assert rows[2]["verdict"] in ("lower", "not settled")

    # Holm's family is every pair and seed of the table.
    family = [
        mcnemar_p(rights[row["model"], seed], rights[row["other"], seed])
        for row in rows
        for seed in row["by_seed"]
    ]
    adjusted = holm(family)
    assert len(family) == 7
    assert (first["p_least"], first["p_greatest"]) == (min(adjusted[:3]), max(adjusted[:3]))
    assert (rows[2]["p_least"], rows[2]["p_greatest"]) == (min(adjusted[5:]), max(adjusted[5:]))


def test_one_seed_gets_a_verdict_on_itself_alone(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path, "A", recognised(0.9, 0)),
        run_of(tmp_path, "B", recognised(0.4, 1)),
        run_of(tmp_path, "C", recognised(0.9, 2)),
    ]
    rows, _ = compare(tmp_path, runs)
    assert [row["verdict"] for row in rows] == [
        "higher for this seed", "not settled", "lower for this seed",
    ]  # fmt: skip
    assert all(np.isnan(row["seeds_low"]) and np.isnan(row["both_high"]) for row in rows)
    assert all(row["p_least"] == row["p_greatest"] for row in rows)


def test_a_verdict_names_the_precisions_where_they_are_not_the_same(tmp_path: Path) -> None:
    def computed(model: str, share: float, seed: int, used: str) -> dict[str, Any]:
        precision = {"asked": "auto", "used": used}
        return run_of(tmp_path, model, recognised(share, seed), precision=precision)

    runs = [
        computed("A", 0.9, 0, "bf16"), computed("B", 0.4, 1, "fp32"), computed("C", 0.9, 2, "bf16"),
    ]  # fmt: skip
    verdicts = [row["verdict"] for row in compare(tmp_path, runs)[0]]
    assert verdicts == [
        "higher for this seed (bf16 and fp32)",
        "not settled",
        "lower for this seed (bf16 and fp32)",
    ]
    assert [verdict_in_words(verdict) for verdict in verdicts] == verdicts


def test_a_verdict_over_seeds_needs_both_intervals() -> None:
    def verdict(seeds: tuple[float, float] | None, both: tuple[float, float]) -> str:
        return verdict_of(PairedDifference(both[0], 3, 10, None, seeds, both), 0.0)

    assert verdict((0.1, 0.2), (0.1, 0.3)) == "higher"
    assert verdict((-0.2, -0.1), (-0.3, -0.1)) == "lower"
    assert verdict((0.1, 0.2), (-0.1, 0.3)) == "not settled"
    assert verdict((-0.1, 0.2), (0.1, 0.3)) == "not settled"
    assert verdict(None, (0.1, 0.3)) == "not settled"


def test_leaving_a_seed_out_does_not_turn_a_pair_round(tmp_path: Path) -> None:
    """Of more than 12 models the best comes second in each row, though it may come first here."""
    shares = {"M0": 0.95} | {f"M{place}": 0.3 for place in range(1, 13)}
    runs = [
        run_of(tmp_path, model, recognised(share, [place, seed]), seed=seed, val=(share,))
        for place, (model, share) in enumerate(shares.items())
        for seed in (0, 1, 2)
    ]
    records = load_runs(make_index(tmp_path, runs))
    rows = pairwise(records)[0].to_dict("records")
    assert [(row["other"], row["verdict"]) for row in rows] == [("M0", "lower")] * 12
    assert [seeds_that_turn(records, row) for row in rows[:2]] == [[], []]


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    right = recognised(0.9, 0)
    runs = [
        run_of(tmp_path, "A", right, seed=0),
        run_of(tmp_path, "A", right, seed=1, lr="0.001", val=(), diverged=True),
        run_of(tmp_path, "B", right, seed=1),
        run_of(tmp_path, "C", right[:50], seed=0),
        run_of(tmp_path, "D", right, seed=0, val=(), diverged=True),
    ]
    rows, told = compare(tmp_path, runs)
    assert rows == []
    assert told == [
        "A, lr 0.001, seed 1 diverged before it finished an epoch.",
        "D, lr 0.001, seed 0 diverged before it finished an epoch.",
        "A and B have no seed in common.",
        "A and C were not tested on the same images.",
        "B and C have no seed in common.",
    ]


def test_as_many_images_with_other_labels_are_other_images(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "A", [2.0], labels=(0, 1, 2, 3)),
        make_run(tmp_path, "B", [2.0], labels=(3, 2, 1, 0)),
    ]
    assert compare(tmp_path, runs) == ([], ["A and B were not tested on the same images."])
    runs = [
        make_run(tmp_path, model, [2.0], labels=(0,), predicted=(0,), experiment="one")
        for model in "AB"
    ]
    assert compare(tmp_path, runs) == ([], ["A and B were tested on one image only."])


@pytest.mark.filterwarnings("error")
def test_one_model_makes_an_empty_table_and_equal_models_no_difference(tmp_path: Path) -> None:
    right = recognised(0.9, 0)
    alone = [run_of(tmp_path, "A", right, seed=seed) for seed in (0, 1)]
    assert compare(tmp_path, alone) == ([], [])
    (row,), _ = compare(
        tmp_path, [*alone, *(run_of(tmp_path, "B", right, seed=seed) for seed in (0, 1))]
    )
    assert row["difference"] == 0.0
    assert all(np.isnan(row[f"{over}_low"]) for over in ("images", "seeds", "both"))
    assert (row["discordant"], row["p_least"], row["verdict"]) == (0, 1.0, "not settled")


def test_more_than_twelve_models_are_compared_with_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(one: np.ndarray, other: np.ndarray) -> PairedDifference:
        return PairedDifference(0.0, len(one), one.shape[1], (0.0, 0.0), None, None)

    monkeypatch.setattr(module, "paired_difference", found)
    right = recognised(0.9, 0)
    runs = [run_of(tmp_path, f"M{i}", right, val=(0.5 + 0.02 * (i == 7),)) for i in range(13)]
    rows, told = compare(tmp_path, runs[:12])
    assert (len(rows), told) == (66, [])
    rows, told = compare(tmp_path, runs)
    assert [row["model"] for row in rows] == [f"M{i}" for i in range(13) if i != 7]
    assert {row["other"] for row in rows} == {"M7"}
    assert told == [
        "13 models make 78 pairs: each is compared with M7 only, which has the best mean of the "
        "accuracy that chooses the learning rate."
    ]


def test_runs_of_several_experiments_are_an_error(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "A", [2.0], experiment=name) for name in ("e", "f")]
    with pytest.raises(UserError, match="runs of e, f; expected one experiment's"):
        compare(tmp_path, runs)


def test_csv_holds_fractions_and_people_read_points(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, "VGG_A", 30 - seed > FORTY, seed=seed) for seed in (0, 1, 2)]
    runs += [run_of(tmp_path, "BasicCNN", FORTY < 35, seed=s, lr="0.01") for s in (0, 1, 2)]
    index = make_index(tmp_path, runs)
    write_all_formats(pairwise_table(index), tmp_path / "t")
    (row,) = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    ((_, wanted),) = pairwise(load_runs(index))[0].iterrows()
    assert list(row) == list(COLUMNS)
    for name in ("difference", "images_low", "seeds_high", "both_low", "p_least", "p_greatest"):
        assert row[name] == wanted[name]
    assert (row["model"], row["other"], row["seeds"], row["images"]) == ("VGG_A", "BasicCNN", 3, 40)
    assert (row["discordant"], row["difference"]) == (5 + 6 + 7, -0.15)
    assert row["by_seed"] == "0:-0.125 1:-0.15 2:-0.175"
    assert row["verdict"] == "lower"

    text = squeezed(tmp_path / "t.md")
    assert "| VGG_A − BasicCNN | 0.001, 0.01 | 3 | 40 | −15.00 | [−" in text
    # t of 2 degrees of freedom at 97.5 %, times 2.5 points, over the root of 3.
    assert "| [−21.21, −8.79] | [−" in text
    # Of 5, 6 and 7 images: 2⁻⁴, 2 × 2⁻⁵, and 3 × 2⁻⁶.
    assert text.rstrip().endswith("] | 18 | 0.047 to 0.062 | lower |")
    assert "over images: these networks on other test images" in text
    assert "not adjusted for the number of pairs" in text
    assert "$-$15.00" in (tmp_path / "t.tex").read_text()


def test_one_seed_has_no_interval_over_seeds_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path, "A", FORTY < 38),
        run_of(tmp_path, "B", FORTY < 20),
        run_of(tmp_path, "C", FORTY < 20, val=(), diverged=True),
    ]
    write_all_formats(pairwise_table(make_index(tmp_path, runs)), tmp_path / "t")
    text = squeezed(tmp_path / "t.md")
    assert "| – | – | 18 | 7.6e-06 | higher for this seed |" in text
    assert "C, lr 0.001, seed 0 diverged before it finished an epoch.\n" in text
    (row,) = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert pd.isna(row["both_low"])


@pytest.mark.filterwarnings("error")
def test_one_model_makes_an_empty_table_that_says_so(tmp_path: Path) -> None:
    index = make_index(tmp_path, [run_of(tmp_path, "A", FORTY < 38)])
    write_all_formats(pairwise_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert (len(frame), list(frame)) == (0, list(COLUMNS))
    text = squeezed(tmp_path / "t.md")
    assert "There are no two models to compare.\n" in text
    assert text.rstrip().splitlines()[-1] == "|" + "-|" * 11
    assert r"\bottomrule" in (tmp_path / "t.tex").read_text()


@pytest.mark.filterwarnings("error")  # such as a layout that does not fit
def test_a_line_a_pair_with_its_seeds_and_verdict(tmp_path: Path, drawn: Drawn) -> None:
    runs = [
        run_of(tmp_path, model, recognised(share, [seed, len(model)]), seed=seed)
        for model, share in (("VGG_A", 0.9), (LONG, 0.3), ("BasicCNN", 0.9))
        for seed in (0, 1, 2)
    ]
    runs.append(run_of(tmp_path, "ResidualCNN", recognised(0.9, 7)))  # only seed 0 is in all
    figure = drawn(plot_differences, make_index(tmp_path, runs))
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 6
    assert names[:2] == [f"VGG_A\n− {LONG}", "VGG_A − BasicCNN"]
    dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert [len(seeds) for seeds in dots] == [3, 3, 3]  # type: ignore[arg-type]
    verdicts = [text.get_text().split("  ")[1] for text in axes.texts]
    assert verdicts[0] == "higher"
    assert verdicts[1] == verdicts[2] == "not settled"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["95 %, other seeds and images", "95 %, other images", "one seed"]
    assert "1 to 3 seeds of both models" in words(figure)


@pytest.mark.filterwarnings("error")
def test_one_seed_says_that_others_may_differ(tmp_path: Path, drawn: Drawn) -> None:
    runs = [
        run_of(tmp_path, "VGG_A", recognised(0.9, 0)),
        run_of(tmp_path, "BasicCNN", recognised(0.3, 1)),
    ]
    figure = drawn(plot_differences, make_index(tmp_path, runs))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["95 %, other images"]
    for sentence in ("higher for this seed", "other seeds may differ", "1 seed of both models"):
        assert sentence in words(figure)


@pytest.mark.filterwarnings("error")
def test_one_model_has_a_figure_that_says_so(tmp_path: Path, drawn: Drawn) -> None:
    right = recognised(0.9, 0)
    runs = [
        run_of(tmp_path, "VGG_A", right),
        run_of(tmp_path, "BasicCNN", right, val=(), diverged=True),
    ]
    said = words(drawn(plot_differences, make_index(tmp_path, runs)))
    assert "There are no two models to compare. BasicCNN, lr 0.001, seed 0 diverged" in said
