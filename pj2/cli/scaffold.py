"""Commands that create a model or a study to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_model(
    name: Annotated[str, typer.Argument(help="The model's name, in CamelCase.")],
) -> None:
    """Write a new model and its test into this clone, as a starting point.

    Example: pj2 new-model WideCNN
    """
    from pj2.scaffold.model import write_model

    module, test = write_model(name)
    print(f"{module}: a small CNN, registered as {name}; make it yours")
    print(f"{test}: its test; run: python -m pytest {test}")
    print(f"then in config.yaml:  models: [BasicCNN, {name}]")
    print("and: pj2 check; snakemake -n; snakemake all")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an empty folder.")],
) -> None:
    """Create a study of your own, which uses pj2 as a Snakemake module.

    Example: pj2 init my-study
    """
    from pj2.scaffold.study import new_study

    for path in new_study(folder):
        print(path)
    print(f"then: cd {folder} && snakemake --cores 2 all")
