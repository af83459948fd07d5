"""Tables of probes and of curvature."""

from __future__ import annotations

import pandas as pd
import pytest

from pj2.exhibits.curvature.table import curvature_table
from pj2.exhibits.format import write_all_formats
from pj2.exhibits.probes.table import probe_ratios_table, probes_table
from pj2.store.files import write_json
from tests.helpers.made_up import make_index, make_run, probes_of, squeezed


@pytest.fixture
def index(tmp_path):
    entries = []
    for model, scale in (("VGG_A", 1.0), ("VGG_A_BatchNorm", 0.25)):
        for seed in (0, 1):
            distances = [[0.1 * scale, 0.4 * scale, 0.2 * scale]]
            probes = probes_of([[2 - scale, 2.0, 2 + scale]], distances)
            entries.append(
                make_run(tmp_path, model, [2.0] * 20, lr="0.1", seed=seed, probes=probes)
            )
    return make_index(tmp_path, entries)


def test_a_row_a_run(index, tmp_path):
    write_all_formats(probes_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert len(frame) == 8
    frame = frame[frame.part == "whole run"]
    assert frame.loss_variation.tolist() == pytest.approx([2.0, 2.0, 0.5, 0.5])
    assert "| VGG_A_BatchNorm | 0.1 | 1 | gradient | whole run | 1 | 0.5 | 0.1 |" in squeezed(
        tmp_path / "t.md"
    )


def test_a_row_a_pair_of_models(index, tmp_path):
    write_all_formats(probe_ratios_table(index), tmp_path / "t")
    row, _ = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert (row["model"], row["other"], row["seeds"]) == ("VGG_A_BatchNorm", "VGG_A", 2)
    assert row["smoothness"] == pytest.approx(0.25)
    text = squeezed(tmp_path / "t.md")
    assert (
        "| VGG_A_BatchNorm / VGG_A | 0.1 | gradient | whole run | 2 | 0.25 [0.25, 0.25] |" in text
    )


def test_one_model_has_no_ratios(tmp_path):
    probes = probes_of([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])
    entry = make_run(tmp_path, "VGG_A", [2.0] * 20, probes=probes)
    write_all_formats(probe_ratios_table(make_index(tmp_path, [entry])), tmp_path / "t")
    assert pd.read_csv(tmp_path / "t.csv").empty


def test_curvature(tmp_path):
    about = {
        "model": "VGG_A", "lr": "0.1", "seed": 0, "weights": "best", "config": {"images": 9},
    }  # fmt: skip
    measured = {
        "about": about, "loss": 1.25, "largest": [9.0, 4.0], "smallest": [-1.0, -0.5],
        "traces": [10.0, 12.0, 14.0], "grid": [0.0], "density": [1.0],
    }  # fmt: skip
    write_json(tmp_path / "c.json", [measured])
    write_all_formats(curvature_table([tmp_path / "c.json"]), tmp_path / "t")
    (row,) = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert (row["trace"], row["smallest"], row["largest"]) == (12.0, -1.0, "9 4")
    assert row["trace_error"] == pytest.approx(2 / 3**0.5)
    assert "| 9, 4 | -1 | 12 ± 1.2 |" in squeezed(tmp_path / "t.md")
