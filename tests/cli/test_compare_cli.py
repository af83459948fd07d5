"""`pj2 compare`: what an argument names, and what is printed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pj2.cli import main as command_line
from pj2.cli.compare import compare
from pj2.exhibits.format import write_all_formats
from pj2.exhibits.pairwise.table import pairwise_table
from tests.helpers.made_up import make_index, make_run

LABELS = [image % 4 for image in range(40)]
RUNS = Path("results/small/runs/experiment=e")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make(study: str, model: str, wrong: int, **more) -> Path:
    predicted = [(label + (image < wrong)) % 4 for image, label in enumerate(LABELS)]
    root = Path("results") / study
    own = {
        "labels": LABELS,
        "predicted": predicted,
        "fingerprint": _digest(f"{root} {model} {more}"),
    }
    return Path(make_run(root, model, [2.0, 1.0], **own | more)["folder"])


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        make("small", "VGG_A", 10, seed=seed)
        make("small", "VGG_A_BatchNorm", 4, seed=seed)
        make("large", "VGG_A", 8, seed=seed)
    return tmp_path


@pytest.fixture
def pj2(here, monkeypatch, capsys):
    """The command alone under `main`, which turns a UserError into lines and exit code 2."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(compare)
    monkeypatch.setattr(command_line, "app", app)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def split(out: str, title: str) -> tuple[list[str], list[str]]:
    """The headings and the first row of the table under a title."""
    lines = out[out.index(title) :].splitlines()
    head, row = (re.split("  +", lines[place].strip()) for place in (1, 3))
    return head, row


def words(line: str) -> str:
    return re.sub(" +", " ", line).strip()


def test_a_study_is_compared_model_by_model(pj2):
    code, out, err = pj2("small")
    lines = [words(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert "VGG_A: 2 runs of results/small" in lines
    assert "model VGG_A VGG_A_BatchNorm" in lines
    assert "Training code: the same" in lines
    ends = lines[lines.index("End values") :]
    assert ends[3].startswith("VGG_A VGG_A 75.00 ± 0.00 -")
    title = "Test accuracy, VGG_A − VGG_A_BatchNorm (+: VGG_A is better)"
    difference = dict(zip(*split(out, title), strict=True))
    assert difference["Models"] == "VGG_A − VGG_A_BatchNorm"
    assert difference["Difference, points"] == "−15.00"
    assert re.fullmatch(r"\[−\d+\.\d\d, −\d\.\d\d\]", difference["Over both"])
    assert difference["Verdict"] == "not settled"  # its seeds are equal


def test_a_setting_whose_values_are_those_of_other_runs_is_named(pj2):
    for study, sizes in (("old", (10, 20, 10)), ("new", (10, 10, 20))):
        for model, size in zip(("BasicCNN", "ImprovedCNN", "VGG_A"), sizes, strict=True):
            make(study, model, 3, settings={"batch_size": size})
    _, out, _ = pj2("old", "new")
    assert "Settings that differ" in out
    assert re.search("^batch_size +10, 20 +10, 20$", out, re.MULTILINE)
    assert "batch_size: the same values on all sides, but of other runs." in out


def test_the_difference_is_the_first_less_the_second(pj2):
    _, out, _ = pj2("small", "large")
    forth = dict(zip(*split(out, "Test accuracy, small − large (+: small is better)"), strict=True))
    assert forth["Models"] == "small VGG_A − large VGG_A"
    assert forth["Difference, points"] == "−5.00"
    _, out, _ = pj2("large", "small")
    back = dict(zip(*split(out, "Test accuracy, large − small (+: large is better)"), strict=True))
    assert back["Difference, points"] == "+5.00"


def test_a_pair_reads_as_in_the_table_of_pairs(pj2):
    """Beside a study's own table: the same cells under the same headings."""
    entries = [
        {"experiment": "e", "model": model, "lr": "0.001", "seed": seed, "variant": {},
         "folder": str(Path(RUNS / f"model={model}/lr=0.001/seed={seed}").absolute())}
        for model in ("VGG_A", "VGG_A_BatchNorm") for seed in range(2)
    ]  # fmt: skip
    write_all_formats(pairwise_table(make_index(Path("results/small"), entries)), "pairs")
    head, _, row = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in Path("pairs.md").read_text().splitlines()[2:]
    ]
    _, out, _ = pj2("small")
    shown = dict(zip(*split(out, "Test accuracy, VGG_A −"), strict=True))
    assert shown == {key: cell for key, cell in zip(head, row, strict=True) if cell != "–"}


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("small", "large", ("small", "large")),
        ("results/small/", "./results/large", ("small", "large")),
        (
            RUNS / "model=VGG_A",
            RUNS / "model=VGG_A_BatchNorm",
            ("model=VGG_A", "model=VGG_A_BatchNorm"),
        ),
        (
            RUNS / "model=VGG_A/lr=0.001/seed=0",
            RUNS / "model=VGG_A/lr=1e-3/seed=1",
            ("seed=0", "seed=1"),
        ),
        ("small", RUNS / "model=VGG_A", ("small", "small/runs/experiment=e/model=VGG_A")),
        ("small", "small", ("small", "small")),
        ("small", "elsewhere/exported", ("small", "exported")),
        ("small", "elsewhere/small", ("results", "elsewhere")),
    ],
)
def test_sides_are_named_by_what_tells_them_apart(pj2, one, other, names):
    shutil.copytree("results/small", "elsewhere/small")
    shutil.copytree("results/large", "elsewhere/exported")
    code, out, _ = pj2(one, other, "--json")
    content = json.loads(out)
    assert code == 0
    assert tuple(side["name"] for side in content["sides"]) == names
    assert content["pairs"] >= 1


