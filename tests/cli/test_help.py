"""Every command explains itself: one line, one example that it would take, readable help."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys

import pytest
from typer.main import get_command

from pj2.cli.main import app
from pj2.config.load import load_study
from pj2.data.layout import prepared_folder

ROOT = get_command(app)
_EXAMPLE = re.compile(r"Example: ((?:.*\\\n)*.*)")
_WIDTH = 80


def walk(command, path=()):
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, (*path, name))


COMMANDS = dict(walk(ROOT))
NAMES = [" ".join(("pj2", *path)) for path in COMMANDS]


def example(path):
    found = _EXAMPLE.findall(inspect.cleandoc(COMMANDS[path].help or ""))
    assert len(found) == 1, f"{path}: one Example: is needed"
    return found[0]


def parse(words):
    """Parse words as the command line would, without running anything; return the command."""
    command, path, parent = ROOT, (), None
    while True:
        context = command.make_context(command.name, words, parent=parent)
        if not getattr(command, "commands", None):
            return path
        name, command, words = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        path, parent = (*path, name), context


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_the_example_is_one_that_the_command_takes(path):
    words = shlex.split(example(path).replace("\\\n", " "))
    assert words[0] == "pj2"
    parsed = parse(words[1:])
    assert parsed[: len(path)] == path
    assert path in (parsed, parsed[:1], ())  # a group's is of one of its commands


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_the_help_begins_with_a_sentence_and_fits_a_terminal(path):
    text = inspect.cleandoc(COMMANDS[path].help).replace("\b", "")
    first = text.splitlines()[0]
    assert first.endswith(".")
    assert "Example" not in first
    shown = example(path).splitlines()
    assert max(len(line) for line in ["  Example: " + shown[0], *shown[1:]]) <= _WIDTH


def test_the_examples_read_the_prepared_data_of_the_default_study():
    own = prepared_folder(load_study("config.yaml").dataset)
    named = set(re.findall(r"results/data/cifar10-\S+", "".join(map(example, COMMANDS))))
    assert named == {own}


def call(*arguments, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PJ2_")} | variables
    return subprocess.run(
        [sys.executable, "-m", "pj2", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


COMPLETE = [
    sys.executable,
    "-c",
    "import sys; sys.argv = ['pj2']; import pj2.cli.main as m; m.main()",
]


def complete(words):
    """What fish is told that a command line may go on with, and which modules that took."""
    variables = {
        "_PJ2_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": words,
    }
    command = [*COMPLETE[:1], "-X", "importtime", *COMPLETE[1:]]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | variables
    )
    return result.stdout.splitlines(), result.stderr


def test_commands_are_completed():
    found, imported = complete("pj2 ne")
    assert [line.split("\t")[0] for line in found] == ["new-model"]
    for heavy in ("torch", "pandas", "numpy", "pyarrow"):
        assert f" {heavy}\n" not in imported


def test_runs_are_completed_a_part_at_a_time():
    found, imported = complete("pj2 why --config config.yaml model=VGG")
    assert found == ["model=VGG_A", "model=VGG_A_BatchNorm"]
    assert " torch\n" not in imported
    found, _ = complete("pj2 why experiment=comparison/model=BasicCNN/")
    assert found == ["experiment=comparison/model=BasicCNN/lr=0.001"]


def test_a_broken_config_completes_nothing(tmp_path):
    (tmp_path / "broken.yaml").write_text("study: [")
    found, errors = complete(f"pj2 why --config {tmp_path}/broken.yaml model=")
    assert not "".join(found)
    assert "Traceback" not in errors


def test_the_completion_script_is_shown():
    result = call("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert result.returncode == 0
    assert "complete" in result.stdout


def test_version():
    assert re.fullmatch(r"pj2 \d+\.\d+\.\d+\n", call("--version").stdout)


def test_no_color_is_honoured_where_colour_would_be_forced(tmp_path):
    arguments = ("doctor", "--config", str(tmp_path / "absent.yaml"))
    assert "\x1b[31m" in call(*arguments, FORCE_COLOR="1").stdout.replace("1;31", "31")
    assert "\x1b[1;31m" not in call(*arguments, FORCE_COLOR="1", NO_COLOR="1").stdout
