"""The command that puts runs and studies side by side on the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from pj2.cli.sides import find_sides, tell
from pj2.cli.store import Json
from pj2.wording import named

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from pj2.analysis.compare import Comparison, EndValues
    from pj2.analysis.sides import Cell
    from pj2.statistics import PairedDifference

MOST_ROWS = 20
_NUMBER = re.compile(r"[<+-]?\d|–")
_BREAKS = re.compile(r" (?=\[|to )")  # where a cell of several numbers may go on below
_ENDLESS = 100_000  # columns: as wide as a table likes to be


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
    """Compare runs or studies: settings, end values, and how sure the differences are.

    Example: pj2 compare results/default/runs/experiment=landscape
    """
    from rich.console import Console

    from pj2.analysis.compare import compare_sides

    found = compare_sides(find_sides(sides), tell, None if as_json else MOST_ROWS)
    if as_json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
        return
    # Cells hold brackets, which are not to be read as markup.
    console = Console(markup=False, highlight=False, emoji=False)
    for part in _parts(found):
        _show(part, console)


class _Part(NamedTuple):
    """A table with a title above it and notes below, or only those.

    The first cells of a row say what it is about. `labels` say the same in words, one a
    row, for where there is no room for `named` columns.
    """

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    labels: Sequence[str] = ()
    named: int = 1
    notes: Sequence[str] = ()


def _show(part: _Part, console: Console) -> None:
    """Print a part: on a terminal within its width, elsewhere as aligned text of any width."""
    if console.is_terminal:
        console.print(part.title, style="bold")
        if part.rows:
            console.print(_fitting(part, console))
    else:
        print(part.title)
        if part.rows:
            print(_aligned(part))
    for note in part.notes:
        console.print(note, soft_wrap=not console.is_terminal)
    console.print()


def _aligned(part: _Part) -> str:
    from tabulate import tabulate

    header = [" ".join(name.split()) for name in part.header]
    align = ["right" if right else "left" for right in _numeric(part.rows)]
    return tabulate(part.rows, header, tablefmt="plain", colalign=align, disable_numparse=True)


def _fitting(part: _Part, console: Console) -> RenderableType:
    """Return the table as wide as it likes to be, or else narrow, or else as a list.

    No number is ever broken.
    """
    endless = console.options.update(width=_ENDLESS)
    wide = _rich_table(part.header, part.rows)
    if console.measure(wide, options=endless).maximum <= console.width:
        return wide
    labels = part.labels or [row[0] for row in part.rows]
    header, rows = part.header[part.named :], [row[part.named :] for row in part.rows]
    broken = [[_BREAKS.sub("\n", cell) for cell in row] for row in rows]
    both = [[label, *row] for label, row in zip(labels, broken, strict=True)]
    narrow = _rich_table(["", *header], both)
    if console.measure(narrow, options=endless).minimum <= console.width:
        return narrow
    lines = []
    for label, row in zip(labels, rows, strict=True):
        lines.append(label)
        names = (" ".join(name.split()) for name in header)
        lines += [f"  {name}: {cell}" for name, cell in zip(names, row, strict=True)]
    return "\n".join(lines)


def _rich_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table in which text wraps between words, and numbers do not."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, (name, right) in enumerate(zip(header, _numeric(rows), strict=True)):
        text = "\n".join([name, *(row[place] for row in rows)])
        # Without a least width rich squeezes columns of words to nothing, and cuts numbers.
        least = max(map(len, text.split("\n") if right else text.split()), default=0)
        justify: Any = "right" if right else "left"
        table.add_column(name, justify=justify, no_wrap=right, min_width=least)
    for row in rows:
        table.add_row(*row)
    return table


def _numeric(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Tell of each column whether its cells are numbers, or none."""
    return [all(map(_NUMBER.match, cells)) for cells in zip(*rows, strict=True)]


def _parts(found: Comparison) -> list[_Part]:
    """Return what is printed of a comparison, from top to bottom."""
    return [_sides(found), _settings(found), _end_values(found), _differences(found)]


