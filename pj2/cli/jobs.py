"""Commands that validate a config, prepare data and train runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from pj2.cli.compute import Compute
from pj2.cli.options import DEFAULT_STORE, StoreOptions, takes_groups
from pj2.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pj2.data.layout import DataIdentity
    from pj2.runs.result import Cut

Section = TypeVar("Section", bound="BaseModel")
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
    validation_fraction: Annotated[
        list[float] | None,
        typer.Option(help="Refuse data whose classes are too small for this split."),
    ] = None,
) -> None:
    """Decode a data set once, and report what looks wrong with it.

    Example: pj2 prepare --dataset '{}' --output results/data/sample
    """
    from pj2.config.schema import DatasetConfig
    from pj2.data.prepare import prepare as prepare_dataset
    from pj2.data.sources import source_files
    from pj2.data.sources.locate import few

    config = parse_section(DatasetConfig, dataset, "--dataset")
    information = prepare_dataset(config, output, validation_fraction or [])
    if left_out := source_files(config).left_out:
        print(f"not read from {config.path}: {few(left_out)}; see docs/data.md", file=sys.stderr)
    repeated = information["repeated"]
    if any(repeated.values()):
        print(
            f"repeated pixels: {repeated['train']} training and {repeated['test']} test "
            f"images; {repeated['both']} are in both splits",
            file=sys.stderr,
        )
    channels = zip(("red", "green", "blue"), information["std"], strict=True)
    if constant := [name for name, std in channels if std == 1]:
        print(
            f"{', '.join(constant)}: the same value in every training pixel; shifted to 0, "
            "not scaled",
            file=sys.stderr,
        )
    print(
        f"{information['name']} from {information['source']}: "
        f"{information['train_images']} training and {information['test_images']} test images, "
        f"content hash {information['hash'][:16]}"
    )


@takes_groups
def train(
    settings: Annotated[str, typer.Option(help="A run's resolved settings, as JSON.")],
    data: PreparedFolder,
    output: Annotated[Path, typer.Option(help="Folder for the run's artifacts.")],
    compute: Compute,
    store: StoreOptions = DEFAULT_STORE,
    progress: Annotated[Path | None, typer.Option(help="Progress file for `pj2 watch`.")] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for the run's TensorBoard events.")
    ] = None,
    weights: Annotated[
        Literal["few", "all"],
        typer.Option(envvar="PJ2_STORE_WEIGHTS", help="Which epochs' weights the store keeps."),
    ] = "few",
) -> None:
    """Train one run and predict the test split, or restore both if the store has them.

    \b
    Example: pj2 train --data results/data/sample --output results/mine \\
        --settings '{"model":"BasicCNN","learning_rate":1e-3,"seed":0,"epochs":2}'
    """
    from pj2.config.study import parse_settings
    from pj2.runs.events import event_file, require_tensorboard
    from pj2.runs.plan import Continue, Restore, Start, actions, carry_out, restore_run
    from pj2.runs.progress_file import ProgressFile

    resolved = parse_settings(settings)

    def restore_it(action: Restore) -> Cut:
        end = restore_run(action, runs, output, compute.predictor(resolved, data))
        epochs = action.result.trajectory.recorded(end.epochs, end.status == "diverged")
        with event_file(tensorboard, epochs, runs):
            pass  # nothing follows the last one
        file.write(state="restored")
        print(f"{output}: restored from the store and verified, {end.epochs} epochs")
        return end

    def train_it(action: Continue | Start) -> Cut:
        device = compute.torch_device
        from pj2.data.open import open_prepared
        from pj2.training.job import Watching, train_run
        from pj2.training.progress import terminal

        images = open_prepared(data)
        epochs = action.trajectory.epochs if isinstance(action, Continue) else ()
        with terminal(resolved) as shown, event_file(tensorboard, epochs, runs) as events:
            watching = Watching(sinks=[file, shown, events])
            return train_run(action, resolved, images, output, runs, device, watching)

    with ProgressFile(progress, resolved.epochs) as file:
        if tensorboard:
            require_tensorboard()
        identity = _identity(data)
        runs = store.open(say=print)
        runs.keeps_every_epoch = weights == "all"
        carry_out(actions(resolved, identity, runs, compute.machine), restore_it, train_it)


def _identity(data: Path) -> DataIdentity:
    from pj2.data.layout import INFO_FILE, identity_of

    identity = identity_of(data)
    if identity is None:
        raise UserError(f"{data / INFO_FILE}: not there; see pj2 prepare")
    return identity


def parse_section(section: type[Section], text: str, option: str) -> Section:
    """Read a section of the config from JSON. Raises UserError, naming the option, if invalid."""
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
