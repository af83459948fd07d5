from __future__ import annotations

from pathlib import Path

import pandas as pd

from pj2.exhibits.format import write_all_formats
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.exhibits.landscape.table import landscape_table
from pj2.runs.reading import load_runs
from pj2.store.files import write_table
from tests.helpers.made_up import make_index, make_run, squeezed


def write_landscape_table(index: list[Path], folder: Path) -> None:
    write_table(folder / "band.parquet", landscape_band(load_runs(index)))
    write_all_formats(landscape_table(index, folder / "band.parquet"), folder / "t")


def test_widths_gaps_and_diverged_runs(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "A", [1.0, 1.0, 4.0, 0.0], lr="0.01"),
        make_run(tmp_path, "A", [2.0, 5.0, 6.0, 1.0], lr="0.1"),
        make_run(tmp_path, "A", [9.0], lr="1.0", val=(), diverged=True),
        make_run(tmp_path, "B", [2.0, 6.0, 1.0], lr="0.01"),
        make_run(tmp_path, "B", [4.0, 7.0, 3.0], lr="0.1"),
    ]
    write_landscape_table(make_index(tmp_path, runs), tmp_path)
    first, second = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert first["learning_rates"] == "0.01 0.1 1.0"
    assert first["diverged"] == "1.0@1"
    assert (first["steps"], first["mean_width"], first["median_width"]) == (4, 3.75, 3.0)
    assert (first["common_steps"], first["common_median_width"]) == (3, 4.0)
    assert first["steps_apart_from_B"] == 2
    assert first["share_apart_from_B"] == 2 / 3
    assert (first["steps_below_B"], second["steps_below_A"]) == (1, 1)
    assert first["first_step_apart_from_B"] == 1
    assert pd.isna(first["steps_apart_from_A"])
    text = squeezed(tmp_path / "t.md")
    assert "| 1.0 at step 1 | 4 | 3.7500 | 3.0000 |" in text
    assert "| 2 (66.7 %) |" in text
    assert (tmp_path / "t.tex").exists()


def test_one_model_has_no_gaps(tmp_path: Path) -> None:
    write_landscape_table(make_index(tmp_path, [make_run(tmp_path, "A", [1.0])]), tmp_path)
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame["mean_width"].tolist() == [0.0]
    assert not any("apart" in column for column in frame.columns)


def test_every_seed_has_a_band_and_people_read_their_mean_and_spread(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, model, [low + wide * (lr == "0.1")] * 4, lr=lr, seed=seed)
        for seed, wide in ((0, 1.0), (1, 2.0))
        for model, low in (("A", 0.0), ("B", 5.0))
        for lr in ("0.01", "0.1")
    ]
    write_landscape_table(make_index(tmp_path, runs), tmp_path)
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame[["model", "seed", "median_width"]].to_numpy().tolist() == [
        ["A", 0, 1.0], ["A", 1, 2.0], ["B", 0, 1.0], ["B", 1, 2.0],
    ]  # fmt: skip
    text = squeezed(tmp_path / "t.md")
    assert "| A | 0.01, 0.1 | 0, 1 | none | 4 | 1.5000 ± 0.7071 | 1.5000 ± 0.7071 |" in text
    assert "| 4 (100.0 ± 0.0 %) |" in text


def test_models_are_compared_over_the_seeds_that_both_have(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, model, [low + (lr == "0.1")] * 4, lr=lr, seed=seed)
        for model, low, seeds in (("A", 0.0, (0, 1)), ("B", 5.0, (1,)), ("C", 5.0, (2,)))
        for seed in seeds
        for lr in ("0.01", "0.1")
    ]
    write_landscape_table(make_index(tmp_path, runs), tmp_path)
    heading, _, first, second, third = squeezed(tmp_path / "t.md").splitlines()[2:]
    assert heading.endswith("| Apart from B | Apart from A |")
    assert first.endswith("| 4 (100.0 %) | – |")
    assert second.endswith("| – | 4 (100.0 %) |")
    assert third.endswith("| – | – |")
