"""Commands that make data and runs, and the check of a config."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pj2.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import BaseModel

    from pj2.data.prepared import PreparedData

Section = TypeVar("Section", bound="BaseModel")
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Gpus = Annotated[str, typer.Option(help="auto, or indices of the GPUs to choose from: 0,2.")]
RunsPerGpu = Annotated[int, typer.Option(min=1, help="How many runs may share a GPU.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads; part of what a run computes.")]
StorePath = Annotated[str, typer.Option(envvar="PJ2_STORE", help="Folder of the run store.")]
StoreRemote = Annotated[
    str | None, typer.Option(envvar="PJ2_STORE_REMOTE", help="Where the store is mirrored.")
]
DEFAULT_STORE = ".pj2/store"
PreparedFolder = Annotated[Path, typer.Option(help="Folder that `pj2 prepare` wrote.")]


def check(
    config: Annotated[Path, typer.Argument(help="A config file.")] = Path("config.yaml"),
) -> None:
    """Validate a config and list its runs.

    Example: pj2 check config.yaml
    """
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
    """Decode a data set once.

    Example: pj2 prepare --dataset '{}' --output results/data/sample
    """
    from pj2.config.schema import DatasetConfig
    from pj2.data.prepare import prepare as prepare_dataset

    config = parse_section(DatasetConfig, dataset, "--dataset")
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
    gpus: Gpus = "auto",
    runs_per_gpu: RunsPerGpu = 2,
    threads: Threads = 1,
    store: StorePath = DEFAULT_STORE,
    remote: StoreRemote = None,
    progress: Annotated[
        Path | None, typer.Option(help="File for `pj2 watch`: how far the run is.")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for the run's TensorBoard events.")
    ] = None,
) -> None:
    """Train one run and predict the test split, or restore both if the store has them.

    \b
    Example: pj2 train --data results/data/sample --output results/mine \\
        --settings '{"model":"BasicCNN","learning_rate":1e-3,"seed":0,"epochs":2}'
    """
    from pj2.config.study import parse_settings
    from pj2.data.layout import INFO_FILE, identity_of
    from pj2.runs.events import require_tensorboard, write_events
    from pj2.runs.files import BEST
    from pj2.runs.plan import Machine, Restore, actions, restore_run
    from pj2.runs.progress_file import ProgressFile
    from pj2.store.open import open_store
    from pj2.store.store import BlobUnavailable

    @cache
    def where() -> torch.device:
        """Import torch, which is not needed to restore a run, and take a GPU before that."""
        _take_gpu(device, gpus, runs_per_gpu)
        from pj2.training.device import choose_device, prepare_device

        chosen = choose_device(device)
        prepare_device(chosen, threads)
        return chosen

    @cache
    def machine() -> Machine:
        chosen = where()
        from pj2.training.device import describe_machine

        return describe_machine(chosen)

    def predict_with(weights: Path, path: Path) -> None:
        print(f"{output}: predicts the test images with {BEST}", flush=True)
        chosen = where()
        from pj2.data.open import open_prepared
        from pj2.evaluation.predict import predict

        predict(weights, resolved, open_prepared(data), path, chosen)

    resolved = parse_settings(settings)
    identity = identity_of(data)
    if identity is None:
        raise UserError(f"{data / INFO_FILE}: not there; see pj2 prepare")
    with ProgressFile(progress, resolved.epochs) as file:
        if tensorboard:
            require_tensorboard()
        runs = open_store(store, remote)
        for action in actions(resolved, identity, runs, machine):
            if not isinstance(action, Restore):
                break
            with suppress(BlobUnavailable):
                restored = restore_run(action, runs, output, predict_with)
                if tensorboard:
                    write_events(output, tensorboard)
                file.write(state="restored")
                print(f"{output}: restored from the store and verified, {restored.epochs} epochs")
                return
        from pj2.data.open import open_prepared
        from pj2.training.job import run_training

        prepared = open_prepared(data)
        run_training(
            resolved, prepared, output, runs, device, threads, progress=file, events=tensorboard
        )


def open_on_device(
    data: Path, device: str, gpus: str, runs_per_gpu: int, threads: int
) -> tuple[PreparedData, torch.device]:
    """Open the prepared data, and make the chosen device ready; a GPU is reserved."""
    _take_gpu(device, gpus, runs_per_gpu)
    from pj2.data.open import open_prepared
    from pj2.training.device import choose_device, prepare_device

    where = choose_device(device)
    prepare_device(where, threads)
    return open_prepared(data), where


def parse_section(section: type[Section], text: str, option: str) -> Section:
    """Read a section of the config from JSON. Raises UserError, naming the option, if it is not."""
    from pydantic import ValidationError

    try:
        return section.model_validate_json(text)
    except ValidationError as error:
        raise UserError(
            [
                f"{option}: {'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}"
                for e in error.errors()
            ]
        ) from None


def _take_gpu(device: str, gpus: str, runs_per_gpu: int) -> None:
    """Reserve a GPU for this process, before torch is imported and sees them all."""
    from pj2.cluster.gpus import take_gpu

    if device not in ("auto", "cuda"):
        return
    names = gpus.split(",")
    if gpus != "auto" and not all(name.isdigit() for name in names):
        raise UserError(f"--gpus: {gpus} is neither auto nor indices such as 0,2")
    gpu = take_gpu("auto" if gpus == "auto" else [int(name) for name in names], runs_per_gpu)
    if gpu:
        print(f"on GPU {gpu.index} ({gpu.uuid})", flush=True)
