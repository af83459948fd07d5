"""``pj2``: the commands that the Snakemake rules call, usable by hand too."""

from __future__ import annotations

import errno
import sys

import typer

from pj2.cli import compare, figures, fingerprint, geometry, jobs, report, store, tables, watch
from pj2.errors import UserError
from pj2.training.interrupt import EXIT_INTERRUPTED, Interrupted

USER_ERROR = 2
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)

app = typer.Typer(
    name="pj2",
    help="Train CNNs on CIFAR-10 and compare them. `snakemake all` calls these commands.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(figures.app, name="figure", help="Draw one figure from finished runs.")
app.add_typer(tables.app, name="table", help="Write one table from finished runs.")
app.add_typer(geometry.app, name="geometry", help="Measure the loss around trained weights.")
app.add_typer(store.app, name="store", help="List, verify, clear and carry the run store.")
app.command()(jobs.check)
app.command()(jobs.prepare)
app.command()(jobs.train)
app.command()(jobs.evaluate)
app.command()(tables.band)
app.command()(report.report)
app.command()(compare.compare)
app.command()(fingerprint.fingerprint)
app.command()(fingerprint.why)
app.command()(watch.status)
app.command()(watch.watch)


def main() -> None:
    """Run the command line; a user's mistake is one line a problem and exit code 2."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(f"pj2: {problem}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except Interrupted as stopped:
        print(f"pj2: {stopped}", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        print(f"pj2: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        sys.exit(USER_ERROR)
