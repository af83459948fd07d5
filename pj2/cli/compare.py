"""The command that compares runs and studies on the terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pj2.cli.options import Json
from pj2.errors import in_one_line
from pj2.wording import named

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from pj2.compare.comparison import Comparison, Setting

MOST_ROWS = 20
_OF_RUN = ("status", "diverged_at_step", "fingerprint")
_NUMBER = re.compile(r"[\[+−]?\d|–")
_ENDLESS = 100_000  # columns: wide enough for any table

_Rows = Sequence[Mapping[str, str]]


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_OR_STUDY",
            help="A run's folder, a folder above runs, or a study: its folder or its name. "
            "One alone is compared model by model.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Compare runs or studies: how they were made, final values, how sure the differences are.

    A difference is of the first less the second: after `pj2 compare old new`, +1.50 means that
    old is 1.50 percentage points better.

    Example: pj2 compare results/default/runs/experiment=landscape
    """
    from rich.console import Console

    from pj2.compare.comparison import compare_sides
    from pj2.compare.sides import find_sides

    facing, told = find_sides(sides)
    for line in told:
        print(f"pj2: {line}", file=sys.stderr)
    comparison = compare_sides(facing, None if as_json else MOST_ROWS)
    if as_json:
        print(json.dumps(_as_json(comparison), indent=2, allow_nan=False))
        return
    # Cells hold brackets, which rich would read as markup.
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    for show in (_show_sides, _show_end_values, _show_differences):
        show(comparison, console)


def _show_sides(comparison: Comparison, console: Console) -> None:
    lines = []
    for side in comparison.sides:
        runs = f"{len(side.runs)} run{'s' if len(side.runs) != 1 else ''}"
        lines.append(f"{side.name}: {runs} of {side.folder}")
    _show(console, "Compared", [], lines)
    names = [side.name for side in comparison.sides]
    rows = [
        {"Setting": in_one_line(key)}
        | dict(zip(names, [_in_words(key, each) for each in values], strict=True))
        for key, values in comparison.differing.items()
    ]
    code = f"differs in {named(comparison.code, ', ')}" if comparison.code else "the same"
    title = "Settings that differ" if rows else "Settings: the same"
    notes = [f"Training code: {code}"]
    of_other_runs = [
        in_one_line(key)
        for key, (first, *others) in comparison.differing.items()
        if all(sorted(map(repr, each)) == sorted(map(repr, first)) for each in others)
    ]
    if of_other_runs:
        keys = named(of_other_runs, ", ")
        notes.append(f"{keys}: the same values on all sides, but of other runs.")
    _show(console, title, rows, notes)


def _in_words(key: str, values: Sequence[Any]) -> str:
    texts = [in_one_line(v) if isinstance(v, str) else json.dumps(v) for v in values]
    if key == "data.hash":
        texts = [text[:12] for text in texts]
    return named(texts, ", ") if texts else "–"


def _show_end_values(comparison: Comparison, console: Console) -> None:
    from pj2.exhibits.comparison.summary import summary_row, summary_shown

    settings: Sequence[Setting] = comparison.settings
    if len(settings) > MOST_ROWS:
        compared = dict.fromkeys(each for pair, _ in comparison.differences for each in pair[:2])
        settings = list(compared or settings)[:MOST_ROWS]
    shown = [{"Side": each.side, **summary_shown(summary_row(each.runs))} for each in settings]
    rows, notes = _told_apart(shown)
    notes.append(
        "Accuracies: ± the standard deviation over seeds; in brackets the 95 % interval, Student's "
        "for several seeds, Wilson's for one."
    )
    if more := len(comparison.settings) - len(rows):
        notes.append(f"And {more:,} settings more; --json has all.")
    _show(console, "End values", rows, notes)


