"""Write the list of the report's contents, which is too long for a command line."""

from pathlib import Path

Path(snakemake.output[0]).write_text(snakemake.params.contents + "\n")  # noqa: F821
