from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pj2.errors import UserError
from pj2.exhibits.factors.figure import plot_factors
from pj2.exhibits.factors.table import factors_table
from pj2.exhibits.format import write_all_formats
from tests.exhibits.test_factors import make_variants
from tests.helpers.made_up import make_index, make_run, squeezed


def test_a_row_a_level_with_its_effect(tmp_path: Path) -> None:
    write_all_formats(factors_table(make_variants(tmp_path)), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv", dtype={"level": str})
    assert frame["level"].tolist() == ["off", "on", "0", "0.5"]
    assert frame["effect"].round(6).tolist()[1::2] == [0.08, 0.01]
    assert frame["effect"].isna().tolist() == [True, False, True, False]
    text = squeezed(tmp_path / "t.md")
    assert "| Net | batch_norm | off | 4 | 2 | 60.00 | reference | – |" in text
    assert "| Net | batch_norm | on | 4 | 2 | 68.00 | +8.00 ± 2.83 [-17.41, +33.41] | 4 |" in text


def test_of_variants_that_all_diverged_there_is_no_row(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, f"Net.{level}", [2.0], val=(), diverged=True, variant={"norm": level})
        for level in ("off", "on")
    ]
    write_all_formats(factors_table(make_index(tmp_path, runs)), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame.empty
    assert frame.columns[:3].tolist() == ["architecture", "factor", "level"]


def test_runs_without_variants_have_no_factors_to_show(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [1.0])])
    with pytest.raises(UserError, match="no factors to show: no experiment here has variants:"):
        factors_table(index)
    with pytest.raises(UserError, match="no factors to show"):
        plot_factors(index, tmp_path / "f")
