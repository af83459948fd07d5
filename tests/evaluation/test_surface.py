"""The loss around a trained run: its centre, its ends, its statistics."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from scipy.sparse.linalg import LinearOperator, eigsh

from pj2.config.schema import CurvatureConfig, SurfaceConfig
from pj2.config.study import RunSettings
from pj2.data.split import stratified_split
from pj2.errors import UserError
from pj2.evaluation.curvature import curvature_of
from pj2.evaluation.surface import (
    Surroundings,
    coordinates,
    interpolate,
    sample_images,
    surface_line,
    surface_rows,
)
from pj2.evaluation.weights import load_trained
from tests.helpers.small_run import small_data, small_settings, train

CPU = torch.device("cpu")
CONFIG = SurfaceConfig(points=5, line_points=3, range=0.5, images=60, split="validation")


@pytest.fixture(scope="module", params=["BasicCNN", "VGG_A_BatchNorm"])
def run(request, tmp_path_factory):
    """A finished run of a narrow network: its settings, its best weights and its epochs."""
    folder = tmp_path_factory.mktemp("run")
    asked = {"model": request.param, "epochs": 2, "learning_rate": 3e-4}
    train(folder / "run", folder / "store", architecture={"width": 0.5}, **asked)
    info = json.loads((folder / "run" / "run.json").read_text())
    epochs = pd.read_parquet(folder / "run" / "epochs.parquet")
    return (
        RunSettings.model_validate(info["settings"]),
        folder / "run" / "best.safetensors",
        epochs.set_index("epoch").loc[info["best_epoch"]],
    )


def test_the_centre_is_the_runs_recorded_loss(run):
    settings, weights, recorded = run
    around = Surroundings(weights, settings, small_data(), CONFIG, CPU)
    centre = (
        surface_rows(around, CONFIG, 2, 1)
        .to_pandas()
        .drop_duplicates("column")
        .set_index("column")
        .loc[2]
    )
    assert (centre.alpha, centre.beta) == (0.0, 0.0)
    assert centre.loss == pytest.approx(recorded.val_loss, rel=1e-12)
    assert centre.accuracy == recorded.val_accuracy
    line = surface_line(around, CONFIG).to_pandas()
    assert line[line.alpha == 0].loss.iloc[0] == centre.loss


def test_rows_are_independent_of_how_jobs_cut_them(run):
    settings, weights, _ = run
    around = Surroundings(weights, settings, small_data(), CONFIG, CPU)
    whole = surface_rows(around, CONFIG, 0, 5).to_pandas()
    again = Surroundings(weights, settings, small_data(), CONFIG, CPU)
    parts = [surface_rows(again, CONFIG, first, 3).to_pandas() for first in (3, 0)]
    parts = pd.concat(parts[::-1]).reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, parts)
    assert whole.loss.nunique() > 20  # it is no plane of one value


def test_a_place_off_the_centre_is_the_weights_plus_the_directions(run):
    settings, weights, _ = run
    data = small_data()
    around = Surroundings(weights, settings, data, CONFIG, CPU)
    found = next(iter(around.scores_at(0.25, -0.5).values()))
    model = load_trained(weights, settings, 10, CPU).eval()
    moved = {}
    for place, (name, value) in enumerate(model.named_parameters()):
        first, second = (directions[place] for directions in around._directions)
        moved[name] = value + 0.25 * first - 0.5 * second
    _, held_out = stratified_split(data.train_labels, settings.validation_fraction)
    images = data.train.subset(held_out)
    logits = torch.func.functional_call(model, moved, (images.inputs(images.images[held_out]),))
    expected = F.cross_entropy(logits, images.labels)
    assert found.loss == pytest.approx(expected.item(), rel=1e-5)


def test_an_interpolation_ends_at_its_ends_with_statistics_of_the_images(run, tmp_path):
    settings, weights, _ = run
    data = small_data()
    other = {
        name: value + 0.01 if value.is_floating_point() else value
        for name, value in load_file(weights).items()
    }
    save_file(other, tmp_path / "other.safetensors")
    ends = weights, tmp_path / "other.safetensors"
    line = interpolate(ends, settings, data, CONFIG, CPU).to_pandas()
    assert line.alpha.tolist() == [0.0, 0.5, 1.0]
    images = sample_images(data, settings, "validation", 60, CPU)
    inputs = images.inputs(images.images[images.rows])
    for end, loss in zip(ends, (line.loss[0], line.loss[2]), strict=True):
        model = load_trained(end, settings, 10, CPU)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
                module.reset_running_stats()
        expected = F.cross_entropy(model.train()(inputs), images.labels)
        assert loss == pytest.approx(expected.item(), rel=1e-4)


def test_coordinates_are_even_and_pass_through_zero():
    np.testing.assert_allclose(coordinates(1.0, 5), [-1, -0.5, 0, 0.5, 1])
    assert 0.0 in coordinates(0.7, 21)


def test_a_sample_is_of_the_runs_own_split_and_has_every_class(run):
    settings, data = run[0], small_data()
    kept, held_out = stratified_split(data.train_labels, settings.validation_fraction)
    for split, part in (("train", kept), ("validation", held_out)):
        images = sample_images(data, settings, split, 10, CPU)
        assert len(images) == 10
        assert set(images.rows.tolist()) <= set(part.tolist())
        assert sorted(images.labels.tolist()) == list(range(10))
    assert len(sample_images(data, settings, "train", 10_000, CPU)) == len(kept)


def test_curvature_is_that_of_the_loss_on_those_images(tmp_path):
    """The ends of the spectrum against SciPy's on plain double backward passes."""
    train(tmp_path / "run", tmp_path / "store", epochs=1)
    settings, weights, data = small_settings(), tmp_path / "run" / "best.safetensors", small_data()
    config = CurvatureConfig(images=10, eigenvalues=1, vectors=2, lanczos_steps=4)
    (found,) = curvature_of(weights, settings, data, config, CPU)
    model = load_trained(weights, settings, 10, CPU).eval()
    images = sample_images(data, settings, "train", 10, CPU)
    loss = F.cross_entropy(model(images.inputs(images.images[images.rows])), images.labels)
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-5)
    parameters = list(model.parameters())
    gradient = torch.autograd.grad(loss, parameters, create_graph=True)

    def product(vector):
        parts = torch.from_numpy(vector).float().split([p.numel() for p in parameters])
        vectors = [part.view_as(p) for part, p in zip(parts, parameters, strict=True)]
        found = torch.autograd.grad(gradient, parameters, vectors, retain_graph=True)
        return torch.cat([part.flatten() for part in found]).numpy()

    size = sum(p.numel() for p in parameters)
    hessian = LinearOperator((size, size), matvec=product, dtype=np.float32)
    ends = eigsh(hessian, k=2, which="BE", tol=1e-3, return_eigenvectors=False)
    assert found["largest"][0] == pytest.approx(max(ends), rel=1e-2)
    assert found["smallest"][0] == pytest.approx(min(ends), rel=1e-2)