def _sides(found: Comparison) -> _Part:
    lines = []
    for side in found.sides:
        runs = f"{len(side.runs)} run{'s' if len(side.runs) != 1 else ''}"
        lines.append(f"{side.name}: {runs} of {side.folder}")
    return _Part("Compared", notes=lines)


def _settings(found: Comparison) -> _Part:
    names = [side.name for side in found.sides]
    rows = [
        [key, *(_value_list(key, values) for values in columns)]
        for key, columns in found.settings.items()
    ]
    if found.code is None:
        code = "not recorded"
    else:
        code = f"differs in {named(found.code, ', ')}" if found.code else "the same"
    title = "Settings that differ" if rows else "Settings: the same"
    return _Part(title, ["setting", *names], rows, notes=[f"training code: {code}"])


def _value_list(key: str, values: Sequence[Any]) -> str:
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    if key == "data.hash":
        texts = [text[:12] for text in texts]
    return named(texts, ", ") if texts else "–"


def _end_values(found: Comparison) -> _Part:
    from pj2.exhibits.format import count, percent

    shown = _most_apart(found)
    names, cells, labels, common = _identified(
        [
            {
                "side": end.cell.side,
                "experiment": end.cell.experiment,
                "model": end.cell.model,
                "lr": end.cell.lr,
                "seeds": str(len(end.seeds)),
            }
            for end in shown
        ],
        [end.cell.side for end in shown],
    )
    rows = []
    for cell, end in zip(cells, shown, strict=True):
        mean = {name: None if one is None else one.mean for name, one in end.means.items()}
        rows.append(
            [
                *cell,
                _decimals(mean["epochs"], 1).removesuffix(".0"),
                percent(mean["val_accuracy_last"]),
                percent(mean["val_accuracy_best"]),
                _test_accuracy(end),
                _decimals(mean["train_loss_last"], 3),
                _decimals(mean["val_loss_last"], 3),
                count(mean["seconds"]),
            ]
        )
    measures = (
        "epochs",
        "val %\nlast",
        "val %\nbest",
        "test %",
        "train\nloss",
        "val\nloss",
        "time\ns",
    )
    notes = _notes_on_end_values(found, shown)
    header = [*names, *measures]
    return _Part(f"End values{common}", header, rows, labels, len(names), notes)


def _notes_on_end_values(found: Comparison, shown: Sequence[EndValues]) -> list[str]:
    notes = ["test: at the chosen epoch; in brackets one run's 95 % Wilson interval"]
    if any(len(end.seeds) > 1 for end in shown):
        notes = ["means over seeds; test: at the chosen epoch, ± the standard deviation over seeds"]
        if any(end.test_interval for end in shown):
            notes[0] += "; in brackets one run's 95 % Wilson interval"
    if any(key.startswith("loss.") for key in found.settings):
        notes.append("train losses of different loss functions are not to be compared")
    if len(shown) < len(found.end_values):
        notes.append(f"and {len(found.end_values) - len(shown):,} settings more; --json has all")
    if found.diverged:
        notes.append(f"diverged: {named(found.diverged)}")
    if found.untested:
        notes.append(f"no predictions: {named(found.untested)}")
    return notes


def _most_apart(found: Comparison) -> Sequence[EndValues]:
    """Return the end values to show: of too many, first those whose differences are greatest."""
    if len(found.end_values) <= MOST_ROWS:
        return found.end_values
    ranked = sorted(
        found.differences, key=lambda each: -abs(each.paired.difference) if each.paired else 0.0
    )
    cells: dict[Cell, None] = dict.fromkeys(
        cell for each in ranked for cell in (each.one, each.other)
    )
    cells |= dict.fromkeys(end.cell for end in found.end_values)
    chosen = set(list(cells)[:MOST_ROWS])
    return [end for end in found.end_values if end.cell in chosen]


def _test_accuracy(end: EndValues) -> str:
    from pj2.exhibits.format import MISSING, percent

    mean = end.means["test_accuracy"]
    if mean is None:
        return MISSING
    if mean.n > 1:
        return f"{percent(mean.mean)} ± {100 * mean.sd:.2f}"
    return percent(mean.mean, end.test_interval)


