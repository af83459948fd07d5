"""What `precision: auto` comes to, and what bfloat16 does to a step."""

from __future__ import annotations

import json

import pytest
import torch

from pj2.config.study import RunSettings
from pj2.fingerprint.run import run_fingerprint
from pj2.models.registry import build_model
from pj2.runs.files import BEST, LAST, RUN, STEPS
from pj2.runs.precision import auto_precision
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from pj2.training import device
from pj2.training.device import describe_device
from pj2.training.forward import Forward
from pj2.training.trainer import Trainer
from tests.helpers.small_run import run_training

CPU = torch.device("cpu")


def settings(**changes) -> RunSettings:
    base = {"model": "BasicCNN", "learning_rate": 1e-3, "seed": 0, "batch_size": 16, "epochs": 2}
    return RunSettings(**{**base, **changes})


@pytest.mark.parametrize(
    ("device", "capability", "comes_to"),
    [
        ("cpu", "AVX2", "fp32"),
        ("cpu", "AVX512 AVX512_BF16", "fp32"),
        ("cpu", "AVX512 AVX512_BF16 AMX", "bf16"),
        ("cuda", "compute 7.5", "fp32"),
        ("cuda", "compute 8.0", "bf16"),
        ("cuda", "compute 12.0", "bf16"),
        ("mps", "AVX512 AMX", "fp32"),
        ("cpu", None, "fp32"),
    ],
)
def test_auto_follows_from_the_hardware(device, capability, comes_to):
    assert auto_precision({"device": device, "capability": capability}) == comes_to


def test_the_instruction_sets_of_a_processor_are_described(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    for allowed, described in ((True, "AVX512 AVX512_BF16 AMX"), (False, "AVX512")):
        monkeypatch.setattr(
            torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda it=allowed: it, raising=False
        )
        assert describe_device(CPU)["capability"] == described


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


@pytest.mark.parametrize("used", ["fp32", "bf16"])
def test_a_run_is_computed_in_what_auto_comes_to(data, tmp_path, monkeypatch, used):
    sets = {"fp32": "AVX512", "bf16": "AVX512 AMX"}[used]
    monkeypatch.setattr(device, "_instruction_sets", lambda: sets)
    for name, asked in (("auto", "auto"), ("explicit", used)):
        store = RunStore(Folder(tmp_path / f"store of {name}"))
        run_training(settings(precision=asked), data, tmp_path / name, store)
    auto, explicit = (
        json.loads((tmp_path / name / RUN).read_text()) for name in ("auto", "explicit")
    )
    assert auto["precision"] == {"asked": "auto", "used": used}
    assert auto["fingerprint"] == explicit["fingerprint"]
    for file in (BEST, LAST, STEPS):
        assert auto["artifacts"][file] == explicit["artifacts"][file]


def test_a_precision_is_a_part_of_the_fingerprint():
    with pytest.raises(ValueError, match="auto"):
        run_fingerprint(settings(), "0" * 64)
    digests = {
        run_fingerprint(settings().computed_in(p), "0" * 64).digest for p in ("fp32", "bf16")
    }
    assert len(digests) == 2
