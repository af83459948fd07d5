"""`pj2 watch` and `pj2 status`: what they show, where, and when they end."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from dataclasses import fields, replace

import pytest
import typer
from rich.console import Console

from pj2.cli import watch as watch_module
from pj2.cli.status_view import STATES, line_of, summary, view
from pj2.cli.watch import _Watch
from pj2.config.load import load_study
from pj2.config.study import list_runs
from pj2.runs.progress_file import TRAIN_LOG, ProgressFile, progress_beside
from pj2.runs.status import RunStatus

CONFIG = """\
study: small
experiments:
  one:
    models: [BasicCNN]
    learning_rates: [1e-3]
    seeds: {seeds}
"""
RUN = RunStatus(
    experiment="one",
    model="BasicCNN",
    lr=0.001,
    seed=0,
    state="waiting",
    epochs=8,
    log="results/small/logs/train/one/BasicCNN/lr=0.001/seed=0.log",
    folder="0",
)
RUNNING = replace(
    RUN,
    state="running",
    epoch=2,
    step=120,
    steps=800,
    loss=1.25,
    val_accuracy=0.45,
    images_per_second=3144.4,
    seconds_left=80.9,
)


def many(**counts):
    """Runs in these states, the finished ones before the others."""
    order = sorted(counts, key=lambda state: state not in ("done", "diverged"))
    states = [state for state in order for _ in range(counts[state])]
    runs = []
    for seed, state in enumerate(states):
        base = RUNNING if state == "running" else replace(RUN, state=state)
        error = "RuntimeError: out of luck" if state == "failed" else None
        runs.append(replace(base, seed=seed, folder=str(seed), last_line=error))
    return runs


def shown(statuses, width, height, silent=None):
    """The lines that a terminal of this size would show."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(view("small", statuses, console, height, silent))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("height", [10, 23, 60])
def test_a_thousand_runs_fit_a_screen(width, height):
    statuses = many(done=400, diverged=5, running=3, failed=20, waiting=592)
    lines = shown(statuses, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "RuntimeError: out of luck" in text
    assert lines[0].startswith("small: 1020 runs · 3 running · 20 failed · 592 w")
    fold = next(index for index, line in enumerate(lines) if line.startswith("and "))
    rows = lines[2:fold]
    assert len(rows) + int(lines[fold].split()[1]) == 1020
    assert [("running" in row, "failed" in row) for row in rows] == (
        [(True, False)] * 3 + [(False, True)] * 20
    )[: len(rows)]


def test_runs_that_fit_are_shown_in_the_order_of_the_config():
    lines = shown(many(done=2, running=1, waiting=2), 140, 30)
    assert len(lines) == 7
    assert [line.split()[3] for line in lines[2:]] == ["0", "1", "2", "3", "4"]
    header, row = lines[1].split(), lines[4].split()
    assert " ".join(header[4:]) == "state epoch step loss val acc images/s left"
    assert row[4:] == ["running", "2/8", "120/800", "1.250", "45.00%", "3,144", "0:01:20"]


def test_a_line_says_what_became_of_a_run():
    assert line_of(RUN) == "one BasicCNN lr=0.001 seed=0: waiting"
    assert line_of(RUNNING) == (
        "one BasicCNN lr=0.001 seed=0: running · epoch 2/8 · step 120/800 · loss 1.250 · "
        "val acc 45.00% · 3,144 images/s · 0:01:20 left"
    )
    failed = line_of(replace(RUN, state="failed", last_line="RuntimeError: out of luck"))
    assert failed.endswith(f": failed · RuntimeError: out of luck · see {RUN.log}")
    assert line_of(replace(RUN, state="diverged", step=12)).endswith(": diverged · at step 12")
    assert line_of(replace(RUN, state="stale", reasons=("a 1 → 2",))).endswith(": stale · a 1 → 2")
    assert line_of(replace(RUN, state="stopped_early")).endswith(": stopped early")


def test_the_summary_counts_every_run_once():
    statuses = [*many(done=2, waiting=1), replace(RUN, state="done", restored=True)]
    assert summary("small", statuses) == (
        "small: 4 runs · 1 waiting · 3 done (1 restored from the store)"
    )


class Looks:
    """Stands for a reader: one list of statuses after another, the last one for ever."""

    def __init__(self, *looks):
        self.looks = list(looks)

    def look(self):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def watched(monkeypatch, capsys, *looks):
    """What `pj2 watch` prints off a terminal, and its exit code."""
    study = type("Study", (), {"study": "small"})
    monkeypatch.setattr(watch_module, "_open", lambda config: (study, Looks(*looks)))
    monkeypatch.setattr(watch_module, "SECONDS_BETWEEN_LOOKS", 0)
    with pytest.raises(typer.Exit) as ended:
        watch_module.watch()
    return capsys.readouterr().out.splitlines(), ended.value.exit_code


def test_a_line_for_every_change_of_state_or_epoch_and_none_else(monkeypatch, capsys):
    done = replace(RUN, state="done", epoch=8)
    other = replace(RUN, seed=1, folder="1", state="done")
    looks = [
        [RUN, other],
        [RUNNING, other],
        [replace(RUNNING, step=130, loss=1.2), other],
        [replace(RUNNING, epoch=3), other],
        [done, other],
    ]
    lines, code = watched(monkeypatch, capsys, *looks)
    assert code == 0
    assert lines == [
        "small: 2 runs · 1 waiting · 1 done",
        line_of(RUNNING),
        line_of(replace(RUNNING, epoch=3)),
        line_of(done),
        "small: 2 runs · 2 done",
    ]
    assert "\x1b" not in "".join(lines)


def test_it_ends_with_1_where_a_run_failed(monkeypatch, capsys):
    failed = replace(RUN, state="failed", last_line="RuntimeError: out of luck")
    lines, code = watched(monkeypatch, capsys, [RUNNING], [failed])
    assert code == 1
    assert line_of(failed) in lines


def test_one_that_had_failed_before_is_waited_for(monkeypatch, capsys):
    failed = replace(RUN, state="failed", last_line="RuntimeError: out of luck")
    done = replace(RUN, state="done")
    lines, code = watched(monkeypatch, capsys, [failed], [failed], [RUNNING], [done])
    assert (code, lines[-2]) == (0, line_of(done))
    _, code = watched(monkeypatch, capsys, [failed], [RUNNING], [failed])
    assert code == 1


@pytest.mark.parametrize("state", ["waiting", "running", "stale", "interrupted"])
def test_it_does_not_end_before_every_run_is_finished(state):
    watch = _Watch(Looks([replace(RUN, state=state), replace(RUN, folder="1", state="done")]))
    assert not watch.is_over(watch.look())


def test_a_job_is_silent_for_as_long_as_nothing_changes_here():
    now, other = [0.0], replace(RUN, folder="1")
    watch = _Watch(
        Looks([RUNNING, other], [RUNNING, other], [replace(RUNNING, step=121), other]),
        lambda: now[0],
    )
    watch.look()
    now[0] = 95.0
    statuses = watch.look()
    assert watch.silent == {"0": 95.0}
    assert "silent for 95 s" in "\n".join(shown(statuses, 120, 20, watch.silent))
    now[0] = 96.0
    watch.look()
    assert watch.silent == {}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG.format(seeds=2))
    runs = list_runs(load_study(tmp_path / "config.yaml"))
    logs = [tmp_path / "results/small" / TRAIN_LOG.format(**run.wildcards) for run in runs]
    with pytest.raises(RuntimeError), ProgressFile(progress_beside(logs[0]), epochs=8):
        raise RuntimeError("out of luck")
    return tmp_path


