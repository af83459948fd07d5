from __future__ import annotations

from pathlib import Path

import pandas as pd

from pj2.exhibits.factors.table import factors_table
from pj2.exhibits.format import write_all_formats
from tests.exhibits.test_factors import make_variants
from tests.helpers.made_up import squeezed


def test_a_row_a_level_with_its_effect(tmp_path: Path) -> None:
    write_all_formats(factors_table(make_variants(tmp_path)), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv", dtype={"level": str})
    assert frame["level"].tolist() == ["off", "on", "0", "0.5"]
    assert frame["effect"].round(6).tolist()[1::2] == [0.08, 0.01]
    assert frame["effect"].isna().tolist() == [True, False, True, False]
    text = squeezed(tmp_path / "t.md")
    assert "| Net | batch_norm | off | 4 | 2 | 60.00 | reference | – |" in text
    assert "| Net | batch_norm | on | 4 | 2 | 68.00 | +8.00 ± 2.83 [-17.41, +33.41] | 4 |" in text
