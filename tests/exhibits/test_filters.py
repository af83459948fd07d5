"""The filters of the first convolution."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pj2.errors import UserError
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.filters.figure import plot_filters
from pj2.store.records import write_record
from tests.helpers.made_up import make_index, make_run


@pytest.mark.filterwarnings("error")
def test_a_model_without_a_convolution_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, "A", [1.0])
    path = Path(run["folder"]) / "run.json"
    write_record(path, {**json.loads(path.read_text()), "first_conv": None})
    plot_filters(make_index(tmp_path, [run]), tmp_path / "filters")
    assert (tmp_path / "filters.svg").exists()


def test_a_hundred_classes_and_grey_filters_fit(tmp_path: Path) -> None:
    labels = list(range(100)) * 2
    run = make_run(
        tmp_path, "A", [1.0], labels=labels, predicted=labels[::-1],
        classes=[f"class_{i}" for i in range(100)],
        filters=np.ones((11, 1, 5, 5), np.float32),
    )  # fmt: skip
    index = make_index(tmp_path, [run])
    plot_confusion(index, tmp_path / "confusion")
    plot_filters(index, tmp_path / "filters")


def test_filters_are_in_order_on_one_symmetric_scale(tmp_path: Path) -> None:
    filters = np.zeros((8, 3, 1, 1), np.float32)
    filters[1, 0] = 2.0  # the layer's largest magnitude, in red
    filters[2, 2] = -1.0
    (index,) = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], filters=filters)])
    plot_filters([index], tmp_path / "figure")
    with Image.open(tmp_path / "figure.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    grey = 127
    assert {(grey, grey, grey), (255, grey, grey), (grey, grey, 63)} <= colours


def test_weights_that_are_no_images_are_named(tmp_path: Path) -> None:
    flat = np.ones((4, 5, 3, 3), np.float32)
    index = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], filters=flat)])
    with pytest.raises(UserError, match=r"features\.0\.weight has shape \[4, 5, 3, 3\]"):
        plot_filters(index, tmp_path / "figure")
    other = make_run(tmp_path, "A", [1.0], first_conv="stem.weight")
    with pytest.raises(UserError, match=r"best\.safetensors: stem\.weight"):
        plot_filters(make_index(tmp_path, [other]), tmp_path / "figure")
    (tmp_path / other["folder"] / "best.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        plot_filters(make_index(tmp_path, [other]), tmp_path / "figure")
