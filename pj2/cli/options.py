"""Options and output shared by several commands: option groups, the run store, JSON, stderr."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from pj2.errors import in_one_line

if TYPE_CHECKING:
    from pj2.store.store import RunStore

FOUND_PROBLEMS = 1  # the exit code of a command that found problems
Config = Annotated[Path, typer.Option(help="The study's config file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Sums = Annotated[
    Path | None, typer.Option(help="Also write the SHA-256 of the output, for sha256sum -c.")
]


def to_stderr(line: str) -> None:
    """Print a line that is not part of a command's output."""
    print(in_one_line(line), file=sys.stderr)


def record(sums: Path | None, *files: Path) -> None:
    """Write the digests of a command's output files, if requested."""
    from pj2.store.sums import write_sums

    if sums:
        write_sums(sums, files)


def takes_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its dataclass parameters as options."""
    hints = get_type_hints(command)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}

    @wraps(command)
    def with_options(**given: Any) -> None:
        for name, group in groups.items():
            own = {option.name for option in fields(group)} & given.keys()
            given[name] = group(**{option: given.pop(option) for option in own})
        command(**given)

    signature = inspect.Signature(list(_options(command)))
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    with_options.__annotations__ = {}
    return with_options


def _options(owner: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a command or dataclass, with a group's own in its place."""
    hints = get_type_hints(owner, include_extras=True)
    for parameter in inspect.signature(owner).parameters.values():
        annotation = hints[parameter.name]
        if is_dataclass(annotation):
            yield from _options(annotation)  # type: ignore[arg-type]
        else:
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation)


@dataclass(frozen=True)
class StoreOptions:
    """Options that select the run store."""

    store: Annotated[str, typer.Option(envvar="PJ2_STORE", help="Folder of the run store.")] = (
        ".pj2/store"
    )
    remote: Annotated[
        str | None, typer.Option(envvar="PJ2_STORE_REMOTE", help="Where to mirror the store.")
    ] = None

    def open(self, say: Callable[[str], None] = to_stderr) -> RunStore:
        """Open the store for writing; `say` gets a line on each problem with one of its tiers."""
        from pj2.store.open import open_store

        return open_store(self.store, self.remote, say)

    def open_existing(self, say: Callable[[str], None] = to_stderr) -> RunStore:
        """Open the store for reading. Raises UserError if it does not exist."""
        from pj2.store.open import open_existing

        return open_existing(self.store, self.remote, say)


DEFAULT_STORE = StoreOptions()
