"""Model cards and the page of a study, in Markdown, from templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from tabulate import tabulate

import pj2
from pj2.config.catalogue import MODELS
from pj2.config.datasets import DATASETS
from pj2.exhibits.escaping import escape_markdown
from pj2.exhibits.format import MISSING, count, mean_sd, percent, percent_mean
from pj2.fingerprint.code import source_file
from pj2.fingerprint.run import flat
from pj2.publish.citation import Citation
from pj2.publish.facts import Model, Setting, Weights, weights_of
from pj2.publish.limitations import limitations, run_name
from pj2.runs.files import BEST
from pj2.runs.reading import RunRecord, choosing_in_words, diverged
from pj2.statistics import Mean
from pj2.wording import STATUSES

# The data sets' names on the Hugging Face Hub.
_HUB = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "svhn": "ufldl-stanford/svhn",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
}
_VARIES = ("learning_rate", "seed", "model")  # shown in the table of runs instead


def model_card(model: Model, license: str, citation: Citation) -> str:
    """Return the card of a model: metadata for the Hugging Face Hub, and the text."""
    tensors = weights_of(model.shown.folder / BEST) if model.shown else []
    metadata = yaml.safe_dump(
        _metadata(model, license, tensors), sort_keys=False, allow_unicode=True, width=100
    )
    facts = DATASETS.get(model.data["name"])
    shown = Setting((model.shown,)).test if model.shown else None
    return _environment().get_template("card.md.j2").render(
        metadata=metadata,
        model=model,
        version=pj2.__version__,
        license=license,
        citation=citation,
        described=MODELS.docstring(model.info["settings"]["model"]).replace("``", "`"),
        options=_options(model),
        source=source_file(MODELS.modules()[model.info["settings"]["model"]]),
        tensors=_table(
            ["Tensor", "Shape", "Type"],
            [(f"`{t.name}`", " x ".join(map(str, t.shape)) or "1", t.kind) for t in tensors],
        ),
        tensor_count=len(tensors),
        classes=", ".join(map(escape_markdown, model.classes)),
        reference=facts.reference if facts else None,
        hyperparameters=_hyperparameters(model),
        runs=_runs(model.runs),
        settings=_settings(model),
        test=_accuracy(model.chosen.test),
        limitations=limitations(model),
        shown=run_name(model.shown) if model.shown else None,
        shown_accuracy=percent(shown.mean) if shown else None,
        fingerprints=_fingerprints(model.runs),
    )  # fmt: skip


def _images(run: RunRecord) -> str:
    data = run.info["data"]
    return (
        f"{data['train_images']:,} images to train on, {data['validation_images']:,} to validate, "
        f"{data['test_images']:,} to test"
    )


def study_page(
    models: Sequence[Model], license: str, citation: Citation, tables: Iterable[str], report: bool
) -> str:
    """Return the page of a whole study, with links to the cards."""
    rows = [
        (
            model.experiment,
            f"[{escape_markdown(model.name)}]({card_folder(model)}/README.md)",
            count(model.info["parameters"]),
            model.chosen.lr,
            str(len(model.chosen.finished)),
            _accuracy(model.chosen.test),
        )
        for model in models
    ]
    headings = ["Experiment", "Model", "Parameters", "Learning rate", "Seeds", "Test accuracy, %"]
    return _environment().get_template("study.md.j2").render(
        study=models[0].study,
        models=_table(headings, rows),
        data=models[0].data,
        title=models[0].title,
        images=list(dict.fromkeys(_images(run) for model in models for run in model.runs)),
        choosing=choosing_in_words(run for model in models for run in model.runs),
        runs=sum(len(model.runs) for model in models),
        lost=[
            f"{model.experiment}/{model.name}/{run_name(run)}"
            for model in models
            for run in model.runs
            if run.best_epoch is None
        ],
        license=license,
        citation=citation,
        tables=list(tables),
        report=report,
        version=pj2.__version__,
    )  # fmt: skip


def card_folder(model: Model) -> str:
    """Return a model's folder in the bundle, which contains its runs."""
    return f"runs/experiment={model.experiment}/model={model.name}"


