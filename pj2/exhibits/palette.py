"""The figures' colours, and their counterparts on a dark page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.colors import to_hex, to_rgb

from pj2.exhibits import style
from pj2.runs.reading import RunRecord, by_model, model_names

_DARK_PAGE = "#16191d"
_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3


def colours(models: Iterable[str]) -> dict[str, str]:
    """Return the colour of each model, as in the figures."""
    return {name: colour.lower() for name, colour in style.colours(models).items()}


def series(runs: Sequence[RunRecord]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return the name and colour of each (experiment, model, lr), as in the figures."""
    names = model_names(runs)
    base = colours(run.model for run in runs)
    looks = {}
    for (experiment, model), group in by_model(runs).items():
        rates = sorted({run.lr for run in group}, key=float)
        for rank, rate in enumerate(rates):
            name = names[experiment, model]
            label = f"{name} · {rate}" if len(rates) > 1 else name
            looks[experiment, model, rate] = label, style.shade(base[model], rank, len(rates))
    return looks


def on_dark(colour: str) -> str:
    """Return a colour, lightened until it is legible on a dark page."""
    red, green, blue = to_rgb(colour)
    for step in range(21):
        white = step / 20
        lighter = red + white * (1 - red), green + white * (1 - green), blue + white * (1 - blue)
        if _luminance(lighter) + 0.05 >= _CONTRAST * (_luminance(to_rgb(_DARK_PAGE)) + 0.05):
            break
    return to_hex(lighter)


def _luminance(rgb: Sequence[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
