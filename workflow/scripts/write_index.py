"""Write which runs a table or figure shows, with a digest of the record of each.

The list travels as a file, not on a command line, since a study of thousands
of runs would not fit on one. A record, run.json, holds the digests of all that
training wrote.
"""

import hashlib
import json
from pathlib import Path

index = json.loads(snakemake.params.index)  # noqa: F821
for run, record in zip(index["runs"], snakemake.input, strict=True):  # noqa: F821
    run["record"] = hashlib.sha256(Path(record).read_bytes()).hexdigest()
Path(snakemake.output[0]).write_text(json.dumps(index, indent=2) + "\n")  # noqa: F821
