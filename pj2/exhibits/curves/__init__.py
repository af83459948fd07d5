"""Loss and accuracy over epochs."""

from pj2.exhibits.declare import Figure, Topic, never
from pj2.language import said

TOPIC = Topic(
    section="curves",
    exhibits=(
        Figure(
            name="training_curves",
            function="pj2.exhibits.curves.figure:plot_curves",
            title=said("Training curves"),
            summary="Loss and accuracy of every run listed, on a shared x-axis.",
            details=(
                "Made from the losses of every step and the accuracies of every epoch; with "
                "several seeds the curve is their mean, with a band of one standard deviation."
            ),
            levels=("experiment", "model"),
            targets=("training_curves",),
            chart="pj2.exhibits.curves.chart:curve_charts",
        ),
        Figure(
            name="all_models",
            function="pj2.exhibits.curves.figure:plot_all_models",
            title=said("Training curves of every model"),
            summary="Loss and accuracy of every model together, each at its chosen learning rate.",
            details="Each model is at its chosen learning rate.",
            levels=("study",),
            on_page=never,
            targets=("training_curves",),
        ),
    ),
)
