"""Metrics of a transcription, all computed with mir_eval. No other module uses mir_eval.

note                  an estimated note is correct if its onset is within 50 ms of a reference note
                      and its pitch within 50 cents; each note is matched at most once
note_100ms            the same with onsets within 100 ms
note_offset           also the offset within 20 % of the reference's duration, at least 50 ms
note_velocity         also the velocity within 0.1 after mir_eval's rescaling (Hawthorne et al.
                      2018)
note_offset_velocity  both
note_release          as note_offset, where notes end when their keys are released, without
                      extension by the pedal; `release_scores`
frame                 pitches sounding at 0, 10, 20 ms ...; a note sounds where onset <= t < offset
pedal                 intervals of the sustain pedal (CC64 >= 64), tolerances as for note_offset;
                      only if both tables contain CC64 and one of them a press

Each is given as NAME_f1, NAME_precision and NAME_recall in 0..1. As in mir_eval, all are 0 if the
reference or the estimate is empty.
"""

from __future__ import annotations

from collections.abc import Iterator

import mir_eval
import numpy as np

from amt.notes import MIN_PITCH, Notes, has_sustain, sustain_presses

ONSET_TOLERANCE = 0.05
WIDE_ONSET_TOLERANCE = 0.1
OFFSET_RATIO = 0.2
VELOCITY_TOLERANCE = 0.1
FRAME_SECONDS = 0.01
MIDI_PITCHES = 128

# Seconds; mir_eval does not accept notes of duration 0.
MIN_DURATION = 1e-3

# Notes of one pitch are matched in blocks of about this many, which keeps mir_eval's distance
# matrices small.
BLOCK_NOTES = 512


def note_scores(reference: Notes, estimate: Notes) -> dict[str, float]:
    """All scores of `estimate` against `reference` but note_release; see the module's docstring."""
    onsets = match(reference, estimate)
    offsets = match(reference, estimate, offset_ratio=OFFSET_RATIO)
    hits = {
        "note": len(onsets),
        "note_100ms": len(match(reference, estimate, WIDE_ONSET_TOLERANCE)),
        "note_offset": len(offsets),
        "note_velocity": _velocity_hits(reference, estimate, onsets),
        "note_offset_velocity": _velocity_hits(reference, estimate, offsets),
    }
    scores: dict[str, float] = {}
    for name, count in hits.items():
        scores |= _scores(name, count, len(reference), len(estimate))
    return scores | frame_scores(reference, estimate) | pedal_scores(reference, estimate)


def note_f1(reference: Notes, estimate: Notes, offset_ratio: float | None = None) -> float:
    """note_f1 alone; with an `offset_ratio`, note_offset_f1."""
    return onset_scores(reference, estimate, offset_ratio)["note_f1"]


def onset_scores(
    reference: Notes, estimate: Notes, offset_ratio: float | None = None
) -> dict[str, float]:
    """note_f1, note_precision, note_recall; with an `offset_ratio` those of note_offset."""
    count = len(match(reference, estimate, offset_ratio=offset_ratio))
    return _scores("note", count, len(reference), len(estimate))


def release_scores(reference: Notes, estimate: Notes) -> dict[str, float]:
    """note_release_f1, _precision and _recall of notes that end where their keys are released."""
    hits = len(match(reference, estimate, offset_ratio=OFFSET_RATIO))
    return _scores("note_release", hits, len(reference), len(estimate))


def frame_scores(reference: Notes, estimate: Notes) -> dict[str, float]:
    """frame_f1, frame_precision and frame_recall on a grid of 10 ms."""
    frames = int(max(reference.end, estimate.end) / FRAME_SECONDS) + 1
    truth, guess = _sounding_pitches(reference, frames), _sounding_pitches(estimate, frames)
    hits, in_truth, in_guess = (int(roll.sum()) for roll in (truth & guess, truth, guess))
    return _scores("frame", hits, in_truth, in_guess)


def pedal_scores(reference: Notes, estimate: Notes) -> dict[str, float]:
    """pedal_f1, pedal_precision and pedal_recall; empty unless both contain the sustain pedal."""
    if not (has_sustain(reference) and has_sustain(estimate)):
        return {}
    truth, guess = _pedal_notes(reference), _pedal_notes(estimate)
    if not (len(truth) or len(guess)):
        return {}
    hits = len(match(truth, guess, offset_ratio=OFFSET_RATIO))
    return _scores("pedal", hits, len(truth), len(guess))


