"""The band of losses over learning rates: numbers, table and figure."""

from __future__ import annotations

import filecmp
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pj2.errors import UserError
from pj2.exhibits.curves.figure import plot_curves
from pj2.exhibits.format import write_all_formats
from pj2.exhibits.landscape.chart import landscape_charts
from pj2.exhibits.landscape.figure import plot_landscape
from pj2.exhibits.landscape.numbers import (
    BAND_SCHEMA,
    band_runs,
    band_width_table,
    bin_band,
    common_steps,
    landscape_band,
    separation_table,
)
from pj2.exhibits.landscape.table import landscape_table
from pj2.runs.reading import RunRecord, diverged, load_runs, steps
from pj2.store.files import write_table
from tests.helpers.made_up import make_index, make_run, squeezed

RATES = ("0.001", "0.002", "0.0001", "0.0005")


def load(root: Path, entries: list[dict[str, object]]) -> list[RunRecord]:
    return load_runs(make_index(root, entries))


def test_the_band_is_a_pandas_groupby_bit_for_bit(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    runs = load(
        tmp_path,
        [
            make_run(tmp_path, model, source.gamma(1.0, 2.0, size=300 - 40 * i), lr=lr)
            for model in ("VGG_A_BatchNorm", "VGG_A")
            for i, lr in enumerate(RATES)
        ],
    )
    frame = pd.concat([steps(run).assign(model=run.model, lr=run.lr, seed=0) for run in runs])
    grouped = frame.groupby(["model", "seed", "step"], sort=False).loss
    expected = grouped.agg(["min", "max"])[grouped.count() == len(RATES)].reset_index()

    band = landscape_band(runs)
    assert band.schema == BAND_SCHEMA
    pd.testing.assert_frame_equal(band.to_pandas(), expected, check_exact=True)
    write_table(tmp_path / "once.parquet", band)
    write_table(tmp_path / "twice.parquet", landscape_band(runs))
    once, twice = tmp_path / "once.parquet", tmp_path / "twice.parquet"
    assert filecmp.cmp(once, twice, shallow=False)


def test_memory_does_not_grow_with_the_number_of_runs(tmp_path: Path) -> None:
    steps_each = 50_000
    loss = np.random.default_rng(0).random(steps_each)
    runs = load(tmp_path, [make_run(tmp_path, "A", loss, lr=f"{i}e-4") for i in range(1, 21)])
    peaks = []
    for some in (runs[:2], runs):
        tracemalloc.start()
        landscape_band(some)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 5 * 4 * steps_each  # of 18 more runs


def test_a_diverged_run_gives_its_losses_and_shortens_nothing(tmp_path: Path) -> None:
    entries = [
        make_run(tmp_path, "A", [4, 4, 4, 4], lr="0.1"),
        make_run(tmp_path, "A", [3, 3, 3, 3, 3], lr="0.01"),
        make_run(tmp_path, "A", [9, 1], lr="1.0", val=(), diverged=True),
        make_run(tmp_path, "A", [], lr="2.0", val=(), diverged=True),
    ]
    runs = load(tmp_path, entries)
    band = landscape_band(runs).to_pandas()
    assert band["min"].tolist() == [3, 1, 3, 3]
    assert band["max"].tolist() == [9, 4, 4, 4]
    assert [(run.lr, run.diverged_at) for run in diverged(runs)] == [("1.0", 2), ("2.0", 0)]


def test_if_all_runs_diverged_the_band_is_as_long_as_the_longest(tmp_path: Path) -> None:
    entries = [
        make_run(tmp_path, "A", [4, 5, 6], lr="0.1", val=(), diverged=True),
        make_run(tmp_path, "A", [7], lr="1.0", val=(), diverged=True),
    ]
    band = landscape_band(load(tmp_path, entries)).to_pandas()
    assert band["min"].tolist() == [4, 5, 6]
    assert band["max"].tolist() == [7, 5, 6]
    none = [make_run(tmp_path, "B", [], val=(), diverged=True)]
    with pytest.raises(UserError, match="no loss of B is finite"):
        landscape_band(load(tmp_path, none))
    with pytest.raises(UserError, match="no loss of B is finite"):
        landscape_charts(load(tmp_path, none))


def test_a_band_is_of_one_seed_and_one_run_a_learning_rate(tmp_path: Path) -> None:
    entries = [
        make_run(tmp_path, "A", [1.0], lr=lr, seed=seed) for lr in ("0.1", "0.2") for seed in (3, 1)
    ]
    runs = load(tmp_path, entries)
    found = {key: [run.lr for run in group] for key, group in band_runs(runs).items()}
    assert found == {("A", 3): ["0.1", "0.2"], ("A", 1): ["0.1", "0.2"]}
    again = make_run(tmp_path, "A", [1.0], lr="0.1", seed=3, experiment="f")
    with pytest.raises(UserError, match=r"a second run of A at learning rate 0\.1"):
        band_runs(load(tmp_path, [*entries, again]))


def table(**bands: list[tuple[float, float]]) -> object:
    rows = [(m, 0, step, *pair) for m, band in bands.items() for step, pair in enumerate(band)]
    frame = pd.DataFrame(rows, columns=["model", "seed", "step", "min", "max"])
    return BAND_SCHEMA.empty_table().from_pandas(frame, BAND_SCHEMA, preserve_index=False)


def test_bins_keep_every_extreme() -> None:
    source = np.random.default_rng(1)
    low = source.normal(size=1003)
    band = table(A=list(zip(low, low + 1, strict=True)), B=[(0.0, 1.0)] * 20)
    binned = bin_band(band, 100).to_pandas()
    raw = band.to_pandas()
    one = binned[binned["model"] == "A"]
    assert one["step"].tolist() == list(range(0, 1003, 11))
    for _, row in one.iterrows():
        inside = raw[(raw["model"] == "A") & raw["step"].between(row["step"], row["step"] + 10)]
        assert row["min"] == inside["min"].min()
        assert row["max"] == inside["max"].max()
    assert binned[binned["model"] == "B"]["step"].tolist() == [0, 11]
    assert bin_band(band, 2000).equals(band)


def test_widths_and_gaps_by_hand() -> None:
    band = table(
        A=[(1, 2), (1, 5), (4, 6), (1, 2), (0, 9)],
        B=[(2, 4), (6, 7), (1, 3), (3, 3)],
    )
    widths = band_width_table(band)
    # Relative to the mean of both: 2/3, 4/3, 2/5, 2/3 and 2 of A; 2/3, 2/13, 1 and 0 of B.
    assert widths.to_dict("list") == {
        "model": ["A", "B"], "seed": [0, 0], "steps": [5, 4],
        "mean_width": [3.4, 1.25], "median_width": [2, 1.5],
        "relative_width": pytest.approx([2 / 3, (2 / 3 + 2 / 13) / 2]),
    }  # fmt: skip
    assert band_width_table(common_steps(band))["mean_width"].tolist() == [2.0, 1.25]
    gaps = separation_table(band).set_index(["model", "other"])
    # Step 0 touches; 1 and 3 have A beneath B; 2 has B beneath A; 4 is A's alone.
    assert gaps.loc[("A", "B")].tolist() == [0, 4, 3, 0.75, 2, 1]
    assert gaps.loc[("B", "A")].tolist() == [0, 4, 3, 0.75, 1, 1]
    never = separation_table(table(A=[(1, 2)], B=[(1, 2)]))
    assert never["apart"].tolist() == [0, 0]
    assert never["first_apart"].isna().all()


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
    assert "| 1.0 at step 1 | 4 | 3.7500 | 3.0000 | 1.4667 |" in text
    assert "| 2 (66.7 %) |" in text
    assert (tmp_path / "t.tex").exists()


def test_widths_with_each_rate_left_out(tmp_path: Path) -> None:
    """Losses of 1, 2 and 4 at every step; of B they are all one more and end after 2 steps."""
    runs = [
        make_run(tmp_path, model, [more + loss] * length, lr=lr)
        for model, more, length in (("A", 0.0, 6), ("B", 1.0, 2))
        for lr, loss in (("0.1", 1.0), ("0.2", 2.0), ("0.3", 4.0))
    ]
    write_landscape_table(make_index(tmp_path, runs), tmp_path)
    first, second = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert first["relative_width"] == first["common_relative_width"] == pytest.approx(3 / 2.5)
    assert second["relative_width"] == pytest.approx(3 / 3.5)
    for row in (first, second):
        ends = row["common_median_width_least"], row["common_median_width_greatest"]
        assert ends == (1.0, 3.0)
    ends = first["common_relative_width_least"], first["common_relative_width_greatest"]
    assert ends == pytest.approx((2 / 3, 3 / 2.5))
    ends = second["common_relative_width_least"], second["common_relative_width_greatest"]
    assert ends == pytest.approx((1 / 2.5, 3 / 3.5))
    text = squeezed(tmp_path / "t.md")
    assert "| 3.0000 | 1.0000 to 3.0000 | 1.2000 | 0.6667 to 1.2000 |" in text
    assert "| 3.0000 | 1.0000 to 3.0000 | 0.8571 | 0.4000 to 0.8571 |" in text


def test_of_two_rates_none_is_left_out_and_a_loss_of_0_has_no_relative_width(
    tmp_path: Path,
) -> None:
    runs = [make_run(tmp_path, "A", [0.0, 0.0], lr=lr) for lr in ("0.1", "0.2")]
    write_landscape_table(make_index(tmp_path, runs), tmp_path)
    (row,) = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert "common_median_width_least" not in row
    assert np.isnan(row["relative_width"])
    assert "| 0.0000 | – | – | – |" in squeezed(tmp_path / "t.md")


def test_a_models_width_is_its_own_in_whatever_order_the_band_was_written(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, model, [low, low], lr=lr, seed=seed)
        for model, wide in (("A", 1.0), ("B", 4.0))
        for seed in (0, 1)
        for lr, low in (("0.01", 2.0), ("0.1", 2.0 + wide + seed))
    ]
    index = make_index(tmp_path, runs)
    band = tmp_path / "band.parquet"
    write_table(band, landscape_band(load_runs(index)[::-1]))
    frame = landscape_table(index, band).frame
    assert frame[["model", "seed", "median_width"]].to_numpy().tolist() == [
        ["A", 0, 1.0], ["A", 1, 2.0], ["B", 0, 4.0], ["B", 1, 5.0],
    ]  # fmt: skip


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
    assert "| A | 0.01, 0.1 | 2 | none | 4 | 1.5000 ± 0.7071 | 1.5000 ± 0.7071 |" in text
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


@pytest.mark.filterwarnings("error")
def test_long_runs_many_runs_and_seeds_fit(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    val = np.linspace(0, 0.9, 30)
    runs = [
        make_run(tmp_path, model, source.random(900), lr=lr, seed=seed, val=val, test=None)
        for model in ("BasicCNN", "ImprovedCNN", "A_model_with_a_long_name")
        for lr in ("0.1", "0.01", "0.001", "0.0001", "1e-05")
        for seed in (0, 1)
    ]
    index = make_index(tmp_path, runs)
    plot_curves(index, tmp_path / "curves")
    write_table(tmp_path / "band.parquet", landscape_band(load_runs(index)))
    plot_landscape(index, tmp_path / "band.parquet", tmp_path / "landscape")
    with pytest.raises(UserError, match=r"holds the bands of .*; expected those of BasicCNN"):
        plot_landscape(index[:1], tmp_path / "band.parquet", tmp_path / "landscape")
