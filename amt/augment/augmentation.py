"""Which effects there are, how strong and how frequent, and in which order they come."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from amt.augment import filters, noise, recorder, recordings, spectrum
from amt.augment.draw import Draw
from amt.augment.mixing import Mixture, mix
from amt.features.frontends import SpectrogramShape
from amt.io.audio import SAMPLE_RATE

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Strengths, ranges that are drawn from, and the probability of what is not always there.

    key_shift: semitones up or down at most; labels follow. detune: semitones out of tune at most.
    Both need a front end that is logarithmic in frequency. gain_db: standard deviation of levels.
    equalizer: probability of another frequency response; tilt_db: the standard deviation of its
    slope per octave; equalizer_bands, equalizer_db: how many bands, and the gain of each.

    mixing: probability that another example of the batch sounds too; mixing_db: its level against
    the first.

    reverb: probability of a room; reverb_db: level of what it adds against the direct sound;
    reverb_decay: seconds in which an invented one falls by 60 dB. impulse_responses: a folder of
    measured rooms; measured: the part of the reverberant examples that gets one of these.
    band: probability of a limited band, from a telephone's to a good tape's; low_cut, high_cut: its
    ends in Hz.
    noise: probability of noise, white to pink; noise_db: signal-to-noise ratio. noises: a folder of
    recordings; recorded_noise, recorded_noise_db: the same for these.
    compression: probability; compression_ratio: decibels of sound for a decibel on the tape.
    clipping: probability; clipping_db: the limit against the highest peak. codec: probability of a
    lossy one; codec_cut: the frequency in Hz where it ends; codec_db: its steps
    below what masks them.
    """

    key_shift: int = 3
    detune: float = 0.3
    gain_db: float = 10.0
    equalizer: float = 0.5
    tilt_db: float = 2.0
    equalizer_bands: int = 6
    equalizer_db: Range = (-10.0, 5.0)
    mixing: float = 0.1
    mixing_db: Range = (-12.0, 0.0)
    reverb: float = 0.5
    reverb_db: Range = (-25.0, 12.0)
    reverb_decay: Range = (0.15, 2.0)
    impulse_responses: str | None = None
    measured: float = 0.5
    band: float = 0.1
    low_cut: Range = (30.0, 300.0)
    high_cut: Range = (3000.0, 7500.0)
    noise: float = 0.7
    noise_db: Range = (0.0, 50.0)
    noises: str | None = None
    recorded_noise: float = 0.3
    recorded_noise_db: Range = (0.0, 40.0)
    compression: float = 0.1
    compression_ratio: Range = (1.5, 4.0)
    clipping: float = 0.05
    clipping_db: Range = (-12.0, -1.0)
    codec: float = 0.05
    codec_cut: Range = (4000.0, 7000.0)
    codec_db: Range = (3.0, 20.0)

    def read_folders(self) -> None:
        """Read impulse responses and noises now, rather than where they are first heard.

        Raises FileNotFoundError and AudioError in one line.
        """
        if self.impulse_responses is not None:
            recordings.impulse_responses(self.impulse_responses, torch.device("cpu"))
        if self.noises is not None:
            recordings.noises(self.noises, torch.device("cpu"))

    def mix(
        self, audio: Tensor, notes: Tensor, length: Tensor, generator: torch.Generator | None
    ) -> Mixture:
        """Now and then two examples at once: audio (B, S), notes (B, N, columns), length (B,)."""
        draw = Draw.like(audio, generator)
        chosen, level = draw.chance(self.mixing), draw.between(*self.mixing_db)
        return mix(audio, notes, length, chosen, level)

    def waveform(self, audio: Tensor, generator: torch.Generator | None) -> Tensor:
        """Room and band, noise, compression, clipping, codec: (B, S) -> (B, S)."""
        draw = Draw.like(audio, generator)
        audio = self._filter(audio, draw)
        audio = draw.sometimes(self.noise, audio, self._add_noise)
        if self.noises is not None:
            audio = draw.sometimes(self.recorded_noise, audio, self._add_recorded_noise)
        audio = draw.sometimes(self.compression, audio, self._compress)
        audio = draw.sometimes(self.clipping, audio, self._clip)
        return draw.sometimes(self.codec, audio, self._code)

    def spectrogram(
        self,
        spec: Tensor,
        notes: Tensor,
        shape: SpectrogramShape,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Gain, frequency response and key shift of log amplitudes (B, C, T, F), and the notes."""
        draw = Draw.like(spec, generator)
        spec = spec + self.gain_db / 20 * draw.normal(1)[..., None, None]
        spec = draw.sometimes(self.equalizer, spec, self._equalize)
        if not shape.bins_per_semitone or not (self.key_shift or self.detune):
            return spec, notes
        shift = draw.integers(-self.key_shift, self.key_shift)
        exact = shift + draw.between(-self.detune, self.detune)
        moved = spectrum.roll(spec, exact * shape.bins_per_semitone)
        return moved, spectrum.transpose(notes, shift)

    def _equalize(self, spec: Tensor, draw: Draw) -> Tensor:
        """Another frequency response: a slope, and bands."""
        bins = spec.shape[-1]
        bands = spectrum.equalizer(bins, draw, self.equalizer_bands, self.equalizer_db)
        return spec + (spectrum.tilt(bins, draw, self.tilt_db) + bands)[:, None, None, :] / 20

    def _filter(self, audio: Tensor, draw: Draw) -> Tensor:
        """Room and band in one pass to frequencies and back, of the examples that have either."""
        reverberant, limited = draw.chance(self.reverb), draw.chance(self.band)
        either = reverberant | limited
        samples = audio.shape[-1]
        size = filters.fast_size(samples + recordings.RESPONSE_SAMPLES)
        frequency = torch.fft.rfftfreq(size, 1 / SAMPLE_RATE, device=audio.device)

        def room(part: Tensor, draw: Draw) -> Tensor:
            return part * (1 + torch.fft.rfft(self._tail(draw), size))

        def band(part: Tensor, draw: Draw) -> Tensor:
            return part * filters.band(frequency, draw, self.low_cut, self.high_cut)

        def both(part: Tensor, draw: Draw) -> Tensor:
            found = torch.fft.rfft(part, size)
            found = draw.apply(reverberant[either], found, room)
            found = draw.apply(limited[either], found, band)
            return torch.fft.irfft(found, size)[..., :samples]

        return draw.apply(either, audio, both)

    def _tail(self, draw: Draw) -> Tensor:
        """What rooms (B, RESPONSE_SAMPLES) add to a direct sound of 1 at their first sample."""
        folder = self.impulse_responses
        tail = filters.invented_room(draw, self.reverb_decay)
        if folder is not None:
            tail = draw.sometimes(
                self.measured, tail, lambda _, draw: filters.measured_room(draw, folder)
            )
        return filters.with_level(tail, draw.between(*self.reverb_db))

    def _add_noise(self, audio: Tensor, draw: Draw) -> Tensor:
        invented = noise.coloured(audio.shape[-1], draw)
        return noise.add(audio, invented, draw.between(*self.noise_db))

    def _add_recorded_noise(self, audio: Tensor, draw: Draw) -> Tensor:
        assert self.noises is not None
        recorded = noise.recorded(audio.shape[-1], draw, self.noises)
        return noise.add(audio, recorded, draw.between(*self.recorded_noise_db))

    def _compress(self, audio: Tensor, draw: Draw) -> Tensor:
        return recorder.compress(audio, draw, self.compression_ratio)

    def _clip(self, audio: Tensor, draw: Draw) -> Tensor:
        return recorder.clip(audio, draw, self.clipping_db)

    def _code(self, audio: Tensor, draw: Draw) -> Tensor:
        return recorder.code(audio, draw, self.codec_cut, self.codec_db)
