"""The style of figures, and saving so that equal data give equal bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike

from pj2.exhibits import letters
from pj2.language import tr
from pj2.runs.reading import PathLike
from pj2.store.files import atomic_path

WIDTH = 7.0  # inches: the text width of a page; type is set for this size
_DPI = 200
INK = "#222222"
MUTED = "#666666"

# Okabe & Ito (2008): distinct for readers with any common form of colour blindness.
PALETTE = {
    "VGG_A": "#D55E00",
    "VGG_A_BatchNorm": "#0072B2",
    "VGG_A_NoisyBatchNorm": "#56B4E9",
    "BasicCNN": "#E69F00",
    "ImprovedCNN": "#009E73",
    "ResidualCNN": "#CC79A7",
}
_SPARE = ("#000000", "#882255", "#999933", "#332288", "#7A7A7A", "#A6761D")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))

_RC = {
    key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")
} | {  # the defaults come first, so that a user's matplotlibrc changes nothing
    "font.family": letters.FAMILIES,
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "figure.titlesize": 10.5,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "text.parse_math": False,  # a class may be named $5_$10
    "svg.hashsalt": "pj2",
}
styled = matplotlib.rc_context(_RC)  # a decorator for every function that draws


def colours(models: Iterable[str]) -> dict[str, str]:
    """Return the colour of each model, as hex, in their order.

    A model of the palette always has its own colour. Another model's name decides its place in a
    list of spare colours; if that place is taken in this figure, the next free one is used.
    Variants of a model (``Model.factor-level``) have shades of its colour.
    """
    ordered = dict.fromkeys(models)
    names = sorted(ordered)
    own: dict[str, str] = {}
    for base in sorted({_base(name) for name in names} - PALETTE.keys()):
        start = int(hashlib.sha256(base.encode()).hexdigest(), 16)
        ring = [_SPARE[(start + turn) % len(_SPARE)] for turn in range(len(_SPARE))]
        own[base] = next((free for free in ring if free not in own.values()), ring[0])
    chosen: dict[str, str] = {}
    for model in ordered:
        base = _base(model)
        variants = [name for name in names if name.startswith(f"{base}.")]
        colour = PALETTE.get(base) or own[base]
        # The middle one of an odd number of shades is the model's own colour.
        shades = len(variants) + (len(variants) % 2 if base in ordered else 0)
        chosen[model] = colour if model == base else shade(colour, variants.index(model), shades)
    return chosen


def _base(model: str) -> str:
    """Return the model that a variant is of, or a model itself."""
    return model.partition(".")[0]


def shade(colour: str, rank: int, of: int) -> str:
    """Return `colour` for the `rank`-th of `of` variants, from light to dark; unchanged for one."""
    place = 0.0 if of == 1 else 2 * rank / (of - 1) - 1  # −1 lightest, 1 darkest
    target, amount = (1.0, -0.4 * place) if place < 0 else (0.0, 0.4 * place)
    red, green, blue = ((1 - amount) * part + amount * target for part in to_rgb(colour))
    return to_hex((red, green, blue))


class LossRange:
    """The range of an axis for `total` losses, which arrive in parts and are not kept.

    Only the greatest 2 % stay in memory; they determine the axis's top exactly.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.low = float("inf")
        # The least of this many is the 98 % quantile.
        self._size = total - int(np.floor(0.98 * (total - 1))) if total else 0
        self._greatest = np.empty(0)
        self._waiting: list[np.ndarray] = []

    def add(self, losses: ArrayLike) -> None:
        """Take in some of the losses."""
        values = np.ravel(np.asarray(losses, np.float64))
        if not len(values):
            return
        self.low = min(self.low, float(values.min()))
        self._waiting.append(values)
        if sum(map(len, self._waiting)) > 4 * self._size:
            self._keep_greatest()

    def _keep_greatest(self) -> None:
        values = np.concatenate([self._greatest, *self._waiting])
        cut = len(values) - self._size
        self._greatest = np.partition(values, cut)[cut:] if cut > 0 else values
        self._waiting = []

    @property
    def greatest(self) -> np.ndarray:
        """The greatest 2 % of the losses; only these can lie above `top`."""
        self._keep_greatest()
        return self._greatest

    @property
    def top(self) -> float:
        """The top of a loss axis that a few spikes do not flatten.

        It is the greatest loss, unless the greatest 2 % would take up more than the upper half;
        then it is 1.25 times the greatest of the other 98 %. `note_above` states the values above
        it.
        """
        highest, usual = float(self.greatest.max()), float(self.greatest.min())
        return 1.05 * highest if highest <= 2 * usual else 1.25 * usual


