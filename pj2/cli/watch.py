"""Commands that show the progress of a study's runs, once or continuously."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pj2.cli.options import Config

if TYPE_CHECKING:
    from rich.console import Console

    from pj2.config.schema import StudyConfig
    from pj2.runs.status import RunStatus, StatusReader

SECONDS_BETWEEN_LOOKS = 1.0
# A job reports every second, but not while it evaluates.
_SILENT_AFTER = 60.0
_INTERRUPTED = 130


def status(
    config: Config = Path("config.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; see docs/status.md.")] = False,
) -> None:
    """Show the progress of every run of a study.

    Example: pj2 status
    """
    study, reader = _open(config)
    statuses = reader.look()
    if as_json:
        _print_json(study.study, statuses)
    else:
        _print_table(study.study, statuses)


def watch(config: Config = Path("config.yaml")) -> None:
    """Show `pj2 status` until all runs are finished; start it beside snakemake.

    Exit code 1 if a run failed meanwhile.

    Example: pj2 watch
    """
    study, reader = _open(config)
    console = _console()
    show = _show_table if console.is_terminal and not console.is_dumb_terminal else _show_lines
    try:
        statuses = show(study.study, _Watch(reader), console)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(int(any(each.state == "failed" for each in statuses)))


class _Watch:
    """Successive looks at the runs, and facts that need several of them.

    Clocks of other machines are not compared with this one's: a job there is silent for as long
    as this machine has seen no change of its progress.
    """

    def __init__(self, reader: StatusReader, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._clock = clock
        self._seen: dict[str, tuple[RunStatus, float]] = {}
        self._failed_before: set[str] | None = None
        self.silent: dict[str, float] = {}

    def look(self) -> list[RunStatus]:
        """Return the current state of each run."""
        statuses, now = self._reader.look(), self._clock()
        for each in statuses:
            before, since = self._seen.get(each.folder, (None, now))
            self._seen[each.folder] = (each, since if each == before else now)
        running = [each.folder for each in statuses if each.state == "running"]
        ages = {folder: now - self._seen[folder][1] for folder in running}
        self.silent = {folder: age for folder, age in ages.items() if age >= _SILENT_AFTER}
        failed = {each.folder for each in statuses if each.state == "failed"}
        # A run that failed before is about to be tried again.
        self._failed_before = failed & (
            failed if self._failed_before is None else self._failed_before
        )
        return statuses

    def is_over(self, statuses: Sequence[RunStatus]) -> bool:
        """Tell whether every run is finished, or has failed since the watch began."""
        from pj2.runs.status import FINISHED

        before = self._failed_before or set()
        return all(
            each.state in FINISHED or (each.state == "failed" and each.folder not in before)
            for each in statuses
        )


def _show_table(study: str, runs: _Watch, console: Console) -> list[RunStatus]:
    """Keep a table on a terminal up to date until all runs are over; return the last states."""
    from rich.live import Live

    from pj2.cli.status_view import view

    with Live(console=console, auto_refresh=False) as live:
        while True:
            statuses = runs.look()
            live.update(
                view(study, statuses, console, console.height - 1, runs.silent), refresh=True
            )
            if runs.is_over(statuses):
                return statuses
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _show_lines(study: str, runs: _Watch, console: Console) -> list[RunStatus]:
    """Print a line for every change of a state or an epoch until all runs are over."""
    from pj2.cli.status_view import line_of, summary
    from pj2.runs.status import FINISHED

    printed: dict[str, object] = {}
    while True:
        statuses = runs.look()
        if not printed:
            print(summary(study, statuses), flush=True)
        for each in statuses:
            key = (each.state, each.epoch if each.state == "running" else None)
            quiet = each.state == "waiting" or each.state in FINISHED
            # The summary covers runs that are finished, or not started, at the beginning.
            if printed.get(each.folder) != key and (each.folder in printed or not quiet):
                print(line_of(each), flush=True)
            printed[each.folder] = key
        if runs.is_over(statuses):
            print(summary(study, statuses), flush=True)
            return statuses
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _open(config: Path) -> tuple[StudyConfig, StatusReader]:
    from pj2.config.load import load_study
    from pj2.config.study import list_runs
    from pj2.runs.status import StatusReader

    study = load_study(config)
    return study, StatusReader(study, list_runs(study), Path())


def _console() -> Console:
    """Return a console; without a terminal it is as wide as its content needs."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console()
    return Console(force_terminal=False, no_color=True, width=10_000)


def _print_table(study: str, statuses: Sequence[RunStatus]) -> None:
    from pj2.cli.status_view import view

    console = _console()
    height = console.height - 1 if console.is_terminal else None
    console.print(view(study, statuses, console, height))


def _print_json(study: str, statuses: Sequence[RunStatus]) -> None:
    import json

    from pj2.cli.status_view import STATES

    counts = Counter(each.state for each in statuses)
    runs = [asdict(each) for each in statuses]
    document = {"study": study, "counts": {state: counts[state] for state in STATES}, "runs": runs}
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
