"""Commands that write tables; each writes STEM.csv, .md, .tex, .html and .json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pj2.cli.figures import Band, Indices, Measurements, Stem, choose_language

if TYPE_CHECKING:
    from pj2.tables.format import Table

app = typer.Typer(
    no_args_is_help=True,
    help="""Write one table from finished runs, as CSV, Markdown, LaTeX, HTML and JSON.

    \b
    Example: pj2 table comparison --output comparison \\
        results/default/index/*/*.json
    """,
)


app.callback()(choose_language)


@app.command()
def comparison(index: Indices, output: Stem) -> None:
    """One row a run: size, epochs, accuracies with intervals, time, hardware.

    \b
    Example: pj2 table comparison --output comparison \\
        results/default/index/*/*.json
    """
    from pj2.tables.comparison import comparison_table

    _write(comparison_table(index), output)


@app.command()
def summary(index: Indices, output: Stem) -> None:
    """One row a model and learning rate: means over seeds, deviations, intervals.

    Example: pj2 table summary results/default/index/*/*.json --output summary
    """
    from pj2.tables.summary import summary_table

    _write(summary_table(index), output)


@app.command()
def pairwise(index: Indices, output: Stem) -> None:
    """Paired differences between the models of an experiment, with intervals and tests.

    \b
    Example: pj2 table pairwise --output pairwise \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.tables.pairwise import pairwise_table

    _write(pairwise_table(index), output)


@app.command()
def factors(index: Indices, output: Stem) -> None:
    """What each level of an experiment's factors is worth.

    \b
    Example: pj2 table factors --output factors \\
        results/ablation/index/experiment=factorial/*.json
    """
    from pj2.tables.factors import factors_table

    _write(factors_table(index), output)


@app.command()
def calibration(index: Indices, output: Stem) -> None:
    """Negative log-likelihood and expected calibration error of every model.

    \b
    Example: pj2 table calibration --output calibration \\
        results/default/index/*/*.json
    """
    from pj2.tables.calibration import calibration_table

    _write(calibration_table(index), output)


@app.command()
def efficiency(index: Indices, output: Stem) -> None:
    """Accuracy beside parameters, MACs and seconds, and which models nothing beats.

    \b
    Example: pj2 table efficiency --output efficiency \\
        results/default/index/*/*.json
    """
    from pj2.tables.efficiency import efficiency_table

    _write(efficiency_table(index), output)


@app.command()
def published(
    index: Indices,
    claims: Annotated[Path, typer.Option(help="The published figures: workflow/published.yaml.")],
    output: Stem,
) -> None:
    """The published figures beside these runs', with verdicts.

    \b
    Example: pj2 table published --output published \\
        --claims workflow/published.yaml \\
        results/default/index/*/*.json
    """
    from pj2.tables.published import published_table

    _write(published_table(index, claims), output)


@app.command()
def per_class_accuracy(index: Indices, output: Stem) -> None:
    """Test accuracy of every class, for each model at its chosen learning rate.

    \b
    Example: pj2 table per-class-accuracy --output per_class \\
        results/default/index/*/*.json
    """
    from pj2.tables.per_class import per_class_table

    _write(per_class_table(index), output)


@app.command()
def confused_pairs(index: Indices, output: Stem) -> None:
    """The classes that each model confuses most.

    \b
    Example: pj2 table confused-pairs --output confused_pairs \\
        results/default/index/*/*.json
    """
    from pj2.tables.per_class import confused_pairs_table

    _write(confused_pairs_table(index), output)


@app.command()
def landscape(index: Indices, band: Band, output: Stem) -> None:
    """Band widths, and the steps at which two models' bands do not overlap.

    \b
    Example: pj2 table landscape --output landscape \\
        --band results/default/landscape/landscape.parquet \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.tables.landscape import landscape_table

    _write(landscape_table(index, band), output)


@app.command()
def gradient_probes(index: Indices, output: Stem) -> None:
    """Medians of what the probes of each run measured.

    \b
    Example: pj2 table gradient-probes --output probes \\
        results/default/index/experiment=probes/*.json
    """
    from pj2.tables.probes import probes_table

    _write(probes_table(index), output)


@app.command()
def probe_ratios(index: Indices, output: Stem) -> None:
    """How the models of an experiment compare in what their probes measured.

    \b
    Example: pj2 table probe-ratios --output ratios \\
        results/default/index/experiment=probes/*.json
    """
    from pj2.tables.probes import probe_ratios_table

    _write(probe_ratios_table(index), output)


@app.command()
def curvature(measurement: Measurements, output: Stem) -> None:
    """Eigenvalues and trace of the Hessian at trained weights.

    \b
    Example: pj2 table curvature --output curvature \\
        results/default/geometry/*/*/curvature.json
    """
    from pj2.tables.curvature import curvature_table

    _write(curvature_table(measurement), output)


def _write(table: Table, output: Path) -> None:
    from pj2.tables.format import write_all_formats

    write_all_formats(table, output)


def band(
    index: Indices,
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")],
) -> None:
    """Write the min/max band: model, step, min, max.

    \b
    Example: pj2 band --output band.parquet \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.analysis.band import landscape_band
    from pj2.runs.reading import load_runs
    from pj2.store.files import write_table

    write_table(output, landscape_band(load_runs(index)))
