"""Loss surfaces to turn with the mouse: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pj2.exhibits.measured import GRID_COLUMNS, as_grid, read_measured
from pj2.language import tr
from pj2.runs.reading import PathLike
from pj2.store.files import write_text


def write_surface_view(surfaces: Iterable[PathLike], stem: PathLike) -> None:
    """Write ``stem.html``, a page with the surfaces side by side, on a common logarithmic scale."""
    measured = [part for path in surfaces for part in read_measured(path, GRID_COLUMNS).each()]
    grids = [as_grid(surface) for surface in measured]
    logs = [np.log10(np.where(np.isfinite(loss), loss, np.nan)) for _, _, loss in grids]
    finite = np.concatenate([values[np.isfinite(values)] for values in logs])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    names = [surface.full_title.replace("\n", "<br>") for surface in measured]
    height = tr("log₁₀ loss")
    at = "α %{x:.3g}<br>β %{y:.3g}<br>"
    value = " %{customdata:.4g}<extra></extra>"
    figure = make_subplots(
        1, len(measured), specs=[[{"type": "surface"}] * len(measured)], subplot_titles=names
    )
    for place, ((alpha, beta, loss), values) in enumerate(zip(grids, logs, strict=True)):
        figure.add_trace(
            go.Surface(
                x=alpha, y=beta, z=values, customdata=loss, cmin=low, cmax=high,
                colorscale="Viridis", showscale=place == 0,
                colorbar={"title": height, "len": 0.6},
                hovertemplate=at + tr("loss") + value,
            ),
            row=1, col=place + 1,
        )  # fmt: skip
    axis = {"range": [low, high], "title": height}
    figure.update_scenes(xaxis_title="α", yaxis_title="β", zaxis=axis)
    figure.update_layout(
        title=tr("Loss surfaces, experiment {name}", name=measured[0].about["experiment"]),
        margin={"l": 10, "r": 10, "t": 80, "b": 10},
    )
    page = figure.to_html(include_plotlyjs=True, full_html=True, div_id="loss-surfaces")
    write_text(f"{stem}.html", page)
