"""Commands that list, verify, clear and transfer the run store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pj2.cli.options import (
    DEFAULT_STORE,
    FOUND_PROBLEMS,
    Json,
    StoreOptions,
    takes_groups,
    to_stderr,
)
from pj2.cli.store_view import (
    entry_content,
    entry_row,
    headline,
    print_entry,
    print_json,
    print_lines,
    print_rows,
    print_table,
)
from pj2.errors import UserError
from pj2.wording import readable_size

if TYPE_CHECKING:
    from pj2.store.contents import Entry
    from pj2.store.maintain import Cleared
    from pj2.store.manifest import Blob
    from pj2.store.store import RunStore

app = typer.Typer(
    no_args_is_help=True,
    help="""List, verify, clear and transfer the run store.

    Example: pj2 store ls
    """,
)


@app.command()
@takes_groups
def ls(place: StoreOptions = DEFAULT_STORE, as_json: Json = False) -> None:
    """List the store's entries, the last used first, with the experiments of ./config.yaml.

    Example: pj2 store ls
    """
    from pj2.store.contents import held_blobs, read_entries

    with _looked_into(place) as opened:
        _list(read_entries(opened), held_blobs(opened), as_json)


def _list(entries: Sequence[Entry], held: Mapping[Blob, str], as_json: bool) -> None:
    named = _experiments(entries)
    rows = [{**entry_row(e, held), "experiments": named.get(e.fingerprint, [])} for e in entries]
    total = sum(blob.size for blob in held.keys() & {b for e in entries for b in e.blobs})
    needed = sum(blob.size for blob in held.keys() & {b for e in entries for b in e.needed})
    if as_json:
        print_json({"entries": rows, "bytes": total, "only_other_budgets": total - needed})
        return
    print_rows(rows)
    print(f"{len(rows)} entries, {readable_size(total)}")
    if spare := total - needed:
        print(f"only other epoch budgets need {readable_size(spare)} of it (pj2 store gc --thin)")


@app.command()
@takes_groups
def show(
    fingerprint: Annotated[str, typer.Argument(help="A fingerprint, or its beginning.")],
    place: StoreOptions = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Show one entry: its inputs, its progress, its files.

    Example: pj2 store show "$(pj2 fingerprint model=VGG_A/lr=1e-4/seed=0)"
    """
    from pj2.store.contents import find_entry, held_blobs, read_entries

    with _looked_into(place) as opened:
        entry = find_entry(read_entries(opened), fingerprint)
        content = entry_content(entry, held_blobs(opened))
        if as_json:
            print_json(content)
        else:
            print_entry(content)


@app.command()
@takes_groups
def verify(place: StoreOptions = DEFAULT_STORE, as_json: Json = False) -> None:
    """Read every file of the store; exit code 1 if one is damaged, missing or unreadable.

    Example: pj2 store verify
    """
    from pj2.store.maintain import verify as verify_store

    problems: list[str] = []
    report = verify_store(place.open_existing(problems.append), problems)
    if as_json:
        print_json({**asdict(report), "problems": problems})
    else:
        print_lines(problems)
        print(
            f"{place.store}: {report.manifests} manifests and {report.blobs} blobs are intact; "
            f"{report.damaged} files damaged, {report.missing} missing"
            + (f", {report.unreadable} files or folders unreadable" if report.unreadable else "")
        )
        notes = {
            "blobs are in the remote tier only": report.remote,
            "blobs were thinned, which only another budget needs": report.thinned,
            "blobs that no manifest refers to (pj2 store gc removes them)": report.unreferenced,
            "temporary files of writers that run or were killed": report.temporary,
            "damaged files were set aside before": report.set_aside_before,
        }
        print_lines(f"{count} {what}" for what, count in notes.items() if count)
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)


