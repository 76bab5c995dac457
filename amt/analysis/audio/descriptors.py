"""Audio descriptors: level, timbre, harmony and rhythm of batches of recordings.

The descriptors are those of librosa 0.11 with n_fft=2048, hop_length=512, center=True and its
defaults for the rest; chroma is `chroma_stft` with tuning=0, tempo and beats are `beat_track` of
the mean `onset_strength`. Levels are limited to 80 dB below the maximum of each example.

librosa is not used: here all descriptors come from one STFT, for whole batches and on the device of
the audio, about ten times as fast (`experiments/speed/descriptor_speed.py`).

For recordings with a noise floor they agree with librosa to 0.01 dB (contrast: 0.2 dB, since its
valleys are few bins), 0.01 Hz, 1e-5 in chroma and 1e-6 in RMS; zero crossings, tempo, onsets and
beats are the same. Between pure tones without noise rounding errors of both differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from amt.analysis.audio import rhythm
from amt.analysis.audio.spectra import (
    FIRST_OCTAVE,
    HOP_LENGTH,
    NUM_CONTRAST,
    NUM_MELS,
    decibels,
    mfcc,
    rms,
    spectra,
    zero_crossing_rate,
)
from amt.analysis.pitch import PITCH_CLASSES
from amt.io.audio import SAMPLE_RATE

SUMMARY_NAMES = (
    "tempo",
    "onset_rate",
    "rms",
    "zero_crossing_rate",
    "centroid",
    "bandwidth",
    *(f"contrast_{band}" for band in range(NUM_CONTRAST)),
    *(f"chroma_{pitch_class}" for pitch_class in PITCH_CLASSES),
    *(f"mel_{band}" for band in range(NUM_MELS)),
)
# Larger samples are no audio; their power would overflow float32.
_MAX_SAMPLE = 1e6


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Descriptors of B examples in T frames; frame t is at t * HOP_LENGTH / sample_rate seconds.

    The fields are computed by `compute_descriptors`; mfcc, onsets, tempo and beats, which are
    computed from them, when they are first used.
    """

    sample_rate: int
    samples: int
    """Number of samples of each example."""
    log_mel: Tensor
    """Power of 128 mel bands in dB (B, T, 128)."""
    centroid: Tensor
    """Spectral centroid in Hz (B, T)."""
    bandwidth: Tensor
    """Spectral bandwidth in Hz (B, T)."""
    contrast: Tensor
    """Spectral contrast in dB (B, T, 7): below 200 Hz, and in six octaves above."""
    zero_crossing_rate: Tensor
    """Sign changes per sample (B, T)."""
    rms: Tensor
    """Root mean square (B, T)."""
    chroma: Tensor
    """Power of each pitch class from C on, with a maximum of 1 (B, T, 12)."""
    onset_strength: Tensor
    """Spectral flux: mean increase of the mel bands in dB (B, T)."""

    @cached_property
    def mfcc(self) -> Tensor:
        """The first 13 mel-frequency cepstral coefficients (B, T, 13)."""
        with _full_precision(self.log_mel):
            return mfcc(self.log_mel)

    @cached_property
    def onsets(self) -> Tensor:
        """Mask of the onset frames (B, T)."""
        return rhythm.onsets(self.onset_strength, self.sample_rate)

    @cached_property
    def tempo(self) -> Tensor:
        """Tempo in beats per minute (B,); 0 without onsets."""
        with _full_precision(self.onset_strength):
            return rhythm.tempo(self.onset_strength, self.sample_rate)

    @cached_property
    def beats(self) -> Tensor:
        """Mask of the beat frames (B, T)."""
        return rhythm.beats(self.onset_strength, self.tempo, self.sample_rate)

    @property
    def onset_times(self) -> tuple[Tensor, ...]:
        """Times of the onsets in seconds (N,), for each example."""
        return self._times(self.onsets)

    @property
    def beat_times(self) -> tuple[Tensor, ...]:
        """Times of the beats in seconds (N,), for each example."""
        return self._times(self.beats)

    def _times(self, mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(row.nonzero()[:, 0] * (HOP_LENGTH / self.sample_rate) for row in mask)


@torch.no_grad()
def compute_descriptors(audio: Tensor, sample_rate: int = SAMPLE_RATE) -> Descriptors:
    """Descriptors of mono audio (B, S) in -1..1, with T = 1 + S // HOP_LENGTH frames.

    Raises ValueError where the audio is empty, of another shape, of integers or not finite, and
    where the sample rate is too low for the seven bands of the spectral contrast.
    """
    _check(audio, sample_rate)
    audio = audio.float()
    with _full_precision(audio):
        found = spectra(audio, sample_rate)
        log_mel = decibels(found.mel)
        return Descriptors(
            sample_rate=sample_rate,
            samples=audio.shape[1],
            log_mel=log_mel,
            centroid=found.centroid,
            bandwidth=found.bandwidth,
            contrast=decibels(found.peak) - decibels(found.valley),
            zero_crossing_rate=zero_crossing_rate(audio),
            rms=rms(audio),
            chroma=found.chroma,
            onset_strength=rhythm.onset_strength(log_mel),
        )


@torch.no_grad()
def summary(descriptors: Descriptors) -> Tensor:
    """Summary (B, 153) of each example; SUMMARY_NAMES are the names of the columns.

    Tempo in beats per minute and onsets per second, then the means over time of rms, zero-crossing
    rate, centroid, bandwidth, contrast, chroma and log_mel.
    """
    onset_rate = descriptors.onsets.sum(dim=1) * (descriptors.sample_rate / descriptors.samples)
    single = torch.stack(
        [
            descriptors.rms,
            descriptors.zero_crossing_rate,
            descriptors.centroid,
            descriptors.bandwidth,
        ],
        dim=-1,
    )
    bands = [descriptors.contrast, descriptors.chroma, descriptors.log_mel]
    means = torch.cat([single, *bands], dim=-1).mean(dim=1)
    return torch.cat([descriptors.tempo[:, None], onset_rate[:, None], means], dim=1)


def summaries(audio: Tensor, sample_rate: int = SAMPLE_RATE, batch_size: int = 128) -> Tensor:
    """Summaries (B, 153) of slices (B, S), computed in batches of `batch_size`.

    Each slice is treated as a recording of its own, with silence before and after it. Raises
    ValueError as `compute_descriptors` does.
    """
    _check(audio, sample_rate)
    parts = [summary(compute_descriptors(part, sample_rate)) for part in audio.split(batch_size)]
    return torch.cat(parts)


def _full_precision(values: Tensor) -> torch.autocast:
    """Disable autocast: half precision is too coarse for quiet frames and for the tempo."""
    return torch.autocast(values.device.type, enabled=False)


def _check(audio: Tensor, sample_rate: int) -> None:
    if audio.ndim != 2 or audio.numel() == 0:
        raise ValueError(f"audio of shape {tuple(audio.shape)}: expected (B, S), neither of them 0")
    if not audio.is_floating_point():
        raise ValueError(f"audio of {audio.dtype}: expected floats in -1..1; divide by full scale")
    if not max(-float(audio.amin()), float(audio.amax())) <= _MAX_SAMPLE:
        raise ValueError("audio holds samples that are not finite or huge: expected about -1..1")
    lowest = 2 * FIRST_OCTAVE * 2 ** (NUM_CONTRAST - 2)
    if sample_rate <= lowest:
        raise ValueError(
            f"sample_rate={sample_rate}: expected more than {lowest:.0f}; resample the audio"
        )
