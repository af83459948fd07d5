"""What the report makes of tables, pictures, runs and numbers."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pj2.errors import UserError
from pj2.exhibits.columns import bins, columns, share
from pj2.exhibits.confusion.chart import confusion_charts
from pj2.exhibits.curves.chart import accuracy_curves, loss_curves
from pj2.exhibits.efficiency.chart import efficiency_charts
from pj2.exhibits.format import Table, read_table, write_all_formats
from pj2.exhibits.landscape import chart as landscape
from pj2.exhibits.landscape.chart import landscape_charts
from pj2.exhibits.palette import _DARK_PAGE, _luminance, on_dark
from pj2.report.contents import read_contents
from pj2.report.glance import optimizer_in_words
from pj2.report.images import embed
from pj2.runs.reading import load_runs
from tests.helpers.chart_data import rows
from tests.helpers.made_up import make_index, make_run


@pytest.fixture
def runs(tmp_path: Path):
    entries = [
        make_run(tmp_path, "VGG_A", np.linspace(2, 1, 40), lr="0.1", val=(0.5, 0.6), test=None),
        make_run(tmp_path, "VGG_A", [2.5] * 7, lr="0.2", val=(), diverged=True),
        make_run(tmp_path, "BasicCNN", [1.0], lr="0.1", val=(0.7,), test=(0.6,)),
    ]
    return load_runs(make_index(tmp_path, entries))


def test_a_table_is_read_back_cell_by_cell_with_its_special_letters(tmp_path):
    frame = pd.DataFrame({"Model_a": ["a|b", "*c* <i>"], "n": ["1,234", "–"]})
    made = Table.of(frame, caption="What it is. More of it.", shown=frame)
    write_all_formats(made, tmp_path / "t")
    table = read_table(tmp_path / "t.json")
    assert table.caption == "What it is. More of it."
    assert table.headings == ("Model_a", "n")
    assert table.rows == (("a|b", "1,234"), ("*c* <i>", "–"))
    assert table.numeric == (False, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "adamw", "weight_decay": 5e-4}, "adamw weight decay 0.0005"),
        ({"name": "sgd", "weight_decay": 0.0, "nesterov": False, "momentum": 0.0}, "sgd"),
        ({"name": "sgd", "momentum": 0.9, "nesterov": True}, "sgd momentum 0.9 nesterov"),
        ({"name": "gone", "kind": "b", "turns": False}, "gone kind b turns False"),
    ],
)
def test_an_optimizer_is_shown_with_all_options_that_are_not_its_defaults(options, words):
    assert optimizer_in_words(options) == words


def test_a_file_without_a_table_is_a_users_mistake(tmp_path):
    (tmp_path / "t.json").write_text('{"caption": "no table here"}')
    with pytest.raises(UserError, match=r"t\.json: is damaged, .*: headings: Field required"):
        read_table(tmp_path / "t.json")
    with pytest.raises(UserError, match=r"u\.json: is missing"):
        read_table(tmp_path / "u.json")


def test_a_drawing_of_few_colours_stays_exact_and_a_wide_one_is_made_smaller(tmp_path):
    pixels = np.random.default_rng(0).choice([0, 90, 255], (20, 30, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    picture = embed(tmp_path / "small.png")
    assert (picture.width, picture.height) == (30, 20)
    kind, _, content = picture.uri.partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(BytesIO(base64.b64decode(content))) as found:
        np.testing.assert_array_equal(np.asarray(found.convert("RGB")), pixels)
    assert embed(tmp_path / "small.png", width=15).height == 10
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"broken\.png: not a readable picture"):
        embed(tmp_path / "broken.png")


def test_columns_round_numbers_and_list_words_once():
    frame = pd.DataFrame({"x": [1.234567, np.nan], "n": [7, 8], "w": ["b", "b"]})
    assert columns(frame, digits=3) == {
        "rows": 2,
        "columns": {"x": [1.23, None], "n": [7, 8], "w": [0, 0]},
        "words": {"w": ["b"]},
    }


def test_bins_keep_extremes_and_means_of_a_last_one_that_is_short():
    low, high, mean = bins(np.array([1.0, 5.0, 2.0, 4.0, 9.0]), 2)
    assert low.tolist() == [1, 2, 9]
    assert high.tolist() == [5, 4, 9]
    assert mean.tolist() == [3, 3, 9]
    assert [len(part) for part in bins(np.empty(0), 3)] == [0, 0, 0]


def test_a_share_has_bounds():
    assert share(1000, range(4), 400) == 250
    assert share(1000, range(1), 400) == 400
    assert share(1000, range(1000), 400) == 10


@pytest.mark.parametrize("colour", ["#000000", "#0072b2", "#e69f00"])
def test_colours_are_light_enough_for_the_dark(colour):
    def luminance(text: str) -> float:
        return _luminance([int(text[place : place + 2], 16) / 255 for place in (1, 3, 5)])

    ratio = (luminance(on_dark(colour)) + 0.05) / (luminance(_DARK_PAGE) + 0.05)
    assert ratio >= 4.4  # to_hex rounds
    assert on_dark("#e69f00") == "#e69f00"


def test_curves_hold_every_run_and_split_that_was_measured(runs):
    loss = rows(loss_curves(runs).data["points"])
    counts = loss.groupby(["series", "split"]).size().to_dict()
    assert counts == {
        ("VGG_A · 0.1", "training"): 8,  # means of five steps
        ("VGG_A · 0.1", "validation"): 2,
        ("VGG_A · 0.2", "training"): 2,
        ("BasicCNN", "training"): 1,
        ("BasicCNN", "validation"): 1,
        ("BasicCNN", "test"): 1,
    }
    first = loss[(loss["series"] == "VGG_A · 0.1") & (loss["split"] == "training")]
    assert first["y"].iloc[0] == pytest.approx(np.linspace(2, 1, 40)[:5].mean(), rel=1e-4)
    assert first["x"].iloc[0] == pytest.approx(2.5 / 20)
    accuracy = rows(accuracy_curves(runs).data["points"])
    one = accuracy[(accuracy["series"] == "BasicCNN") & (accuracy["split"] == "test")]
    assert one[["x", "y"]].to_numpy().tolist() == [[1.0, 60.0]]


def test_confusion_and_efficiency_are_those_of_the_tables(runs):
    (chart,) = confusion_charts(runs)
    cells = rows(chart.data["cells"])
    found = cells[(cells["model"] == "BasicCNN") & (cells["count"] > 0)]
    assert found[["true", "predicted", "share"]].to_numpy().tolist() == [
        ["plane", "plane", 100],
        ["car", "car", 100],
        ["bird", "bird", 100],
        ["cat", "bird", 100],
    ]
    (costs,) = efficiency_charts(runs)
    models = rows(costs.data["models"])
    one = models[(models["model"] == "BasicCNN") & (models["kind"] == "seconds")].iloc[0]
    assert (one["cost"], one["accuracy"], one["front"]) == (2.0, 75.0, "yes")


def test_a_study_without_predictions_has_neither(tmp_path):
    entry = make_run(tmp_path, "VGG_A", [2.5] * 7, val=(), diverged=True)
    lost = load_runs(make_index(tmp_path, [entry]))
    assert confusion_charts(lost) == []
    assert efficiency_charts(lost) == []


def test_a_landscape_has_every_loss_as_it_was_recorded(tmp_path, monkeypatch):
    losses = np.random.default_rng(0).normal(2, 1, 5001).astype(np.float32)
    runs = load_runs(make_index(tmp_path, [make_run(tmp_path, "VGG_A", losses)]))
    (made,) = landscape_charts(runs)
    (run,) = made.band["runs"]
    assert run["steps"] == 5001
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(run["loss"]), "<f4"), losses)
    monkeypatch.setattr(landscape, "_MOST", 5000)
    assert landscape_charts(runs) is None


def test_the_efficiency_of_several_seeds_is_drawn_as_in_the_figure(tmp_path):
    guesses = [(0, 1, 2, 2), (0, 1, 2, 3), (0, 0, 0, 3)]
    entries = [
        make_run(tmp_path, "A", [1.0], seed=seed, predicted=predicted)
        for seed, predicted in enumerate(guesses)
    ]
    runs = load_runs(make_index(tmp_path, entries))
    (chart,) = efficiency_charts(runs)
    row = rows(chart.data["models"]).iloc[0]
    accuracies = pd.Series([75.0, 100.0, 50.0])
    assert row["low"] == pytest.approx(accuracies.mean() - accuracies.std(), rel=1e-4)
    assert row["high"] == pytest.approx(accuracies.mean() + accuracies.std(), rel=1e-4)


def test_contents_that_are_not_the_pipelines_are_a_users_mistake(tmp_path):
    path = tmp_path / "report.json"
    path.write_text('{"results": "results/s"}')
    with pytest.raises(UserError, match=r"report\.json: is damaged, .*: data: Field required"):
        read_contents(path)