def note_above(
    losses: ArrayLike, top: float, what: Literal["losses", "steps"], total: int | None = None
) -> str:
    """Return a sentence on the losses above `top`, one or several per step; empty without any.

    `total` is the number of all losses, if `losses` holds the greatest only.
    """
    values = np.ravel(losses)
    above = int((values > top).sum())
    if not above:
        return ""
    sentence = {
        "losses": tr("▲: {above:,} of {total:,} losses above the axis, up to {greatest:.3g}."),
        "steps": tr("▲: {above:,} of {total:,} steps above the axis, up to {greatest:.3g}."),
    }[what]
    total = len(values) if total is None else total
    return sentence.format(above=above, total=total, greatest=values.max())


def mark_above(axes: Axes, places: ArrayLike, colour: str) -> None:
    """Put a small triangle on the upper edge at each value that is cut off."""
    places = np.ravel(places)
    if not len(places):  # an empty line outside the clip would upset the layout
        return
    axes.plot(
        places, np.ones(len(places)), "^", color=colour, markersize=3.5, clip_on=False,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip


def log_scale(axes: Axes) -> None:
    """Make the y-axis logarithmic, with plain numbers, if the data span a factor of five."""
    low, high = axes.dataLim.intervaly
    if not 0 < 5 * low < high:
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1e3 * low else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def bare(axes: Axes) -> None:
    """Leave only the labels of axes that hold a picture."""
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def powers_of_ten(axis: Axis) -> None:
    """Label the ticks of a logarithmic axis as powers of ten without matplotlib's mathtext."""
    axis.set_major_formatter(lambda value, _: _power_of_ten(value))
    axis.set_minor_formatter(NullFormatter())


def _power_of_ten(value: float) -> str:
    if value == 0:
        return "0"
    exponent = str(round(np.log10(abs(value)))).translate(_SUPERSCRIPTS)
    return f"{'−' if value < 0 else ''}10{exponent}"


def cross(colour: str) -> dict[str, Any]:
    """Return the style of the cross that marks a diverged run."""
    return {"marker": "X", "color": colour, "markersize": 8, "markeredgecolor": INK}


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure, in inches, with a layout that prevents overlaps."""
    return Figure((width, height), dpi=_DPI, layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))


def heading(
    figure: Figure, title: str, handles: Sequence[Artist], columns: int | None = None
) -> None:
    """Set a title and a legend above a figure, as one block, since two would overlap."""
    figure.legend(
        handles=handles, loc="outside upper center", ncols=columns or len(handles), title=title,
        title_fontsize=matplotlib.rcParams["figure.titlesize"],
    )  # fmt: skip


def note(figure: Figure, *sentences: str) -> None:
    """Set small print under a figure."""
    text = " ".join(sentence for sentence in sentences if sentence)
    characters = int(figure.get_figwidth() * 17.2)
    figure.supxlabel(letters.wrap(text, characters), x=0.01, ha="left", fontsize=7.5, color=MUTED)


def model_handles(colours: Mapping[str, str], **look: Any) -> list[Line2D]:
    """Return the legend's handles for models: a line in the colour of each."""
    return [Line2D([], [], color=colour, label=name, **look) for name, colour in colours.items()]


def columns_that_fit(handles: Sequence[Artist], letter: float, margin: float) -> int:
    """Return how many columns of a legend fit; letter width and margin of an entry in inches."""
    longest = max(letters.width(str(handle.get_label())) for handle in handles)
    return max(1, int(WIDTH / (margin + letter * longest)))


def save_placeholder(message: str, stem: PathLike) -> None:
    """Save a figure that states why there is nothing to show."""
    figure = new_figure(1.5)
    figure.text(0.5, 0.5, message, ha="center", va="center")
    save(figure, stem)


def save(figure: Figure, stem: PathLike) -> None:
    """Write ``stem.png`` (200 dpi) and ``stem.svg``, each atomically, without dates or versions."""
    with letters.missing_ones_named(figure):
        figure.draw_without_rendering()  # settles the layout once, so that both files share it
        figure.set_layout_engine("none")
        for suffix, metadata in (
            (".png", {"Software": None}),
            (".svg", {"Date": None, "Creator": None}),
        ):
            with atomic_path(f"{stem}{suffix}") as path:
                figure.savefig(path, dpi=_DPI, metadata=metadata)