def test_json(pj2):
    _, out, _ = pj2("small", "large", "--json")
    content = json.loads(out)
    (found,) = content["differences"]
    assert found["difference"] == pytest.approx(-2 / 40)
    assert found["one"] == {
        "side": "small", "experiment": "e", "model": "VGG_A", "learning_rate": 0.001,
    }  # fmt: skip
    assert found["by_seed"] == pytest.approx({"0": -2 / 40, "1": -2 / 40})
    assert content["unmatched"] == [
        "small VGG_A_BatchNorm lr=0.001 seed=0",
        "small VGG_A_BatchNorm lr=0.001 seed=1",
    ]
    assert content["end_values"][0]["side"] == "small"
    assert content["end_values"][0]["test_mean"] == 0.75
    assert content["settings"] == {"model": [["VGG_A", "VGG_A_BatchNorm"], ["VGG_A"]]}
    gone = make("odd", "A", 3, val=(), diverged=True)
    _, out, _ = pj2(gone, RUNS / "model=VGG_A/lr=0.001/seed=0", "--json")
    content = json.loads(out)
    assert content["sides"][0]["runs"][0]["diverged_at_step"] == 2
    assert content["end_values"][0]["test_mean"] is None  # no NaN, which JSON has not


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["smal", "large"], "smal: no such run or study; the nearest is results/small"),
        (["small", "reslts/large"], "the nearest is results/large"),
        (
            ["small", RUNS / "model=VGG_B/lr=1e-3/seed=1"],
            f"the nearest is {RUNS}/model=VGG_A/lr=0.001/seed=1",
        ),
        (["", "small"], ": no such run or study"),
        (["large"], "large: has runs of VGG_A only; name a second run or study"),
        (["empty", "small"], "empty: no finished run in it or below it"),
        (["results", "small"], "results: holds one run twice, in results/large/runs"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(pj2, arguments, expected):
    Path("results/empty").mkdir()
    code, out, err = pj2(*arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1


def test_every_argument_that_is_wrong_is_a_line(pj2):
    code, _, err = pj2("smal", "larg")
    assert (code, err.count("\n")) == (2, 2)


def test_runs_that_are_not_finished_are_named(pj2):
    folder = make("large", "VGG_A", 3, seed=5)
    (folder / "run.json").unlink()
    code, _, err = pj2("small", "large")
    assert code == 0
    assert err == f"pj2: {folder}/run.json: is missing; left out\n"
    code, _, err = pj2("small", folder)
    assert (code, err.count("\n")) == (2, 1)
    assert f"{folder}: no finished run in it" in err


def test_diverged_and_incomparable_runs_are_named(pj2):
    one = make("odd", "A", 3)
    other = make("odd", "B", 3, val=(), diverged=True)
    three = Path(make_run(Path("results/odd"), "C", [2.0])["folder"])
    _, out, _ = pj2(one, other, three)
    assert "B, lr 0.001, seed 0 diverged before it finished an epoch." in out
    assert re.search(r"A and \S*C were not tested on the same images\.", out)
    _, out, _ = pj2(one, one)
    assert "are the same runs.\n" in out
    assert "Settings: the same\n" in out


def test_long_lists_stay_short(pj2, monkeypatch):
    monkeypatch.setattr("pj2.cli.compare.MOST_ROWS", 2)
    for wrong in range(1, 5):
        make("many", "A", wrong, lr=f"0.{wrong}")
        make("many", "B", 0, lr=f"0.{wrong}")
    _, out, _ = pj2("many")
    assert "These 2 of 4 pairs are furthest apart; --json has all.\n" in out
    assert "And 6 settings more; --json has all.\n" in out
    # The furthest apart come first, and their end values are those that are shown.
    difference = dict(zip(*split(out, "Test accuracy, A −"), strict=True))
    assert (difference["Learning rates"], difference["Difference, points"]) == ("0.4", "−10.00")
    assert "Learning rate 0.4;" in out
    _, out, _ = pj2("many", "--json")
    assert len(json.loads(out)["differences"]) == 4


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_terminal_is_never_overrun_and_no_number_is_broken(pj2, monkeypatch, width):
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", str(width))):
        monkeypatch.setenv(name, value)
    for seed in range(2):
        make("large", "VGG_A_BatchNorm", 3, seed=seed, experiment="f", lr="0.0001")
    _, out, _ = pj2("small", "large")
    plain = re.sub(r"\x1b\[\d*m", "", out)
    assert plain != out  # headers are bold
    assert max(map(len, plain.splitlines())) <= width
    for number in ("75.00 ± 0.00", "80.00 ± 0.00", "−5.00", "0.0001", "VGG_A_BatchNorm"):
        assert number in plain
    assert re.search(r"\[−\d+\.\d\d,\s", plain)


def test_torch_is_never_imported(here):
    code = (
        "import sys\n"
        "from pj2.cli.compare import compare\n"
        "compare(['small', 'large'])\n"
        "sys.exit(bool({'torch', 'torchvision'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True)
