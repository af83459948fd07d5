"""The Hessian of the training loss at trained weights."""

from pj2.exhibits.declare import Figure, Table, Topic, asks_for
from pj2.language import said

TOPIC = Topic(
    section="geometry",
    place=3,
    exhibits=(
        Figure(
            name="curvature",
            function="pj2.exhibits.curvature.figure:plot_curvature",
            title=said("Curvature"),
            summary="Spectral density of the Hessian, with its largest eigenvalues.",
            details=(
                "At the weights of each model's best run, by stochastic Lanczos quadrature. "
                "BatchNorm uses its running statistics, and separately those of the images. The "
                "spectrum depends on the scale of the weights."
            ),
            measured="curvature.json",
            exists=asks_for("curvature"),
            targets=("curvature",),
        ),
        Table(
            name="curvature",
            function="pj2.exhibits.curvature.table:curvature_table",
            title=said("Curvature in numbers"),
            summary="Eigenvalues and trace of the Hessian at trained weights.",
            measured="curvature.json",
            exists=asks_for("curvature"),
            targets=("curvature",),
        ),
    ),
)
