"""The recorded runs of a study, as index files list them."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pj2.config.names import learning_rate_text, spelled_learning_rate
from pj2.errors import UserError
from pj2.language import said, tr
from pj2.runs.files import RUN
from pj2.runs.index import Entry, read_index
from pj2.runs.record import read_run
from pj2.store.files import open_parquet
from pj2.store.records import BadRecord, parse_json
from pj2.store.records import PathLike as PathLike

_FOLDER = re.compile(
    r"experiment=(?P<experiment>[^/]+)/model=(?P<model>[^/]+)/"
    r"lr=(?P<lr>\d+(?:\.\d+)?(?:e[+-]\d+)?)/seed=(?P<seed>\d+)",
    re.ASCII,
)
_STEP_COLUMNS = ("step", "epoch", "loss", "grad_norm")
_EPOCH_COLUMNS = (
    "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss",
    "test_accuracy",
)  # fmt: skip


@dataclass(frozen=True)
class RunRecord:
    """One training run: its cell of the grid, its folder, and `info`, its run.json.

    `model` names a variant of a model where the experiment has variants; `variant`
    is then the level of each factor, empty otherwise.
    """

    experiment: str
    model: str
    lr: str
    seed: int
    folder: Path
    info: Mapping[str, Any] = field(repr=False, compare=False)
    variant: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def architecture(self) -> str:
        """The registered model, whatever its variant."""
        name: str = self.info["settings"]["model"]
        return name

    @property
    def learning_rate(self) -> float:
        """The learning rate as a number, for sorting; `lr` is its one spelling."""
        return float(self.lr)

    @property
    def diverged_at(self) -> int | None:
        """How many steps' losses were finite before the run diverged; None if it did not."""
        step: int | None = self.info["diverged_at_step"]
        return step

    @property
    def best_epoch(self) -> int | None:
        """The chosen epoch (0-based); None if the run diverged without one."""
        epoch: int | None = self.info["best_epoch"]
        return epoch


@dataclass(frozen=True)
class Predictions:
    """One run's predictions for the test split.

    `label` and `predicted` are int64[n], indices of `classes`; `probabilities` is
    float32[n, classes], the softmax; `index` int64[n], the images' places in the
    prepared test split.
    """

    classes: tuple[str, ...]
    label: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    index: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Which images were recognised, bool[n]."""
        found: np.ndarray = self.label == self.predicted
        return found

    @property
    def counts(self) -> np.ndarray:
        """How often each true class (row) was taken for each class (column), int64[k, k]."""
        k = len(self.classes)
        counts: np.ndarray = np.bincount(self.label * k + self.predicted, minlength=k * k)
        return counts.reshape(k, k)

    @property
    def images(self) -> str:
        """A digest of the images' places and labels, equal for equal test images."""
        return hashlib.sha256(self.index.tobytes() + self.label.tobytes()).hexdigest()

    @property
    def correct(self) -> int:
        """How many images were recognised."""
        return int(self.right.sum())


def load_runs(index_paths: Iterable[PathLike]) -> list[RunRecord]:
    """Return the runs that index files list, in their order, each run once.

    A run's folder is named relative to that of its index file.
    Raises UserError, one line per problem, for a file that is missing or damaged.
    """
    runs: dict[Path, RunRecord] = {}
    problems: list[str] = []
    for path in index_paths:
        try:
            for entry in read_index(path)["runs"]:
                run = _listed_run(path, entry)
                runs[run.folder] = run
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    if not runs:
        raise UserError("no runs to show: the index files list none")
    return list(runs.values())


def read_run_in(folder: Path) -> RunRecord:
    """Return the run in a folder. Raises UserError if the folder's name is not that of the run."""
    named = _FOLDER.fullmatch("/".join(Path(os.path.abspath(folder)).parts[-4:]))
    if named is None:
        raise UserError(
            f"{folder}: not the folder of a run, which is experiment=…/model=…/lr=…/seed=…"
        )
    info = read_run(folder)
    recorded = info["settings"]
    of_model = f"{named['model']}.".startswith(f"{recorded['model']}.")  # or of its variant
    key = spelled_learning_rate(named["lr"]), int(named["seed"])
    if not of_model or key != (learning_rate_text(recorded["learning_rate"]), recorded["seed"]):
        raise BadRecord(
            folder / RUN,
            f"is of another run: {recorded['model']}, lr {recorded['learning_rate']}, "
            f"seed {recorded['seed']}",
        )
    return RunRecord(
        named["experiment"], named["model"], named["lr"], int(named["seed"]), folder, info
    )


def steps(run: RunRecord) -> pd.DataFrame:
    """Return steps.parquet: step (0, 1, 2, …), epoch (0-based), loss and grad_norm (float32).

    Further quantities that the run recorded follow. The loss is the mean over a
    minibatch, in training mode, before the update.
    """
    path = run.folder / "steps.parquet"
    columns = (*_STEP_COLUMNS, *run.info["settings"].get("quantities", ()))
    frame: pd.DataFrame = read_parquet(path, columns).to_pandas()
    if not np.array_equal(frame["step"], np.arange(len(frame))):
        raise UserError(f"{path}: step is not 0, 1, 2, …; some losses are missing, train it again")
    return frame