def _metadata(model: Model, license: str, tensors: Sequence[Weights]) -> dict[str, Any]:
    hub = _HUB.get(model.data["name"])
    normed = any(tensor.name.endswith("running_mean") for tensor in tensors)
    return {
        "license": license,
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": [
            "image-classification", "pj2", model.data["name"], model.info["settings"]["model"],
            *(["batch-normalization"] if normed else []),
        ],
        **({"datasets": [hub]} if hub else {}),
        "metrics": ["accuracy"],
        **({"model-index": [_model_index(model, hub)]} if model.chosen.test else {}),
    }  # fmt: skip


def _model_index(model: Model, hub: str | None) -> dict[str, Any]:
    test = model.chosen.test
    assert test is not None
    seeds = f"n = {test.n} seed{'s' * (test.n > 1)}"
    images = f"{model.data['test_images']:,} test images"
    metric: dict[str, Any] = {
        "type": "accuracy",
        "value": round(100 * test.mean, 2) if test.n == 1 else mean_sd(test, scale=100),
        "name": f"Test accuracy, %{', mean ± sd' * (test.n > 1)} ({seeds}, {images})",
    }
    return {
        "name": model.name,
        "results": [
            {
                "task": {"type": "image-classification", "name": "Image classification"},
                "dataset": {
                    "type": hub or model.data["name"],
                    "name": f"{model.title} ({images})",
                    "split": "test",
                },
                "metrics": [metric],
            }
        ],
    }


def _options(model: Model) -> str:
    """Return the constructor's options; a run names those that differ from the defaults."""
    settings = model.info["settings"]
    given = settings["architecture"]
    rows = [
        (f"`{name}`", json.dumps(given.get(name, option.default)), json.dumps(option.default))
        for name, option in MODELS.options(settings["model"]).items()
    ]
    return _table(["Option", "Value", "Default"], rows)


def _hyperparameters(model: Model) -> str:
    settings = dict(flat(model.info["settings"]))
    chosen = {key: value for key, value in settings.items() if key not in _VARIES}
    rows = [(f"`{key}`", json.dumps(value, ensure_ascii=False)) for key, value in chosen.items()]
    return _table(["Key", "Value"], rows)


def _runs(runs: Sequence[RunRecord]) -> str:
    rows = [
        (
            run.lr,
            str(run.seed),
            STATUSES[run.info["status"]],
            count(run.info["epochs_run"]),
            count(None if run.best_epoch is None else run.best_epoch + 1),
            run.info["precision"]["used"],
            f"{run.info['seconds']:,.0f}",
            escape_markdown(run.info["hardware"]["name"]),
            str(run.info["hardware"]["threads"]),
            run.info["versions"]["torch"],
        )
        for run in runs
    ]
    headings = [
        "Learning rate", "Seed", "Status", "Epochs", "Best epoch", "Precision", "Seconds",
        "Hardware", "Threads", "torch",
    ]  # fmt: skip
    return _table(headings, rows)


def _settings(model: Model) -> str:
    rows = [
        (
            f"**{setting.lr}**" if setting.lr == model.chosen.lr else setting.lr,
            str(len(setting.finished)),
            str(len(diverged(setting.runs))),
            _accuracy(setting.validation),
            _accuracy(setting.test),
        )
        for setting in model.settings
    ]
    headings = ["Learning rate", "Seeds (n)", "Diverged", "Validation accuracy, %"]
    return _table([*headings, "Test accuracy, %"], rows)


def _fingerprints(runs: Sequence[RunRecord]) -> str:
    rows = [
        (
            run.lr,
            str(run.seed),
            f"`{run.info['fingerprint']}`",
            f"`{run.info['artifacts'][BEST]}`" if run.best_epoch is not None else MISSING,
        )
        for run in runs
    ]
    return _table(["Learning rate", "Seed", "Fingerprint", f"SHA-256 of {BEST}"], rows)


def _accuracy(mean: Mean | None) -> str:
    return percent_mean(mean) if mean else MISSING


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pj2.publish"),
        autoescape=False,  # Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
