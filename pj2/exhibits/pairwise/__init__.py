"""Paired differences between the models of an experiment."""

from pj2.exhibits.declare import Figure, Table, Topic, several_models
from pj2.language import said

TOPIC = Topic(
    section="comparison",
    place=2,
    exhibits=(
        Table(
            name="pairwise",
            function="pj2.exhibits.pairwise.table:pairwise_table",
            title=said("Pairs of models"),
            summary=(
                "Paired differences between the models of an experiment, with intervals and tests."
            ),
            details=(
                "Intervals over images, seeds and both, McNemar's test with Holm's adjustment, and "
                "a verdict."
            ),
            exists=several_models,
            targets=("pairwise",),
        ),
        Figure(
            name="differences",
            function="pj2.exhibits.pairwise.figure:plot_differences",
            title=said("Differences between models"),
            summary="Paired differences between the models of an experiment, with intervals.",
            details="Paired by seed and image, with 95 % intervals (BCa bootstrap) and a verdict.",
            exists=several_models,
            targets=("pairwise",),
        ),
    ),
)
