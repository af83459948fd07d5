"""The bundled sample: 6,000 real CIFAR-10 images beside the package, in Parquet."""

from __future__ import annotations

from pj2.data.sources.locate import SAMPLE_FOLDER, SAMPLE_SUMS, sample_files
from pj2.data.sources.parquet import read_parquet
from pj2.data.sources.raw import RawDataset
from pj2.errors import UserError
from pj2.store.files import sha256_file


def read_sample() -> RawDataset:
    """Read the sample, 5,000 training and 1,000 test images, after checking its SHA-256 sums."""
    files = sample_files()
    sums = (SAMPLE_FOLDER / SAMPLE_SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    for file in files:
        if f"{sha256_file(file)}  {file.name}" not in sums:
            raise UserError(
                f"{file}: its SHA-256 is not the one in {SAMPLE_SUMS}; git restores the file"
            )
    return read_parquet(SAMPLE_FOLDER, "cifar10")
