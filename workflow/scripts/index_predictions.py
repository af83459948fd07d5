"""Write a digest of the predictions of each run of a pair, as their records state it."""

import json
from pathlib import Path

digests = {
    "/".join(path.parts[-5:-1]): json.loads(path.read_text())["artifacts"]["predictions.parquet"]
    for path in map(Path, snakemake.input)  # noqa: F821
}
Path(snakemake.output[0]).write_text(json.dumps(digests, indent=2) + "\n")  # noqa: F821
