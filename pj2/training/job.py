"""One training job: settings and prepared data in, the artifacts of a run out."""

from __future__ import annotations

import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

import pj2
from pj2.config.study import RunSettings
from pj2.data.prepared import PreparedData
from pj2.data.randomness import derive_seed
from pj2.data.split import stratified_split
from pj2.evaluation.evaluate import score
from pj2.models.inspect import count_macs, count_parameters, first_convolution
from pj2.models.registry import build_model
from pj2.training.artifacts import EpochRecord, History, snapshot, write_run
from pj2.training.device import choose_device, describe_device, prepare_device
from pj2.training.early_stopping import EarlyStopping
from pj2.training.loop import train_epoch
from pj2.training.observers import Observers
from pj2.training.optimizer import make_optimizer
from pj2.training.progress import Reporter


def run_training(
    settings: RunSettings,
    data: PreparedData,
    output: Path,
    device_name: str = "auto",
    threads: int = 1,
    observers: Observers = (),
) -> dict[str, Any]:
    """Train one run and write its artifacts into `output`.

    A loss that is not finite ends the run with status ``diverged``; that is a
    result, not an error. The kept weights are then those of the best epoch
    before, or the initial ones.

    Returns:
        What `run.json` holds, without the hashes.

    Raises:
        UserError: for a device that is not there, or a split that cannot be made.
    """
    started = time.perf_counter()
    device = choose_device(device_name)
    prepare_device(device, threads)
    kept, held_out = stratified_split(data.train_labels, settings.validation_fraction)
    train = data.train.subset(kept).to(device)
    validation = data.train.subset(held_out).to(device)
    test = data.test.to(device)
    model = build_model(
        settings.model,
        num_classes=len(data.classes),
        init=settings.init,
        seed=derive_seed(settings.seed, "init"),
    )
    macs = count_macs(model)
    model = model.to(device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model.parameters(), settings.optimizer, settings.learning_rate)
    stopping = EarlyStopping(settings.patience)
    history = History()
    best = snapshot(model)
    status, diverged_at = "completed", None
    name = f"{settings.model} lr={settings.learning_rate!r} seed={settings.seed}"

    with Reporter(name, settings.epochs) as reporter:
        for epoch in range(settings.epochs):
            epoch_started = time.perf_counter()

            def on_step(done: int, steps: int, loss: float | None, epoch: int = epoch) -> None:
                images = min(done * settings.batch_size, len(train))
                reporter.on_step(epoch, done, steps, images, loss)

            result = train_epoch(
                model, optimizer, train, settings, settings.seed, epoch, observers, on_step
            )
            training_seconds = time.perf_counter() - epoch_started
            history.losses.append(result.losses)
            history.grad_norms.append(result.grad_norms)
            if result.diverged:
                status = "diverged"
                diverged_at = sum(len(part) for part in history.losses)
                reporter.line(f"diverged at step {diverged_at}: the loss is not finite")
                break
            validated = score(model, validation)
            tested = score(model, test) if settings.test_every_epoch else None
            row = EpochRecord(
                epoch=epoch,
                train_loss=result.mean_loss,
                train_accuracy=result.accuracy,
                val_loss=validated.loss,
                val_accuracy=validated.accuracy,
                test_loss=tested.loss if tested else None,
                test_accuracy=tested.accuracy if tested else None,
                seconds=time.perf_counter() - epoch_started,
                images_per_second=result.images / training_seconds,
            )
            history.epochs.append(row)
            reporter.on_epoch(row)
            if stopping.update(epoch, getattr(row, settings.monitor)):
                best = snapshot(model)
            if stopping.should_stop:
                status = "stopped_early"
                reporter.line(f"stopped: {settings.patience} epochs without a better one")
                break

    rates = [row.images_per_second for row in history.epochs]
    information = {
        "status": status,
        "diverged_at_step": diverged_at,
        "best_epoch": stopping.best_epoch,
        "epochs_run": len(history.epochs),
        "settings": settings.model_dump(mode="json"),
        "parameters": count_parameters(model),
        "macs": macs,
        "first_conv": first_convolution(model),
        "seconds": time.perf_counter() - started,
        "images_per_second": statistics.median(rates) if rates else None,
        "hardware": describe_device(device),
        "versions": {
            "pj2": pj2.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "data": {
            "hash": data.hash,
            "name": data.name,
            "source": data.source,
            "train_images": len(train),
            "validation_images": len(validation),
            "test_images": len(test),
        },
    }
    write_run(output, best, snapshot(model), history, information)
    return information
