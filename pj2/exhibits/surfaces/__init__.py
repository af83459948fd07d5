"""The loss around trained weights: surfaces and lines."""

from pj2.exhibits.declare import INTERPOLATIONS, Figure, Topic, View, asks_for
from pj2.language import said

TOPIC = Topic(
    section="geometry",
    place=2,
    exhibits=(
        Figure(
            name="loss_surfaces",
            function="pj2.exhibits.surfaces.figure:plot_surfaces",
            title=said("Loss surfaces"),
            summary="Loss surfaces as contours and in three dimensions, one column per model.",
            details=(
                "Around the weights of each model's best run, along two random directions that "
                "are normalised filter by filter (Li et al. 2018), on a common logarithmic "
                "scale."
            ),
            measured="surface.parquet",
            exists=asks_for("surface"),
            targets=("loss_surfaces",),
        ),
        View(
            name="loss_surfaces",
            function="pj2.exhibits.surfaces.view:write_surface_view",
            title=said("Interactive loss surfaces"),
            summary="Loss surfaces to turn with the mouse, in one HTML file.",
            details=(
                "If this stays blank, the browser does not show a file of this size inside a page: "
                "make the report as a ZIP, or open the file itself."
            ),
            measured="surface.parquet",
            exists=asks_for("surface"),
            targets=("loss_surfaces",),
        ),
        Figure(
            name="loss_lines",
            function="pj2.exhibits.surfaces.figure:plot_lines",
            title=said("Loss along a line"),
            summary="The loss along a random direction, and between two runs.",
            details=(
                "The direction is filter-normalised. Between a model's two best runs, the figure "
                "gives the height of the barrier."
            ),
            measured="line.parquet",
            options=(INTERPOLATIONS,),
            exists=asks_for("surface"),
            targets=("loss_surfaces",),
        ),
    ),
)
