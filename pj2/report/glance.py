"""The study at a glance: runs, data, time, and whether the runs are current."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pj2.config.catalogue import OPTIMIZERS
from pj2.config.names import learning_rate_text
from pj2.config.study import list_runs
from pj2.data.layout import identity_of
from pj2.language import tr
from pj2.report.contents import Shown
from pj2.runs.check import stale_reasons
from pj2.runs.reading import RunRecord, diverged
from pj2.wording import STATUSES, named


@dataclass(frozen=True)
class Fact:
    """A number or name with its label and a line of detail."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Glance:
    """Facts of the study, one row per experiment, and warnings.

    ``stale`` names the runs that do not match the config, the data and the code, with the
    reasons; ``diverged`` names the runs whose loss became infinite or NaN.
    """

    facts: tuple[Fact, ...]
    headings: tuple[str, ...]
    experiments: tuple[tuple[str, ...], ...]
    stale: tuple[str, ...]
    diverged: tuple[str, ...]


def at_a_glance(shown: Shown) -> Glance:
    """Sum up a study."""
    runs = shown.runs
    statuses = Counter(run.info["status"] for run in runs)
    data = runs[0].info["data"]
    seconds = sum(float(run.info["seconds"]) for run in runs)
    models = list(dict.fromkeys(run.model for run in runs))
    epochs = sum(int(run.info["epochs_run"]) for run in runs)
    facts = (
        Fact(tr("Training runs"), f"{len(runs):,}", _counts(statuses)),
        Fact(tr("Models"), f"{len(models):,}", named(models, ", ")),
        Fact(
            tr("Data"),
            f"{data['name']} ({data['source']})",
            _distinct(map(_images, runs), "; "),
        ),
        Fact(
            tr("Training time"),
            _duration(seconds),
            tr("{epochs:,} epochs, the runs' times added up", epochs=epochs),
        ),
        Fact(
            tr("Computed on"),
            _distinct(map(_hardware, runs), "; "),
            _distinct(map(_software, runs), "; "),
        ),
    )
    lost = tuple(
        tr(
            "{experiment}: {model}, learning rate {rate}, seed {seed}, at step {step:,}",
            experiment=run.experiment,
            model=run.model,
            rate=run.lr,
            seed=run.seed,
            step=run.diverged_at,
        )
        for run in diverged(runs)
    )
    headings = (
        tr("Experiment"), tr("Models"), tr("Learning rates"), tr("Seed"), tr("Optimizer"),
        tr("Batch size"), tr("Epochs (at most)"), tr("Chosen by"),
    )  # fmt: skip
    rows = tuple(_experiment(shown.of([name])) for name in shown.contents.config.experiments)
    return Glance(facts, headings, rows, tuple(_stale(shown)), lost)


def _images(run: RunRecord) -> str:
    data = run.info["data"]
    return tr(
        "{train:,} training, {validation:,} validation and {test:,} test images",
        train=data["train_images"],
        validation=data["validation_images"],
        test=data["test_images"],
    )


def _counts(statuses: Counter[str]) -> str:
    return ", ".join(f"{count:,} {tr(STATUSES[name])}" for name, count in statuses.items())


def _stale(shown: Shown) -> list[str]:
    """Return the runs on disk that do not match the config, the data and the code, with reasons."""
    contents = shown.contents
    data = identity_of(contents.data)
    lines = []
    for run in list_runs(contents.config):
        folder = Path(contents.results, "runs", run.folder)
        reasons = stale_reasons(folder, run.settings, data, verify=False)
        lines += [f"{run.folder}: {reason}" for reason in reasons]
    return lines


def _experiment(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    recipes = [run.info["settings"] for run in runs]
    rates = sorted({float(recipe["learning_rate"]) for recipe in recipes})
    return (
        runs[0].experiment,
        _distinct(run.model for run in runs),
        _distinct(map(learning_rate_text, rates)),
        _distinct(run.seed for run in runs),
        _distinct(optimizer_in_words(recipe["optimizer"]) for recipe in recipes),
        *(
            _distinct(recipe[key] for recipe in recipes)
            for key in ("batch_size", "epochs", "monitor")
        ),
    )


def optimizer_in_words(settings: Mapping[str, Any]) -> str:
    """Return an optimizer's name, and its options that differ from the defaults."""
    options = OPTIMIZERS.options(settings["name"])
    words = [settings["name"]]
    for name, value in settings.items():
        if name == "name" or (name in options and value == options[name].default):
            continue
        words.append(name.replace("_", " "))
        if value is not True:
            words.append(f"{value:g}" if isinstance(value, float) else str(value))
    return " ".join(words)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return tr("{n:.0f} s", n=seconds)
    if seconds < 5400:
        return tr("{n:.0f} min", n=seconds / 60)
    return tr("{n:.1f} h", n=seconds / 3600)


def _distinct(values: Iterable[object], separator: str = ", ") -> str:
    return named(list(dict.fromkeys(map(str, values))), separator)


def _hardware(run: RunRecord) -> str:
    hardware = run.info["hardware"]
    return f"{hardware['name']} ({hardware['device']})"


def _software(run: RunRecord) -> str:
    versions, used = run.info["versions"], run.info["precision"]["used"]
    return f"{used}, torch {versions['torch']}, pj2 {versions['pj2']}"
