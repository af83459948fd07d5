"""What can be asked of a figure that is drawn and not saved."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib
from matplotlib.figure import Figure

Drawn = Callable[..., Figure]


def words(figure: Figure) -> str:
    """All that a figure says, on one line."""
    return " ".join(
        text.get_text().replace("\n", " ") for text in figure.findobj(matplotlib.text.Text)
    )
