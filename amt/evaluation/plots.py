"""Piano-roll plots.

Figures are created without pyplot, so that its global state and the display are not needed. Colours
can be told apart by colour-blind readers (Okabe and Ito's palette; viridis for velocity).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from amt.io.atomic import atomic_write
from amt.notes import MAX_PITCH, MIN_PITCH, Notes, sustain_presses

MATCHED_COLOUR, UNMATCHED_COLOUR, PEDAL_COLOUR = "#0072B2", "#D55E00", "#999999"
_DPI = 110
_MAX_VELOCITY = 127
_MIN_SEMITONES = 24
_ROW_SECONDS = (10, 20, 30)
_FEW_ROWS = 12
_MAX_ROWS = 240


def comparison_figure(
    spec: np.ndarray | None,
    reference: Notes | None,
    estimate: Notes,
    start: float,
    stop: float,
    posteriors: np.ndarray | None = None,
) -> Figure:
    """Seconds `start` to `stop`: the spectrogram, the reference and the estimate below each other.

    spec: log spectrogram (F, T) of these seconds. posteriors: of onsets, (88, T), drawn above the
    rolls. Notes that match (same pitch, onsets within
    50 ms) are blue in both rolls, missed and added notes are orange. Without a reference the
    estimate is coloured by velocity.
    """
    tables = {"reference": reference, "estimate": estimate}
    rolls = {
        name: _notes_between(table, start, stop)
        for name, table in tables.items()
        if table is not None
    }
    limits = _pitch_limits(np.concatenate([notes.pitch for notes in rolls.values()]))
    heights = [1.2] * (spec is not None) + [1.0] * ((posteriors is not None) + len(rolls))
    figure = Figure(figsize=(12, 0.6 + 2.4 * len(heights)), dpi=_DPI, layout="constrained")
    grid = figure.subplots(len(heights), sharex=True, height_ratios=heights, squeeze=False)
    axes = list(grid[-len(rolls) :, 0])
    if spec is not None:
        _draw_spectrogram(grid[0, 0], spec, start, stop)
    if posteriors is not None:
        _draw_posteriors(grid[-len(rolls) - 1, 0], posteriors, limits, start, stop)
    for axis, (name, notes) in zip(axes, rolls.items(), strict=True):
        _style_roll(axis, limits, start, stop)
        axis.set_title(f"{name}: {len(notes)} notes", loc="left", fontsize=10)
    if "reference" in rolls:
        _draw_comparison(axes, rolls["reference"], rolls["estimate"])
    else:
        _add_colorbar(figure, _draw_velocities(axes[0], rolls["estimate"]), axes)
    return figure


def piano_roll_figure(notes: Notes, seconds: float, title: str = "") -> Figure:
    """A whole piece of `seconds` as a piano roll in rows, coloured by velocity, with the pedal."""
    seconds = max(seconds, notes.end, 1.0)
    rows = math.ceil(seconds / row_seconds(seconds))
    width = row_seconds(seconds) if rows > 1 else seconds
    limits = _pitch_limits(notes.pitch)
    height = 0.45 + (limits[1] - limits[0]) / 36
    figure = Figure(figsize=(14, 0.8 + height * rows), dpi=_DPI, layout="constrained")
    axes = figure.subplots(rows, squeeze=False)[:, 0]
    for row, axis in enumerate(axes):
        start = row * width
        _style_roll(axis, limits, start, start + width)
        drawn = _draw_velocities(axis, _notes_between(notes, start, start + width))
        _draw_pedal(axis, notes, limits)
    figure.suptitle(f"{title}  {len(notes)} notes".strip(), fontsize=11, x=0.01, ha="left")
    _add_colorbar(figure, drawn, list(axes[:1]) if rows > 1 else list(axes))
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure in the format of the suffix, completely or not at all."""
    with atomic_write(path) as part:
        figure.savefig(part)


def row_seconds(seconds: float) -> int:
    """Seconds of a piece in one row: as few as the number of rows allows."""
    for width in _ROW_SECONDS:
        if seconds <= width * _FEW_ROWS:
            return width
    return 60 * math.ceil(seconds / 60 / _MAX_ROWS)


def _notes_between(notes: Notes, start: float, stop: float) -> Notes:
    return notes.select((notes.offset > start) & (notes.onset < stop))


def _draw_spectrogram(axis: Axes, spec: np.ndarray, start: float, stop: float) -> None:
    """Draw the loudest 60 dB (3 in log10 of amplitude)."""
    loudest = float(spec.max(initial=-1.0))
    axis.imshow(
        spec,
        origin="lower",
        aspect="auto",
        extent=(start, stop, 0, spec.shape[0]),
        cmap="magma",
        vmin=max(loudest - 3.0, float(spec.min(initial=loudest))),
        vmax=loudest,
        interpolation="nearest",
    )
    axis.set_title("log spectrogram", loc="left", fontsize=10)
    axis.set_ylabel("bin")


