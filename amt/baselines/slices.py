"""Slices of recordings: a few seconds each, their features, and the note that sounds longest.

The label of a slice is the pitch (MIDI 21-108) that sounds for the longest time in it, with the
sustain pedal; of several that sound equally long the lowest, since low strings decay slowest. A
slice in which nothing sounds has no label and is left out of training and scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor
from tqdm import tqdm

from amt.analysis.audio.descriptors import summaries
from amt.baselines.context import (
    FRAME_STEP,
    MIN_LOG_ODDS,
    NUM_CANDIDATES,
    context_features,
    refined_log_odds,
    sounding_keys,
)
from amt.data.datamodule import PianoDataModule
from amt.data.manifest import open_recording
from amt.data.pieces import SourceError, Split
from amt.features.frontends import FrontEnd
from amt.models.linear import LinearKeys, normalised
from amt.notes import MIN_PITCH, NUM_KEYS, Notes, extend_sustain

# Slices whose features are computed at once.
BATCH_SIZE = 16
# Bins over which spectra are normalised, as in `amt.models.linear`.
NORMALISATION_WINDOW = 71
REPRESENTATIONS = ("spectrum", "descriptors", "posteriors", "context")
# Representations made from the posteriors of model=svm; the first 88 features are how long each key
# sounds, as a share of the slice.
FROM_POSTERIORS = ("posteriors", "context")


@dataclass(frozen=True, eq=False)
class Slices:
    """N slices. features: (N, D) float32. chroma: (N, 12), from C. pitch: (N,), the labels."""

    features: np.ndarray
    chroma: np.ndarray
    pitch: np.ndarray


@dataclass(frozen=True, eq=False)
class Slicer:
    """Cuts recordings into slices of `frames` frames of the front end and computes their features.

    representation: "spectrum", mean and deviation of the front end's spectra; "descriptors", the
    summary of `amt.analysis.audio.descriptors`; "posteriors", how likely each key sounds according
    to `svm`; "context", these posteriors refined by `trees` (`amt.baselines.context`).
    Raises ValueError for a wrong representation or no frames.
    """

    front_end: FrontEnd
    frames: int = 100
    representation: str = "spectrum"
    svm: LinearKeys | None = None
    trees: HistGradientBoostingClassifier | None = None

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"slice_frames={self.frames}: expected a positive number")
        if self.representation not in REPRESENTATIONS:
            known = ", ".join(REPRESENTATIONS)
            raise ValueError(f"representation={self.representation}: expected one of {known}")
        if self.representation in FROM_POSTERIORS and self.svm is None:
            raise ValueError(
                f"representation={self.representation} needs a checkpoint of model=svm: "
                "model.svm_checkpoint=PATH"
            )

    @property
    def bins_per_semitone(self) -> int:
        """By how many features a transposition by a semitone shifts; 0 if it is no shift."""
        of_spectrum = self.front_end.shape.bins_per_semitone
        bins = {"spectrum": of_spectrum, "descriptors": 0, "posteriors": 1, "context": 1}
        return bins[self.representation]

    @property
    def seconds(self) -> float:
        """Duration of a slice."""
        return self.frames / self.front_end.frame_rate

    @torch.inference_mode()
    def cut(
        self,
        audio: np.ndarray,
        notes: Notes,
        share: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> Slices:
        """The slices of a recording (S,) in which a note sounds, without an incomplete last one.

        With `rng` it draws about this share of them. Without any slice, features are (0, 0).
        """
        cuts, pitch, _ = self._cut_audio(audio, notes, share, rng)
        if not len(cuts):
            return Slices(np.zeros((0, 0)), np.zeros((0, 12)), pitch)
        parts = [self._features(batch) for batch in cuts.split(BATCH_SIZE)]
        features, chroma = (torch.cat(found).numpy() for found in zip(*parts, strict=True))
        return Slices(features, chroma, pitch)

    def context_examples(
        self, audio: np.ndarray, notes: Notes, share: float, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Training examples of `trees` from about this share of the slices, batch by batch.

        Yields features (M, D) of candidate keys and whether they sound (M,).
        """
        cuts, _, begin = self._cut_audio(audio, notes, share, rng)
        for first in range(0, len(cuts), BATCH_SIZE):
            log_odds = self._svm_log_odds(self.front_end(cuts[first : first + BATCH_SIZE]))
            found = context_features(*log_odds)
            offsets = found.frames / self.front_end.frame_rate
            times = begin[first : first + BATCH_SIZE, None] + offsets
            on = sounding_keys(notes, times.reshape(-1)).reshape(*times.shape, NUM_KEYS)
            sounds = np.take_along_axis(on, found.keys, axis=2)
            yield found.features.reshape(sounds.size, -1), sounds.reshape(-1)

    def _cut_audio(
        self, audio: np.ndarray, notes: Notes, share: float, rng: np.random.Generator | None
    ) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Audio of slices (N, S), their labels (N,) and start times (N,) in seconds."""
        samples = self.frames * self.front_end.hop_length
        count = len(audio) // samples
        pitch = longest_notes(notes, count, self.seconds)
        chosen = pitch > 0
        if rng is not None:
            chosen &= rng.random(count) < share
        cuts = torch.from_numpy(audio[: count * samples].reshape(count, samples)[chosen])
        return cuts, pitch[chosen], np.flatnonzero(chosen) * self.seconds

    def _features(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, D) and chroma (B, 12) of audio (B, S)."""
        spec = self.front_end(audio)
        chroma = spectrum_chroma(spec, self.front_end.shape.bins_per_semitone)
        if self.representation == "descriptors":
            return summaries(audio, self.front_end.sample_rate), chroma
        if self.representation in FROM_POSTERIORS:
            return pooled_posteriors(self._log_odds(spec)), chroma
        return pooled_spectrum(spec), chroma

    def _log_odds(self, spec: Tensor) -> Tensor:
        """Log-odds (B, T, 88) that keys sound; with `trees` of fewer frames."""
        frame, onset = self._svm_log_odds(spec)
        refined = frame if self.trees is None else refined_log_odds(self.trees, frame, onset)
        return torch.from_numpy(refined)

    @torch.inference_mode()
    def _svm_log_odds(self, spec: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds (B, T, 88) of the SVMs that keys sound, and that notes begin."""
        assert self.svm is not None
        logits = self.svm(spec)
        # An SVM may have been fitted without the output for onsets.
        no_onsets = torch.full_like(logits["frame"], MIN_LOG_ODDS)
        return logits["frame"].numpy(), logits.get("onset", no_onsets).numpy()


def piece_slices(
    slicer: Slicer, data: PianoDataModule, split: Split, max_slices: int, seed: int
) -> tuple[Slices, np.ndarray]:
    """About `max_slices` slices drawn from all pieces of a split, and their compositions (N,).

    Raises SourceError where there are none.
    """
    entries = data.entries(split)
    total = sum(entry.seconds for _, entry in entries) / slicer.seconds
    rng = np.random.default_rng(seed)
    parts, compositions = [], []
    for root, entry in tqdm(entries, desc="slices", unit="piece"):
        recording = open_recording(root, entry)
        notes = extend_sustain(recording.notes) if data.extend_sustain else recording.notes
        slices = slicer.cut(recording.audio, notes, max_slices / total, rng)
        if len(slices.pitch):
            parts.append(slices)
            compositions += [entry.composition] * len(slices.pitch)
    if not parts:
        raise SourceError(f"no {split} slice of {slicer.seconds:.1f} s in which a note sounds")
    columns = ([getattr(part, name) for part in parts] for name in ("features", "chroma", "pitch"))
    return Slices(*(np.concatenate(column) for column in columns)), np.array(compositions)


def piece_context_examples(
    slicer: Slicer, data: PianoDataModule, max_slices: int, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """About `count` examples for `fit_trees` from training slices: features (M, D), sounds (M,).

    Raises SourceError where no candidate key sounds, or all do.
    """
    entries = data.entries("train")
    total = sum(entry.seconds for _, entry in entries) / slicer.seconds
    share = min(max_slices / total, 1.0)
    available = share * total * -(-slicer.frames // FRAME_STEP) * NUM_CANDIDATES
    rng = np.random.default_rng(seed)
    features, sounds = [], [np.zeros(0, dtype=bool)]
    for root, entry in tqdm(entries, desc="context examples", unit="piece"):
        recording = open_recording(root, entry)
        notes = extend_sustain(recording.notes) if data.extend_sustain else recording.notes
        for found, on in slicer.context_examples(recording.audio, notes, share, rng):
            kept = rng.random(len(found)) < count / available
            features.append(found[kept])
            sounds.append(on[kept])
    if len(np.unique(np.concatenate(sounds))) < 2:
        raise SourceError("no key sounds in the training pieces, or all do: nothing to learn")
    return np.concatenate(features), np.concatenate(sounds)


def transposed(slices: Slices, semitones: int, bins_per_semitone: int) -> Slices:
    """Slices transposed by shifting features; pitch 0 where the label leaves the keyboard.

    Features consist of rows of 88 * bins_per_semitone bins; their edge bins are repeated.
    """
    width = NUM_KEYS * bins_per_semitone
    source = np.arange(width) - semitones * bins_per_semitone
    rows = slices.features.reshape(len(slices.pitch), -1, width)
    features = rows[:, :, source.clip(0, width - 1)].reshape(slices.features.shape)
    pitch = slices.pitch + semitones
    inside = (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    return Slices(features, np.roll(slices.chroma, semitones, axis=1), np.where(inside, pitch, 0))


def longest_notes(notes: Notes, count: int, seconds: float) -> np.ndarray:
    """The pitch (count,) that sounds longest in each slice of `seconds`; 0 where none sounds."""
    edge = np.arange(count + 1) * seconds
    begin, end = (
        np.clip(time[:, None], edge[:-1], edge[1:]) for time in (notes.onset, notes.offset)
    )
    is_key = notes.pitch == np.arange(MIN_PITCH, MIN_PITCH + NUM_KEYS)[:, None]
    sounding = is_key.astype(np.float64) @ (end - begin)
    return np.where(sounding.max(axis=0) > 0, sounding.argmax(axis=0) + MIN_PITCH, 0)


def pooled_posteriors(logits: Tensor) -> Tensor:
    """Features (B, 176) of logits (B, T, 88): mean posterior and mean logit over time."""
    return torch.cat([logits.sigmoid().mean(dim=1), logits.mean(dim=1)], dim=1)


def pooled_spectrum(spec: Tensor) -> Tensor:
    """Features (B, 2 C F) of spec (B, C, T, F): mean and deviation over time, normalised."""
    values = normalised(spec, NORMALISATION_WINDOW)
    return torch.cat([values.mean(dim=2), values.std(dim=2, correction=0)], dim=1).flatten(1)


def spectrum_chroma(spec: Tensor, bins_per_semitone: int) -> Tensor:
    """Chroma (B, 12), from C, of the first channel of spec (B, C, T, F): log amplitude, from A0."""
    amplitude = (10 ** spec[:, 0]).mean(dim=1)
    keys = amplitude.unflatten(1, (NUM_KEYS, bins_per_semitone)).sum(dim=2)
    classes = (torch.arange(NUM_KEYS, device=spec.device) + MIN_PITCH) % 12
    return keys.new_zeros(len(keys), 12).index_add(1, classes, keys)
