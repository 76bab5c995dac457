"""Slices of recordings: a few seconds each, their features, and the note that sounds the most.

The label of a slice is the MIDI number (21 to 108) that sounds for the longest time in it, the
pedal included; of several that sound equally long it is the lowest, since low strings ring longest.
A slice in which nothing sounds has no label: it is left out of training and scores alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from amt.analysis.audio.descriptors import summaries
from amt.baselines.classifiers import Boosted
from amt.baselines.context import ABSENT, EVERY, LIKELIEST, context_features, judged, sounding_keys
from amt.data.datamodule import PianoDataModule
from amt.data.manifest import open_recording
from amt.data.pieces import SourceError, Split
from amt.features.frontends import FrontEnd
from amt.models.linear import LinearKeys, normalised
from amt.notes import MIN_PITCH, NUM_KEYS, Notes, extend_sustain

# Slices whose features are computed at once.
BATCH = 16
WINDOW = 71
DESCRIPTIONS = ("spectrum", "descriptors", "keys", "context")
# Of these the first 88 features are how long each key sounds.
OF_KEYS = ("keys", "context")


@dataclass(frozen=True, eq=False)
class Slices:
    """features: (N, D) float32. chroma: (N, 12), the loudness of each pitch class. pitch: (N,)."""

    features: np.ndarray
    chroma: np.ndarray
    pitch: np.ndarray


@dataclass(frozen=True, eq=False)
class Slicer:
    """Cuts recordings into slices of `frames` frames of its front end, and describes them.

    describe: "spectrum", the front end's spectra; "descriptors", the summary of
    `amt.analysis.audio.descriptors`; "keys", how much each key sounds to the SVMs of `keys`; or
    "context", the same once `trees` have judged them (`amt.baselines.context`). Raises ValueError
    for anything else.
    """

    front_end: FrontEnd
    frames: int = 100
    describe: str = "spectrum"
    keys: LinearKeys | None = None
    trees: Boosted | None = None

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"slice_frames={self.frames}: expected a positive number")
        if self.describe not in DESCRIPTIONS:
            known = ", ".join(DESCRIPTIONS)
            raise ValueError(f"describe={self.describe}: expected one of {known}")
        if self.describe in OF_KEYS and self.keys is None:
            raise ValueError(
                f"describe={self.describe} needs a checkpoint of model=svm: model.keys=PATH"
            )

    @property
    def bins_per_semitone(self) -> int:
        """How many features further up a note a semitone higher is seen; 0 where it is nowhere."""
        finest = self.front_end.shape.bins_per_semitone
        return {"spectrum": finest, "descriptors": 0, "keys": 1, "context": 1}[self.describe]

    @property
    def seconds(self) -> float:
        """How long a slice lasts."""
        return self.frames / self.front_end.frame_rate

    @torch.inference_mode()
    def cut(
        self,
        audio: np.ndarray,
        notes: Notes,
        part: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> Slices:
        """The slices of a recording (S,) in which a note sounds; what is left over is dropped.

        With an `rng` about a `part` of them, drawn by it. There may be none: features are (0, 0).
        """
        whole, pitch, _ = self._chosen(audio, notes, part, rng)
        if not len(whole):
            return Slices(np.zeros((0, 0)), np.zeros((0, 12)), pitch)
        described = [self._describe(batch) for batch in whole.split(BATCH)]
        features, chroma = (torch.cat(found).numpy() for found in zip(*described, strict=True))
        return Slices(features, chroma, pitch)

    def examples(
        self, audio: np.ndarray, notes: Notes, part: float, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What `trees` learn from in about a `part` of the slices, some slices at a time: features
        (M, D) of keys, and whether these sound (M,)."""
        whole, _, begin = self._chosen(audio, notes, part, rng)
        for first in range(0, len(whole), BATCH):
            found = context_features(*self._odds(self.front_end(whole[first : first + BATCH])))
            times = begin[first : first + BATCH, None] + found.frames / self.front_end.frame_rate
            on = sounding_keys(notes, times.reshape(-1)).reshape(*times.shape, NUM_KEYS)
            sounds = np.take_along_axis(on, found.keys, axis=2)
            yield found.features.reshape(sounds.size, -1), sounds.reshape(-1)

    def _chosen(
        self, audio: np.ndarray, notes: Notes, part: float, rng: np.random.Generator | None
    ) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """The audio of slices (N, S), their notes (N,), and when they begin (N,) in seconds."""
        samples = self.frames * self.front_end.hop_length
        count = len(audio) // samples
        pitch = longest_notes(notes, count, self.seconds)
        chosen = pitch > 0
        if rng is not None:
            chosen &= rng.random(count) < part
        whole = torch.from_numpy(audio[: count * samples].reshape(count, samples)[chosen])
        return whole, pitch[chosen], np.flatnonzero(chosen) * self.seconds

    def _describe(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        spec = self.front_end(audio)
        chroma = folded(spec, self.front_end.shape.bins_per_semitone)
        if self.describe == "descriptors":
            return summaries(audio, self.front_end.sample_rate), chroma
        if self.describe in OF_KEYS:
            return sounding(self._heard(spec)), chroma
        return pooled(spec), chroma

    def _heard(self, spec: Tensor) -> Tensor:
        """Log-odds (B, T, 88) that keys sound; of fewer frames where `trees` judge."""
        frame, onset = self._odds(spec)
        return torch.from_numpy(frame if self.trees is None else judged(self.trees, frame, onset))

    @torch.inference_mode()
    def _odds(self, spec: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds (B, T, 88) of the SVMs that keys sound, and that they begin to.

        Without an output for onsets these are never.
        """
        assert self.keys is not None
        logits = self.keys(spec)
        never = torch.full_like(logits["frame"], ABSENT)
        return logits["frame"].numpy(), logits.get("onset", never).numpy()


def piece_slices(
    slicer: Slicer, data: PianoDataModule, split: Split, most: int, seed: int
) -> tuple[Slices, np.ndarray]:
    """At most `most` slices, drawn from all pieces of a split, and the works (N,) they are from.

    Raises SourceError where there are none.
    """
    entries = data.entries(split)
    total = sum(entry.seconds for _, entry in entries) / slicer.seconds
    rng = np.random.default_rng(seed)
    found, works = [], []
    for root, entry in tqdm(entries, desc="slices", unit="piece"):
        recording = open_recording(root, entry)
        notes = extend_sustain(recording.notes) if data.extend_sustain else recording.notes
        slices = slicer.cut(recording.audio, notes, most / total, rng)
        if len(slices.pitch):
            found.append(slices)
            works += [entry.work] * len(slices.pitch)
    if not found:
        raise SourceError(f"no {split} slice of {slicer.seconds:.1f} s in which a note sounds")
    columns = ([getattr(part, name) for part in found] for name in ("features", "chroma", "pitch"))
    return Slices(*(np.concatenate(column) for column in columns)), np.array(works)


def key_examples(
    slicer: Slicer, data: PianoDataModule, slices: int, most: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """About `most` keys in frames of so many training slices: features (M, D), who sounds (M,).

    Raises SourceError where none of these keys sounds, or all do.
    """
    entries = data.entries("train")
    total = sum(entry.seconds for _, entry in entries) / slicer.seconds
    part = min(slices / total, 1.0)
    all_rows = part * total * -(-slicer.frames // EVERY) * LIKELIEST
    rng = np.random.default_rng(seed)
    features, sounds = [], [np.zeros(0, dtype=bool)]
    for root, entry in tqdm(entries, desc="keys in slices", unit="piece"):
        recording = open_recording(root, entry)
        notes = extend_sustain(recording.notes) if data.extend_sustain else recording.notes
        for found, on in slicer.examples(recording.audio, notes, part, rng):
            kept = rng.random(len(found)) < most / all_rows
            features.append(found[kept])
            sounds.append(on[kept])
    if len(np.unique(np.concatenate(sounds))) < 2:
        raise SourceError("no key sounds in the training pieces, or all do: nothing to learn")
    return np.concatenate(features), np.concatenate(sounds)


def transposed(slices: Slices, semitones: int, bins_per_semitone: int) -> Slices:
    """What slices would be on other keys; slices whose note leaves the keyboard have pitch 0.

    Rows of 88 * bins_per_semitone features are shifted, and filled up from their ends.
    """
    width = NUM_KEYS * bins_per_semitone
    source = np.arange(width) - semitones * bins_per_semitone
    rows = slices.features.reshape(len(slices.pitch), -1, width)
    features = rows[:, :, source.clip(0, width - 1)].reshape(slices.features.shape)
    pitch = slices.pitch + semitones
    inside = (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    return Slices(features, np.roll(slices.chroma, semitones, axis=1), np.where(inside, pitch, 0))


def longest_notes(notes: Notes, count: int, seconds: float) -> np.ndarray:
    """The MIDI number (count,) that sounds longest in each slice of `seconds`; 0 for silence."""
    edge = np.arange(count + 1) * seconds
    begin, end = (
        np.clip(time[:, None], edge[:-1], edge[1:]) for time in (notes.onset, notes.offset)
    )
    is_key = notes.pitch == np.arange(MIN_PITCH, MIN_PITCH + NUM_KEYS)[:, None]
    sounding = is_key.astype(np.float64) @ (end - begin)
    return np.where(sounding.max(axis=0) > 0, sounding.argmax(axis=0) + MIN_PITCH, 0)


def sounding(logits: Tensor) -> Tensor:
    """Features (B, 176) of logits (B, T, 88): mean probability and mean log-odds over time."""
    return torch.cat([logits.sigmoid().mean(dim=1), logits.mean(dim=1)], dim=1)


def pooled(spec: Tensor) -> Tensor:
    """Features (B, 2 C F) of spec (B, C, T, F): mean and deviation over time, normalised."""
    values = normalised(spec, WINDOW)
    return torch.cat([values.mean(dim=2), values.std(dim=2, correction=0)], dim=1).flatten(1)


def folded(spec: Tensor, bins_per_semitone: int) -> Tensor:
    """Chroma (B, 12), from C, of log amplitude spec (B, C, T, F): its first channel, A0 upwards."""
    amplitude = (10 ** spec[:, 0]).mean(dim=1)
    keys = amplitude.unflatten(1, (NUM_KEYS, bins_per_semitone)).sum(dim=2)
    classes = (torch.arange(NUM_KEYS, device=spec.device) + MIN_PITCH) % 12
    return keys.new_zeros(len(keys), 12).index_add(1, classes, keys)
