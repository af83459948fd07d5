"""The band of training losses over learning rates, and its width."""

from pj2.exhibits.declare import BAND, Figure, Table, Topic, several_rates
from pj2.language import said

TOPIC = Topic(
    section="landscape",
    place=1,
    exhibits=(
        Figure(
            name="landscape",
            function="pj2.exhibits.landscape.figure:plot_landscape",
            title=said("Bands of the training loss"),
            summary=(
                "Min/max band of the training loss over learning rates, all models in one figure."
            ),
            details=(
                "A narrow band means that the learning rate matters little. Made from the loss of "
                "every step; runs of one model start from the same weights and see the same "
                "batches."
            ),
            options=(BAND,),
            exists=several_rates,
            targets=("landscape_plot",),
            chart="pj2.exhibits.landscape.chart:landscape_charts",
        ),
        Table(
            name="landscape",
            function="pj2.exhibits.landscape.table:landscape_table",
            title=said("Widths of the bands"),
            summary="Band widths, and the steps at which two models' bands do not overlap.",
            options=(BAND,),
            exists=several_rates,
            targets=("landscape_plot",),
        ),
    ),
)