def count_steps(run: RunRecord) -> int:
    """Return how many steps were recorded, from the file's footer alone."""
    path = run.folder / "steps.parquet"
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None


def epochs(run: RunRecord) -> pd.DataFrame:
    """Return epochs.parquet: epoch (0-based), losses, accuracies (0 to 1), all float64.

    Test columns are NaN where the test set was not measured every epoch.
    """
    table = read_parquet(run.folder / "epochs.parquet", _EPOCH_COLUMNS)
    measures = [(name, pa.float64()) for name in _EPOCH_COLUMNS[1:]]
    schema = pa.schema([table.schema.field("epoch"), *measures])
    frame: pd.DataFrame = table.cast(schema).to_pandas()
    return frame


def predictions(run: RunRecord) -> Predictions | None:
    """Return predictions.parquet; None if the run diverged without a best epoch."""
    if run.best_epoch is None:
        return None
    path = run.folder / "predictions.parquet"
    table = read_parquet(path, ("index", "label", "predicted", "probabilities"))
    classes = (table.schema.metadata or {}).get(b"classes")
    if classes is None:
        raise UserError(f"{path}: its schema has no metadata 'classes'; run snakemake again")
    names = tuple(parse_json(classes, list[str], path))
    probabilities = table["probabilities"].combine_chunks().flatten().to_numpy()
    return Predictions(
        names,
        table["label"].to_numpy().astype(np.int64),
        table["predicted"].to_numpy().astype(np.int64),
        probabilities.reshape(-1, len(names)),
        table["index"].to_numpy().astype(np.int64),
    )


def test_result(run: RunRecord) -> tuple[int, int] | None:
    """Return how many test images a run recognised, and how many there are.

    None without predictions. The probabilities, which are most of the file, are not read.
    """
    if run.best_epoch is None:
        return None
    table = read_parquet(run.folder / "predictions.parquet", ("label", "predicted"))
    return int(pc.sum(pc.equal(table["label"], table["predicted"])).as_py()), len(table)


def count_classes(run: RunRecord) -> int:
    """Return how many classes the data have."""
    return len(run.info["predictions"]["inputs"]["settings"]["classes"])


def class_shares(run: RunRecord) -> np.ndarray:
    """Return each class's share of the test images, float[K].

    They stand for the shares among the training images; if a class has no test image, they cannot,
    and are taken as equal.
    """
    known = count_classes(run)
    labels = read_parquet(run.folder / "predictions.parquet", ("label",))["label"].to_numpy()
    counts = np.bincount(labels, minlength=known)
    return counts / len(labels) if counts.all() else np.full(known, 1 / known)


def tested(runs: Iterable[RunRecord]) -> list[tuple[RunRecord, Predictions]]:
    """Return the runs that have predictions, with them; a run without a best epoch has none."""
    found = ((run, predictions(run)) for run in runs)
    return [(run, guesses) for run, guesses in found if guesses is not None]


def at_best_epoch(run: RunRecord) -> pd.Series[float] | None:
    """Return the row of epochs.parquet for the chosen epoch; None if there is none."""
    if run.best_epoch is None:
        return None
    frame = epochs(run)
    rows = frame[frame["epoch"] == run.best_epoch]
    if len(rows) != 1:
        raise UserError(
            f"{run.folder / 'epochs.parquet'}: {len(rows)} rows for epoch {run.best_epoch}, "
            "the best_epoch of run.json; expected one"
        )
    return rows.iloc[0]


def choosing_accuracy(run: RunRecord) -> float | None:
    """Return the accuracy by which one run is preferred to another, at its chosen epoch.

    It is the validation accuracy, or the test accuracy if the recipe sets no images aside.
    None for a run that diverged without a whole epoch.
    """
    best = at_best_epoch(run)
    if best is None:
        return None
    held_out = run.info["data"]["validation_images"]
    return float(best["val_accuracy" if held_out else "test_accuracy"])


def choosing_in_words(runs: Iterable[RunRecord]) -> str:
    """Name the `choosing_accuracy` of these runs, and that those which diverged come last."""
    runs = list(runs)
    held_out = {bool(run.info["data"]["validation_images"]) for run in runs}
    words = {
        (True,): said("validation accuracy"),
        (False,): said("test accuracy"),
        (False, True): said("validation accuracy (or test, where no image validates)"),
    }[*sorted(held_out),]
    return tr(words) + (tr(" (diverged runs last)") if diverged(runs) else "")


def chosen_run(runs: Sequence[RunRecord]) -> RunRecord:
    """Return the run that stands for its model: the best `choosing_accuracy`.

    Diverged runs come last; of equals the first is taken.
    """
    return best_runs(runs)[0]


