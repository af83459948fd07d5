from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pj2.exhibits.comparison.table import comparison_table
from pj2.exhibits.format import write_all_formats
from pj2.statistics import wilson_interval
from tests.helpers.made_up import make_index, make_run, squeezed


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    runs = [
        make_run(tmp_path, "A", [2.0, 1.0, 1.0], val=(0.5, 0.75, 0.7), test=(0.4, 0.6, 0.65)),
        make_run(tmp_path, "A", [2.0], lr="1e-05", val=(0.5,), test=None, status="stopped_early"),
        make_run(tmp_path, "B", [2.0] * 1234, val=(), test=None, diverged=True),
    ]
    write_all_formats(
        comparison_table(make_index(tmp_path, runs)), tmp_path / "tables" / "comparison"
    )
    return tmp_path / "tables" / "comparison"


def test_csv_holds_fractions_at_full_precision(stem: Path) -> None:
    frame = pd.read_csv(f"{stem}.csv")
    first = frame.iloc[0]
    assert frame["status"].tolist() == ["completed", "stopped_early", "diverged"]
    assert first[["experiment", "model", "learning_rate", "seed"]].tolist() == ["e", "A", 0.001, 0]
    assert first[["parameters", "macs", "epochs", "best_epoch"]].tolist() == [
        1234567,
        7654321,
        3,
        2,
    ]
    assert first[["val_accuracy", "val_low", "val_high"]].tolist() == [
        0.75, *wilson_interval(15, 20),
    ]  # fmt: skip
    # Test accuracy is that of predictions.parquet (3 of 4), not of epochs.parquet.
    assert first[["test_accuracy", "test_low", "test_high"]].tolist() == [
        0.75, *wilson_interval(3, 4),
    ]  # fmt: skip
    assert first["test_n"] == 4
    assert first[["published_accuracy", "published_epoch"]].tolist() == [0.65, 3]
    assert frame["published_accuracy"].isna().tolist() == [False, True, True]
    assert frame["test_accuracy"].isna().tolist() == [False, False, True]
    assert frame["diverged_at_step"].tolist()[2] == 1234
    lines = Path(f"{stem}.csv").read_text().splitlines()
    assert lines[3].startswith("e,B,0.001,0,diverged,1234,1234567,7654321,0,,val_accuracy,,,,,,")


def test_people_read_percent_intervals_and_n(stem: Path) -> None:
    lines = squeezed(Path(f"{stem}.md")).splitlines()
    header, rows = lines[2], lines[4:]
    assert "Best test epoch (published protocol), %" in header
    assert "75.00 [53.13, 88.81] | 20 | 75.00 [30.06, 95.44] | 4 | 65.00 [" in rows[0]
    assert "| A | 1e-05 | 0 | stopped early |" in rows[1]
    assert "| – | 2 | 1,000 | fp32 | Made-up CPU, 1 thread |" in rows[1]
    assert "| diverged at step 1,234 | 1,234,567 | 7,654,321 | 0 | – | – | – | – |" in rows[2]
    assert r"75.00 [53.13, 88.81]" in Path(f"{stem}.tex").read_text()
