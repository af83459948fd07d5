"""Write the index of the runs that a table or figure shows, with the digest of each record."""

import json
from pathlib import Path

from pj2.runs.index import write_index

index = json.loads(snakemake.params.index)  # noqa: F821
write_index(Path(snakemake.output[0]), index, index["runs"])  # noqa: F821
