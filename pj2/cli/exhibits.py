"""The commands that draw a figure or write a table, made from `pj2.exhibits`' declarations."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from pj2.cli.options import Sums, record
from pj2.exhibits import catalogue
from pj2.exhibits.declare import Exhibit

figures = typer.Typer(no_args_is_help=True)
views = typer.Typer(no_args_is_help=True)
tables = typer.Typer(no_args_is_help=True)

Indices = Annotated[list[Path], typer.Argument(help="Index files of the runs to show.")]
_Measurements = Annotated[
    list[Path], typer.Argument(help="Files that `pj2 geometry` wrote, one per model.")
]
_Stem = Annotated[Path, typer.Option("--output", help="Path without an ending.")]
_Language = Annotated[str, typer.Option(help="Language of the words: en or zh.")]


@figures.callback()
def draw_figure(language: _Language = "en") -> None:
    """Draw one figure from finished runs, as PNG and SVG.

    \b
    Example: pj2 figure training-curves --output curves \\
        results/default/index/experiment=landscape/*.json
    """
    _speak(language)


@views.callback()
def write_view(language: _Language = "en") -> None:
    """Write one figure to turn with the mouse, as an HTML file that needs no network.

    \b
    Example: pj2 view loss-surfaces --output surfaces \\
        results/default/geometry/*/*/surface.parquet
    """
    _speak(language)


@tables.callback()
def write_table(language: _Language = "en") -> None:
    """Write one table from finished runs, as CSV, Markdown, LaTeX, HTML and JSON.

    \b
    Example: pj2 table comparison --output comparison \\
        results/default/index/*/*.json
    """
    _speak(language)


def _speak(language: str) -> None:
    from pj2.language import use_language

    use_language(language)


def band(
    index: Indices,
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    sums: Sums = None,
) -> None:
    """Write the min/max band: model, seed, step, min, max.

    \b
    Example: pj2 band --output band.parquet \\
        results/default/index/experiment=landscape/*.json
    """
    from pj2.exhibits.landscape.numbers import landscape_band
    from pj2.runs.reading import load_runs
    from pj2.store.files import write_table

    write_table(output, landscape_band(load_runs(index)))
    record(sums, output)


def _make(exhibit: Exhibit, given: dict[str, Any]) -> None:
    """Make an exhibit from its command's arguments."""
    options = [given[option.name] for option in exhibit.options]
    made_by, output = exhibit.made_by(), given["output"]
    if exhibit.kind == "table":
        from pj2.exhibits.format import write_all_formats

        write_all_formats(made_by(given["files"], *options), output)
    else:
        made_by(given["files"], *options, output)
    record(given["sums"], *(Path(f"{output}.{ending}") for ending in exhibit.endings))


def _signature(exhibit: Exhibit) -> inspect.Signature:
    """Return the signature of an exhibit's command."""
    kinds: dict[str, Any] = {"files": _Measurements if exhibit.measured else Indices}
    for option in exhibit.options:
        kind = list[Path] if option.many else Path
        kinds[option.name] = Annotated[kind, typer.Option(help=option.help)]
    kinds |= {"output": _Stem, "sums": Sums}
    many: dict[str, Any] = {option.name: [] for option in exhibit.options if option.many}
    defaults = many | {"sums": None}
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=defaults.get(name, inspect.Parameter.empty),
            )
            for name, annotation in kinds.items()
        ]
    )


def _help(exhibit: Exhibit) -> str:
    """Return the help of an exhibit's command: its caption and an example."""
    study, experiment = exhibit.example.split("/")
    options = [f"--{each.name} {each.example}" for each in exhibit.options if not each.many]
    folder = f"results/{study}/{'geometry' if exhibit.measured else 'index'}"
    files = {
        "study": "*/*.json",
        "experiment": f"experiment={experiment}/*.json",
        "model": "experiment=comparison/model=BasicCNN.json",
    }[exhibit.levels[0]]
    files = f"*/*/{exhibit.measured}" if exhibit.measured else files
    first = f"Example: pj2 {exhibit.kind} {exhibit.command} --output {exhibit.command}"
    lines = " \\\n    ".join([first, *options, f"{folder}/{files}"])
    return f"{exhibit.caption}\n\n\b\n{lines}\n"


def _add(app: typer.Typer, exhibit: Exhibit) -> None:
    def command(**given: Any) -> None:
        _make(exhibit, given)

    command.__signature__ = _signature(exhibit)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    app.command(exhibit.command, help=_help(exhibit))(command)


for _app, _kind in ((figures, "figure"), (views, "view"), (tables, "table")):
    for _exhibit in catalogue.exhibits(_kind).values():
        _add(_app, _exhibit)
