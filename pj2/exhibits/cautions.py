"""Cautions on comparing runs: unlike ones, and those that diverged or hardly learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pj2.language import tr
from pj2.runs.reading import (
    RunRecord,
    diverged,
    minimises_cross_entropy,
    model_names,
    precision_of,
)
from pj2.runs.stalled import is_stalled
from pj2.wording import mixed_precisions, named, sentences


def cautions(runs: Iterable[RunRecord]) -> str:
    """Return sentences on test-chosen epochs, unlike budgets and precisions, and other losses."""
    runs = list(runs)
    return sentences(
        chosen_by_test(runs),
        unlike_budgets(runs),
        mixed_precisions(map(precision_of, runs)),
        other_losses(runs),
    )


def other_losses(runs: Iterable[RunRecord]) -> str:
    """Return a sentence on models that minimise another loss than the cross-entropy."""
    models = dict.fromkeys(run.model for run in runs if not minimises_cross_entropy(run))
    if not models:
        return ""
    return tr(
        "The training loss of {models} is not the cross-entropy, nor in nats; validation and test "
        "losses are.",
        models=named(list(models), tr(", ")),
    )


def chosen_by_test(runs: Iterable[RunRecord]) -> str:
    """Return a sentence that names models whose epoch the test set chose; empty without any."""
    of_test = [run for run in runs if run.info["settings"]["monitor"] == "test_accuracy"]
    models = named(list(dict.fromkeys(run.model for run in of_test)), tr(", "))
    if not of_test:
        return ""
    if any(run.info["data"]["validation_images"] for run in of_test):
        return tr(
            "The test set chose the epoch, which biases the test accuracy upwards: {models}.",
            models=models,
        )
    return tr(
        "No images validate, so the test set chose epoch and learning rate, which biases the test "
        "accuracy upwards: {models}.",
        models=models,
    )


def unlike_budgets(runs: Iterable[RunRecord]) -> str:
    """Return a sentence with each model's epoch budget if budgets differ."""
    budgets: dict[int, list[str]] = {}
    for run in runs:
        models = budgets.setdefault(int(run.info["settings"]["epochs"]), [])
        if run.model not in models:
            models.append(run.model)
    if len(budgets) < 2:
        return ""
    listed = [
        tr("{models} {n}", models=named(models, tr(", ")), n=epochs)
        for epochs, models in sorted(budgets.items(), reverse=True)
    ]
    return tr(
        "Epoch budgets differ, which alone may explain a difference: {budgets}.",
        budgets=named(listed),
    )


def diverged_runs(runs: Iterable[RunRecord]) -> str:
    """Return a sentence that names the diverged ones among these runs; empty without any."""
    runs = list(runs)
    lost = diverged(runs)
    if not lost:
        return ""
    return tr(
        "Diverged runs, which count only as far as they got: {runs}.", runs=_named_among(lost, runs)
    )


def stalled_runs(runs: Iterable[RunRecord]) -> str:
    """Return a sentence that names the runs that hardly learned; it reads their losses."""
    runs = list(runs)
    return hardly_learned([run for run in runs if is_stalled(run)], runs)


def hardly_learned(stalled: Sequence[RunRecord], runs: Sequence[RunRecord]) -> str:
    """Return the sentence on the stalled ones among these runs; empty if there are none."""
    if not stalled:
        return ""
    return tr(
        "Hardly learned (a loss hardly below that of guessing for half of the steps or more): "
        "{runs}. A network that learns nothing has steady gradients and a flat loss.",
        runs=_named_among(stalled, runs),
    )


def _named_among(some: Sequence[RunRecord], runs: Sequence[RunRecord]) -> str:
    """Name some of these runs, with their experiment where a model is in several."""
    names = model_names(runs)
    return named([run_in_words(run, names[run.experiment, run.model]) for run in some])


def run_in_words(run: RunRecord, model: str | None = None) -> str:
    """Name a run by model, unless another name is given, learning rate and seed."""
    return tr("{model} at {lr}, seed {seed}", model=model or run.model, lr=run.lr, seed=run.seed)
