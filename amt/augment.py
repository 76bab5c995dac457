"""Augmentation on the device: what rooms, microphones and other pianos do to a recording.

Labels follow: moving the spectrogram by a semitone moves the notes with it. Reverberation keeps the
direct sound where it is, since an onset that came later would be a wrong label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from amt.audio import SAMPLE_RATE
from amt.features import SpectrogramShape
from amt.notes import MIN_PITCH, NUM_KEYS

REVERB_SECONDS = 1.0


@dataclass(frozen=True)
class Augmentation:
    """Strengths, and the probability of those that are not always there.

    key_shift: semitones up or down at most; labels follow. detune: semitones out of tune at most.
    Both need a front end that is logarithmic in frequency.
    gain_db, tilt_db: standard deviations, over all and per octave. equalizer_db: standard deviation
    of a smooth random frequency response. noise_db: range of signal-to-noise ratios, white to pink.
    reverb_db: range of the level of the reverberation against the direct sound. reverb_decay: range
    of the seconds in which it falls by 60 dB.
    """

    key_shift: int = 3
    detune: float = 0.3
    gain_db: float = 10.0
    tilt_db: float = 2.0
    equalizer_db: float = 4.0
    noise: float = 0.7
    noise_db: tuple[float, float] = (10.0, 50.0)
    reverb: float = 0.5
    reverb_db: tuple[float, float] = (-25.0, -3.0)
    reverb_decay: tuple[float, float] = (0.15, 1.2)

    def waveform(self, audio: Tensor, generator: torch.Generator | None) -> Tensor:
        """Reverberation and noise: (B, S) -> (B, S)."""
        draw = _Draw(generator, audio)
        audio = self._reverberate(audio, draw)
        return self._add_noise(audio, draw)

    def spectrogram(
        self,
        spec: Tensor,
        notes: Tensor,
        shape: SpectrogramShape,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Gain, frequency response and key shift of log amplitudes (B, C, T, F), and the notes."""
        draw = _Draw(generator, spec)
        spec = spec + self._response(spec.shape[-1], draw)[:, None, None, :] / 20
        if not shape.bins_per_semitone or not (self.key_shift or self.detune):
            return spec, notes
        shift = draw.integers(-self.key_shift, self.key_shift)
        exact = shift + draw.between(-self.detune, self.detune)
        return _roll(spec, exact * shape.bins_per_semitone), transpose(notes, shift)

    def _response(self, bins: int, draw: _Draw) -> Tensor:
        """Random frequency responses (B, F) in dB: a level, a slope, and slow waves."""
        axis = torch.linspace(-0.5, 0.5, bins, device=draw.device)
        octaves = axis * math.log2(2 ** (NUM_KEYS / 12))
        response = self.gain_db * draw.normal(1) + self.tilt_db * draw.normal(1) * octaves
        for waves in range(1, 6):
            phase = 2 * math.pi * (waves * axis + draw.uniform(1))
            response = response + self.equalizer_db * 0.6 * draw.normal(1) * torch.cos(phase)
        return response

    def _add_noise(self, audio: Tensor, draw: _Draw) -> Tensor:
        samples = audio.shape[-1]
        spectrum = torch.fft.rfft(draw.normal(samples))
        frequency = torch.arange(1, spectrum.shape[-1] + 1, device=audio.device)
        colour = draw.uniform(1) / 2
        noise = torch.fft.irfft(spectrum * frequency.pow(-colour), n=samples)
        ratio = draw.between(*self.noise_db)
        level = _rms(audio) / _rms(noise).clamp(min=1e-9) * 10 ** (-ratio / 20)
        return audio + draw.chance(self.noise) * level * noise

    def _reverberate(self, audio: Tensor, draw: _Draw) -> Tensor:
        """Adds exponentially decaying noise as a room's response, behind the direct sound."""
        length = round(REVERB_SECONDS * SAMPLE_RATE)
        time = torch.arange(length, device=audio.device) / SAMPLE_RATE
        decay = draw.between(*self.reverb_decay)
        response = draw.normal(length) * torch.exp(-6.9 * time / decay)
        gap = draw.between(0.001, 0.02)
        response = response * (time > gap)
        level = 10 ** (draw.between(*self.reverb_db) / 20)
        response = response / response.norm(dim=-1, keepdim=True) * level
        size = audio.shape[-1] + length
        wet = torch.fft.irfft(torch.fft.rfft(audio, size) * torch.fft.rfft(response, size), size)
        return audio + draw.chance(self.reverb) * wet[..., : audio.shape[-1]]


def transpose(notes: Tensor, semitones: Tensor) -> Tensor:
    """Note tables (B, N, 4) moved by `semitones` (B, 1); notes off the keyboard become padding."""
    pitch = notes[..., 2] + semitones
    inside = (notes[..., 2] > 0) & (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    moved = notes.clone()
    moved[..., 2] = torch.where(inside, pitch, 0)
    return moved


def _roll(spec: Tensor, bins: Tensor) -> Tensor:
    """(B, C, T, F) moved up by `bins` (B, 1), interpolating between bins.

    What enters is the quietest value around.
    """
    source = torch.arange(spec.shape[-1], device=spec.device) - bins
    lower = source.floor()
    upper_part = (source - lower)[:, None, None, :]
    moved = torch.lerp(_at(spec, lower), _at(spec, lower + 1), upper_part)
    inside = (source > -1) & (source < spec.shape[-1])
    return torch.where(inside[:, None, None, :], moved, spec.amin(dim=-1, keepdim=True))


def _at(spec: Tensor, bins: Tensor) -> Tensor:
    """Values of (B, C, T, F) at whole `bins` (B, F'), the outermost ones beyond the ends."""
    index = bins.long().clamp(0, spec.shape[-1] - 1)[:, None, None, :]
    return spec.gather(-1, index.expand(*spec.shape[:3], -1))


def _rms(audio: Tensor) -> Tensor:
    return audio.square().mean(dim=-1, keepdim=True).sqrt()


class _Draw:
    """Random numbers, one row an example."""

    def __init__(self, generator: torch.Generator | None, like: Tensor) -> None:
        self.generator = generator
        self.batch = len(like)
        self.device = like.device

    def uniform(self, columns: int) -> Tensor:
        return torch.rand(self.batch, columns, generator=self.generator, device=self.device)

    def normal(self, columns: int) -> Tensor:
        return torch.randn(self.batch, columns, generator=self.generator, device=self.device)

    def between(self, low: float, high: float) -> Tensor:
        return low + (high - low) * self.uniform(1)

    def chance(self, probability: float) -> Tensor:
        return (self.uniform(1) < probability).float()

    def integers(self, low: int, high: int) -> Tensor:
        return (low + (high - low + 1) * self.uniform(1)).floor().clamp(max=high).long()
