"""Commands that write tables; each writes STEM.csv, STEM.md and STEM.tex."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pj2.cli.figures import Band, Indices, Measurements, Stem

app = typer.Typer(no_args_is_help=True)


@app.command()
def comparison(index: Indices, output: Stem) -> None:
    """One row a run: size, epochs, accuracies with intervals, time, hardware."""
    from pj2.tables.comparison import comparison_table

    comparison_table(index, output)


@app.command()
def summary(index: Indices, output: Stem) -> None:
    """One row a model and learning rate: means over seeds, deviations, intervals."""
    from pj2.tables.summary import summary_table

    summary_table(index, output)


@app.command()
def pairwise(index: Indices, output: Stem) -> None:
    """Paired differences between the models of an experiment, with intervals and tests."""
    from pj2.tables.pairwise import pairwise_table

    pairwise_table(index, output)


@app.command()
def factors(index: Indices, output: Stem) -> None:
    """What each level of an experiment's factors is worth."""
    from pj2.tables.factors import factors_table

    factors_table(index, output)


@app.command()
def calibration(index: Indices, output: Stem) -> None:
    """Negative log-likelihood and expected calibration error of every model."""
    from pj2.tables.calibration import calibration_table

    calibration_table(index, output)


@app.command()
def efficiency(index: Indices, output: Stem) -> None:
    """Accuracy beside parameters, MACs and seconds, and which models nothing beats."""
    from pj2.tables.efficiency import efficiency_table

    efficiency_table(index, output)


@app.command()
def published(
    index: Indices,
    claims: Annotated[Path, typer.Option(help="The published figures: workflow/published.yaml.")],
    output: Stem,
) -> None:
    """The published figures beside these runs', with verdicts."""
    from pj2.tables.published import published_table

    published_table(index, claims, output)


@app.command()
def per_class_accuracy(index: Indices, output: Stem) -> None:
    """Test accuracy of every class, for each model at its chosen learning rate."""
    from pj2.tables.per_class import per_class_table

    per_class_table(index, output)


@app.command()
def confused_pairs(index: Indices, output: Stem) -> None:
    """The classes that each model confuses most."""
    from pj2.tables.per_class import confused_pairs_table

    confused_pairs_table(index, output)


@app.command()
def landscape(index: Indices, band: Band, output: Stem) -> None:
    """Band widths, and the steps at which two models' bands do not overlap."""
    from pj2.tables.landscape import landscape_table

    landscape_table(index, band, output)


@app.command()
def gradient_probes(index: Indices, output: Stem) -> None:
    """Medians of what the probes of each run measured."""
    from pj2.tables.probes import probes_table

    probes_table(index, output)


@app.command()
def probe_ratios(index: Indices, output: Stem) -> None:
    """How the models of an experiment compare in what their probes measured."""
    from pj2.tables.probes import probe_ratios_table

    probe_ratios_table(index, output)


@app.command()
def curvature(measurement: Measurements, output: Stem) -> None:
    """Eigenvalues and trace of the Hessian at trained weights."""
    from pj2.tables.curvature import curvature_table

    curvature_table(measurement, output)


def band(
    index: Indices,
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")],
) -> None:
    """Write the min/max band: model, step, min, max.

    Example: pj2 band results/default/index/experiment=landscape/*.json --output band.parquet
    """
    from pj2.analysis.band import landscape_band
    from pj2.analysis.runs import load_runs
    from pj2.store.files import write_table

    write_table(output, landscape_band(load_runs(index)))
