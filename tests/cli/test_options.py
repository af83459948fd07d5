"""Groups of options, which a command takes as one argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from pj2.cli.options import takes_groups


@dataclass(frozen=True)
class Place:
    folder: Annotated[str, typer.Option(envvar="PJ2_TEST_FOLDER", help="A folder.")]
    depth: int = 2


@takes_groups
def walk(name: str, place: Place, quiet: Annotated[bool, typer.Option("--quiet")] = False) -> None:
    print(name, place, quiet)


def output(*words: str, **environment: str) -> str:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(walk)
    result = CliRunner().invoke(app, list(words), env=environment)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_group_is_made_of_options_of_their_own():
    assert output("n", "--folder", "f", "--quiet") == "n Place(folder='f', depth=2) True\n"
    assert (
        output("n", "--depth", "3", PJ2_TEST_FOLDER="g") == "n Place(folder='g', depth=3) False\n"
    )


def test_help_has_a_groups_options_where_the_group_is():
    lines = [line.split()[0] for line in output("--help").splitlines() if line.startswith("  --")]
    assert lines == ["--folder", "--depth", "--quiet", "--help"]


def test_a_caller_in_python_may_leave_out_what_has_a_default(capsys):
    walk(name="n", folder="f")
    assert capsys.readouterr().out == "n Place(folder='f', depth=2) False\n"
