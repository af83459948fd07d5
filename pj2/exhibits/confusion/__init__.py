"""Confusion matrices, and the accuracy of each class."""

from pj2.exhibits.declare import Figure, Table, Topic, never
from pj2.language import said

TOPIC = Topic(
    section="confusion",
    exhibits=(
        Figure(
            name="confusion_matrices",
            function="pj2.exhibits.confusion.figure:plot_confusion",
            title=said("Confusion matrix"),
            summary="Confusion matrix of one model at its chosen learning rate, over seeds.",
            details=(
                "Rows are true classes. Made from the predictions with the weights of the chosen "
                "epoch; with several seeds the matrix is their mean."
            ),
            levels=("model",),
            targets=("confusion_matrices",),
            chart="pj2.exhibits.confusion.chart:confusion_charts",
            chart_level="study",
        ),
        Table(
            name="confused_pairs",
            function="pj2.exhibits.confusion.table:confused_pairs_table",
            title=said("Most confused pairs"),
            summary="The classes that each model confuses most.",
            details="On the test set, at its chosen learning rate.",
            levels=("study",),
            targets=("comparison_table",),
        ),
        Table(
            name="per_class_accuracy",
            function="pj2.exhibits.confusion.table:per_class_table",
            title=said("Accuracy of each class"),
            summary="Test accuracy of every class, for each model at its chosen learning rate.",
            levels=("study",),
            on_page=never,
            targets=("comparison_table",),
        ),
    ),
)
