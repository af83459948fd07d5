"""Commands that make data, runs and predictions, and the check of a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pj2.errors import UserError

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads; part of what a run computes.")]
PreparedFolder = Annotated[Path, typer.Option(help="Folder that `pj2 prepare` wrote.")]


def check(
    config: Annotated[Path, typer.Argument(help="A config file.")] = Path("config.yaml"),
) -> None:
    """Validate a config and list its runs.  Example: pj2 check config.yaml"""
    from pj2.config.load import load_study
    from pj2.config.study import list_runs

    runs = list_runs(load_study(config))
    for run in runs:
        print(run.folder)
    print(f"{config}: {len(runs)} runs")


def prepare(
    dataset: Annotated[str, typer.Option(help="The config's `dataset` section, as JSON.")],
    output: Annotated[Path, typer.Option(help="Folder for dataset.safetensors and .json.")],
) -> None:
    """Decode a data set once.  Example: pj2 prepare --dataset '{}' --output results/data"""
    from pydantic import ValidationError

    from pj2.config.schema import DatasetConfig
    from pj2.data.prepare import prepare as prepare_dataset

    try:
        config = DatasetConfig.model_validate_json(dataset)
    except ValidationError as error:
        raise UserError(
            [
                f"--dataset: {'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}"
                for e in error.errors()
            ]
        ) from None
    information = prepare_dataset(config, output)
    print(
        f"{information['name']} from {information['source']}: "
        f"{information['train_images']} training and {information['test_images']} test images, "
        f"content hash {information['hash'][:16]}"
    )


def train(
    settings: Annotated[str, typer.Option(help="A run's resolved settings, as JSON.")],
    data: PreparedFolder,
    output: Annotated[Path, typer.Option(help="Folder for the run's artifacts.")],
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Train one run.

    Example: pj2 train --settings '{"model": "BasicCNN", "learning_rate": 0.001, "seed": 0}'
    --data results/data --output results/mine
    """
    from pj2.config.study import parse_settings
    from pj2.data.prepared import open_prepared
    from pj2.training.job import run_training

    run_training(parse_settings(settings), open_prepared(data), output, device, threads)


def evaluate(
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    data: PreparedFolder,
    output: Annotated[Path, typer.Option(help="The predictions file to write.")],
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Predict the test split with a run's best weights.

    Example: pj2 evaluate --run results/mine --data results/data --output predictions.parquet
    """
    from pj2.config.study import RunSettings
    from pj2.data.prepared import open_prepared
    from pj2.evaluation.predict import predict
    from pj2.training.artifacts import BEST, RUN
    from pj2.training.device import choose_device, prepare_device

    settings = RunSettings.model_validate(_read_json(run / RUN)["settings"])
    where = choose_device(device)
    prepare_device(where, threads)
    predict(run / BEST, settings, open_prepared(data), output, where)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not JSON ({error.msg}, line {error.lineno})") from None
    return content
