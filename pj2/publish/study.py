"""Publication of a finished study without stale or damaged files. No torch."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pj2.config.schema import StudyConfig
from pj2.config.study import Run, list_runs
from pj2.data.layout import INFO_FILE, identity_of, prepared_folder, read_info
from pj2.errors import UserError
from pj2.exhibits.catalogue import exhibits, on_page
from pj2.exhibits.declare import Exhibit
from pj2.exhibits.format import write_all_formats
from pj2.language import use_language
from pj2.publish.bundle import SUMS
from pj2.publish.card import card_folder, model_card, study_page
from pj2.publish.citation import read_citation
from pj2.publish.copies import copy_run, refusals
from pj2.publish.facts import Model
from pj2.publish.place import files_in, new_folder
from pj2.report.contents import read_contents
from pj2.report.page import write_report
from pj2.runs.index import entry_of, write_index
from pj2.runs.reading import RunRecord, by_model, load_runs
from pj2.store.files import sha256_file, write_text
from pj2.store.sums import write_sums

REPORT = "report.html"
CARD = "README.md"
CITATION = "CITATION.cff"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass
class Published:
    """The files written: `bytes` is their total size, `digest` the SHA-256 of their sums."""

    runs: int
    models: int
    files: int
    bytes: int
    digest: str


def publish_study(
    study: StudyConfig, output: Path, license: str, clone: Path, notes: list[str]
) -> Published:
    """Write a study, whose results are below the working directory, as a folder or tar file.

    The same results give the same bytes.

    Args:
        study: the config; all of its runs and their predictions must exist and be current.
        output: a path that does not exist yet; see `pj2.publish.place.new_folder`.
        license: of weights and records, as the Hugging Face Hub names it.
        clone: of this repository; its CITATION.cff and LICENSE are included.
        notes: gets a line if the report is left out, since it is missing or not current.

    Raises UserError, one line per run, if runs are missing, stale or damaged.
    """
    if not _LICENSE.fullmatch(license):
        raise UserError(f"--license {license}: expected an identifier such as mit or cc-by-4.0")
    results, prepared = Path("results", study.study), Path(prepared_folder(study.dataset))
    runs = list_runs(study)
    data = identity_of(prepared)
    if data is None:
        raise UserError(f"{prepared}: the data are not prepared; run snakemake first")
    with new_folder(output, study.study) as folder:
        _refuse(refusals(results, runs, data))
        copied = [copy_run(results / "runs" / r.folder, folder / "runs" / r.folder) for r in runs]
        _refuse([problem for problems in copied for problem in problems])
        published = _write_tables(folder, study, runs)
        info = read_info(prepared)
        models = [Model(study.study, tuple(g), info) for g in by_model(published).values()]
        works = read_citation(clone / CITATION)
        for model in models:
            place = folder / card_folder(model)
            shutil.copyfile(prepared / INFO_FILE, place / INFO_FILE)
            write_text(place / CARD, model_card(model, license, works))
        outdated = _outdated(study, runs, results, prepared)
        if outdated:
            notes.append(f"{results / REPORT}: left out: {outdated}")
        else:
            shutil.copyfile(results / REPORT, folder / REPORT)
        page = study_page(models, license, works, sorted(_tables()), report=not outdated)
        write_text(folder / CARD, page)
        for name in (CITATION, "LICENSE"):
            shutil.copyfile(clone / name, folder / name)
        config = yaml.safe_dump(_asked(study), sort_keys=False, allow_unicode=True)
        write_text(folder / "config.yaml", config)
        write_sums(folder / SUMS, files_in(folder))
        digest, files = sha256_file(folder / SUMS), files_in(folder)
        size = sum(file.stat().st_size for file in files)
    return Published(len(runs), len(models), len(files), size, digest)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise UserError(
            [*problems, "nothing was published: snakemake makes these runs again; see pj2 why"]
        )


def _tables() -> dict[str, Exhibit]:
    """Return the tables that need only runs; they are written anew from the published runs."""
    return {
        name: table
        for name, table in exhibits("table").items()
        if table.levels == ("study",) and not table.options
    }


def _write_tables(folder: Path, study: StudyConfig, runs: Sequence[Run]) -> list[RunRecord]:
    """Write the tables of the runs in a folder, and return the runs as read from there."""
    with tempfile.TemporaryDirectory() as temporary:
        index = _write_index(Path(temporary), folder, study, runs)
        for name, table in _tables().items():
            write_all_formats(table.made_by()([index]), folder / "tables" / name)
        return load_runs([index])


def _write_index(place: Path, folder: Path, study: StudyConfig, runs: Sequence[Run]) -> Path:
    """Write an index file at `place` for runs in another folder, and return its path."""
    whole = folder.resolve() / "runs"
    index = place / "index.json"
    write_index(index, {"study": study.study}, [entry_of(r, whole / r.folder) for r in runs])
    return index


def _outdated(study: StudyConfig, runs: Sequence[Run], results: Path, prepared: Path) -> str | None:
    """Return why the report is missing or not current; None if it is current.

    The page names the runs and the code behind everything it shows, and contains every table and
    figure. So it is current if writing it again gives the same bytes.
    """
    listed = results / "index" / "report.json"
    if not (results / REPORT).exists():
        return "it is missing; snakemake writes it"
    try:
        contents = read_contents(listed)
        if _asked(contents.config) == _asked(study):
            page = on_page(study, runs)
            own = (results, prepared, page["figure"], page["table"])
            if (contents.results, contents.data, contents.figures, contents.tables) != own:
                return f"{listed} lists files outside the study; snakemake writes it again"
            with tempfile.TemporaryDirectory() as temporary:
                index = _write_index(Path(temporary), results, study, runs)
                use_language(study.report.language)
                write_report(listed, [index], Path(temporary, REPORT))
                if sha256_file(Path(temporary, REPORT)) == sha256_file(results / REPORT):
                    return None
    except UserError as error:
        return error.problems[0]
    finally:
        use_language("en")
    return "it is not current; snakemake writes it again"


def _asked(study: StudyConfig) -> dict[str, Any]:
    """Return the config without the paths of images and store on this machine."""
    asked = study.model_dump(mode="json", include={"study", "dataset", "experiments"})
    return asked | {"dataset": {k: v for k, v in asked["dataset"].items() if k != "path"}}