def _show_differences(comparison: Comparison, console: Console) -> None:
    from pj2.exhibits.pairwise.table import pairwise_shown

    shown = pairwise_shown([row for _, row in comparison.differences])
    cells = zip(*shown.values(), strict=True)
    rows, notes = _told_apart([dict(zip(shown, row, strict=True)) for row in cells])
    title = "Test accuracy: no two runs to compare"
    if rows:
        names = [side.name for side in comparison.sides]
        first, second = names if len(names) == 2 else ("the first", "the second")
        title = f"Test accuracy, {first} − {second} (+: {first} is better)"
        matched_by = list(dict.fromkeys(pair.matched_by for pair, _ in comparison.differences))
        notes += [
            "In brackets 95 % intervals: over images, for these networks; over seeds; over both. "
            "p: McNemar's test of each seed, Holm-adjusted for all pairs.",
            f"Pairs: {named(matched_by)}.",
        ]
    if len(rows) == MOST_ROWS < comparison.pairs:
        notes.append(
            f"These {MOST_ROWS} of {comparison.pairs:,} pairs are furthest apart; --json has all."
        )
    if comparison.left_out:
        notes.append(named(comparison.left_out, " "))
    if comparison.unmatched:
        notes.append(f"In no pair: {named(comparison.unmatched)}.")
    _show(console, title, rows, notes)


def _told_apart(rows: _Rows) -> tuple[_Rows, list[str]]:
    """Remove columns that are empty or the same in all rows; also return sentences on these."""
    from pj2.exhibits.format import MISSING

    columns = {name: {row[name] for row in rows} for name in (rows[0] if rows else ())}
    same = {
        name: rows[0][name]
        for name, cells in columns.items()
        if cells == {MISSING} or (len(cells) == 1 < len(rows) and name != "Verdict")
    }
    apart = [{name: row[name] for name in row if name not in same} for row in rows]
    words = [f"{name} {cell}" for name, cell in same.items() if cell != MISSING]
    return apart, [f"In all rows: {'; '.join(words)}."] if words else []


def _show(console: Console, title: str, rows: _Rows, notes: Sequence[str]) -> None:
    """Print a table between its title and notes: on a terminal within its width."""
    console.print(title, style="bold")
    if rows:
        console.print(_fitting(rows, console))
    for note in notes:
        console.print(note)
    console.print()


def _fitting(rows: _Rows, console: Console) -> RenderableType:
    """Return a table whose text wraps between words, or a list if the table does not fit."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in rows[0]:
        cells = [row[heading] for row in rows]
        # Without a minimum width, rich shrinks columns of words to nothing and truncates numbers.
        least = max(len(word) for text in (heading, *cells) for word in text.split())
        right = all(map(_NUMBER.match, cells))
        table.add_column(heading, min_width=least, justify="right" if right else "left")
    for row in rows:
        table.add_row(*row.values())
    endless = console.options.update(width=_ENDLESS)
    if console.measure(table, options=endless).minimum <= console.width:
        return table
    return "\n".join(
        "".join(f"{heading}: {cell}\n" for heading, cell in row.items()) for row in rows
    )


def _as_json(comparison: Comparison) -> dict[str, Any]:
    from pj2.exhibits.comparison.summary import summary_row

    end_values = [{"side": each.side, **summary_row(each.runs)} for each in comparison.settings]
    in_cells = ("model", "other", "lr", "other_lr")
    differences = [
        {"one": _cell(pair.one), "other": _cell(pair.other), "matched_by": pair.matched_by}
        | {key: value for key, value in row.items() if key not in in_cells}
        for pair, row in comparison.differences
    ]
    for row in (*end_values, *differences):
        row.update({key: None for key, value in row.items() if value != value})  # NaN
    return {
        "sides": [
            {
                "name": side.name,
                "folder": str(side.folder),
                "runs": [
                    {
                        "experiment": run.experiment,
                        "model": run.model,
                        "learning_rate": run.learning_rate,
                        "seed": run.seed,
                        "folder": str(run.folder),
                        **{key: run.info[key] for key in _OF_RUN},
                    }
                    for run in side.runs
                ],
            }
            for side in comparison.sides
        ],
        "settings": comparison.differing,
        "code_differs_in": comparison.code,
        "end_values": end_values,
        "differences": differences,
        "pairs": comparison.pairs,
        "left_out": comparison.left_out,
        "unmatched": comparison.unmatched,
    }


def _cell(setting: Setting) -> dict[str, str | float]:
    side, _, experiment, model, lr, _ = setting
    return {"side": side, "experiment": experiment, "model": model, "learning_rate": float(lr)}
