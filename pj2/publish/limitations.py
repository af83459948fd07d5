"""The limitations on a model card, computed from the runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pj2.config.datasets import DATASETS
from pj2.exhibits.escaping import escape_markdown
from pj2.exhibits.format import percent
from pj2.publish.facts import Model
from pj2.runs.reading import RunRecord, diverged
from pj2.statistics import wilson_interval
from pj2.wording import named

_FEW_SEEDS = 3
_CALIBRATED = 0.02  # a smaller distance between mean confidence and accuracy counts as none


def limitations(model: Model) -> list[str]:
    """Return sentences, the most important first; each follows from numbers of the runs."""
    return [*_of_data(model), *_of_runs(model), *_of_results(model), *_of_use(model)]


def _of_data(model: Model) -> Iterator[str]:
    facts = DATASETS.get(model.data["name"])
    train, test = model.data["train_images"], model.data["test_images"]
    if facts and (train, test) != (facts.train_images, facts.test_images):
        yield (
            f"It was trained and validated on {train:,} of the {facts.train_images:,} training "
            f"images of {facts.title}, and tested on {test:,} of the {facts.test_images:,} test "
            f"images: **its accuracies are not {facts.title} results**."
        )


def _of_runs(model: Model) -> Iterator[str]:
    lost = diverged(model.runs)
    if lost:
        without = "" if all(run.best_epoch is not None for run in lost) else (
            " Runs without a finished epoch have no weights here."
        )  # fmt: skip
        places = [f"{run_name(run)} at step {run.diverged_at:,}" for run in lost]
        yield f"Diverged (the loss became infinite or NaN): {named(places)}.{without}"
    seeds = len(model.chosen.finished)
    if seeds == 1:
        yield (
            "One seed: the intervals cover other images of the same kind, but not other initial "
            "weights or another order of the images."
        )
    elif 1 < seeds < _FEW_SEEDS:
        yield f"{seeds} seeds say little of the spread over seeds."
    if model.info["settings"]["monitor"] == "test_accuracy":
        yield (
            "The test images chose the epoch (the published protocol): the test accuracy is "
            "biased upwards."
        )
    last = [
        run
        for run in model.chosen.finished
        if run.diverged_at is None and run.best_epoch == run.info["epochs_run"] - 1
    ]
    if last:
        yield (
            f"More epochs may do better: in {len(last)} of {seeds} runs at the chosen learning "
            "rate the last epoch was the best one."
        )
    for what, values in (
        ("in several precisions", {run.info["precision"]["used"] for run in model.runs}),
        ("on several machines", {_machine(run.info["hardware"]) for run in model.runs}),
    ):
        if len(values) > 1:
            yield f"Its runs were computed {what}: {named(sorted(values))}."


def _of_results(model: Model) -> Iterator[str]:
    test, shown = model.chosen.test, model.predictions
    if test is None:
        yield "No run finished an epoch, so there are no trained weights."
        return
    images, of_class = len(shown[0].label), model.confusion.images
    chance = float(of_class.max() / of_class.sum())
    low, _ = wilson_interval(round(test.mean * images), images)
    if low <= chance:
        yield (
            "Its test accuracy is not shown to exceed that of always naming the most frequent "
            f"class, {percent(chance)} %."
        )
    recall = model.confusion.class_accuracy
    places = [place for place, n in enumerate(model.confusion.images) if n]
    least = min(float(recall[place]) for place in places)
    worst = [place for place in places if recall[place] == least]
    yield (
        f"It recognises {_classes([model.classes[place] for place in worst])} least: "
        f"{percent(least)} % of {int(model.confusion.images[worst].sum()):,} test images."
    )
    for pair in model.confusion.most_confused(1):
        yield (
            f"The most frequent mistake is to take {_classes([pair.true])} for "
            f"{_classes([pair.predicted])}: {percent(pair.share)} % of its images."
        )
    excess = model.mean_calibration("confidence") - model.mean_calibration("accuracy")
    if abs(excess) > _CALIBRATED:
        yield (
            f"Its probabilities are {'higher' if excess > 0 else 'lower'} than they should be: on "
            f"average the greatest is {percent(model.mean_calibration('confidence'))} %, but "
            f"{percent(model.mean_calibration('accuracy'))} % of the images are recognised."
        )


def _of_use(model: Model) -> Iterator[str]:
    yield (
        f"It assigns one of its {len(model.classes)} classes to every image, whatever the image "
        "shows, and accepts only RGB images of 32x32 pixels."
    )


def _classes(names: list[str]) -> str:
    return named([f"*{escape_markdown(name)}*" for name in names], ", ")


def run_name(run: RunRecord) -> str:
    """Return a run's folder, relative to its model's."""
    return f"lr={run.lr}/seed={run.seed}"


def _machine(hardware: dict[str, Any]) -> str:
    return f"{hardware['name']} ({hardware['device']})"