def test_batch_statistics_are_those_of_the_images_without_noise_or_a_trace(tmp_path):
    """Against train mode, in which BatchNorm is the same, on images of which it takes all."""
    asked = {"model": "VGG_A_NoisyBatchNorm", "epochs": 1}
    architecture = {"width": 0.125, "dropout": 0.5}
    train(tmp_path / "run", tmp_path / "store", architecture=architecture, **asked)
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    settings = RunSettings.model_validate(info["settings"])
    weights, data = tmp_path / "run" / "best.safetensors", small_data()
    config = CurvatureConfig(images=20, eigenvalues=1, vectors=2, lanczos_steps=4)
    running, batch = curvature_of(weights, settings, data, config, CPU)
    assert (running["statistics"], batch["statistics"]) == ("running", "batch")
    images = sample_images(data, settings, "train", 20, CPU)
    inputs = images.inputs(images.images[images.rows])
    model = load_trained(weights, settings, 10, CPU).eval()
    loss = F.cross_entropy(model(inputs), images.labels)
    assert running["loss"] == pytest.approx(loss.item(), rel=1e-5)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
            module.noise.eval()
    loss = F.cross_entropy(model(inputs), images.labels)
    assert batch["loss"] == pytest.approx(loss.item(), rel=1e-5)
    surface = SurfaceConfig(points=3, line_points=3, images=20)
    around = Surroundings(weights, settings, data, surface, CPU)
    before = {key: value.clone() for key, value in around._models["running"].state_dict().items()}
    assert around.scores_at(0, 0)["batch"].loss == pytest.approx(loss.item(), rel=1e-5)
    for key, value in around._models["running"].state_dict().items():
        assert torch.equal(value, before[key])


def test_damaged_weights_are_a_line(tmp_path):
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"no")
    with pytest.raises(UserError, match=r"best\.safetensors: not the weights of a BasicCNN"):
        load_trained(path, small_settings(), 10, CPU)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="not the weights of a BasicCNN"):
        load_trained(path, small_settings(), 10, CPU)
