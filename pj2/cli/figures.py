"""Commands that draw figures; each writes STEM.png and STEM.svg."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Indices = Annotated[list[Path], typer.Argument(help="Index files: which runs to show.")]
Band = Annotated[Path, typer.Option(help="The file that `pj2 band` wrote.")]
Stem = Annotated[Path, typer.Option("--output", help="Path without an ending.")]


@app.command()
def confusion(index: Indices, output: Stem) -> None:
    """Confusion matrix of one model's chosen run."""
    from pj2.figures.confusion import plot_confusion

    plot_confusion(index, output)


@app.command()
def filters(index: Indices, output: Stem) -> None:
    """First-layer filters of one model's chosen run, in true colour."""
    from pj2.figures.filters import plot_filters

    plot_filters(index, output)


@app.command()
def curves(index: Indices, output: Stem) -> None:
    """Loss and accuracy of every run listed, on a shared x-axis."""
    from pj2.figures.curves import plot_curves

    plot_curves(index, output)


@app.command()
def all_models(index: Indices, output: Stem) -> None:
    """Loss and accuracy of every model's chosen run together."""
    from pj2.figures.curves import plot_all_models

    plot_all_models(index, output)


@app.command()
def landscape(index: Indices, band: Band, output: Stem) -> None:
    """Min/max band of the training loss over learning rates, all models on one figure."""
    from pj2.figures.landscape import plot_landscape

    plot_landscape(index, band, output)
