"""Commands that measure the loss around trained weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pj2.cli.compute import Compute
from pj2.cli.exhibits import Indices
from pj2.cli.jobs import PreparedFolder, parse_section
from pj2.cli.options import DEFAULT_STORE, StoreOptions, Sums, record, takes_groups
from pj2.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

    from pj2.config.schema import SurfaceConfig
    from pj2.config.study import RunSettings
    from pj2.evaluation.surface import Surroundings
    from pj2.runs.reading import RunRecord

app = typer.Typer(
    no_args_is_help=True,
    help="""Measure the loss around trained weights.

    Earlier measurements come from the run store.

    \b
    Example: pj2 geometry curvature --output curvature.json \\
        --data results/data/cifar10-sample-b528cc08 \\
        --settings '{"images": 16, "eigenvalues": 1, "vectors": 2}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """,
)


@dataclass(frozen=True)
class Task:
    """The options of each measurement."""

    data: PreparedFolder
    settings: Annotated[str, typer.Option(help="The config's section, as JSON.")]
    output: Annotated[Path, typer.Option(help="The file to write.")]
    sums: Sums = None

    def surface(self) -> SurfaceConfig:
        """Return the section about surfaces."""
        from pj2.config.schema import SurfaceConfig

        return parse_section(SurfaceConfig, self.settings, "--settings")


