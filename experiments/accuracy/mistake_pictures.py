"""Plots of the mistakes of transcriptions: by register, velocity, polyphony, onset error and kind.

Okabe and Ito's colours and a different marker per system, so that the plots can be read in print
and by colour-blind readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amt.evaluation.mistakes import KINDS, Comparison, count_mistakes, sounding
from amt.evaluation.plots import save_figure
from amt.notes import MAX_PITCH, MIN_PITCH

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = "osD^vP*"
SIZE = (7.6, 4.0)
DPI = 130
# Groups of fewer notes are not drawn.
FEWEST = 20

Comparisons = Mapping[str, Sequence[Comparison]]

REGISTERS = (MIN_PITCH, 36, 48, 60, 72, 84, MAX_PITCH + 1)
REGISTER_NAMES = ("A0-B1", "C2-B2", "C3-B3", "C4-B4", "C5-B5", "C6-C8")
VELOCITIES = (1, 32, 48, 64, 80, 96, 128)
POLYPHONIES = (1, 2, 3, 4, 5, 7, 10, 1000)


def draw_all(comparisons: Comparisons, folder: Path) -> list[Path]:
    """Write one PNG per plot into `folder`."""
    figures = {
        "register": by_register(comparisons),
        "velocity": by_velocity(comparisons),
        "polyphony": by_polyphony(comparisons),
        "onset_errors": onset_errors(comparisons),
        "mistakes": mistakes(comparisons),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    return [folder / f"{name}.png" for name in figures]


def by_register(comparisons: Comparisons) -> Figure:
    """Note F1 by register."""
    figure, axis = _canvas("Note F1 by register", "note F1 (50 ms)")
    for name, pieces, style in _styled(comparisons):
        detected, total = _counts(REGISTERS, [(j.reference.pitch, j.detected) for j in pieces])
        correct, estimated = _counts(REGISTERS, [(j.estimate.pitch, j.correct) for j in pieces])
        _line(axis, name, detected + correct, total + estimated, style)
    _label_groups(axis, REGISTER_NAMES, total)
    return figure


def by_velocity(comparisons: Comparisons) -> Figure:
    """Recall by velocity of the reference (velocities of estimates have different scales)."""
    figure, axis = _canvas("Recall by velocity", "recall (50 ms)")
    for name, pieces, style in _styled(comparisons):
        counts = _counts(VELOCITIES, [(j.reference.velocity, j.detected) for j in pieces])
        _line(axis, name, *counts, style)
    _label_groups(axis, _ranges(VELOCITIES), counts[1])
    return figure


def by_polyphony(comparisons: Comparisons) -> Figure:
    """Recall by the number of reference notes that sound at a note's onset."""
    figure, axis = _canvas("Recall by number of notes that sound", "recall (50 ms)")
    for name, pieces, style in _styled(comparisons):
        counts = _counts(POLYPHONIES, [(sounding(j.reference), j.detected) for j in pieces])
        _line(axis, name, *counts, style)
    _label_groups(axis, _ranges(POLYPHONIES), counts[1])
    return figure


def onset_errors(comparisons: Comparisons) -> Figure:
    """Histogram of the onset errors of notes that match within 100 ms."""
    figure, axis = _canvas("Onset errors", "share of notes in 4 ms")
    edges = np.arange(-100, 101, 4)
    for name, pieces, style in _styled(comparisons):
        errors = 1000 * np.concatenate([j.onset_errors for j in pieces])
        share = np.histogram(errors, edges)[0] / max(len(errors), 1)
        middle, spread = (
            (np.median(errors), np.median(np.abs(errors - np.median(errors))))
            if len(errors)
            else (0.0, 0.0)
        )
        label = f"{name}: median {middle:+.0f} ms, half within {spread:.0f} ms of it"
        axis.stairs(share, edges, color=style["color"], linewidth=1.8, label=label)
    for tolerance in (-50, 50):
        axis.axvline(tolerance, color="0.6", linewidth=1, linestyle="--")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("onset of the estimate minus that of the reference (ms)")
    axis.legend(fontsize=8, loc="upper left", edgecolor="none", framealpha=1)
    return figure


def mistakes(comparisons: Comparisons) -> Figure:
    """Mistakes of each kind per hundred notes of the reference."""
    figure, axis = _canvas("Typical mistakes", "")
    height, places = 0.8 / len(comparisons), np.arange(len(KINDS))
    for row, (name, pieces, style) in enumerate(_styled(comparisons)):
        counts = sum((count_mistakes(j) for j in pieces), Counter[str]())
        notes = max(sum(len(j.reference) for j in pieces), 1)
        rates = [100 * counts[kind] / notes for kind in KINDS]
        axis.barh(places + row * height, rates, height, color=style["color"], label=name)
    axis.set_yticks(places + 0.4 - height / 2, KINDS)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("mistakes per hundred notes of the reference")
    axis.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=4)
    return figure


def _counts(
    edges: Sequence[int], tables: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """The number of hits and of values in each group, over all tables of (values, hits)."""
    values = np.concatenate([values for values, _ in tables])
    hits = np.concatenate([hits for _, hits in tables])
    return np.histogram(values[hits], edges)[0], np.histogram(values, edges)[0]


def _styled(comparisons: Comparisons) -> Iterator[tuple[str, Sequence[Comparison], dict[str, str]]]:
    """Each system with its colour and marker."""
    for index, (name, pieces) in enumerate(comparisons.items()):
        style = {"color": COLOURS[index % len(COLOURS)], "marker": MARKS[index % len(MARKS)]}
        yield name, pieces, style


def _canvas(title: str, label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained", facecolor="white")
    axis = figure.subplots()
    axis.set_title(title, loc="left", fontsize=11)
    axis.set_ylabel(label)
    axis.grid(color="0.88", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure, axis


def _line(
    axis: Axes, name: str, hits: np.ndarray, total: np.ndarray, style: Mapping[str, str]
) -> None:
    """The share of hits in each group; a gap if a group has fewer than `FEWEST` notes."""
    share = np.where(total >= FEWEST, hits / np.maximum(total, 1), np.nan)
    axis.plot(share, label=name, linewidth=1.8, markersize=6, **style)


def _label_groups(axis: Axes, names: Sequence[str], total: np.ndarray) -> None:
    labels = [f"{name}\n{count}" for name, count in zip(names, total, strict=True)]
    axis.set_xticks(range(len(names)), labels, fontsize=9)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("below: number of such notes in the reference")
    axis.legend(frameon=False, fontsize=9, loc="lower center", ncols=3)


def _ranges(edges: Sequence[int]) -> list[str]:
    """1-31, 32-47 ... for edges 1, 32, 48 ...; the last group has no upper limit."""
    pairs = list(pairwise(edges))
    names = [str(low) if high == low + 1 else f"{low}-{high - 1}" for low, high in pairs]
    return [*names[:-1], f"{pairs[-1][0]} up"]
