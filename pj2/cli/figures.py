"""Commands that draw figures; each writes STEM.png and STEM.svg."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="""Draw one figure from finished runs, as PNG and SVG.

    \b
    Example: pj2 figure curves --output curves \\
        results/default/index/experiment=landscape/*.json
    """,
)


@app.callback()
def choose_language(
    language: Annotated[str, typer.Option(help="Of its words: en or zh.")] = "en",
) -> None:
    """Let figures and tables speak a language."""
    from pj2.language import use_language

    use_language(language)


Indices = Annotated[list[Path], typer.Argument(help="Index files: which runs to show.")]
Band = Annotated[Path, typer.Option(help="The file that `pj2 band` wrote.")]
Measurements = Annotated[
    list[Path], typer.Argument(help="Files that `pj2 geometry` wrote, one a model.")
]
Stem = Annotated[Path, typer.Option("--output", help="Path without an ending.")]


@app.command()
def confusion(index: Indices, output: Stem) -> None:
    """Confusion matrix of one model at its chosen learning rate, over seeds.

    \b
    Example: pj2 figure confusion --output confusion \\
        results/default/index/experiment=comparison/model=BasicCNN.json
    """
    from pj2.figures.confusion import plot_confusion

    plot_confusion(index, output)


@app.command()
def filters(index: Indices, output: Stem) -> None:
    """First-layer filters of one model's chosen run, in true colour.

    \b
    Example: pj2 figure filters --output filters \\
        results/default/index/experiment=comparison/model=BasicCNN.json
    """
    from pj2.figures.filters import plot_filters

    plot_filters(index, output)


@app.command()
def curves(index: Indices, output: Stem) -> None:
    """Loss and accuracy of every run listed, on a shared x-axis.

    \b
    Example: pj2 figure curves --output curves \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.figures.curves import plot_curves

    plot_curves(index, output)


@app.command()
def all_models(index: Indices, output: Stem) -> None:
    """Loss and accuracy of every model together, each at its chosen learning rate.

    \b
    Example: pj2 figure all-models --output all_models \\
        results/default/index/*/*.json
    """
    from pj2.figures.curves import plot_all_models

    plot_all_models(index, output)


@app.command()
def differences(index: Indices, output: Stem) -> None:
    """Paired differences between the models of an experiment, with intervals.

    \b
    Example: pj2 figure differences --output differences \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.figures.differences import plot_differences

    plot_differences(index, output)


@app.command()
def factors(index: Indices, output: Stem) -> None:
    """Test accuracy against each factor of an experiment's variants, seeds shown.

    \b
    Example: pj2 figure factors --output factors \\
        results/ablation/index/experiment=factorial/*.json
    """
    from pj2.figures.factors import plot_factors

    plot_factors(index, output)


@app.command()
def reliability(index: Indices, output: Stem) -> None:
    """Accuracy against confidence, a panel a model.

    \b
    Example: pj2 figure reliability --output reliability \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.figures.reliability import plot_reliability

    plot_reliability(index, output)


@app.command()
def mistakes(
    index: Indices,
    data: Annotated[Path, typer.Option(help="Folder that `pj2 prepare` wrote.")],
    output: Stem,
) -> None:
    """A model's most confident mistakes on the test set, as pictures.

    \b
    Example: pj2 figure mistakes --output mistakes \\
        --data results/data/cifar10-sample-5de780bd \\
        results/default/index/experiment=comparison/model=BasicCNN.json
    """
    from pj2.figures.mistakes import plot_mistakes

    plot_mistakes(index, data, output)


@app.command()
def efficiency(index: Indices, output: Stem) -> None:
    """Accuracy against parameters, MACs and seconds, with the Pareto front.

    \b
    Example: pj2 figure efficiency --output efficiency \\
        results/default/index/*/*.json
    """
    from pj2.figures.efficiency import plot_efficiency

    plot_efficiency(index, output)


@app.command()
def landscape(index: Indices, band: Band, output: Stem) -> None:
    """Min/max band of the training loss over learning rates, all models on one figure.

    \b
    Example: pj2 figure landscape --output landscape \\
        --band results/default/landscape/landscape.parquet \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.figures.landscape import plot_landscape

    plot_landscape(index, band, output)


@app.command()
def probes(index: Indices, output: Stem) -> None:
    """Loss variation, gradient predictiveness and effective smoothness along the step.

    \b
    Example: pj2 figure probes --output probes \\
        results/default/index/experiment=probes/*.json
    """
    from pj2.figures.probes import plot_probes

    plot_probes(index, output)


@app.command()
def covariate_shift(index: Indices, output: Stem) -> None:
    """How far an update of the layers below turns each layer's gradient.

    \b
    Example: pj2 figure covariate-shift --output shift \\
        results/batchnorm/index/experiment=covariate_shift/*.json
    """
    from pj2.figures.covariate_shift import plot_covariate_shift

    plot_covariate_shift(index, output)


@app.command()
def surfaces(surface: Measurements, output: Stem) -> None:
    """Loss surfaces as contours and in three dimensions, a column a model.

    \b
    Example: pj2 figure surfaces --output surfaces \\
        results/default/geometry/*/*/surface.parquet
    """
    from pj2.figures.surfaces import plot_surfaces

    plot_surfaces(surface, output)


@app.command()
def surface_view(
    surface: Measurements,
    output: Annotated[Path, typer.Option(help="The HTML file to write.")],
) -> None:
    """Loss surfaces to turn with the mouse, in one HTML file.

    \b
    Example: pj2 figure surface-view --output surfaces.html \\
        results/default/geometry/*/*/surface.parquet
    """
    from pj2.figures.surface_view import write_surface_view

    write_surface_view(surface, output)


@app.command()
def lines(
    line: Measurements,
    output: Stem,
    between: Annotated[
        list[Path] | None, typer.Option(help="What `pj2 geometry interpolation` wrote.")
    ] = None,
) -> None:
    """The loss along a random direction, and between two runs.

    \b
    Example: pj2 figure lines --output lines \\
        results/default/geometry/*/*/line.parquet
    """
    from pj2.figures.surfaces import plot_lines

    plot_lines(line, between or [], output)


@app.command()
def curvature(measurement: Measurements, output: Stem) -> None:
    """Spectral density of the Hessian, with its largest eigenvalues.

    \b
    Example: pj2 figure curvature --output curvature \\
        results/default/geometry/*/*/curvature.json
    """
    from pj2.figures.curvature import plot_curvature

    plot_curvature(measurement, output)