def command(*arguments):
    return [sys.executable, "-m", "pj2", *arguments]


def call(place, *arguments):
    return subprocess.run(
        command(*arguments), cwd=place, capture_output=True, text=True, check=False
    )


def test_status_as_json_has_the_documented_keys(place):
    result = call(place, "status", "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert list(document) == ["study", "counts", "runs"]
    assert document["counts"] == {state: int(state in ("failed", "waiting")) for state in STATES}
    failed, waiting = document["runs"]
    assert set(failed) == {field.name for field in fields(RunStatus)}
    assert failed["last_line"] == "RuntimeError: out of luck"
    assert failed["log"] == "results/small/logs/train/one/BasicCNN/lr=0.001/seed=0.log"
    assert waiting["folder"].endswith("runs/experiment=one/model=BasicCNN/lr=0.001/seed=1")
    assert (waiting["lr"], waiting["seed"], waiting["epoch"]) == (0.001, 1, None)


def test_status_off_a_terminal_is_plain_text(place):
    result = call(place, "status")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert result.stdout.startswith("small: 2 runs · 1 failed · 1 waiting\n")


def test_a_config_that_is_not_there_is_a_line(tmp_path):
    for name in ("status", "watch"):
        result = call(tmp_path, name)
        assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
        assert "config.yaml: cannot be read" in result.stderr


def on_terminal(place, *arguments, until, then=None):
    """Run a command on a pseudo-terminal of 24 lines; return its output and exit code."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        command(*arguments),
        cwd=place,
        env={**environment, "TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    hung = threading.Timer(60, process.kill)
    hung.start()
    output = b""
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not piece:
            break
        output += piece
        if then and until in output:
            process.send_signal(then)
            then = None
    hung.cancel()
    return output.decode(), process.wait(timeout=60)


def test_ctrl_c_on_a_terminal_leaves_cleanly(place):
    output, code = on_terminal(place, "watch", until=b"waiting", then=signal.SIGINT)
    assert code == 130
    assert "Traceback" not in output
    assert "RuntimeError: out of luck" in output
    assert output.rstrip().endswith("\x1b[?25h")  # the cursor is there again
