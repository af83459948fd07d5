"""Views of the states of a study's runs: a table that fits the terminal, and lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import get_args

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pj2.config.names import learning_rate_text
from pj2.runs.status import RunStatus, State

STATES: tuple[State, ...] = get_args(State)
Silent = Mapping[str, float]
"""Maps run folders to the seconds since their jobs on other machines last wrote anything."""

_STYLES = {
    "running": "cyan",
    "failed": "bold red",
    "interrupted": "yellow",
    "stale": "magenta",
    "waiting": "dim",
    "diverged": "yellow",
}
# The states shown if not every run fits.
_FIRST = ("running", "failed", "interrupted")
_MOST_ERRORS = 3

_COLUMNS: dict[str, Callable[[RunStatus], str]] = {
    "experiment": lambda s: s.experiment,
    "model": lambda s: s.model,
    "lr": lambda s: learning_rate_text(s.lr),
    "seed": lambda s: str(s.seed),
    "state": lambda s: _word(s.state),
    "epoch": lambda s: "" if s.epoch is None else f"{s.epoch}/{s.epochs}",
    "step": lambda s: f"{s.step}/{s.steps}" if s.step is not None and s.steps else "",
    "loss": lambda s: "" if s.loss is None else f"{s.loss:.3f}",
    "val acc": lambda s: "" if s.val_accuracy is None else f"{s.val_accuracy:.2%}",
    "images/s": lambda s: "" if s.images_per_second is None else f"{s.images_per_second:,.0f}",
    "left": lambda s: "" if s.seconds_left is None else str(timedelta(seconds=int(s.seconds_left))),
}
_RIGHT = frozenset({"lr", "seed", "epoch", "step", "loss", "val acc", "images/s", "left"})
# The columns that a narrow terminal omits, the first one first.
_DISPENSABLE = ("step", "images/s", "loss", "left", "experiment")
_NOTE_WIDTH = 16
_GAP = 2


def summary(study: str, statuses: Sequence[RunStatus]) -> str:
    """Return one line: how many runs, and how many of them in each state."""
    restored = sum(status.restored for status in statuses)
    words = [f"{study}: {len(statuses)} runs", *_counted(statuses)]
    return " · ".join(words) + (f" ({restored} restored from the store)" if restored else "")


def line_of(status: RunStatus, silent: Silent | None = None) -> str:
    """Return one run in one line, for a log."""
    name = f"{status.experiment} {_name(status)}"
    shown = {title: value(status) for title, value in _COLUMNS.items()}
    facts = [
        f"epoch {shown['epoch']}" if shown["epoch"] else "",
        f"step {shown['step']}" if shown["step"] else "",
        f"loss {shown['loss']}" if shown["loss"] else "",
        f"val acc {shown['val acc']}" if shown["val acc"] else "",
        f"{shown['images/s']} images/s" if shown["images/s"] else "",
        f"{shown['left']} left" if shown["left"] else "",
        _note(status, silent or {}),
        f"see {status.log}" if status.state == "failed" else "",
    ]
    return " · ".join([f"{name}: {shown['state']}", *filter(None, facts)])


def view(
    study: str,
    statuses: Sequence[RunStatus],
    console: Console,
    height: int | None = None,
    silent: Silent | None = None,
) -> RenderableType:
    """Return summary, table and errors, no wider than `console` and at most `height` lines.

    If not every run fits, running and failed runs are shown and the others counted.
    """
    failed = [status for status in statuses if status.state == "failed"]
    errors = failed if height is None else failed[:_MOST_ERRORS]
    shown = list(statuses)
    room = len(shown) if height is None else height - 2 - 2 * len(errors)
    if len(shown) > room:
        first = [s for state in _FIRST for s in statuses if s.state == state]
        shown = first[: max(room - 1, 0)]
    parts: list[RenderableType] = [
        Text(summary(study, statuses), no_wrap=True, overflow="ellipsis")
    ]
    if shown:
        parts.append(_fitting_table(shown, silent or {}, console.width))
    folded = [status for status in statuses if status not in set(shown)]
    if folded:
        words = f"and {len(folded)} more: {', '.join(_counted(folded))}"
        parts.append(Text(words, style="dim", no_wrap=True, overflow="ellipsis"))
    for status in errors:
        name = f"{status.experiment} {_name(status)}"
        for text in (f"{name}: {_note(status, {})}", f"  {status.log}"):
            parts.append(Text(text, no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _fitting_table(statuses: Sequence[RunStatus], silent: Silent, width: int) -> Table:
    columns = {title: [text(status) for status in statuses] for title, text in _COLUMNS.items()}
    columns = {title: texts for title, texts in columns.items() if any(texts)}
    notes = [_note(status, silent) for status in statuses]
    spare = min(_NOTE_WIDTH, max(map(len, notes)))
    for title in _DISPENSABLE:
        if _width(columns) + spare <= width:
            break
        columns.pop(title, None)
    room = width - _width(columns)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for title in columns:
        table.add_column(title, justify="right" if title in _RIGHT else "left", no_wrap=True)
    for status, note, *texts in zip(statuses, notes, *columns.values(), strict=True):
        cells = dict(zip(columns, map(Text, texts), strict=True))
        cells["state"].stylize(_STYLES.get(status.state, ""))
        last = Text(note)
        last.truncate(max(room, 0), overflow="ellipsis")
        table.add_row(*cells.values(), *([last] if spare and room > 0 else []))
    return table


def _width(columns: Mapping[str, Sequence[str]]) -> int:
    """Return the total width of columns, with the gap after each."""
    return sum(max(len(title), *map(len, texts)) + _GAP for title, texts in columns.items())


def _note(status: RunStatus, silent: Silent) -> str:
    words = []
    if status.folder in silent:
        words.append(f"silent for {silent[status.folder]:.0f} s")
    if status.state == "diverged":
        words.append(f"at step {status.step}")
    if status.restored:
        words.append("restored")
    words += status.reasons
    if status.state in ("failed", "interrupted") and status.last_line:
        words.append(status.last_line)
    return ", ".join(words)


def _counted(statuses: Sequence[RunStatus]) -> list[str]:
    counts = Counter(status.state for status in statuses)
    return [f"{counts[state]} {_word(state)}" for state in STATES if counts[state]]


def _word(state: State) -> str:
    return state.replace("_", " ")


def _name(status: RunStatus) -> str:
    return f"{status.model} lr={learning_rate_text(status.lr)} seed={status.seed}"