def _decimals(value: float | None, places: int) -> str:
    from pj2.exhibits.format import MISSING

    return MISSING if value is None else f"{value:.{places}f}"


def _differences(found: Comparison) -> _Part:
    shown = found.differences
    names, cells, labels, common = _identified(
        [
            {
                "one": each.one.side,
                "other": each.other.side,
                "experiment": _either(each.one.experiment, each.other.experiment),
                "model": _either(each.one.model, each.other.model),
                "lr": _either(each.one.lr, each.other.lr),
                "seeds": str(len(each.seeds)),
                "images": f"{each.paired.images:,}" if each.paired else "–",
            }
            for each in shown
        ],
        [_either(each.one.side, each.other.side) for each in shown],
    )
    rows = [
        [*cell, _difference(each.paired), _p_values(each.p_values), each.verdict]
        for cell, each in zip(cells, shown, strict=True)
    ]
    notes = _notes_on_differences(found)
    if not rows:
        return _Part("Test accuracy: no run of one side is like one of another", notes=notes)
    title = f"Test accuracy, one − other, in points{common}"
    header = [*names, "one − other", "p", "verdict"]
    return _Part(title, header, rows, labels, len(names), notes)


def _either(one: str, other: str) -> str:
    return one if one == other else f"{one} / {other}"


def _difference(paired: PairedDifference | None) -> str:
    if paired is None:
        return "–"
    low, high = paired.over_both or paired.over_images
    return f"{100 * paired.difference:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"


def _p_values(values: Sequence[float]) -> str:
    if not values:
        return "–"
    least, greatest = (f"{p:.3f}" if p >= 0.001 else "<0.001" for p in (min(values), max(values)))
    return least if least == greatest else f"{least} to {greatest}"


def _notes_on_differences(found: Comparison) -> list[str]:
    notes = []
    seeds = {min(each.paired.seeds, 2) for each in found.differences if each.paired}
    if seeds:
        over = {1: "test images, for these very runs", 2: "seeds and test images"}
        means = "; or of one seed: over ".join(over[each] for each in sorted(seeds, reverse=True))
        notes.append(f"in brackets the 95 % interval over {means}")
        tests = "McNemar's test of each seed, the least and the greatest"
        tests = tests if 2 in seeds else "McNemar's test"
        notes.append(f"p: {tests}, Holm-adjusted for all tests of the table")
    for words in dict.fromkeys(each.matched_by for each in found.differences):
        notes.append(f"pairs: {words}")
    if len(found.differences) < found.pairs:
        more = found.pairs - len(found.differences)
        notes.append(f"and {more:,} pairs less far apart; --json has all")
    if found.unmatched:
        notes.append(f"in no pair: {named(found.unmatched)}")
    return notes


def _identified(
    rows: Sequence[Mapping[str, str]], sides: Sequence[str]
) -> tuple[list[str], list[list[str]], list[str], str]:
    """Return what tells rows apart: a header, cells, and the cells in words; and what all share.

    A column that only repeats `sides`, the side or sides of each row, is left out.
    """
    kept, common = [], []
    for key in rows[0] if rows else ():
        values = [row[key] for row in rows]
        if key in ("side", "one", "other"):
            kept.append(key)
        elif values == list(sides):
            continue
        elif len(set(values)) > 1:
            kept.append(key)
        elif key != "experiment":
            words = _in_words(key, values[0])
            common.append(f"model {words}" if key == "model" else words)
    labels = [" ".join(_in_words(key, row[key]) for key in kept).rstrip() for row in rows]
    common = [words for words in common if words]
    told = f" ({', '.join(common)})" if common else ""
    return kept, [[row[key] for key in kept] for row in rows], labels, told


def _in_words(key: str, value: str) -> str:
    if key in ("seeds", "images"):
        return (
            ""
            if value in ("0", "–")
            else f"{value} {key.removesuffix('s') if value == '1' else key}"
        )
    words = {"lr": f"lr={value}", "one": f"{value} −"}
    return words.get(key, value)
