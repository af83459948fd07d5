"""The choice of a precision, and what bfloat16 does to a step."""

from __future__ import annotations

import filecmp
import json

import pytest
import torch

from pj2.config.study import RunSettings
from pj2.models.registry import build_model
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from pj2.training import precision
from pj2.training.forward import Forward
from pj2.training.interrupt import Interrupted
from pj2.training.job import run_training
from pj2.training.precision import MARGIN, Precision, choose_precision
from pj2.training.trainer import Trainer

CPU = torch.device("cpu")


def settings(**changes) -> RunSettings:
    base = {"model": "BasicCNN", "learning_rate": 1e-3, "seed": 0, "batch_size": 16, "epochs": 2}
    return RunSettings(**{**base, **changes})


@pytest.fixture
def cpu(monkeypatch):
    """Set whether the processor has bfloat16, and how many times as fast it is found to be."""

    def pretend(has: bool, speedup: float | None = None) -> None:
        def timed(*_) -> float:
            assert speedup is not None, "nothing may be timed here"
            return speedup

        monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: has)
        monkeypatch.setattr(precision, "_time_steps", timed)

    return pretend


def test_auto_takes_bf16_only_where_it_wins_by_the_margin(cpu):
    cpu(True, MARGIN)
    assert choose_precision(settings(), 10, CPU) == Precision("auto", "bf16", MARGIN)
    cpu(True, MARGIN - 0.01)
    assert choose_precision(settings(), 10, CPU) == Precision("auto", "fp32", MARGIN - 0.01)


def test_without_bfloat16_instructions_nothing_is_timed(cpu):
    cpu(False)
    assert choose_precision(settings(), 10, CPU) == Precision("auto", "fp32")


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_a_precision_that_was_asked_for_is_used(cpu, asked):
    cpu(True)
    assert choose_precision(settings(precision=asked), 10, CPU) == Precision(asked, asked)


def test_gpus_take_bf16_where_they_have_it(monkeypatch):
    for has, used in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, has=has: has
        )
        assert choose_precision(settings(), 10, torch.device("cuda")).used == used
    assert choose_precision(settings(), 10, torch.device("mps")).used == "fp32"


def test_timing_leaves_the_random_state(monkeypatch):
    before = torch.get_rng_state()
    assert precision._time_steps(settings(model="ImprovedCNN", batch_size=2), 10) > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_bf16_computes_in_bfloat16_and_keeps_weights_in_fp32(data):
    model = build_model("VGG_A_BatchNorm", 10)
    seen = []
    for module in model.features:
        module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    logits = Forward(model, "bf16")(torch.randn(4, 3, 32, 32))
    assert logits.dtype == torch.float32
    assert set(seen) == {torch.bfloat16}
    logits.sum().backward()
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}


def test_bf16_losses_are_near_those_of_fp32_and_not_the_same(data):
    losses = {}
    for used in ("fp32", "bf16"):
        trainer = Trainer(settings(), data, CPU)
        trainer.compute_in(used)
        losses[used] = trainer.train_epoch().losses
    assert not torch.equal(losses["bf16"], losses["fp32"])
    assert torch.allclose(losses["bf16"], losses["fp32"], rtol=0.02)


def test_the_precision_is_recorded_and_kept_by_a_resume(data, tmp_path, cpu):
    """A run that began in bf16 goes on in it, whatever would be chosen now."""
    store = RunStore(Folder(tmp_path / "store"))

    class Stop:
        def on_step(self, step):
            if step.index == 11:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGTERM)

    cpu(True, 3.0)
    run_training(settings(), data, tmp_path / "whole", RunStore(Folder(tmp_path / "other")), "cpu")
    with pytest.raises(Interrupted):
        run_training(settings(), data, tmp_path / "run", store, "cpu", observers=[Stop()])
    cpu(False)
    run_training(settings(), data, tmp_path / "run", store, "cpu")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["precision"] == {"asked": "auto", "used": "bf16", "speedup": 3.0}
    for name in ("steps.parquet", "last.safetensors"):
        assert filecmp.cmp(tmp_path / "run" / name, tmp_path / "whole" / name, shallow=False)


def test_asking_for_a_precision_is_another_run():
    identities = [settings(precision=asked).identity() for asked in ("auto", "fp32", "bf16")]
    assert len({json.dumps(identity, sort_keys=True) for identity in identities}) == 3
