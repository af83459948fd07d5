"""Commands that measure the loss around trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pj2.cli.compute import Compute
from pj2.cli.exhibits import Indices
from pj2.cli.jobs import PreparedFolder, parse_section
from pj2.cli.options import takes_groups
from pj2.errors import UserError

if TYPE_CHECKING:
    from pj2.config.schema import SurfaceConfig
    from pj2.evaluation.surface import Surroundings
    from pj2.runs.reading import RunRecord

app = typer.Typer(
    no_args_is_help=True,
    help="""Measure the loss around trained weights.

    \b
    Example: pj2 geometry curvature --output curvature.json \\
        --data results/data/cifar10-sample-fb085f76 \\
        --settings '{"images": 16, "eigenvalues": 1, "lanczos_steps": 6}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """,
)

Settings = Annotated[str, typer.Option("--settings", help="The config's section, as JSON.")]
Table = Annotated[Path, typer.Option("--output", help="The Parquet file to write.")]


@app.command("surface-rows")
@takes_groups
def rows(
    index: Indices,
    data: PreparedFolder,
    settings: Settings,
    first: Annotated[int, typer.Option(min=0, help="The first row, 0-based.")],
    output: Table,
    compute: Compute,
) -> None:
    """Some rows of the loss surface around the weights of a model's chosen run.

    \b
    Example: pj2 geometry surface-rows --first 0 --output rows.parquet \\
        --data results/data/cifar10-sample-fb085f76 \\
        --settings '{"points": 9, "images": 100, "rows_per_job": 3}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    around, config, about = _around(index, settings, data, compute)
    from pj2.evaluation.surface import surface_rows
    from pj2.exhibits.measured import with_description
    from pj2.store.files import write_table

    table = surface_rows(around, config, first, config.rows_per_job)
    write_table(output, with_description(table, about))


@app.command("gather-surface")
def gather(
    parts: Annotated[list[Path], typer.Argument(help="What surface-rows wrote.")], output: Table
) -> None:
    """Put the rows of a surface together.

    \b
    Example: pj2 geometry gather-surface --output surface.parquet \\
        results/default/geometry/experiment=landscape/model=VGG_A/surface/*.parquet
    """
    from pj2.exhibits.measured import gather_surface
    from pj2.store.files import write_table

    write_table(output, gather_surface(parts))


@app.command("surface-line")
@takes_groups
def line(
    index: Indices,
    data: PreparedFolder,
    settings: Settings,
    output: Table,
    compute: Compute,
) -> None:
    """The loss along one direction through the weights of a model's chosen run.

    \b
    Example: pj2 geometry surface-line --output line.parquet \\
        --data results/data/cifar10-sample-fb085f76 \\
        --settings '{"line_points": 11, "images": 100}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    around, config, about = _around(index, settings, data, compute)
    from pj2.evaluation.surface import surface_line
    from pj2.exhibits.measured import with_description
    from pj2.store.files import write_table

    write_table(output, with_description(surface_line(around, config), about))


@app.command()
@takes_groups
def interpolation(
    index: Indices,
    data: PreparedFolder,
    settings: Settings,
    output: Table,
    compute: Compute,
) -> None:
    """The loss on the straight line between a model's two best runs.

    \b
    Example: pj2 geometry interpolation --output interpolation.parquet \\
        --data results/data/cifar10-sample-fb085f76 \\
        --settings '{"line_points": 11, "images": 100}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    from pj2.config.schema import SurfaceConfig
    from pj2.exhibits.measured import describe, with_description
    from pj2.store.files import write_table

    config = parse_section(SurfaceConfig, settings, "--settings")
    first, second = _runs(index, 2)
    device = compute.torch_device
    from pj2.config.study import RunSettings
    from pj2.data.open import open_prepared
    from pj2.evaluation.surface import interpolate

    ends = first.folder / "best.safetensors", second.folder / "best.safetensors"
    common = RunSettings.model_validate(first.info["settings"])
    plain = config.model_dump(mode="json")
    about = describe(first, "best", plain) | {"other": describe(second, "best", {})}
    table = interpolate(ends, common, open_prepared(data), config, device)
    write_table(output, with_description(table, about))


@app.command()
@takes_groups
def curvature(
    index: Indices,
    data: PreparedFolder,
    settings: Settings,
    output: Annotated[Path, typer.Option(help="The JSON file to write.")],
    compute: Compute,
) -> None:
    """The Hessian's eigenvalues, trace and density, at best and last weights of the chosen run.

    \b
    Example: pj2 geometry curvature --output curvature.json \\
        --data results/data/cifar10-sample-fb085f76 \\
        --settings '{"images": 16, "eigenvalues": 1, "lanczos_steps": 6}' \\
        results/default/index/experiment=landscape/model=VGG_A.json
    """
    from pj2.config.schema import CurvatureConfig
    from pj2.exhibits.measured import describe
    from pj2.store.files import write_json

    kinds = ("best", "last")
    config = parse_section(CurvatureConfig, settings, "--settings")
    (run,) = _runs(index, 1, kinds)
    device = compute.torch_device
    from pj2.config.study import RunSettings
    from pj2.data.open import open_prepared
    from pj2.evaluation.curvature import curvature_of

    own, prepared = RunSettings.model_validate(run.info["settings"]), open_prepared(data)
    by_content: dict[str, dict[str, Any]] = {}  # best and last are often the same
    measured = []
    for weights in kinds:
        about = describe(run, weights, config.model_dump(mode="json"))
        if about["sha256"] not in by_content:
            path = run.folder / f"{weights}.safetensors"
            by_content[about["sha256"]] = curvature_of(path, own, prepared, config, device)
        measured.append({"about": about, **by_content[about["sha256"]]})
    write_json(output, measured)


def _around(
    index: list[Path], settings: str, data: Path, compute: Compute
) -> tuple[Surroundings, SurfaceConfig, dict[str, Any]]:
    """Return the surroundings of the chosen run, how to look at them, and their description."""
    from pj2.config.schema import SurfaceConfig
    from pj2.exhibits.measured import describe

    config = parse_section(SurfaceConfig, settings, "--settings")
    (run,) = _runs(index, 1)
    device = compute.torch_device
    from pj2.config.study import RunSettings
    from pj2.data.open import open_prepared
    from pj2.evaluation.surface import Surroundings

    own = RunSettings.model_validate(run.info["settings"])
    best = run.folder / "best.safetensors"
    around = Surroundings(best, own, open_prepared(data), config, device)
    return around, config, describe(run, "best", config.model_dump(mode="json"))


def _runs(index: list[Path], count: int, kinds: Sequence[str] = ("best",)) -> list[RunRecord]:
    """Return a model's best runs; those of their weights that are needed are verified."""
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
