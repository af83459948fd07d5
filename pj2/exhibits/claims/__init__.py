"""The claims of a published report, checked against the runs."""

from pj2.exhibits.declare import CLAIMS, Table, Topic
from pj2.language import said

TOPIC = Topic(
    section="comparison",
    place=5,
    exhibits=(
        Table(
            name="published",
            function="pj2.exhibits.claims.table:published_table",
            title=said("Beside the published report"),
            summary="The published figures beside these runs', with verdicts.",
            details=(
                "A claim is not comparable if this study has other images, another recipe or "
                "another budget."
            ),
            levels=("study",),
            datasets=("cifar10",),
            options=(CLAIMS,),
            targets=("published_report",),
        ),
    ),
)
