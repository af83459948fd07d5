"""The data sets of the page's charts, as its script reads them."""

from __future__ import annotations

from typing import Any

import pandas as pd


def rows(data: dict[str, Any]) -> pd.DataFrame:
    """Return the rows that the page's script builds from columns."""
    found = pd.DataFrame(data["columns"])
    for name, words in data["words"].items():
        found[name] = [words[place] for place in found[name]]
    assert len(found) == data["rows"]
    return found
