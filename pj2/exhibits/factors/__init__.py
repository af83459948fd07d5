"""Main effects and interactions of the factors of an experiment's variants."""

from pj2.exhibits.declare import Figure, Table, Topic, asks_for
from pj2.language import said

TOPIC = Topic(
    section="comparison",
    place=3,
    exhibits=(
        Table(
            name="factors",
            function="pj2.exhibits.factors.table:factors_table",
            title=said("Factors in numbers"),
            summary="Main effects of an experiment's factors, and interactions of every two.",
            details=(
                "Estimated by a linear model of all runs, with standard errors and 95 % intervals."
            ),
            exists=asks_for("variants"),
            targets=("ablations",),
            example="ablation/factorial",
        ),
        Figure(
            name="factors",
            function="pj2.exhibits.factors.figure:plot_factors",
            title=said("Factors"),
            summary="Test accuracy against each factor of an experiment's variants, seeds shown.",
            details=(
                "Thin lines join runs that differ in this factor alone; below, main effects and "
                "interactions of two factors with 95 % Student intervals."
            ),
            exists=asks_for("variants"),
            targets=("ablations",),
            example="ablation/factorial",
        ),
    ),
)
