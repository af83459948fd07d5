"""Every run, and every setting over its seeds."""

from pj2.exhibits.declare import Table, Topic, several_seeds
from pj2.language import said

TOPIC = Topic(
    section="comparison",
    place=1,
    exhibits=(
        Table(
            name="summary",
            function="pj2.exhibits.comparison.summary:summary_table",
            title=said("Over seeds"),
            summary="Every model and learning rate over its seeds: means, deviations, intervals.",
            details=(
                "Also how much the published protocol, which chooses the epoch on the test set, "
                "raises the accuracy."
            ),
            levels=("study",),
            on_page=several_seeds,
            targets=("comparison_table",),
        ),
        Table(
            name="comparison",
            function="pj2.exhibits.comparison.table:comparison_table",
            title=said("All runs"),
            summary="Every run: size, epochs, accuracies with intervals, time and hardware.",
            details="Intervals are 95 % Wilson intervals.",
            levels=("study",),
            targets=("comparison_table",),
        ),
    ),
)
