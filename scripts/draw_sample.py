"""Draw the bundled sample from a full copy of CIFAR-10 in Hugging Face Parquet layout.

    python scripts/draw_sample.py path/to/cifar10

The sample has 500 training and 100 test images of each class, with their original
PNG bytes. The choice and its order depend only on the SHA-256 of a fixed seed and the
PNG bytes, not on the order of the shards or on the versions of numpy and Python.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pj2.config.datasets import DATASETS
from pj2.data.sources.locate import SAMPLE_FOLDER, SAMPLE_SUMS, parquet_files
from pj2.errors import UserError
from pj2.store.files import sha256_file, write_table, write_text

SEED = 2009  # the year of the data set's report
PER_CLASS = {"train": 500, "test": 100}


def draw(table: pa.Table, per_class: int) -> pa.Table:
    """Return `per_class` rows of each label of `table`, shuffled.

    `table` has img struct<bytes, path> and label int64; its schema, with the
    Hugging Face metadata, is kept. Raises UserError if a class has too few.
    """
    encoded = pa.chunked_array([chunk.field("bytes") for chunk in table["img"].chunks])
    keys = [hashlib.sha256(f"{SEED} ".encode() + png).digest() for png in encoded.to_pylist()]
    labels = table["label"].to_pylist()
    taken: Counter[int] = Counter()
    rows = []
    for row in sorted(range(len(keys)), key=keys.__getitem__):
        if taken[labels[row]] < per_class:
            taken[labels[row]] += 1
            rows.append(row)
    if sorted(taken.items()) != [(label, per_class) for label in range(10)]:
        raise UserError(f"fewer than {per_class} images of a class: not a full copy of CIFAR-10")
    return table.take(pa.array(rows)).combine_chunks()


def main() -> int:
    """Write the sample's two Parquet files and SHA256SUMS."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("full_copy", type=Path, help="folder with train*.parquet, test*.parquet")
    parser.add_argument("--output", type=Path, default=SAMPLE_FOLDER)
    arguments = parser.parse_args()
    sums = []
    try:
        files = parquet_files(arguments.full_copy)
        facts = DATASETS["cifar10"]
        expected = {"train": facts.train_images, "test": facts.test_images}
        for split, per_class in PER_CLASS.items():
            table = pa.concat_tables([pq.read_table(file) for file in files[split]])
            if len(table) != expected[split]:
                raise UserError(
                    f"{arguments.full_copy}: {len(table)} {split} images; "
                    f"the full copy has {expected[split]}"
                )
            path = arguments.output / f"{split}-00000-of-00001.parquet"
            write_table(path, draw(table, per_class))
            sums.append(f"{sha256_file(path)}  {path.name}\n")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    write_text(arguments.output / SAMPLE_SUMS, "".join(sorted(sums, key=lambda line: line[66:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
