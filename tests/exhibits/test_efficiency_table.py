from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pj2.exhibits.efficiency.table import efficiency_table
from pj2.exhibits.format import write_all_formats
from pj2.statistics import mean_interval, wilson_interval
from tests.helpers.made_up import make_index, make_run, squeezed

pytestmark = pytest.mark.filterwarnings("error")
RIGHT = (0, 1, 2, 3)


@pytest.fixture
def index(tmp_path: Path) -> list[Path]:
    gpu = {"device": "cuda", "name": "Made-up GPU", "threads": 2}
    return make_index(
        tmp_path,
        [
            make_run(tmp_path, "A", [2.0], lr="0.1", val=(0.1,), predicted=RIGHT),
            make_run(tmp_path, "A", [2.0], lr="0.2", seconds=10.0),
            make_run(tmp_path, "A", [2.0], lr="0.2", seed=1, predicted=RIGHT, seconds=20.0),
            make_run(tmp_path, "A", [2.0], experiment="f", parameters=9, seconds=99, hardware=gpu),
            make_run(tmp_path, "B", [2.0], val=(), diverged=True),
        ],
    )


def test_csv_has_a_row_a_model(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(efficiency_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame[["experiment", "model", "learning_rate", "seeds", "n"]].values.tolist() == [
        ["e", "A", 0.2, 2, 4],
        ["f", "A", 0.001, 1, 4],
    ]
    one, other = frame.iloc[0], frame.iloc[1]
    for name, values in (("seconds", [10.0, 20.0]), ("accuracy", [0.75, 1.0])):
        wanted = mean_interval(values)
        found = one[[f"{name}_{part}" for part in ("mean", "sd", "low", "high")]].tolist()
        assert found == [wanted.mean, wanted.sd, wanted.low, wanted.high]
    assert one[["wilson_low", "wilson_high"]].isna().all()
    assert other[["accuracy_sd", "accuracy_low", "seconds_sd"]].isna().all()
    assert other[["wilson_low", "wilson_high"]].tolist() == list(wilson_interval(3, 4))
    fronts = ["parameters_front", "macs_front", "seconds_front"]
    assert frame[fronts].values.tolist() == [[True, True, True], [True, False, False]]
    assert one[["device", "hardware", "threads", "precision"]].tolist() == [
        "cpu", "Made-up CPU", 1, "fp32",
    ]  # fmt: skip


def test_people_read_spread_and_fronts(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(efficiency_table(index), tmp_path / "t")
    text = squeezed(tmp_path / "t.md")
    assert (
        "| e/A | 0.2 | 2 | 4 | 1,234,567 | 7,654,321 | 15 ± 7 | 87.50 ± 17.68 "
        "| parameters, MACs, seconds |"
    ) in text
    assert "| f/A | 0.001 | 1 | 4 | 9 | 7,654,321 | 99 | 75.00 [30.06, 95.44] | param" in text
    assert "(Made-up CPU, 1 thread, fp32; Made-up GPU, 2 threads, fp32)" in text
    assert "No run finished an epoch: B." in text
    assert r"Test accuracy, \%" in (tmp_path / "t.tex").read_text()


def test_a_study_that_diverged_has_an_empty_table(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [2.0], val=(), diverged=True)])
    write_all_formats(efficiency_table(index), tmp_path / "t")
    assert (tmp_path / "t.csv").read_text().startswith("experiment,model,learning_rate,seeds,n,")
