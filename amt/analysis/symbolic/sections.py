"""The parts of a piece: where it changes, and which parts are alike.

Borders lie where the self-similarity of the piece looks like a checkerboard (Foote 2000, "Automatic
audio segmentation using a measure of audio novelty"): before and after are each alike, but not like
each other. What is compared is which pitch classes sound, how high, how many and how loud. Parts
are then clustered: alike ones share a letter, and those that differ a little bear primes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from amt.analysis.pitch import pitch_class_seconds
from amt.analysis.symbolic.viterbi import runs
from amt.notes import Notes

CELL_SECONDS, MOST_CELLS = 1.0, 1200
# What is heard on either side of a border, in cells, and how near to another one it may lie.
SIDE, APART = 12, 8
MIN_NOVELTY = 0.1
# Distances of parts below which they share a letter, and below which they are the same.
ALIKE, SAME = 0.7, 0.35
# What counts as much as another set of pitch classes: an octave, twice the notes, 24 of velocity.
OCTAVE, DOUBLING, LOUDNESS = 12.0, 1.0, 24.0
# After Z comes AA, after A''' A'4.
LETTERS, MOST_PRIMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3


@dataclass(frozen=True)
class Section:
    """Seconds of one part, and its name: A, B, ... in order of appearance, A' for a varied A."""

    start: float
    stop: float
    label: str


def find_sections(notes: Notes) -> list[Section]:
    """The parts of a piece in order, without gaps; one if nothing changes, none without notes."""
    if not len(notes) or notes.end <= notes.onset[0]:
        return []
    start, stop = float(notes.onset[0]), notes.end
    cells = int(np.clip((stop - start) / CELL_SECONDS, 1, MOST_CELLS))
    edges = np.linspace(start, stop, cells + 1)
    features = cell_features(notes, edges)
    borders = [0, *_peaks(novelty(features)).tolist(), cells]
    labels = np.array(_labels([part.mean(0) for part in np.split(features, borders[1:-1])]))
    # Neighbours with one label are one part: what is between them was no border.
    return [
        Section(float(edges[borders[first]]), float(edges[borders[past]]), str(labels[first]))
        for first, past in runs(labels)
    ]


def cell_features(notes: Notes, edges: np.ndarray) -> np.ndarray:
    """What sounds between neighbouring `edges` (B + 1,) seconds: (B, 15).

    Pitch classes (12, as a direction), mean pitch, density and loudness of what begins there, in
    units that count alike; where nothing begins, what did before.
    """
    classes = pitch_class_seconds(notes, edges)
    length = np.linalg.norm(classes, axis=1, keepdims=True)
    direction = np.divide(classes, length, out=np.zeros_like(classes), where=length > 0)
    cell = np.clip(np.searchsorted(edges, notes.onset, side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(cell, minlength=len(classes))
    held = np.maximum.accumulate(np.where(count > 0, np.arange(len(count)), 0))
    pitch, velocity = (
        (np.bincount(cell, column, len(count)) / np.maximum(count, 1))[held]
        for column in (notes.pitch, notes.velocity)
    )
    columns = (pitch / OCTAVE, np.log2(1 + count) / DOUBLING, velocity / LOUDNESS)
    return np.column_stack([direction, *columns])


def novelty(features: np.ndarray) -> np.ndarray:
    """How much each cell (B,) begins something new, 0 to 1: Foote's kernel along the diagonal."""
    squares = (features**2).sum(1)
    distance = np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0.0)
    similar = np.pad(np.exp(-distance), SIDE)
    row, column = similar.strides
    count = len(features)
    blocks = as_strided(similar, (count, 2 * SIDE, 2 * SIDE), (row + column, row, column))
    taper = np.exp(-0.5 * ((np.arange(2 * SIDE) - SIDE + 0.5) / (SIDE / 2)) ** 2)
    taper *= np.sign(np.arange(2 * SIDE) - SIDE + 0.5)
    kernel = np.outer(taper, taper)
    return np.tensordot(blocks, kernel / np.abs(kernel).sum(), 2)


def _peaks(values: np.ndarray) -> np.ndarray:
    """Cells that are the most novel for APART around, inside the piece and novel enough."""
    around = sliding_window_view(np.pad(values, APART), 2 * APART + 1)
    highest = around.max(1) == values
    cell = np.arange(len(values))
    inside = (cell >= APART) & (cell <= len(values) - APART)
    return np.flatnonzero(highest & inside & (values > MIN_NOVELTY))


def _labels(means: list[np.ndarray]) -> list[str]:
    """Names of parts with these mean features, by two cuts of one tree: a letter, primes in it."""
    if len(means) == 1:
        return [LETTERS[0]]
    from sklearn.cluster import AgglomerativeClustering

    loose, tight = (
        AgglomerativeClustering(None, distance_threshold=cut, linkage="average").fit_predict(means)
        for cut in (ALIKE, SAME)
    )
    names = []
    for part, letter in enumerate(_order(loose)):
        own = loose == loose[part]
        variant = _order(tight[own])[int(own[:part].sum())]
        primes = "'" * variant if variant <= MOST_PRIMES else f"'{variant}"
        names.append(LETTERS[letter % len(LETTERS)] * (1 + letter // len(LETTERS)) + primes)
    return names


def _order(clusters: np.ndarray) -> list[int]:
    """Clusters numbered from 0 in the order in which they appear."""
    _, first, name = np.unique(clusters, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[name].tolist()
