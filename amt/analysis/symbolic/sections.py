"""Sections of a piece: segmentation by novelty, and labels by clustering.

Boundaries are peaks of the novelty of Foote (2000), "Automatic Audio Segmentation Using a Measure
of Audio Novelty": a checkerboard kernel along the diagonal of the self-similarity matrix. Features
are the pitch classes that sound, and mean pitch, density and velocity of the notes. Sections are
then clustered: similar ones have the same letter, variants are marked with primes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy.ndimage import maximum_filter1d

from amt.analysis.pitch import pitch_class_seconds
from amt.analysis.symbolic.viterbi import runs
from amt.notes import Notes

# Duration of a cell, the unit of time; longer pieces have MAX_CELLS longer ones.
CELL_SECONDS, MAX_CELLS = 1.0, 1200
# Cells on either side of a boundary that the kernel covers, and the shortest section.
KERNEL_CELLS, MIN_CELLS = 12, 8
MIN_NOVELTY = 0.1
# Distances of features below which sections have the same letter, and the same number of primes.
LETTER_DISTANCE, VARIANT_DISTANCE = 0.7, 0.35
# Differences that weigh as much as disjoint pitch classes: semitones, doublings, velocities.
PITCH_UNIT, DENSITY_UNIT, VELOCITY_UNIT = 12.0, 1.0, 24.0
# After Z follows AA, after A''' follows A'4.
LETTERS, MAX_PRIMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3


@dataclass(frozen=True)
class Section:
    """A section from `start` to `stop` in seconds; its label is A, B, ... or A', a variant of A."""

    start: float
    stop: float
    label: str


def find_sections(notes: Notes) -> list[Section]:
    """Sections in order, without gaps; one if nothing changes, none without notes."""
    if not len(notes) or notes.end <= notes.onset[0]:
        return []
    start, stop = float(notes.onset[0]), notes.end
    cells = int(np.clip((stop - start) / CELL_SECONDS, 1, MAX_CELLS))
    edges = np.linspace(start, stop, cells + 1)
    features = cell_features(notes, edges)
    bounds = [0, *_boundaries(novelty(features)).tolist(), cells]
    labels = np.array(_labels([part.mean(0) for part in np.split(features, bounds[1:-1])]))
    # Neighbours with the same label are one section.
    return [
        Section(float(edges[bounds[first]]), float(edges[bounds[last]]), str(labels[first]))
        for first, last in runs(labels)
    ]


def cell_features(notes: Notes, edges: np.ndarray) -> np.ndarray:
    """Features (N, 15) of the cells between `edges` (N + 1,) in seconds.

    Durations of the 12 pitch classes, scaled to norm 1; mean pitch, density and mean velocity of
    the notes that begin in the cell, in the units above; mean pitch and velocity of the last cell
    with an onset where none begins.
    """
    classes = pitch_class_seconds(notes, edges)
    length = np.linalg.norm(classes, axis=1, keepdims=True)
    direction = np.divide(classes, length, out=np.zeros_like(classes), where=length > 0)
    cell = np.clip(np.searchsorted(edges, notes.onset, side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(cell, minlength=len(classes))
    last = np.maximum.accumulate(np.where(count > 0, np.arange(len(count)), 0))
    pitch, velocity = (
        (np.bincount(cell, column, len(count)) / np.maximum(count, 1))[last]
        for column in (notes.pitch, notes.velocity)
    )
    columns = (pitch / PITCH_UNIT, np.log2(1 + count) / DENSITY_UNIT, velocity / VELOCITY_UNIT)
    return np.column_stack([direction, *columns])


def novelty(features: np.ndarray) -> np.ndarray:
    """Novelty (N,) at the beginning of each cell, at most 1, from features (N, D) (Foote 2000)."""
    squares = (features**2).sum(1)
    distance = np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0.0)
    similar = np.pad(np.exp(-distance), KERNEL_CELLS)
    row, column = similar.strides
    count = len(features)
    blocks = as_strided(
        similar, (count, 2 * KERNEL_CELLS, 2 * KERNEL_CELLS), (row + column, row, column)
    )
    taper = np.exp(
        -0.5 * ((np.arange(2 * KERNEL_CELLS) - KERNEL_CELLS + 0.5) / (KERNEL_CELLS / 2)) ** 2
    )
    taper *= np.sign(np.arange(2 * KERNEL_CELLS) - KERNEL_CELLS + 0.5)
    kernel = np.outer(taper, taper)
    return np.tensordot(blocks, kernel / np.abs(kernel).sum(), 2)


def _boundaries(values: np.ndarray) -> np.ndarray:
    """Cells at which a section begins: maxima of the novelty (N,) within MIN_CELLS on either side.

    scipy.signal.find_peaks with a distance would also return smaller peaks beside a maximum that
    it has removed.
    """
    highest = maximum_filter1d(values, 2 * MIN_CELLS + 1, mode="constant") == values
    cell = np.arange(len(values))
    inside = (cell >= MIN_CELLS) & (cell <= len(values) - MIN_CELLS)
    return np.flatnonzero(highest & inside & (values > MIN_NOVELTY))


def _labels(means: list[np.ndarray]) -> list[str]:
    """Labels of sections with these mean features (D,).

    One hierarchical clustering is cut at two distances: for the letter, and for the primes.
    """
    if len(means) == 1:
        return [LETTERS[0]]
    from sklearn.cluster import AgglomerativeClustering

    letters, variants = (
        AgglomerativeClustering(None, distance_threshold=cut, linkage="average").fit_predict(means)
        for cut in (LETTER_DISTANCE, VARIANT_DISTANCE)
    )
    labels = []
    for section, letter in enumerate(_by_appearance(letters)):
        same = letters == letters[section]
        variant = _by_appearance(variants[same])[int(same[:section].sum())]
        primes = "'" * variant if variant <= MAX_PRIMES else f"'{variant}"
        labels.append(LETTERS[letter % len(LETTERS)] * (1 + letter // len(LETTERS)) + primes)
    return labels


def _by_appearance(clusters: np.ndarray) -> list[int]:
    """Cluster numbers (N,) from 0 in the order in which they appear."""
    _, first, cluster = np.unique(clusters, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[cluster].tolist()
