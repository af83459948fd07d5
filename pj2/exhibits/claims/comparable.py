"""Whether runs were made as the report says, so that the two can be compared.

Each function returns the differences in words, and an empty list if there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pj2.config.names import learning_rate_text
from pj2.config.schema import Recipe
from pj2.exhibits.claims.published import Report
from pj2.fingerprint.run import flat
from pj2.language import tr
from pj2.runs.reading import RunRecord
from pj2.wording import rates

# `_length_problems` compares budgets. The other excluded keys say how a run is measured, on which
# images, and how exactly it is computed; a claim's protocols cover those.
_COMPARED = Recipe.model_fields.keys() - {
    "epochs", "monitor", "test_every_epoch", "validation_fraction", "precision",
}  # fmt: skip


def run_problems(
    runs: Sequence[RunRecord], timed: Sequence[RunRecord], report: Report
) -> list[str]:
    """Compare images and settings of `runs`, and the number of epochs of the `timed` runs."""
    return [
        *(line for run in runs for line in _data_problems(run, report)),
        *(line for run in timed for line in _length_problems(run, report)),
        *(line for run in runs for line in setting_problems(run, report)),
    ]


def data_name_problems(run: RunRecord, report: Report) -> list[str]:
    """Compare the names of the data sets, not the number of images used."""
    name = run.info["data"].get("name")
    if name == report.data.name:
        return []
    return [tr("data {name} (published {published})", name=name, published=report.data.name)]


def setting_problems(run: RunRecord, report: Report, keys: Iterable[str] = _COMPARED) -> list[str]:
    """Compare the settings among `keys` with those of the report's recipe."""
    published = report.recipes[run.architecture].model_dump(mode="json", include=set(keys))
    theirs = dict(flat(published))
    ours = dict(flat({key: run.info["settings"].get(key) for key in published}))
    return [
        tr(
            "{key} {value} (published {published})",
            key=key,
            value=_shown(ours.get(key)),
            published=_shown(theirs.get(key)),
        )
        for key in sorted(ours | theirs)
        if ours.get(key) != theirs.get(key)
    ]


def rate_problems(runs: Sequence[RunRecord], report: Report) -> list[str]:
    """Compare the learning rates of all runs together."""
    ours = {run.lr for run in runs}
    recipes = (report.recipes[run.architecture] for run in runs)
    published = {learning_rate_text(rate) for recipe in recipes for rate in recipe.learning_rates}
    if ours == published:
        return []
    return [
        tr(
            "learning rates {rates} (published {published})",
            rates=rates(ours), published=rates(published),
        )
    ]  # fmt: skip


def _data_problems(run: RunRecord, report: Report) -> list[str]:
    data, published = run.info["data"], report.data
    training = int(data["train_images"]) + int(data["validation_images"])
    problems = data_name_problems(run, report)
    if training != published.training_images:
        problems.append(
            tr(
                "{n:,} training images, {left:,} without validation (published {published:,})",
                n=training, left=int(data["train_images"]), published=published.training_images,
            )
        )  # fmt: skip
    if data["test_images"] != published.test_images:
        problems.append(
            tr(
                "{n:,} test images (published {published:,})",
                n=data["test_images"], published=published.test_images,
            )
        )  # fmt: skip
    return problems


def _length_problems(run: RunRecord, report: Report) -> list[str]:
    """Return whether the epoch budget made a run shorter or longer than the report's.

    A run that stopped early would not have continued with a greater budget.
    """
    ran, model = int(run.info["epochs_run"]), run.architecture
    stated, most = report.epochs(model), report.recipes[model].epochs
    if run.info["status"] == "completed" and ran < stated:
        return [
            tr(
                "{model} had at most {n} epochs (the published run took {published})",
                model=model, n=ran, published=stated,
            )
        ]  # fmt: skip
    if ran > most:
        return [
            tr(
                "{model} took {n} epochs (published at most {published})",
                model=model, n=ran, published=most,
            )
        ]  # fmt: skip
    return []


def _shown(value: object) -> str:
    return tr("not set") if value is None else str(value)