def match(
    reference: Notes,
    estimate: Notes,
    onset_tolerance: float = ONSET_TOLERANCE,
    offset_ratio: float | None = None,
) -> np.ndarray:
    """The pairs (M, 2) of indices into `reference` and `estimate` that mir_eval matches.

    Notes of different pitch, or further apart in time than the tolerance, can never match. So notes
    are matched in blocks by pitch and time. The result is that of one call of mir_eval, which would
    need matrices of all notes times all notes: gigabytes for a long recital.
    """
    truths, guesses = intervals(reference), intervals(estimate)
    truth_hertz, guess_hertz = frequency(reference.pitch), frequency(estimate.pitch)
    pairs = []
    for truth, guess in _blocks(reference, estimate, onset_tolerance):
        found = mir_eval.transcription.match_notes(
            truths[truth],
            truth_hertz[truth],
            guesses[guess],
            guess_hertz[guess],
            onset_tolerance=onset_tolerance,
            offset_ratio=offset_ratio,
        )
        pairs += [(truth[i], guess[j]) for i, j in found]
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def frequency(pitch: np.ndarray) -> np.ndarray:
    """Frequencies in Hz of MIDI pitches: mir_eval compares frequencies, not MIDI numbers."""
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


def intervals(notes: Notes) -> np.ndarray:
    """Onsets and offsets (N, 2) in seconds, every note at least `MIN_DURATION` long."""
    return np.stack([notes.onset, np.maximum(notes.offset, notes.onset + MIN_DURATION)], axis=1)


def _blocks(
    reference: Notes, estimate: Notes, tolerance: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices into both tables of notes that may match each other, block by block."""
    pitch = np.concatenate([reference.pitch, estimate.pitch])
    onset = np.concatenate([reference.onset, estimate.onset])
    order = np.lexsort((onset, pitch))
    other_key = np.diff(pitch[order]) != 0
    # mir_eval rounds distances to a tenth of a millisecond before it compares them.
    apart = np.flatnonzero(other_key | (np.diff(onset[order]) > tolerance + 1e-3)) + 1
    after_block = np.searchsorted(apart, np.arange(BLOCK_NOTES, len(order), BLOCK_NOTES))
    cuts = apart[after_block[after_block < len(apart)]]
    for block in np.split(order, np.union1d(np.flatnonzero(other_key) + 1, cuts)):
        is_truth = block < len(reference)
        truth, guess = np.sort(block[is_truth]), np.sort(block[~is_truth]) - len(reference)
        if len(truth) and len(guess):
            yield truth, guess


def _velocity_hits(reference: Notes, estimate: Notes, pairs: np.ndarray) -> int:
    """How many of the matched `pairs` agree in velocity too.

    The definition of mir_eval.transcription_velocity.match_notes, without its second matching:
    reference velocities are scaled to 0..1, and those of the estimate fitted to them by least
    squares over all pairs.
    """
    if not len(pairs):
        return 0
    lowest, highest = reference.velocity.min(), reference.velocity.max()
    truth = (reference.velocity[pairs[:, 0]] - lowest) / float(max(1, highest - lowest))
    guess = estimate.velocity[pairs[:, 1]]
    design = np.vstack([guess, np.ones(len(guess))]).T
    slope, intercept = np.linalg.lstsq(design, truth, rcond=None)[0]
    return int(np.count_nonzero(np.abs(slope * guess + intercept - truth) < VELOCITY_TOLERANCE))


def _scores(name: str, hits: int, in_reference: int, in_estimate: int) -> dict[str, float]:
    precision = hits / in_estimate if in_estimate else 0.0
    recall = hits / in_reference if in_reference else 0.0
    f1 = float(mir_eval.util.f_measure(precision, recall))
    return {f"{name}_f1": f1, f"{name}_precision": precision, f"{name}_recall": recall}


def _sounding_pitches(notes: Notes, frames: int) -> np.ndarray:
    """Whether each pitch sounds at each time of the 10 ms grid: (frames, 128) booleans."""
    steps = np.zeros((frames + 1, MIDI_PITCHES), dtype=np.int16)
    for times, step in ((notes.onset, 1), (notes.offset, -1)):
        # 0.07 / 0.01 gives 7.000000000000001: a time on the grid must not be rounded up.
        first = np.ceil(times / FRAME_SECONDS - 1e-6).astype(np.int64).clip(0, frames)
        np.add.at(steps, (first, notes.pitch), step)
    return np.cumsum(steps, axis=0, out=steps)[:-1] > 0


def _pedal_notes(notes: Notes) -> Notes:
    """Each press of the sustain pedal as a note of the same pitch, so that notes' metrics apply."""
    pressed, released = sustain_presses(notes).T
    same = np.ones(len(pressed), dtype=np.int64)
    return Notes(pressed, released, MIN_PITCH * same, same)
