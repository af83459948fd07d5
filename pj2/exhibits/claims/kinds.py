"""The kinds of statements in a report, and their wording."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from pj2.config.choices import ModelName, no_repeats
from pj2.config.names import learning_rate_text
from pj2.config.schema import Count, Number, Positive, Strict
from pj2.language import language, tr

Percent = Annotated[Number, Field(ge=0, le=100)]
Margin = Annotated[Number, Field(gt=0)]


class Statement(Strict):
    """A statement of a report, and its source: the text, a figure, or the code."""

    source: Literal["text", "figure", "code"] = "text"


class AboutOneModel(Statement):
    """A statement about one model."""

    model: ModelName

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose runs the claim needs."""
        return (self.model,)


class AboutTwoModels(Statement):
    """A statement that one ``model`` is in some way more, or less, ``than`` another."""

    model: ModelName
    than: ModelName

    @model_validator(mode="after")
    def _two_models(self) -> AboutTwoModels:
        if self.model == self.than:
            raise ValueError(f"compares {self.model} with itself; expected two models")
        return self

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose runs the claim needs."""
        return (self.model, self.than)


class AtOneRate(Strict):
    """A statement about the runs at one learning rate."""

    learning_rate: Positive

    @property
    def rate(self) -> str:
        """The learning rate in canonical spelling."""
        return learning_rate_text(self.learning_rate)


class ParametersClaim(AboutOneModel):
    """The number of parameters of a model."""

    kind: Literal["parameters"]
    value: Count


class AccuracyClaim(AboutOneModel, AtOneRate):
    """A test accuracy in percent: a run's greatest, or that after ``epoch`` epochs.

    It agrees within ``margin`` points.
    """

    kind: Literal["accuracy"]
    value: Percent
    margin: Margin
    epoch: Count | None = None


class EpochsClaim(AboutOneModel, AtOneRate):
    """The number of epochs of a run; it agrees within ``margin`` epochs."""

    kind: Literal["epochs"]
    value: Count
    margin: Margin


class SettlesClaim(AboutOneModel, AtOneRate):
    """The number of epochs until a run's test accuracy is within 0.5 points of its greatest.

    It agrees within ``margin`` epochs.
    """

    kind: Literal["settles"]
    value: Count
    margin: Margin


class ReachesClaim(AboutOneModel, AtOneRate):
    """A test accuracy above ``level`` percent within ``epochs`` epochs."""

    kind: Literal["reaches"]
    level: Percent
    epochs: Count


class OrderClaim(AboutTwoModels, AtOneRate):
    """``model`` has a greater test accuracy than ``than``."""

    kind: Literal["order"]


class NearClaim(AboutTwoModels, AtOneRate):
    """The test accuracies of two models are within ``margin`` points."""

    kind: Literal["near"]
    margin: Margin


class SoonerClaim(AboutTwoModels, AtOneRate):
    """``model`` reaches ``level`` percent of test accuracy in fewer epochs than ``than``."""

    kind: Literal["sooner"]
    level: Percent


class LongerClaim(AboutTwoModels, AtOneRate):
    """Training ``model`` takes more time than training ``than``."""

    kind: Literal["longer"]


class GapClaim(AboutTwoModels, AtOneRate):
    """The final gap, test loss less training loss, is smaller for ``model`` than for ``than``."""

    kind: Literal["smaller_gap"]


class BestClassesClaim(AboutOneModel, AtOneRate):
    """``model`` recognises each of these ``classes`` more often than any other class."""

    kind: Literal["best_classes"]
    classes: Annotated[list[str], Field(min_length=1), AfterValidator(no_repeats)]


class ConfusedClaim(AboutOneModel, AtOneRate):
    """``model`` confuses these two ``classes`` more often than any other two."""

    kind: Literal["confused"]
    classes: Annotated[list[str], Field(min_length=2, max_length=2), AfterValidator(no_repeats)]


class BandClaim(AboutTwoModels):
    """The loss band of ``model`` is below ``factor`` times as wide as that of ``than``."""

    kind: Literal["narrower_band"]
    factor: Annotated[Positive, Field(le=1)] = 1.0


class GradientsClaim(AboutTwoModels):
    """The gradients of ``model`` vary less over a run than those of ``than``."""

    kind: Literal["steadier_gradients"]


class ScaleClaim(AboutTwoModels):
    """The gradients of ``model`` differ less between learning rates than those of ``than``."""

    kind: Literal["closer_gradients"]


class OpenClaim(Statement):
    """A statement that the runs of this recipe do not test, and ``why``, by language."""

    kind: Literal["open"]
    says: dict[Literal["en", "zh"], str]
    why: dict[Literal["en", "zh"], str]

    @property
    def models(self) -> tuple[str, ...]:
        """None: no runs are needed."""
        return ()


Claim = (
    ParametersClaim
    | AccuracyClaim
    | EpochsClaim
    | SettlesClaim
    | ReachesClaim
    | OrderClaim
    | NearClaim
    | SoonerClaim
    | LongerClaim
    | GapClaim
    | BestClassesClaim
    | ConfusedClaim
    | BandClaim
    | GradientsClaim
    | ScaleClaim
    | OpenClaim
)
KINDS: dict[str, type[Strict]] = {
    get_args(claim.model_fields["kind"].annotation)[0]: claim for claim in get_args(Claim)
}


def in_own_words(texts: dict[Literal["en", "zh"], str]) -> str:
    """Return a text of the report's file in the chosen language, or in English."""
    chosen: str = texts.get(language(), texts["en"])  # type: ignore[call-overload]
    return chosen


def statement(claim: Claim) -> str:
    """Return the claim in words; a published number stands in another column."""
    if isinstance(claim, OpenClaim):
        return in_own_words(claim.says)
    words = {"model": claim.model, "than": getattr(claim, "than", "")}
    match claim:
        case AccuracyClaim(epoch=None):
            return tr("{model}: test accuracy, %", **words)
        case AccuracyClaim():
            return tr("{model}: test accuracy after {n} epochs, %", **words, n=claim.epoch)
        case EpochsClaim():
            return tr("{model}: epochs", **words)
        case SettlesClaim():
            return tr("{model}: epochs until it is stable", **words)
        case ReachesClaim():
            return tr(
                "{model} passes {level:g} % within {n} epochs",
                **words, level=claim.level, n=claim.epochs,
            )  # fmt: skip
        case ParametersClaim():
            return tr("{model}: parameters", **words)
        case OrderClaim():
            return tr("{model} is more accurate than {than}", **words)
        case NearClaim():
            return tr("{model} is nearly as accurate as {than}", **words)
        case SoonerClaim():
            return tr("{model} reaches {level:g} % sooner than {than}", **words, level=claim.level)
        case LongerClaim():
            return tr("{model} takes longer to train than {than}", **words)
        case GapClaim():
            return tr("{model} has a smaller gap to its test loss than {than}", **words)
        case BestClassesClaim():
            named = tr(", ").join(claim.classes)
            return tr("{model} recognises {classes} best", **words, classes=named)
        case ConfusedClaim():
            one, other = claim.classes
            return tr("{model} confuses {one} and {other} most", **words, one=one, other=other)
        case BandClaim():
            if claim.factor < 1:
                return tr("The band of {model} is far narrower than that of {than}", **words)
            return tr("The band of {model} is narrower than that of {than}", **words)
        case GradientsClaim():
            return tr("The gradients of {model} are steadier than those of {than}", **words)
        case ScaleClaim():
            return tr(
                "The gradients of {model} differ less between learning rates than those of {than}",
                **words,
            )
