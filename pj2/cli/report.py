"""The command that writes a study's report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pj2.cli.options import Sums, record


def report(
    index: Annotated[list[Path], typer.Argument(help="Index files: the runs of the study.")],
    contents: Annotated[Path, typer.Option(help="The pipeline's list of what to show.")],
    output: Annotated[Path, typer.Option(help="The HTML file to write.")],
    findings: Annotated[
        Path | None, typer.Option(help="Also write the findings, as Markdown.")
    ] = None,
    language: Annotated[Literal["en", "zh"], typer.Option(help="Language of the words.")] = "en",
    sums: Sums = None,
) -> None:
    """Write a study's tables and figures as one page that needs no network.

    \b
    Example: pj2 report --contents results/default/index/report.json \\
      --output report.html results/default/index/*/*.json
    """
    from pj2.language import use_language
    from pj2.report.page import write_report

    use_language(language)
    write_report(contents, index, output, findings)
    record(sums, *filter(None, [output, findings]))
