"""The augmentation of a batch: which effects, how strong, how often, in which order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from amt.augment import audio_folders, distortion, filters, noise, spectrum
from amt.augment.batch_random import BatchRandom
from amt.augment.mixing import MixedBatch, mix_excerpts
from amt.features.frontends import SpectrogramShape
from amt.io.audio import SAMPLE_RATE

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Strengths and probabilities of all effects; a `Range` is drawn from uniformly.

    key_shift: pitch shift, at most so many semitones up or down; labels follow. detune: mistuning,
    at most so many semitones. Both need a front end with a logarithmic frequency axis. gain_db:
    standard deviation of the level. equalizer: probability of another frequency response; tilt_db:
    standard deviation of its slope in dB an octave; equalizer_bands, equalizer_db: number of bands
    and gain of each.

    mixing: probability that another example of the batch is added; mixing_db: its level relative to
    the first.

    reverb: probability of reverberation; reverb_db: its energy relative to the direct sound;
    reverb_decay: seconds in which synthetic reverberation decays by 60 dB. impulse_responses: a
    folder of measured rooms or None; measured_reverb: the fraction of reverberant examples that use
    them. band_limit: probability of a limited bandwidth, from a telephone to a good tape; low_cut,
    high_cut: its corners in Hz.
    noise: probability of synthetic noise, white to pink; noise_db: signal-to-noise ratio. noises:
    folder of noise recordings or None; recorded_noise, recorded_noise_db: the same for these.
    compression: probability of dynamic range compression; compression_ratio: dB of input per dB of
    output. clipping: probability; clipping_db: the limit relative to the peak. codec: probability
    of lossy coding; codec_cut: its highest frequency in Hz; codec_db: quantisation step below the
    masking threshold.
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
    measured_reverb: float = 0.5
    band_limit: float = 0.1
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
        """Read impulse responses and noise recordings now instead of in the first training step.

        Raises FileNotFoundError and AudioError with a one-line message.
        """
        if self.impulse_responses is not None:
            audio_folders.load_impulse_responses(self.impulse_responses, torch.device("cpu"))
        if self.noises is not None:
            audio_folders.load_noises(self.noises, torch.device("cpu"))

    def mix(
        self, audio: Tensor, notes: Tensor, length: Tensor, generator: torch.Generator | None
    ) -> MixedBatch:
        """Mix some examples with another: audio (B, S), notes (B, N, columns), length (B,)."""
        random = BatchRandom.for_batch(audio, generator)
        mixed, level = random.bernoulli(self.mixing), random.uniform(*self.mixing_db)
        return mix_excerpts(audio, notes, length, mixed, level)

    def waveform(self, audio: Tensor, generator: torch.Generator | None) -> Tensor:
        """Reverberation, band limit, noise, compression, clipping, codec: (B, S) -> (B, S)."""
        random = BatchRandom.for_batch(audio, generator)
        apply = random.apply_with_probability
        audio = self._filter(audio, random)
        audio = apply(self.noise, audio, self._add_noise)
        if self.noises is not None:
            audio = apply(self.recorded_noise, audio, self._add_recorded_noise)
        audio = apply(self.compression, audio, self._compress)
        audio = apply(self.clipping, audio, self._clip)
        return apply(self.codec, audio, self._simulate_codec)

    def spectrogram(
        self,
        spec: Tensor,
        notes: Tensor,
        shape: SpectrogramShape,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Gain, frequency response, pitch shift: log10 amplitude (B, C, T, F) and its notes."""
        random = BatchRandom.for_batch(spec, generator)
        spec = spec + self.gain_db / 20 * random.normal(1)[..., None, None]
        spec = random.apply_with_probability(self.equalizer, spec, self._equalize)
        if not shape.bins_per_semitone or not (self.key_shift or self.detune):
            return spec, notes
        semitones = random.integers(-self.key_shift, self.key_shift)
        exact = semitones + random.uniform(-self.detune, self.detune)
        moved = spectrum.shift_bins(spec, exact * shape.bins_per_semitone)
        return moved, spectrum.transpose(notes, semitones)

    def _equalize(self, spec: Tensor, random: BatchRandom) -> Tensor:
        """Another frequency response: the sum of a slope and of bands."""
        bins = spec.shape[-1]
        bands = spectrum.equalizer(bins, random, self.equalizer_bands, self.equalizer_db)
        tilt = spectrum.spectral_tilt(bins, random, self.tilt_db)
        return spec + (tilt + bands)[:, None, None, :] / 20

    def _filter(self, audio: Tensor, random: BatchRandom) -> Tensor:
        """Reverberation and band limit by one FFT, of the examples that have either."""
        reverberant = random.bernoulli(self.reverb)
        limited = random.bernoulli(self.band_limit)
        either = reverberant | limited
        samples = audio.shape[-1]
        size = filters.fft_length(samples + audio_folders.RESPONSE_SAMPLES)
        frequency = torch.fft.rfftfreq(size, 1 / SAMPLE_RATE, device=audio.device)

        def add_reverb(part: Tensor, random: BatchRandom) -> Tensor:
            return part * (1 + torch.fft.rfft(self._reverb(random), size))

        def limit_band(part: Tensor, random: BatchRandom) -> Tensor:
            return part * filters.band_pass(frequency, random, self.low_cut, self.high_cut)

        def both(part: Tensor, random: BatchRandom) -> Tensor:
            transformed = torch.fft.rfft(part, size)
            transformed = random.apply_where(reverberant[either], transformed, add_reverb)
            transformed = random.apply_where(limited[either], transformed, limit_band)
            return torch.fft.irfft(transformed, size)[..., :samples]

        return random.apply_where(either, audio, both)

    def _reverb(self, random: BatchRandom) -> Tensor:
        """Reverberation (B, RESPONSE_SAMPLES), to be added to a direct sound of 1 at sample 0."""
        folder = self.impulse_responses
        tail = filters.synthetic_reverb(random, self.reverb_decay)
        if folder is not None:
            tail = random.apply_with_probability(
                self.measured_reverb,
                tail,
                lambda _, random: filters.measured_reverb(random, folder),
            )
        return filters.scale_reverb(tail, random.uniform(*self.reverb_db))

    def _add_noise(self, audio: Tensor, random: BatchRandom) -> Tensor:
        synthetic = noise.synthetic_noise(audio.shape[-1], random)
        return noise.add_noise(audio, synthetic, random.uniform(*self.noise_db))

    def _add_recorded_noise(self, audio: Tensor, random: BatchRandom) -> Tensor:
        assert self.noises is not None
        recorded = noise.recorded_noise(audio.shape[-1], random, self.noises)
        return noise.add_noise(audio, recorded, random.uniform(*self.recorded_noise_db))

    def _compress(self, audio: Tensor, random: BatchRandom) -> Tensor:
        return distortion.compress(audio, random, self.compression_ratio)

    def _clip(self, audio: Tensor, random: BatchRandom) -> Tensor:
        return distortion.clip(audio, random, self.clipping_db)

    def _simulate_codec(self, audio: Tensor, random: BatchRandom) -> Tensor:
        return distortion.simulate_codec(audio, random, self.codec_cut, self.codec_db)
