"""``pj2``: the commands that the Snakemake rules call; people can call them too."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

import pj2
from pj2.cli import (
    compare,
    doctor,
    exhibits,
    failures,
    fingerprint,
    geometry,
    jobs,
    plan,
    report,
    scaffold,
    store,
    watch,
)

app = typer.Typer(
    name="pj2",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)
app.add_typer(exhibits.figures, name="figure")
app.add_typer(exhibits.views, name="view")
app.add_typer(exhibits.tables, name="table")
app.add_typer(geometry.app, name="geometry")
app.add_typer(store.app, name="store")
app.command()(jobs.check)
app.command()(jobs.prepare)
app.command()(jobs.train)
app.command()(exhibits.band)
app.command()(report.report)
app.command()(compare.compare)
app.command()(plan.plan)
app.command()(fingerprint.fingerprint)
app.command()(fingerprint.why)
app.command()(watch.status)
app.command()(watch.watch)
app.command()(doctor.doctor)
app.command()(scaffold.new_model)
app.command()(scaffold.init)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pj2 {pj2.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar=failures.DEBUG, help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train CNNs on CIFAR-10 and compare them. `snakemake all` calls these commands.

    If something is wrong, begin with `pj2 doctor`.

    Example: pj2 check config.yaml
    """
    os.environ[failures.DEBUG] = "1" if debug else ""


def main() -> None:
    """Run the command line; an error becomes one line per problem and an exit code."""
    # A notebook's variables may name a backend not installed here, and no figure appears on a
    # screen.
    os.environ["MPLBACKEND"] = "agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # such a letter must not end it
    try:
        app()
    except Exception as error:
        sys.exit(failures.report(error))
