"""What each factor of an experiment's variants is worth, and each two of them together."""

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
            summary="What each level of an experiment's factors is worth, and each two together.",
            details=(
                "Main effects and interactions of two factors, by a linear model of all runs, with "
                "standard errors and 95 % intervals."
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
                "Thin lines join runs that are alike in all else; below, main effects and "
                "interactions of two factors with 95 % Student intervals."
            ),
            exists=asks_for("variants"),
            targets=("ablations",),
            example="ablation/factorial",
        ),
    ),
)
