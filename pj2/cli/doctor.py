"""The command that looks for problems."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pj2.cli.options import FOUND_PROBLEMS, Config, Json

if TYPE_CHECKING:
    from rich.console import Console

    from pj2.doctor.finding import Finding

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(
    config: Config = Path("config.yaml"),
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also read all images and the whole store."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Find problems with the machine, config, data or store, each with a remedy.

    Exit code 1 if there is a problem; warnings do not count.

    Example: pj2 doctor --config config.yaml
    """
    from rich.console import Console

    from pj2.doctor.examine import examine
    from pj2.doctor.finding import count

    console = Console(markup=False, highlight=False, emoji=False)
    findings = []
    for finding in examine(config, thorough):
        findings.append(finding)
        if not as_json:
            _show(finding, console)
    counts = Counter(finding.status for finding in findings)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        words = (count(counts[status], status) for status in ("problem", "warning"))
        print(f"{', '.join(words)}, {counts['ok']} ok")
    if counts["problem"]:
        raise typer.Exit(FOUND_PROBLEMS)


def _show(finding: Finding, console: Console) -> None:
    """Print a finding: on a terminal within its width, elsewhere as lines of any length."""
    from rich.table import Table
    from rich.text import Text

    lines = [f"{finding.what}: {finding.found}"]
    lines += [f"→ {finding.advice}"] if finding.advice else []
    if not console.is_terminal:
        print(f"{finding.status:<8} " + "\n         ".join(lines))
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=8)
    grid.add_column(overflow="fold")
    grid.add_row(Text(finding.status, _STYLES[finding.status]), "\n".join(lines))
    console.print(grid)