def best_runs(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs in the order in which `chosen_run` prefers them."""

    def rank(run: RunRecord) -> tuple[bool, float]:
        accuracy = choosing_accuracy(run)
        return run.diverged_at is None, -1.0 if accuracy is None else accuracy

    return sorted(runs, key=rank, reverse=True)


def precision_of(run: RunRecord) -> str:
    """Return the precision that a run was computed in: fp32 or bf16."""
    return str(run.info["precision"]["used"])


def minimises_cross_entropy(run: RunRecord) -> bool:
    """Tell whether a run's training loss is the cross-entropy, smoothed or not."""
    return bool(run.info["settings"]["loss"]["name"] == "cross_entropy")


def diverged(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the runs that met a loss that was not finite."""
    return [run for run in runs if run.diverged_at is not None]


def by_setting(runs: Iterable[RunRecord]) -> dict[tuple[str, str, str], list[RunRecord]]:
    """Group runs that differ in their seed alone, by (experiment, model, lr), seeds ascending."""
    groups: dict[tuple[str, str, str], list[RunRecord]] = {}
    for run in runs:
        groups.setdefault((run.experiment, run.model, run.lr), []).append(run)
    return {key: sorted(group, key=lambda run: run.seed) for key, group in groups.items()}


def chosen_setting(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs, one per seed, of the learning rate that stands for a model.

    It is the one with the best mean over seeds of their `choosing_accuracy`. Rates at which
    a run diverged come last; of equals the first is taken.
    """

    def rank(group: Sequence[RunRecord]) -> tuple[bool, float]:
        each = [choosing_accuracy(run) for run in group]
        found = [-1.0 if accuracy is None else accuracy for accuracy in each]
        return all(run.diverged_at is None for run in group), float(np.mean(found))

    return max(by_setting(runs).values(), key=rank)


def seeds_in_words(runs: Sequence[RunRecord]) -> str:
    """Return ``seed 0``, ``seeds 0, 1, 2``, or the number of seeds if there are many."""
    seeds = sorted({run.seed for run in runs})
    if len(seeds) > 8:
        return tr("{n} seeds", n=len(seeds))
    if len(seeds) > 1:
        return tr("seeds {list}", list=tr(", ").join(map(str, seeds)))
    return tr("seed {seed}", seed=seeds[0])


def setting_in_words(shown: Sequence[RunRecord], runs: Sequence[RunRecord]) -> str:
    """Return the learning rate and seeds of the runs `shown`, and how many rates `runs` have."""
    lr, seeds, rates = shown[0].lr, seeds_in_words(shown), len(by_setting(runs))
    if rates == 1:
        return tr("Learning rate {lr}; {seeds}", lr=lr, seeds=seeds)
    return tr(
        "Learning rate {lr}, which has the best {accuracy} of {rates}; {seeds}",
        lr=lr, seeds=seeds, rates=rates, accuracy=choosing_in_words(runs),
    )  # fmt: skip


def by_model(runs: Iterable[RunRecord]) -> dict[tuple[str, str], list[RunRecord]]:
    """Group runs by (experiment, model), keeping their order."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        groups.setdefault((run.experiment, run.model), []).append(run)
    return groups


def one_model(runs: Sequence[RunRecord]) -> str:
    """Return the model that all runs share. Raises UserError if they are of several."""
    models = list(dict.fromkeys(run.model for run in runs))
    if len(models) > 1:
        raise UserError(f"index files: runs of {', '.join(models)}; expected those of one model")
    return models[0]


def model_names(runs: Iterable[RunRecord]) -> dict[tuple[str, str], str]:
    """Name each (experiment, model): the model, with its experiment only where that is needed."""
    keys = list(by_model(runs))
    models = [model for _, model in keys]
    return {
        (experiment, model): model if models.count(model) == 1 else f"{experiment}/{model}"
        for experiment, model in keys
    }


def steps_per_epoch(run: RunRecord, recorded: pd.DataFrame) -> int:
    """Return the steps of a whole epoch: as recorded, or computed if none was finished."""
    if run.info["epochs_run"]:
        return int((recorded["epoch"] == 0).sum())
    images, batch_size = run.info["data"]["train_images"], run.info["settings"]["batch_size"]
    return math.ceil(int(images) / int(batch_size))


def _listed_run(path: PathLike, entry: Entry) -> RunRecord:
    """Return the run of an entry. Raises UserError if its folder names or holds another run."""
    run = read_run_in(Path(os.path.normpath(Path(path).parent / entry["folder"])))
    if any(getattr(run, key) != entry[key] for key in ("experiment", "model", "lr", "seed")):
        raise BadRecord(path, f"lists {run.folder} as another run's")
    if run.info["digest"] != entry["record"]:
        raise BadRecord(path, f"is older than {run.folder / RUN}; snakemake writes it again")
    return replace(run, variant=entry["variant"])


def read_parquet(path: PathLike, columns: Sequence[str]) -> pa.Table:
    """Read a Parquet file that must hold `columns`; others are left out."""
    try:
        with open_parquet(path) as parquet:
            missing = [name for name in columns if name not in parquet.schema_arrow.names]
            if missing:
                raise UserError(f"{path}: has no column {', '.join(missing)}")
            table = parquet.read(columns=list(columns))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a readable Parquet file: {error}") from None
    return table.select(list(columns))