@app.command()
@takes_groups
def gc(
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help=(
                "Keep entries used within a time (30d), the last used up to a size (20GB), or "
                "those of a config's runs (config.yaml). Several rules add up."
            ),
        ),
    ] = None,
    thin: Annotated[
        bool, typer.Option("--thin", help="Also drop files that only another epoch budget needs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be removed.")
    ] = False,
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="Keep files used within this time.")
    ] = "1d",
    place: StoreOptions = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Remove entries that no rule keeps, after pushing what the remote tier still lacks.

    Example: pj2 store gc --keep 30d --keep config.yaml --dry-run
    """
    if not keep and not thin:
        raise UserError("gc: nothing to do; give --keep RULE (30d, 20GB or a config), or --thin")
    from pj2.store.keep import parse_duration, parse_rule
    from pj2.store.maintain import clear

    seconds = parse_duration(grace)
    if seconds is None:
        raise UserError(f"--grace {grace}: expected a time such as 12h, 1d or 4w")
    rules = [parse_rule(text) for text in keep or ()]
    if not dry_run:
        with _looked_into(place) as opened:
            opened.push_pending()
    with _looked_into(replace(place, remote=None)) as opened:
        _report_cleared(clear(opened, rules, thin, seconds, dry_run), grace, dry_run, as_json)


def _report_cleared(cleared: Cleared, grace: str, dry_run: bool, as_json: bool) -> None:
    counts = {key: value for key, value in vars(cleared).items() if key != "entries"}
    if as_json:
        removed = [entry.fingerprint for entry in cleared.entries]
        print_json({"dry_run": dry_run, "entries": removed, **counts})
        return
    print_table([], [headline(entry) for entry in cleared.entries])
    print(
        f"{'would remove' if dry_run else 'removed'} {len(cleared.entries)} entries "
        f"({cleared.manifests} manifests), {cleared.blobs} blobs ({cleared.thinned} of them "
        f"thinned), {cleared.temporary} temporary files: {readable_size(cleared.bytes)}; "
        f"{cleared.kept} entries are kept"
    )
    if cleared.young:
        print(f"{cleared.young} more blobs may go once they are older than {grace} (--grace)")


@app.command()
@takes_groups
def export(
    output: Annotated[
        Path, typer.Argument(help="The tar file to write; with --study also a new folder.")
    ],
    fingerprints: Annotated[
        list[str] | None,
        typer.Argument(help="The beginning of each entry's fingerprint; all entries by default."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Export the entries of this config's runs.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help=(
                "Publish this study's results instead: weights, records, tables, report, a model "
                "card for each model, checksums."
            ),
        ),
    ] = None,
    license: Annotated[
        str,
        typer.Option(
            help="With --study: licence of the weights, as the Hugging Face Hub names it."
        ),
    ] = "mit",
    place: StoreOptions = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Write entries into a tar file, or a whole study into a folder to publish.

    Exit code 1 if an incomplete or unreadable entry was left out. A study with a missing, stale
    or damaged run is refused.

    Example: pj2 store export published --study config.yaml
    """
    if study:
        if fingerprints or config:
            raise UserError(
                "--study: publishes all of a study; leave out fingerprints and --config"
            )
        _publish(study, output, license, as_json)
        return
    from pj2.store.contents import find_entry, read_entries
    from pj2.store.keep import entries_of_study
    from pj2.store.transfer import export_entries

    problems: list[str] = []
    with _looked_into(place) as opened:
        entries = read_entries(opened)
        if fingerprints or config:
            named = {find_entry(entries, prefix).fingerprint for prefix in fingerprints or ()}
            named |= set(entries_of_study(entries, config)) if config else set()
            entries = [entry for entry in entries if entry.fingerprint in named]
        if not entries:
            nothing = f"nothing of {config}" if config else "no entries"
            raise UserError(f"{place.store}: holds {nothing}")
        done = export_entries(opened, entries, output, problems)
        _report_transfer("exported", f"to {output}", asdict(done), problems, as_json)


def _publish(config: Path, output: Path, license: str, as_json: bool) -> None:
    from pj2.config.load import load_study
    from pj2.publish.study import publish_study
    from pj2.scaffold.files import checkout

    notes: list[str] = []
    done = publish_study(load_study(config), output, license, checkout(), notes)
    if as_json:
        print_json({**asdict(done), "notes": notes})
        return
    print_lines(notes)
    print(
        f"published {done.models} models, {done.runs} runs in {done.files} files, "
        f"{readable_size(done.bytes)}, as {output}"
    )
    print(f"SHA-256 of its SHA256SUMS, to tell its recipients: {done.digest}")


@app.command("verify-bundle")
def verify_bundle(
    bundle: Annotated[Path, typer.Argument(help="A published study: a folder, or its tar file.")],
    digest: Annotated[
        str | None, typer.Option(help="SHA-256 of its SHA256SUMS, as the publisher stated it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a published study with its sums, extracting nothing; exit code 1 if it differs.

    Example: pj2 store verify-bundle published --digest 1f0c9a…
    """
    from pj2.publish.bundle import check_bundle

    done = check_bundle(bundle, digest)
    if as_json:
        print_json(asdict(done))
    else:
        print_lines(done.problems)
        state = "as its SHA256SUMS says" if not done.problems else "not as it was published"
        print(f"{bundle}: {done.files} files, {readable_size(done.bytes)}: {state}")
        print(f"SHA-256 of its SHA256SUMS: {done.digest}")
    if done.problems:
        raise typer.Exit(FOUND_PROBLEMS)


@app.command("import")
@takes_groups
def import_(
    source: Annotated[Path, typer.Argument(help="A tar file from export, or a store's folder.")],
    place: StoreOptions = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Import the entries of a tar file or another store; exit code 1 if some are damaged.

    Example: pj2 store import runs.tar
    """
    from pj2.store.open import require_remote
    from pj2.store.transfer import import_entries

    problems: list[str] = []
    with _noticing(place.open) as opened:
        require_remote(opened)
        done = import_entries(opened, source, problems)
        _report_transfer("imported", f"into {place.store}", asdict(done), problems, as_json)


def _looked_into(place: StoreOptions) -> AbstractContextManager[RunStore]:
    return _noticing(place.open_existing)


@contextmanager
def _noticing(open_with: Callable[[Callable[[str], None]], RunStore]) -> Iterator[RunStore]:
    """Yield a store; if it reports a problem, the command ends with exit code 1."""
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        to_stderr(line)

    yield open_with(say)
    if said:
        raise typer.Exit(FOUND_PROBLEMS)


def _experiments(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Return the experiments of ./config.yaml that entries belong to."""
    from pj2.store.keep import entries_of_study

    config = Path("config.yaml")
    try:
        return entries_of_study(entries, config) if config.exists() else {}
    except UserError as error:
        to_stderr(f"pj2: experiments are not shown: {error.problems[0]}")
        return {}


def _report_transfer(
    verb: str, target: str, counts: dict[str, int], problems: list[str], as_json: bool
) -> None:
    if as_json:
        print_json({**counts, "problems": problems})
    else:
        print_lines(problems)
        size = readable_size(counts["bytes"])
        print(
            f"{verb} {counts['manifests']} manifests and {counts['blobs']} blobs, {size}, {target}"
        )
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)
