"""A model's most confident mistakes."""

from pj2.exhibits.declare import IMAGES, Figure, Topic
from pj2.language import said

TOPIC = Topic(
    section="mistakes",
    exhibits=(
        Figure(
            name="mistakes",
            function="pj2.exhibits.mistakes.figure:plot_mistakes",
            title=said("Most confident mistakes"),
            summary="A model's most confident mistakes on the test set, as pictures.",
            details=(
                "At most 24. Made from the predictions with the weights of the chosen epoch; with "
                "several seeds, from the images that most of them get wrong."
            ),
            levels=("model",),
            options=(IMAGES,),
            targets=("mistakes",),
        ),
    ),
)
