"""Write which runs a table or figure shows.

The list travels as a file, not on a command line, since a study of thousands
of runs would not fit on one.
"""

from pathlib import Path

Path(snakemake.output[0]).write_text(snakemake.params.index + "\n")  # noqa: F821
