"""Adds epochs to a trajectory, and saves trajectory and checkpoint to the store."""

from __future__ import annotations

from dataclasses import asdict, replace

from safetensors.torch import save

from pj2.config.study import RunSettings
from pj2.fingerprint.run import Fingerprint
from pj2.runs.early_stopping import EarlyStopping
from pj2.runs.files import EpochRecord, ProbeRecords, StepRecords
from pj2.runs.trajectory import Divergence, Epoch, Trajectory, pack_probes, pack_steps
from pj2.store.manifest import Blob, Manifest, best_epochs, needed_blobs, spaced_epochs
from pj2.store.store import GENERATIONS, RunStore
from pj2.training.checkpoint import own_blobs, save_state
from pj2.training.loop import PartialEpoch
from pj2.training.trainer import Trainer


class Recorder:
    """A trajectory that grows; after each change it is published as a new generation.

    Args:
        trajectory: the epochs that the trainer has done.
        generations: the manifests that hold it, the newest first.
    """

    def __init__(
        self,
        store: RunStore,
        fingerprint: Fingerprint,
        settings: RunSettings,
        trajectory: Trajectory,
        generations: list[Manifest],
    ) -> None:
        self.trajectory = trajectory
        self._store = store
        self._fingerprint = fingerprint
        self._settings = settings
        self._generations = generations

    @property
    def newest(self) -> Manifest | None:
        """The last generation that is on disk."""
        return self._generations[0] if self._generations else None

    def add_epoch(
        self,
        row: EpochRecord,
        steps: StepRecords,
        trainer: Trainer,
        probes: ProbeRecords | None = None,
    ) -> None:
        """Record a whole epoch, with the state after it."""
        state = save_state(self._store, trainer) if self._store.writable else None
        weights = state.weights if state else self._store.put(save(trainer.weights()))
        epoch = Epoch(row, self._store.put(pack_steps(steps)), weights, self._keep(probes))
        self.trajectory = self.trajectory.after(epoch, state)
        self._publish()

    def add_divergence(
        self, steps: StepRecords, trainer: Trainer, probes: ProbeRecords | None = None
    ) -> None:
        """Record the steps before a loss that is not finite; nothing comes after it."""
        initial = None
        if not self.trajectory.epochs:
            initial = self._store.put(save(trainer.initial_weights()))
        divergence = Divergence(
            count=len(steps.loss),
            steps=self._store.put(pack_steps(steps)),
            weights=self._store.put(save(trainer.weights())),
            initial=initial,
            probes=self._keep(probes),
        )
        self.trajectory = replace(self.trajectory, divergence=divergence, state=None)
        self._publish()

    def save_partial(
        self,
        partial: PartialEpoch,
        seconds: float,
        trainer: Trainer,
        probes: ProbeRecords | None = None,
    ) -> bool:
        """Save the state within an epoch; return whether it is on disk."""
        state = save_state(self._store, trainer, partial, seconds)
        state = replace(state, probes=self._keep(probes))
        self.trajectory = replace(self.trajectory, state=state)
        return self._publish()

    def _keep(self, probes: ProbeRecords | None) -> Blob | None:
        return self._store.put(pack_probes(probes)) if probes else None

    def _publish(self) -> bool:
        manifest = self.trajectory.manifest(self._fingerprint)
        if not self._store.publish(manifest):
            self._keep_memory_small()
            return False
        self._generations = [manifest, *(m for m in self._generations if m.name != manifest.name)]
        self._retire(GENERATIONS)
        return True

    def finish(self) -> None:
        """Remove the generation before the last, which only an unfinished run needs."""
        if self._generations:
            self._retire(1)

    def _retire(self, generations: int) -> None:
        """Remove older generations, and weights that the store need not keep."""
        needed = {blob for kept in self._generations[:generations] for blob in kept.blobs}
        for old in self._generations[generations:]:
            state = Trajectory.of(old).state
            self._store.retire(old, own_blobs(state) - needed if state else set())
        del self._generations[generations:]
        if not self._store.keeps_every_epoch:
            self._store.discard(self._spare_weights(generations))

    def _spare_weights(self, generations: int) -> set[Blob]:
        """Return all weights except those of the best, the last and a few spaced epochs."""
        epochs = self.trajectory.epochs
        kept = best_epochs([asdict(epoch.row) for epoch in epochs]) | spaced_epochs(len(epochs))
        kept |= set(range(len(epochs) - generations, len(epochs)))
        weights = {place: epoch.weights for place, epoch in enumerate(epochs) if epoch.weights}
        needed = {weights[place] for place in kept if place in weights}
        spare = set(weights.values()) - needed
        if spare:  # another node may be behind, and may need these to continue
            own = {each.name for each in self._generations}
            for other in self._store.manifests(self._fingerprint.digest, remote=False):
                if other.name not in own:
                    spare -= needed_blobs(other)
        return spare

    def _keep_memory_small(self) -> None:
        """If the disk cannot be written, hold only the weights that the result needs."""
        state = self.trajectory.state
        if state:
            for blob in (state.optimizer, state.partial, state.probes):
                if blob:
                    self._store.forget(blob)
            self.trajectory = replace(self.trajectory, state=None)
        stopping = EarlyStopping(None)
        for epoch in self.trajectory.epochs:
            stopping.update(epoch.row.epoch, getattr(epoch.row, self._settings.monitor))
        for epoch in self.trajectory.epochs[:-1]:
            if epoch.weights and epoch.row.epoch != stopping.best_epoch:
                self._store.forget(epoch.weights)
