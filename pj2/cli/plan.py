"""The command that plans the seeds and hours for a difference between models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pj2.cli.options import Config, Json, to_stderr
from pj2.errors import UserError

if TYPE_CHECKING:
    from pj2.compare.plan import PairPlan
    from pj2.runs.reading import RunRecord

_NONE = "–"


def plan(
    difference: Annotated[
        float, typer.Option(help="Difference in test accuracy to find, in percentage points.")
    ],
    power: Annotated[float, typer.Option(help="Probability of finding it.")] = 0.8,
    spread: Annotated[
        float | None,
        typer.Option(
            help=(
                "Standard deviation of a model's test accuracy over seeds, in percentage points, "
                "instead of the study's."
            )
        ),
    ] = None,
    config: Config = Path("config.yaml"),
    as_json: Json = False,
) -> None:
    """Print how many seeds, and hours, a verdict on a difference between models takes.

    The plan of each pair of models uses the spread over seeds and the times of the study's
    finished runs; see docs/seeds.md.

    Example: pj2 plan --difference 1.0
    """
    from pj2.cli.store_view import print_json, print_table
    from pj2.compare.plan import plan_pairs

    _check(difference, power, spread)
    study, runs = _finished(config)
    stated = None if spread is None else spread / 100
    plans, told = plan_pairs(runs, difference / 100, power, stated)
    for line in told:
        to_stderr(f"pj2: {line}")
    if all(each.spread is None for each in plans):
        raise UserError(f"{config}: {_NOT_KNOWN}")
    if as_json:
        print_json([_as_json(each) for each in plans])
        return
    print(f"{study}: {difference:g} points, to be found with power {power:g} (two-sided, 5 %)\n")
    print_table(_HEADERS, [_cells(each) for each in plans])
    print(*_notes(plans), sep="\n")


_NOT_KNOWN = (
    "no two models have two common finished seeds that differ, so the spread over seeds is "
    "unknown; state it, --spread 0.4, or run the study with seeds: 2 or more"
)
_HEADERS = ("experiment", "models", "seeds", "spread", "95 %", "needed", "hours", "at most", "h")


def _check(difference: float, power: float, spread: float | None) -> None:
    """Raise UserError for options out of range."""
    problems = []
    if not 0 < difference <= 100:
        problems.append(f"--difference {difference:g}: expected points above 0, up to 100")
    if not 0.05 < power < 1:
        problems.append(f"--power {power:g}: expected more than 0.05 and less than 1")
    if spread is not None and not 0 < spread <= 50:
        problems.append(f"--spread {spread:g}: expected points above 0, up to 50")
    if problems:
        raise UserError(problems)


def _finished(config: Path) -> tuple[str, list[RunRecord]]:
    """Return a study's name and its finished, current runs."""
    from pj2.config.load import load_study
    from pj2.config.study import list_runs
    from pj2.runs.reading import read_run_in
    from pj2.runs.status import FINISHED, study_status

    study = load_study(config)
    statuses = study_status(study, list_runs(study), Path())
    finished = [each for each in statuses if each.state in FINISHED]
    return study.study, [read_run_in(Path(each.folder)) for each in finished]


def _cells(each: PairPlan) -> list[Any]:
    spread = each.spread
    row = [each.experiment, f"{each.model} − {each.other}", each.seeds]
    if spread is None:
        return row + [_NONE] * 6
    low, high = spread.interval
    stated = math.isnan(low)
    return [
        *row,
        f"{100 * math.sqrt(spread.seeds):.2f}",
        _NONE if stated else f"[{100 * low:.2f}, {100 * high:.2f}]",
        _count(each.needed),
        _hours(each.hours(each.needed)),
        _NONE if stated else _count(each.at_most),
        _NONE if stated else _hours(each.hours(each.at_most)),
    ]


def _count(seeds: int | None) -> str:
    return "> 1,000,000" if seeds is None else f"{seeds:,}"


def _hours(hours: float | None) -> str:
    return _NONE if hours is None else f"{hours:,.2f}" if hours < 10 else f"{hours:,.0f}"


def _notes(plans: Sequence[PairPlan]) -> Iterator[str]:
    yield "\nspread: standard deviation over seeds of the difference, in points; and its interval"
    yield "needed: seeds in all"
    yield "hours: to train the missing ones at all rates of both models, one run after another"
    yield "at most, h: the same for the upper end of the spread's interval"
    if any(each.spread and each.spread.n == 2 for each in plans):
        yield "Two seeds determine a spread very poorly: plan with a third, or with --spread."
    if any(each.spread is None for each in plans):
        yield "–: fewer than two common seeds that differ; state the spread, as in --spread 0.4."
    if any(each.spread and each.needed is None for each in plans):
        yield (
            "> 1,000,000: the choice of test images changes the difference too much; only more "
            "test images can settle it."
        )
    if any(each.spread and each.spread.images == each.spread.rest == 0 for each in plans):
        yield (
            "Without two common seeds, the variation over test images is unknown, and not counted."
        )


def _as_json(each: PairPlan) -> dict[str, Any]:
    low, high = each.spread.interval if each.spread else (math.nan, math.nan)
    return {
        **{name: getattr(each, name) for name in ("experiment", "model", "other", "seeds")},
        "spread": math.sqrt(each.spread.seeds) if each.spread else None,
        "spread_low": None if math.isnan(low) else low,
        "spread_high": None if math.isnan(high) else high,
        "needed": each.needed,
        "hours": each.hours(each.needed),
        "needed_at_most": each.at_most,
        "hours_at_most": each.hours(each.at_most),
    }
