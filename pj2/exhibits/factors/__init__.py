"""What each level of the factors of an experiment's variants is worth."""

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
            summary="What each level of an experiment's factors is worth.",
            details=(
                "Test accuracy, and the effect against the first level, paired with runs alike "
                "in all else."
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
                "Thin lines join runs that are alike in all else; bars are the 95 % Student "
                "interval of the mean over seeds."
            ),
            exists=asks_for("variants"),
            targets=("ablations",),
            example="ablation/factorial",
        ),
    ),
)
