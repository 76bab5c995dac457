"""What recorders do to a sound: compression, clipping, lossy coding. None of them delays it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amt.augment.draw import Draw
from amt.io.audio import SAMPLE_RATE

SILENT = 1e-9

# Compression: the level is that of the 100 ms around; what is far below the loudest is not raised
# any further, or it would be noise that is heard.
LEVEL_SAMPLES, LEVEL_HOP = SAMPLE_RATE // 10, SAMPLE_RATE // 100
DEEPEST = 10 ** (-24 / 20)

# Coding: a bin is masked by the strongest of so many bins around it, and by what is so far above it
# anywhere in the frame.
CODEC_FFT = 512
MASKING_BINS = 9
MASKING = 10 ** (-40 / 20)


def compress(audio: Tensor, draw: Draw, ratio: tuple[float, float]) -> Tensor:
    """Quiet passages (B, S) raised: a level of -r dB against the loudest becomes -r / ratio dB."""
    power = F.avg_pool1d(
        audio.square()[:, None],
        LEVEL_SAMPLES,
        LEVEL_HOP,
        padding=LEVEL_SAMPLES // 2,
        count_include_pad=False,
    )
    level = power.sqrt() / power.sqrt().amax(dim=-1, keepdim=True).clamp(min=SILENT)
    exponent = 1 / draw.between(*ratio)[:, None] - 1
    gain = level.clamp(min=DEEPEST) ** exponent
    return audio * F.interpolate(gain, audio.shape[-1], mode="linear", align_corners=True)[:, 0]


def clip(audio: Tensor, draw: Draw, limit_db: tuple[float, float]) -> Tensor:
    """Peaks (B, S) cut off, or rounded off, at a limit below the highest."""
    peak = audio.abs().amax(dim=-1, keepdim=True).clamp(min=SILENT)
    limit = peak * 10 ** (draw.between(*limit_db) / 20)
    cut_off = torch.minimum(torch.maximum(audio, -limit), limit)
    return torch.where(draw.chance(0.5)[:, None], cut_off, limit * torch.tanh(audio / limit))


def code(
    audio: Tensor, draw: Draw, cut: tuple[float, float], steps_db: tuple[float, float]
) -> Tensor:
    """Audio (B, S) as a lossy codec leaves it.

    What lies above `cut` Hz is lost. Every other bin of an STFT is rounded to steps that lie
    `steps_db` below what masks it: weak bins vanish, and the others get noise behind the strong.
    """
    window = torch.hann_window(CODEC_FFT, device=audio.device, dtype=audio.dtype)
    spectrum = torch.stft(audio, CODEC_FFT, window=window, pad_mode="constant", return_complex=True)
    size = spectrum.abs()
    around = F.max_pool1d(size.mT, MASKING_BINS, 1, MASKING_BINS // 2).mT
    around = torch.maximum(around, size.amax(dim=1, keepdim=True) * MASKING)
    step = (around * 10 ** (-draw.between(*steps_db)[..., None] / 20)).clamp(min=SILENT)
    parts = torch.view_as_real(spectrum) / step[..., None]
    frequency = torch.fft.rfftfreq(CODEC_FFT, 1 / SAMPLE_RATE, device=audio.device)
    kept = step * (frequency < draw.ratio(*cut))[..., None]
    coded = torch.view_as_complex(parts.round() * kept[..., None])
    return torch.istft(coded, CODEC_FFT, window=window, length=audio.shape[-1])
