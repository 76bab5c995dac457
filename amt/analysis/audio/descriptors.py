"""What a listener without training could say of a recording: level, colour, harmony, rhythm.

All descriptors are librosa's (0.11, n_fft=2048, hop_length=512, center=True, its defaults for the
rest), for batches, on the device of the audio, from one STFT. Chroma is `chroma_stft` with tuning
0. Tempo and beats are `beat_track` of the same `onset_strength`, the mean over bands, that onsets
are read off. Levels end 80 dB below the loudest of each example, whatever its neighbours are.

Where a sound has a noise floor they agree with librosa to 0.01 dB (contrast to 0.2 dB, for its
valleys are few bins), 0.01 Hz, 1e-5 in chroma and 1e-6 in rms; crossings, onsets and beats are the
same, and so is the tempo. The rounding that is left between pure tones is each library's own.
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
# Whatever is louder is no audio; its power would not fit into float32.
_LOUDEST = 1e6


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Descriptors of B examples in T frames, frame t at t * HOP_LENGTH / sample_rate seconds.

    What is named below comes with `describe`; what follows from it (mfcc, onsets, tempo, beats) is
    computed when it is first asked for.
    """

    sample_rate: int
    samples: int
    """Samples of each example."""
    log_mel: Tensor
    """Power in 128 mel bands, dB (B, T, 128)."""
    centroid: Tensor
    """Mean frequency, Hz (B, T)."""
    bandwidth: Tensor
    """Standard deviation of frequency, Hz (B, T)."""
    contrast: Tensor
    """Peaks over valleys below 200 Hz and in six octaves above, dB (B, T, 7)."""
    zero_crossing_rate: Tensor
    """Changes of sign a sample (B, T)."""
    rms: Tensor
    """Root mean square (B, T)."""
    chroma: Tensor
    """Power in each pitch class from C up, the strongest 1 (B, T, 12)."""
    onset_strength: Tensor
    """Mean rise of the mel bands, dB (B, T)."""

    @cached_property
    def mfcc(self) -> Tensor:
        """Cosine transform of log_mel, the first 13 coefficients (B, T, 13)."""
        with _full_precision(self.log_mel):
            return mfcc(self.log_mel)

    @cached_property
    def onsets(self) -> Tensor:
        """Mask of the frames in which something begins (B, T)."""
        return rhythm.onsets(self.onset_strength, self.sample_rate)

    @cached_property
    def tempo(self) -> Tensor:
        """Beats a minute (B,); 0 where nothing begins."""
        with _full_precision(self.onset_strength):
            return rhythm.tempo(self.onset_strength, self.sample_rate)

    @cached_property
    def beats(self) -> Tensor:
        """Mask of the frames with a beat (B, T)."""
        return rhythm.beats(self.onset_strength, self.tempo, self.sample_rate)

    @property
    def onset_times(self) -> tuple[Tensor, ...]:
        """Seconds of the onsets (N,), for each example."""
        return self._times(self.onsets)

    @property
    def beat_times(self) -> tuple[Tensor, ...]:
        """Seconds of the beats (N,), for each example."""
        return self._times(self.beats)

    def _times(self, mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(row.nonzero()[:, 0] * (HOP_LENGTH / self.sample_rate) for row in mask)


@torch.no_grad()
def describe(audio: Tensor, sample_rate: int = SAMPLE_RATE) -> Descriptors:
    """Descriptors of mono audio (B, S) in -1..1, in 1 + S // HOP_LENGTH frames.

    Raises ValueError where the audio is empty, of another shape, of integers, or holds samples that
    are not finite, and where the sample rate is too low for the seven bands of the contrast.
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
    """One row an example (B, 153), its columns named by SUMMARY_NAMES.

    Tempo in beats a minute and onsets a second, then the mean over the frames of rms, zero-crossing
    rate, centroid, bandwidth, contrast, chroma and log_mel.
    """
    onset_rate = descriptors.onsets.sum(dim=1) * (descriptors.sample_rate / descriptors.samples)
    of_frames = torch.stack(
        [
            descriptors.rms,
            descriptors.zero_crossing_rate,
            descriptors.centroid,
            descriptors.bandwidth,
        ],
        dim=-1,
    )
    bands = [descriptors.contrast, descriptors.chroma, descriptors.log_mel]
    means = torch.cat([of_frames, *bands], dim=-1).mean(dim=1)
    return torch.cat([descriptors.tempo[:, None], onset_rate[:, None], means], dim=1)


def summaries(audio: Tensor, sample_rate: int = SAMPLE_RATE, batch_size: int = 128) -> Tensor:
    """The summaries (B, 153) of slices (B, S), as many at a time as `batch_size` says.

    Each slice is described alone, as if there were silence around it. Errors as in `describe`.
    """
    _check(audio, sample_rate)
    parts = [summary(describe(part, sample_rate)) for part in audio.split(batch_size)]
    return torch.cat(parts)


def _full_precision(values: Tensor) -> torch.autocast:
    """Half precision would drown quiet frames and blur the tempo."""
    return torch.autocast(values.device.type, enabled=False)


def _check(audio: Tensor, sample_rate: int) -> None:
    if audio.ndim != 2 or audio.numel() == 0:
        raise ValueError(
            f"audio of shape {tuple(audio.shape)}: expected (B, S), examples by samples, neither 0"
        )
    if not audio.is_floating_point():
        raise ValueError(f"audio of {audio.dtype}: expected floats in -1..1; divide by full scale")
    if not max(-float(audio.amin()), float(audio.amax())) <= _LOUDEST:
        raise ValueError("audio holds samples that are not finite or huge: expected about -1..1")
    lowest = 2 * FIRST_OCTAVE * 2 ** (NUM_CONTRAST - 2)
    if sample_rate <= lowest:
        raise ValueError(
            f"sample_rate={sample_rate}: expected more than {lowest:.0f}; resample the audio"
        )
