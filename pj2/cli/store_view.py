"""Views of store entries for `pj2 store`: rows, tables, and one entry in full."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pj2.errors import in_one_line
from pj2.wording import readable_size

if TYPE_CHECKING:
    from pj2.store.contents import Entry
    from pj2.store.manifest import Blob

_LAST = 253402300799  # the end of the year 9999, the last that dates can express


def entry_row(entry: Entry, held: Mapping[Blob, str]) -> dict[str, Any]:
    """Return the row of an entry in `ls`; sizes in bytes, times in UTC."""
    newest = entry.newest
    used = None if entry.used is None else datetime.fromtimestamp(min(entry.used, _LAST), UTC)
    return {
        "fingerprint": newest.fingerprint,
        "kind": newest.kind,
        **{key: entry.settings.get(key) for key in ("model", "learning_rate", "seed")},
        "epochs": newest.epochs,
        "steps": newest.steps,
        "state": entry.state,
        "bytes": sum(blob.size for blob in entry.blobs if blob in held),
        "used": used.strftime("%Y-%m-%dT%H:%M:%SZ") if used else None,
    }


def entry_content(entry: Entry, held: Mapping[Blob, str]) -> dict[str, Any]:
    """Return the content of an entry for `show`."""
    from pj2.store.manifest import places

    body, inputs = entry.newest.body, entry.newest.inputs
    keys = ("epoch", "val_accuracy", "test_accuracy")
    return {
        **entry_row(entry, held),
        "settings": entry.settings,
        "data": inputs.get("data"),
        "packages": inputs.get("packages", {}),
        "hardware": body.get("hardware", {}),
        "versions": body.get("versions", {}),
        "epoch_rows": [{key: e["row"].get(key) for key in keys} for e in body.get("epochs", [])],
        "blobs": [
            {"place": place, **blob.as_json(), "held": blob in held}
            for place, blob in places(entry.newest)
        ],
        "manifests": [manifest.name for manifest in entry.manifests],
    }


def headline(entry: Entry) -> list[Any]:
    """Return the cells that identify an entry that `gc` removes."""
    row = entry_row(entry, {})
    keys = ("kind", "model", "learning_rate", "seed")
    return [_short(row["fingerprint"]), *(row[key] for key in keys)]


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of `ls` as a table."""
    first = ["fingerprint", "kind", "experiment"]
    print_table(
        [*first, "model", "lr", "seed", "epochs", "state", "size", "used"],
        [
            (
                _short(row["fingerprint"]),
                row["kind"],
                ", ".join(row["experiments"]),
                *(row[key] for key in ("model", "learning_rate", "seed")),
                _progress(row),
                row["state"],
                readable_size(row["bytes"]),
                row["used"] or "in the remote tier",
            )
            for row in rows
        ],
    )


def print_entry(content: Mapping[str, Any]) -> None:
    """Print the content of an entry for `show`."""
    head = {
        **{key: content[key] for key in ("fingerprint", "kind", "state")},
        "epochs": _progress(content),
        "used": content["used"] or "in the remote tier",
        "size": readable_size(content["bytes"]),
        "data": content["data"],
    }
    print_lines(f"{key}: {value}" for key, value in head.items() if value)
    for key in ("settings", "packages", "hardware", "versions"):
        if content[key]:
            print(f"{key}:")
            print_lines(f"  {name} = {json.dumps(value)}" for name, value in content[key].items())
    rows = [list(row.values()) for row in content["epoch_rows"]]
    print_table(["epoch", "val_accuracy", "test_accuracy"], rows)
    print(f"blobs: {len(content['blobs'])}")
    held = {True: "", False: "not held here"}
    print_table(
        ["place", "sha256", "size", ""],
        [
            (blob["place"], _short(blob["sha256"]), readable_size(blob["size"]), held[blob["held"]])
            for blob in content["blobs"]
        ],
    )
    print("manifests, the most advanced first:")
    print_lines(f"  {name}" for name in content["manifests"])


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under headers, without control characters for the terminal."""
    from tabulate import tabulate

    if rows:
        # Numbers stay as they are, since a hash of digits is not one.
        cells = [["" if cell is None else in_one_line(str(cell)) for cell in row] for row in rows]
        print(tabulate(cells, headers, tablefmt="plain", disable_numparse=True))


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, without control characters for the terminal."""
    for line in lines:
        print(in_one_line(line))


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def _progress(row: Mapping[str, Any]) -> str:
    if row["kind"] != "run":
        return ""
    return f"{row['epochs']} +{row['steps']} steps" if row["steps"] else str(row["epochs"])


def _short(digest: str) -> str:
    return digest[:12]
