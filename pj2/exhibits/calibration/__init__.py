"""Calibration: how well predicted probabilities match the accuracy."""

from pj2.exhibits.declare import Figure, Table, Topic
from pj2.language import said

TOPIC = Topic(
    section="calibration",
    exhibits=(
        Figure(
            name="reliability",
            function="pj2.exhibits.calibration.figure:plot_reliability",
            title=said("Reliability"),
            summary="Accuracy against confidence, one panel per model.",
            details=(
                "Below the diagonal a model is overconfident. Made from the predicted "
                "probabilities in 15 bins."
            ),
            targets=("calibration",),
        ),
        Table(
            name="calibration",
            function="pj2.exhibits.calibration.table:calibration_table",
            title=said("Calibration in numbers"),
            summary="Negative log-likelihood and expected calibration error of every model.",
            details="Also the mean confidence beside the accuracy.",
            levels=("study",),
            targets=("comparison_table", "calibration"),
        ),
    ),
)
