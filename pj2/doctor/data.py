"""Checks of the images: whether the source is intact, and whether the prepared data match it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from pj2.config.datasets import DATASETS
from pj2.config.schema import DatasetConfig
from pj2.data.changes import is_outdated
from pj2.data.layout import INFO_FILE, prepared_folder, read_info
from pj2.data.open import open_prepared
from pj2.data.shares import check_class_sizes
from pj2.data.sources import read_source, source_files
from pj2.data.sources.locate import SAMPLE_FOLDER, SAMPLE_SUMS, few
from pj2.doctor.finding import Finding, Subject, count
from pj2.store.files import sha256_file

_SECONDS = 5.0  # a host that takes longer to answer counts as unreachable


def check_source(subject: Subject) -> Iterator[Finding]:
    """Check that the files of a source exist; `thorough` reads every image.

    Raises UserError if images are missing, damaged or wrongly labelled.
    """
    if subject.study is None:
        return
    dataset, thorough = subject.study.dataset, subject.thorough
    what = f"data source {dataset.source}"
    if dataset.source == "torchvision":
        yield from _check_download(dataset, what)
        return
    files = source_files(dataset)
    if dataset.source == "sample":
        yield from _check_sample(what)
    elif not thorough:
        number = count(len(files.read), "file")
        yield Finding("ok", what, f"{number} at {dataset.path}, not read (--thorough reads them)")
    if files.left_out:
        yield Finding(
            "warning",
            what,
            f"not read from {dataset.path}: {few(files.left_out)}",
            "docs/data.md lists the supported files; convert, move or delete the others",
        )
    if thorough:
        raw = read_source(dataset)
        counts = f"{len(raw.train.labels):,} training and {len(raw.test.labels):,} test images"
        yield Finding("ok", what, f"all read: {counts} of {len(raw.classes)} classes")


def check_prepared(subject: Subject) -> Iterator[Finding]:
    """Check that the prepared data are complete and sufficient. Raises UserError if not."""
    if subject.study is None:
        return
    folder = prepared_folder(subject.study.dataset)
    if not Path(folder, INFO_FILE).exists():
        yield Finding("ok", "prepared data", "none yet; snakemake prepares them")
        return
    if is_outdated(folder, subject.study.dataset):
        yield Finding(
            "warning",
            "prepared data",
            f"{folder}: its source files have changed since",
            "snakemake prepares the data again, and trains on them",
        )
        return
    fractions = {run.settings.validation_fraction for run in subject.runs}
    check_class_sizes(read_info(folder), sorted(fractions))
    data = open_prepared(folder)  # verifies every byte against the content hash
    yield Finding(
        "ok",
        "prepared data",
        f"{folder}: {len(data.train_labels):,} training and {len(data.test_labels):,} test "
        f"images, content hash {data.hash[:16]} verified",
    )


def _check_sample(what: str) -> Iterator[Finding]:
    lines = (SAMPLE_FOLDER / SAMPLE_SUMS).read_text(encoding="utf-8").splitlines()
    damaged = []
    for line in lines:
        digest, _, name = line.partition("  ")
        if sha256_file(SAMPLE_FOLDER / name) != digest:
            damaged.append(name)
    if damaged:
        yield Finding(
            "problem",
            what,
            f"{', '.join(damaged)} in {SAMPLE_FOLDER}: damaged; not as in {SAMPLE_SUMS}",
            f"git -C {SAMPLE_FOLDER} checkout -- .",
        )
    else:
        yield Finding("ok", what, f"{len(lines)} files in {SAMPLE_FOLDER}, SHA-256 verified")


def _check_download(dataset: DatasetConfig, what: str) -> Iterator[Finding]:
    """Check whether a data set has been downloaded, or could be now."""
    from torchvision import datasets

    facts = DATASETS[dataset.name]
    kind = getattr(datasets, facts.torchvision_class)
    root = Path(dataset.path or f"data/{dataset.name}").expanduser()
    split = {"split": "test"} if dataset.name == "svhn" else {"train": False}
    try:
        kind(root, download=False, **split)
    except RuntimeError:  # torchvision raises it for a file that is missing or has another MD5 sum
        pass
    else:
        yield Finding("ok", what, f"{facts.title} is in {root}, MD5 verified")
        return
    url = _address(kind)
    try:
        request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "pj2"})
        with urllib.request.urlopen(request, timeout=_SECONDS):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        yield Finding(
            "warning",
            what,
            f"{facts.title} is not in {root}, and {url} does not answer ({reason})",
            f"download it where there is a network and copy it to {root}; or set dataset.path "
            "with source parquet, archive or imagefolder; or source: sample",
        )
    else:
        found = f"{facts.title} is not in {root} yet; {url} answers, snakemake downloads it"
        yield Finding("ok", what, found)


def _address(kind: type) -> str:
    """Return where torchvision downloads the first file of a data set from."""
    if mirrors := getattr(kind, "mirrors", None):
        return str(mirrors[0]) + str(kind.resources[0][0])  # type: ignore[attr-defined]
    if splits := getattr(kind, "split_list", None):
        return str(splits["test"][0])
    return str(kind.url)  # type: ignore[attr-defined]
