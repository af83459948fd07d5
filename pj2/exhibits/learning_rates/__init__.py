"""Loss and accuracy at each learning rate, and the sensitivity to it."""

from pj2.exhibits.declare import BAND, Figure, Table, Topic, several_rates
from pj2.language import said

TOPIC = Topic(
    section="landscape",
    exhibits=(
        Figure(
            name="learning_rates",
            function="pj2.exhibits.learning_rates.figure:plot_learning_rates",
            title=said("Loss and accuracy at each learning rate"),
            summary=(
                "Training loss after some steps, and test accuracy at the chosen epoch, at each "
                "learning rate."
            ),
            details=(
                "A point is a run, a line joins means over seeds; a rate at which a run diverged "
                "or hardly learned has no mean."
            ),
            exists=several_rates,
            targets=("learning_rates",),
            chart="pj2.exhibits.learning_rates.chart:rate_charts",
        ),
        Table(
            name="learning_rates",
            function="pj2.exhibits.learning_rates.table:learning_rates_table",
            title=said("Learning rates that train, and sensitivity"),
            summary=(
                "The greatest learning rate at which each model learns, and how much its final "
                "loss depends on the rate."
            ),
            details=(
                "The learning-rate sensitivity is that of Wortsman et al. 2023, section 2.2; the "
                "width of the band stands beside it."
            ),
            options=(BAND,),
            exists=several_rates,
            targets=("learning_rates",),
        ),
    ),
)