def _draw_posteriors(
    axis: Axes, posteriors: np.ndarray, limits: tuple[int, int], start: float, stop: float
) -> None:
    _style_roll(axis, limits, start, stop)
    axis.imshow(
        posteriors,
        origin="lower",
        aspect="auto",
        extent=(start, stop, MIN_PITCH - 0.5, MAX_PITCH + 0.5),
        cmap="Greys",
        vmin=0.0,
        vmax=1.0,
        interpolation="nearest",
    )
    axis.set_ylim(limits[0] - 0.5, limits[1] + 0.5)
    axis.set_title("onset posteriors", loc="left", fontsize=10)


def _style_roll(axis: Axes, limits: tuple[int, int], start: float, stop: float) -> None:
    """Grid lines and labels at each C, time in minutes and seconds."""
    octaves = [pitch for pitch in range(limits[0], limits[1] + 1) if pitch % 12 == 0]
    axis.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves], fontsize=8)
    axis.set_ylim(limits[0] - 0.5, limits[1] + 0.5)
    axis.set_xlim(start, stop)
    axis.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    axis.xaxis.set_major_formatter(FuncFormatter(_clock))
    axis.tick_params(length=2, labelsize=8)
    axis.grid(color="0.88", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _draw_velocities(axis: Axes, notes: Notes) -> PolyCollection:
    drawn = PolyCollection(
        _note_rectangles(notes),
        cmap=_velocity_colours(),
        norm=Normalize(1, _MAX_VELOCITY),
        linewidths=0,
    )
    drawn.set_array(notes.velocity.astype(float))
    axis.add_collection(drawn)
    return drawn


def _draw_comparison(axes: Sequence[Axes], reference: Notes, estimate: Notes) -> None:
    """Matched notes blue; missed ones (reference) and added ones (estimate) orange."""
    # Imported here because it loads SciPy, which `amt transcribe --format png` does not need.
    from amt.evaluation.metrics import match

    pairs = match(reference, estimate)
    for axis, table, indices, word in zip(
        axes, (reference, estimate), pairs.T, ("missed", "added"), strict=True
    ):
        matched = np.zeros(len(table), dtype=bool)
        matched[indices] = True
        for mask, colour in ((matched, MATCHED_COLOUR), (~matched, UNMATCHED_COLOUR)):
            rectangles = _note_rectangles(table.select(mask))
            axis.add_collection(PolyCollection(rectangles, facecolors=colour, linewidths=0))
        axis.set_title(
            f"{axis.get_title('left')}, {int((~matched).sum())} {word}", loc="left", fontsize=10
        )


def _draw_pedal(axis: Axes, notes: Notes, limits: tuple[int, int]) -> None:
    """The sustain pedal as a grey bar at the bottom of the roll."""
    pressed, released = sustain_presses(notes).T
    spans = list(zip(pressed, released - pressed, strict=True))
    axis.broken_barh(spans, (limits[0] - 0.5, 1.5), facecolors=PEDAL_COLOUR, linewidths=0)


def _note_rectangles(notes: Notes) -> list[np.ndarray]:
    """The corners (4, 2) of each note's rectangle, in seconds and semitones."""
    low, high = notes.pitch - 0.5, notes.pitch + 0.5
    corners = [(notes.onset, low), (notes.offset, low), (notes.offset, high), (notes.onset, high)]
    return list(np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1))


def _pitch_limits(pitch: np.ndarray) -> tuple[int, int]:
    """Lowest and highest pitch to show: those of the notes and a margin, at least two octaves."""
    low, high = (int(pitch.min()), int(pitch.max())) if len(pitch) else (60, 60)
    missing = max(0, _MIN_SEMITONES - (high - low))
    low, high = low - missing // 2 - 2, high + missing // 2 + 2
    return max(low, MIN_PITCH - 1), min(high, MAX_PITCH + 1)


def _velocity_colours() -> Colormap:
    """Viridis from soft to loud, without its palest part, which is hardly visible on white."""
    from matplotlib import colormaps

    return LinearSegmentedColormap.from_list(
        "velocity", colormaps["viridis_r"](np.linspace(0.1, 1, 64))
    )


def _add_colorbar(figure: Figure, drawn: ScalarMappable, axes: list[Axes]) -> None:
    bar = figure.colorbar(drawn, ax=axes, fraction=0.012, pad=0.01, aspect=12)
    bar.set_label("velocity", fontsize=8)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_visible(False)


def _clock(seconds: float, _position: int | None = None) -> str:
    """1:05 for 65 seconds; with tenths (0:01.5) where ticks are less than a second apart."""
    minutes, rest = divmod(round(seconds, 3), 60)
    text = f"{rest:04.1f}" if rest % 1 else f"{int(rest):02d}"
    return f"{int(minutes)}:{text}"
