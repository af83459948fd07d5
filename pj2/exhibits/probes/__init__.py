"""The loss along the step, and internal covariate shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pj2.exhibits.declare import Figure, Table, Topic, asks_for, never
from pj2.language import said

if TYPE_CHECKING:
    from pj2.config.schema import Experiment
    from pj2.config.study import Run


def with_moments(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Hold for experiments whose probes record the moments of activations."""
    return experiment.probe is not None and experiment.probe.moments


def shifted(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Hold for experiments whose probes measure covariate shift."""
    return experiment.probe is not None and experiment.probe.covariate_shift


TOPIC = Topic(
    section="geometry",
    place=1,
    exhibits=(
        Figure(
            name="gradient_probes",
            function="pj2.exhibits.probes.figure:plot_probes",
            title=said("Along the step"),
            summary=(
                "Loss variation, gradient predictiveness and effective smoothness along the step."
            ),
            details=(
                "Measured on the same minibatch at several step lengths while the models train "
                "(Santurkar et al. 2018, section 3.1)."
            ),
            exists=asks_for("probe"),
            targets=("gradient_probes",),
            example="default/probes",
        ),
        Table(
            name="probe_ratios",
            function="pj2.exhibits.probes.table:probe_ratios_table",
            title=said("Ratios between models"),
            summary=(
                "The quantities that probes measured, as ratios between the models of an "
                "experiment."
            ),
            exists=asks_for("probe"),
            targets=("gradient_probes",),
            example="default/probes",
        ),
        Table(
            name="gradient_probes",
            function="pj2.exhibits.probes.table:probes_table",
            title=said("Probes in numbers"),
            summary="Medians of the quantities that the probes of each run measured.",
            details=(
                "Along the step: loss variation, gradient predictiveness and effective smoothness."
            ),
            exists=asks_for("probe"),
            on_page=never,
            targets=("gradient_probes",),
            example="default/probes",
        ),
        Figure(
            name="covariate_shift",
            function="pj2.exhibits.probes.covariate_shift:plot_covariate_shift",
            title=said("Internal covariate shift"),
            summary=(
                "The norm of each layer's gradient, and how far an update of the layers before it "
                "turns that gradient."
            ),
            details=(
                "Medians and quartiles over the probed steps (Santurkar et al. 2018, definition "
                "2.1)."
            ),
            exists=shifted,
            targets=("gradient_probes",),
            example="batchnorm/covariate_shift",
        ),
        Figure(
            name="activation_moments",
            function="pj2.exhibits.probes.moments:plot_activation_moments",
            title=said("Moments of activations"),
            summary="How the mean and the spread of activations move while a network is trained.",
            details=(
                "Of a few channels in the first, the middle and the last layer (after Santurkar "
                "et al. 2018, figures 2 and 8)."
            ),
            exists=with_moments,
            targets=("gradient_probes",),
            example="batchnorm/covariate_shift",
        ),
    ),
)
