"""The filters of the first convolution."""

from pj2.exhibits.declare import Figure, Topic
from pj2.language import said

TOPIC = Topic(
    section="filters",
    exhibits=(
        Figure(
            name="filter_grids",
            function="pj2.exhibits.filters.figure:plot_filters",
            title=said("First-layer filters"),
            summary="First-layer filters of one model's chosen run, in true colour.",
            details="The model's chosen run, at its chosen epoch. All filters share one scale.",
            levels=("model",),
            targets=("filter_grids",),
        ),
    ),
)
