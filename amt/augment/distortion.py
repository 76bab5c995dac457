"""Distortions of recording devices: dynamic range compression, clipping, lossy coding.

None of them delays the audio. Written here since torchaudio has no compressor, and real encoders
(ffmpeg) run on the CPU, one example at a time, and delay the audio.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amt.augment.batch_random import BatchRandom
from amt.io.audio import SAMPLE_RATE

EPSILON = 1e-9

# Compression: the level is the RMS over 100 ms. Levels further than 24 dB below the loudest one get
# no more gain than this, since background noise would become audible.
LEVEL_SAMPLES, LEVEL_HOP = SAMPLE_RATE // 10, SAMPLE_RATE // 100
MIN_LEVEL = 10 ** (-24 / 20)

# Lossy coding: the masking threshold of a bin follows the strongest of MASKING_BINS bins around it,
# and is never further than 40 dB below the strongest bin of the frame.
CODEC_FFT = 512
MASKING_BINS = 9
MIN_MASKING = 10 ** (-40 / 20)


def compress(audio: Tensor, random: BatchRandom, ratio: tuple[float, float]) -> Tensor:
    """Dynamic range compression of audio (B, S): a level of -r dB below the loudest becomes
    -r / ratio dB."""
    power = F.avg_pool1d(
        audio.square()[:, None],
        LEVEL_SAMPLES,
        LEVEL_HOP,
        padding=LEVEL_SAMPLES // 2,
        count_include_pad=False,
    )
    level = power.sqrt() / power.sqrt().amax(dim=-1, keepdim=True).clamp(min=EPSILON)
    exponent = 1 / random.uniform(*ratio)[:, None] - 1
    gain = level.clamp(min=MIN_LEVEL) ** exponent
    return audio * F.interpolate(gain, audio.shape[-1], mode="linear", align_corners=True)[:, 0]


def clip(audio: Tensor, random: BatchRandom, limit_db: tuple[float, float]) -> Tensor:
    """Hard or soft (tanh) clipping of audio (B, S) at a limit in dB relative to its peak."""
    peak = audio.abs().amax(dim=-1, keepdim=True).clamp(min=EPSILON)
    limit = peak * 10 ** (random.uniform(*limit_db) / 20)
    hard = torch.minimum(torch.maximum(audio, -limit), limit)
    return torch.where(random.bernoulli(0.5)[:, None], hard, limit * torch.tanh(audio / limit))


def simulate_codec(
    audio: Tensor, random: BatchRandom, cut: tuple[float, float], steps_db: tuple[float, float]
) -> Tensor:
    """Audio (B, S) with the artefacts of a lossy codec.

    Frequencies above `cut` Hz are removed. The other bins of an STFT are quantised in steps that
    lie `steps_db` below their masking threshold: masked bins become zero, the others get
    quantisation noise.
    """
    window = torch.hann_window(CODEC_FFT, device=audio.device, dtype=audio.dtype)
    spectrum = torch.stft(audio, CODEC_FFT, window=window, pad_mode="constant", return_complex=True)
    magnitude = spectrum.abs()
    masking = F.max_pool1d(magnitude.mT, MASKING_BINS, 1, MASKING_BINS // 2).mT
    masking = torch.maximum(masking, magnitude.amax(dim=1, keepdim=True) * MIN_MASKING)
    step = (masking * 10 ** (-random.uniform(*steps_db)[..., None] / 20)).clamp(min=EPSILON)
    parts = torch.view_as_real(spectrum) / step[..., None]
    frequency = torch.fft.rfftfreq(CODEC_FFT, 1 / SAMPLE_RATE, device=audio.device)
    kept = step * (frequency < random.log_uniform(*cut))[..., None]
    quantised = torch.view_as_complex(parts.round() * kept[..., None])
    return torch.istft(quantised, CODEC_FFT, window=window, length=audio.shape[-1])
