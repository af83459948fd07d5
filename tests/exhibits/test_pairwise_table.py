from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pj2.exhibits.format import write_all_formats
from pj2.exhibits.pairwise.numbers import COLUMNS, pairwise
from pj2.exhibits.pairwise.table import pairwise_table
from pj2.runs.reading import load_runs
from tests.helpers.made_up import make_index, make_run, squeezed


def run_of(root: Path, model: str, right: int, seed: int, **more: Any) -> dict[str, Any]:
    """A run that recognises the first `right` of 40 images."""
    predicted = [0] * right + [1] * (40 - right)
    return make_run(root, model, [2.0], seed=seed, labels=[0] * 40, predicted=predicted, **more)


def test_csv_holds_fractions_and_people_read_points(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, "VGG_A", 30 - seed, seed) for seed in (0, 1, 2)]
    runs += [run_of(tmp_path, "BasicCNN", 35, seed, lr="0.01") for seed in (0, 1, 2)]
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
    assert "Over images: these networks on other test images" in text
    assert "not adjusted for the number of pairs" in text
    assert "$-$15.00" in (tmp_path / "t.tex").read_text()


def test_one_seed_has_no_interval_over_seeds_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path, "A", 38, 0),
        run_of(tmp_path, "B", 20, 0),
        run_of(tmp_path, "C", 20, 0, val=(), diverged=True),
    ]
    write_all_formats(pairwise_table(make_index(tmp_path, runs)), tmp_path / "t")
    text = squeezed(tmp_path / "t.md")
    assert "| – | – | 18 | 7.6e-06 | higher for this seed |" in text
    assert "C, lr 0.001, seed 0 diverged before it finished an epoch.\n" in text
    (row,) = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert pd.isna(row["both_low"])


@pytest.mark.filterwarnings("error")
def test_one_model_makes_an_empty_table_that_says_so(tmp_path: Path) -> None:
    write_all_formats(
        pairwise_table(make_index(tmp_path, [run_of(tmp_path, "A", 38, 0)])), tmp_path / "t"
    )
    frame = pd.read_csv(tmp_path / "t.csv")
    assert (len(frame), list(frame)) == (0, list(COLUMNS))
    text = squeezed(tmp_path / "t.md")
    assert "There are no two models to compare.\n" in text
    assert text.rstrip().splitlines()[-1] == "|" + "-|" * 11
    assert r"\bottomrule" in (tmp_path / "t.tex").read_text()
