"""The data sets of the page's charts, as its script sees them."""

from __future__ import annotations

from typing import Any

import pandas as pd


def rows(data: dict[str, Any]) -> pd.DataFrame:
    """What the page's script makes of columns."""
    found = pd.DataFrame(data["columns"])
    for name, words in data["words"].items():
        found[name] = [words[place] for place in found[name]]
    assert len(found) == data["rows"]
    return found