@app.command("surface-rows")
@takes_groups
def rows(
    index: Indices,
    task: Task,
    first: Annotated[int, typer.Option(min=0, help="The first row, 0-based.")],
    compute: Compute,
    store: StoreOptions = DEFAULT_STORE,
) -> None:
    """Measure some rows of the loss surface around the weights of a model's chosen run.

    \b
    Example: pj2 geometry surface-rows --first 0 --output rows.parquet \\
        --data results/data/cifar10-sample-b528cc08 \\
        --settings '{"points": 9, "images": 100, "rows_per_job": 3}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    (run,) = _runs(index, 1)
    config = task.surface()

    def measure() -> pa.Table:
        around = _around(run, config, task.data, compute)
        from pj2.evaluation.surface import surface_rows

        return surface_rows(around, config, first, config.rows_per_job)

    about = _described(run, "best", config)
    _keep_table(f"surface-rows {first}", run, about, measure, task, store)


@app.command("gather-surface")
def gather(
    parts: Annotated[list[Path], typer.Argument(help="Files that surface-rows wrote.")],
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    sums: Sums = None,
) -> None:
    """Join the rows of a surface.

    \b
    Example: pj2 geometry gather-surface --output surface.parquet \\
        results/default/geometry/experiment=landscape/model=VGG_A/surface/*.parquet
    """
    from pj2.exhibits.measured import gather_surface
    from pj2.store.files import write_table

    write_table(output, gather_surface(parts))
    record(sums, output)


@app.command("surface-line")
@takes_groups
def line(index: Indices, task: Task, compute: Compute, store: StoreOptions = DEFAULT_STORE) -> None:
    """Measure the loss along one direction through the weights of a model's chosen run.

    \b
    Example: pj2 geometry surface-line --output line.parquet \\
        --data results/data/cifar10-sample-b528cc08 \\
        --settings '{"line_points": 11, "images": 100}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    (run,) = _runs(index, 1)
    config = task.surface()

    def measure() -> pa.Table:
        around = _around(run, config, task.data, compute)
        from pj2.evaluation.surface import surface_line

        return surface_line(around, config)

    about = _described(run, "best", config)
    _keep_table("surface-line", run, about, measure, task, store)


@app.command()
@takes_groups
def interpolation(
    index: Indices, task: Task, compute: Compute, store: StoreOptions = DEFAULT_STORE
) -> None:
    """Measure the loss on the straight line between a model's two best runs.

    Both must have finished an epoch; else the table has no rows.

    \b
    Example: pj2 geometry interpolation --output interpolation.parquet \\
        --data results/data/cifar10-sample-b528cc08 \\
        --settings '{"line_points": 11, "images": 100}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    config = task.surface()
    first, second = _runs(index, 2)

    def measure() -> pa.Table:
        device = compute.torch_device
        from pj2.data.open import open_prepared
        from pj2.evaluation.surface import LINE_SCHEMA, interpolate

        if second.best_epoch is None:  # the second best; the first may have none either
            print(f"no line: fewer than two runs of {first.model} finished an epoch")
            return LINE_SCHEMA.empty_table()
        ends = first.folder / "best.safetensors", second.folder / "best.safetensors"
        return interpolate(ends, _settings(first), open_prepared(task.data), config, device)

    about = _described(first, "best", config)
    about["other"] = _described(second, "best", None)
    _keep_table("interpolation", first, about, measure, task, store)


@app.command()
@takes_groups
def curvature(
    index: Indices, task: Task, compute: Compute, store: StoreOptions = DEFAULT_STORE
) -> None:
    """Measure the Hessian's eigenvalues, trace and density at a run's best and last weights.

    \b
    Example: pj2 geometry curvature --output curvature.json \\
        --data results/data/cifar10-sample-b528cc08 \\
        --settings '{"images": 16, "eigenvalues": 1, "vectors": 2}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    from pj2.config.schema import CurvatureConfig
    from pj2.store.files import write_json

    kinds = ("best", "last")
    config = parse_section(CurvatureConfig, task.settings, "--settings")
    (run,) = _runs(index, 1, kinds)
    best, last = (_described(run, weights, config) for weights in kinds)

    def make() -> None:
        device = compute.torch_device
        from pj2.data.open import open_prepared
        from pj2.evaluation.curvature import curvature_of

        prepared = open_prepared(task.data)
        by_content: dict[str, list[dict[str, Any]]] = {}  # best and last are often the same
        measured = []
        for kind, about in zip(kinds, (best, last), strict=True):
            if about["sha256"] not in by_content:
                by_content[about["sha256"]] = curvature_of(
                    run.folder / f"{kind}.safetensors", _settings(run), prepared, config, device
                )
            measured += [{"about": about, **found} for found in by_content[about["sha256"]]]
        write_json(task.output, measured)

    _keep("curvature", run, best | {"other": last}, make, task, store)


def _keep_table(
    name: str,
    run: RunRecord,
    about: dict[str, Any],
    measure: Callable[[], pa.Table],
    task: Task,
    store: StoreOptions,
) -> None:
    """Write a table and its description from the store, or measure it and keep it there."""
    from pj2.exhibits.measured import with_description
    from pj2.store.files import write_table

    def make() -> None:
        write_table(task.output, with_description(measure(), about))

    _keep(name, run, about, make, task, store)


def _keep(
    name: str,
    run: RunRecord,
    about: Mapping[str, Any],
    make: Callable[[], None],
    task: Task,
    store: StoreOptions,
) -> None:
    """Write a file from the store, or make it and keep it there."""
    from pj2.runs.derived import measurement_of, restore_or_make

    module = "pj2.evaluation.curvature" if name == "curvature" else "pj2.evaluation.surface"
    info = run.info
    fingerprint = measurement_of(name, about, info["settings"], info["data"]["hash"], module)
    if restore_or_make(store.open(print), "measurement", fingerprint, task.output, make):
        print(f"{task.output}: restored from the store and verified")
    record(task.sums, task.output)


def _described(run: RunRecord, weights: str, config: Any) -> dict[str, Any]:
    from pj2.exhibits.measured import describe

    return describe(run, weights, config.model_dump(mode="json") if config else {})


def _settings(run: RunRecord) -> RunSettings:
    from pydantic import ValidationError

    from pj2.config.study import RunSettings

    try:
        return RunSettings.model_validate(run.info["settings"])
    except ValidationError:
        raise UserError(
            f"{run.folder}: its settings are not those of this version; snakemake makes it again"
        ) from None


def _around(run: RunRecord, config: SurfaceConfig, data: Path, compute: Compute) -> Surroundings:
    device = compute.torch_device
    from pj2.data.open import open_prepared
    from pj2.evaluation.surface import Surroundings

    best = run.folder / "best.safetensors"
    return Surroundings(best, _settings(run), open_prepared(data), config, device)


def _runs(index: list[Path], count: int, kinds: Sequence[str] = ("best",)) -> list[RunRecord]:
    """Return a model's best runs; the weights that are needed are verified."""
    from pj2.runs.check import check_weights
    from pj2.runs.reading import best_runs, load_runs, one_model

    runs = load_runs(index)
    model = one_model(runs)
    if len(runs) < count:
        raise UserError(f"{index[0]}: {len(runs)} run of {model}; it takes {count}")
    chosen = best_runs(runs)[:count]
    for run in chosen:
        for weights in kinds:
            check_weights(run.folder / f"{weights}.safetensors", run.info)
    return chosen
