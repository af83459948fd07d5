from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from pj2.exhibits import style
from tests.exhibits.drawing import Drawn


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """A function that draws and returns the figure, instead of saving it."""
    kept: list[Figure] = []

    def keep(figure: Figure, stem: Path) -> None:
        figure.draw_without_rendering()  # where a layout would fail
        kept.append(figure)

    def draw(plot: Callable[..., None], *arguments: object) -> Figure:
        with matplotlib.rc_context(), monkeypatch.context() as patch:
            patch.setattr(style, "save", keep)
            plot(*arguments, Path("unused"))
        return kept.pop()

    return draw
