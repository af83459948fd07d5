"""Accuracy against cost: parameters, MACs and seconds."""

from pj2.exhibits.declare import Figure, Table, Topic
from pj2.language import said

TOPIC = Topic(
    section="comparison",
    place=4,
    exhibits=(
        Figure(
            name="efficiency",
            function="pj2.exhibits.efficiency.figure:plot_efficiency",
            title=said("Accuracy and its cost"),
            summary="Accuracy against parameters, MACs and seconds, with the Pareto front.",
            details=(
                "Each model is at its chosen learning rate. Bars are "
                "the standard deviation over seeds, or with one seed the 95 % Wilson interval."
            ),
            levels=("study",),
            targets=("efficiency",),
            chart="pj2.exhibits.efficiency.chart:efficiency_charts",
            chart_level="study",
        ),
        Table(
            name="efficiency",
            function="pj2.exhibits.efficiency.table:efficiency_table",
            title=said("Costs and the Pareto front"),
            summary=(
                "Accuracy beside parameters, MACs and seconds, and the models that no other "
                "dominates."
            ),
            details="Also the costs for which each model is on the Pareto front.",
            levels=("study",),
            targets=("comparison_table", "efficiency"),
        ),
    ),
)
