"""Audio of a page: descriptors as compact images, and MP3 in which browsers can seek.

An image has at most COLUMNS columns, for a recording of any length, and 8 bits per value, scaled
from the lowest to the highest value, in base64. The page applies the colour map, which depends on
the theme of the screen.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from amt.analysis.audio.descriptors import SUMMARY_NAMES, Descriptors, compute_descriptors, summary
from amt.analysis.audio.spectra import HOP_LENGTH
from amt.io.audio import SAMPLE_RATE

COLUMNS = 4096
WAVEFORM_COLUMNS = 16384
# All browsers play MP3; older Safari does not play Ogg. At a constant bit rate browsers seek to the
# exact frame; at a variable one Chromium estimates the position. This level gives 40 kbit/s at
# 16 kHz, the lowest rate with room for the tag by which players skip the encoder's delay.
_MP3_COMPRESSION = 0.8
_BLOCK = 1 << 16

Image = dict[str, Any]


def descriptor_images(audio: np.ndarray) -> tuple[dict[str, Image], dict[str, float]]:
    """Images of the waveform and descriptors of audio (S,) at SAMPLE_RATE, and their summary."""
    found = compute_descriptors(torch.from_numpy(audio)[None])
    # All images have columns of the same duration, so that they stay aligned.
    group = -(-found.log_mel.shape[1] // COLUMNS)
    rows = {
        "mel": _pooled(_merged_pairs(found.log_mel[0]), group),
        "mfcc": _pooled(_standardised(found.mfcc[0]), group),
        "chroma": _pooled(found.chroma[0], group),
        "contrast": _pooled(found.contrast[0], group),
        "centroid": _pooled(found.centroid[0, :, None], group),
        "strength": _pooled(found.onset_strength[0, :, None], group, maximum=True),
    }
    step = group * HOP_LENGTH / SAMPLE_RATE
    # A frame is centred at its time, so its column begins half a hop earlier.
    start = -HOP_LENGTH / SAMPLE_RATE / 2
    images = {name: encode_image(values, step, start) for name, values in rows.items()}
    images["mel"]["highest"] = SAMPLE_RATE / 2
    return {"waveform": waveform_image(audio), **images}, summary_values(found)


def summary_values(descriptors: Descriptors) -> dict[str, float]:
    """Summary of the first example, by descriptor; without the tempo, which the notes tell."""
    values = dict(zip(SUMMARY_NAMES, summary(descriptors)[0].tolist(), strict=True))
    return {name: round(value, 4) for name, value in values.items() if name != "tempo"}


def encode_image(values: np.ndarray, step: float, start: float = 0.0) -> Image:
    """Values (T, R) as an image of R rows, lowest first; a column lasts `step` seconds."""
    low, high = float(values.min()), float(values.max())
    scaled = np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    data = base64.b64encode(np.ascontiguousarray(scaled.T).tobytes()).decode("ascii")
    columns, rows = values.shape
    return {
        "rows": rows,
        "columns": columns,
        "start": round(start, 6),
        "step": step,
        "low": low,
        "high": high,
        "data": data,
    }


def waveform_image(audio: np.ndarray) -> Image:
    """An image of two rows: the lowest and the highest sample of each column of audio (S,)."""
    width = -(-len(audio) // WAVEFORM_COLUMNS)
    starts = np.arange(0, len(audio), width)
    extremes = [ufunc.reduceat(audio, starts) for ufunc in (np.minimum, np.maximum)]
    return encode_image(np.stack(extremes, axis=1), width / SAMPLE_RATE)


def mp3(audio: np.ndarray) -> bytes:
    """Audio (S,) at SAMPLE_RATE as an MP3 file."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer,
        "w",
        SAMPLE_RATE,
        1,
        "MPEG_LAYER_III",
        format="MP3",
        compression_level=_MP3_COMPRESSION,
        bitrate_mode="CONSTANT",
    ) as file:
        for start in range(0, len(audio), _BLOCK):
            file.write(audio[start : start + _BLOCK])
    return buffer.getvalue()


def match_duration_and_level(audio: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """Audio (S',) cut or padded to the length of `recording` (S,) and scaled to its RMS level."""
    aligned = np.zeros_like(recording)
    count = min(len(audio), len(recording))
    aligned[:count] = audio[:count]
    level, target = (float(np.sqrt(np.mean(x**2))) for x in (aligned, recording))
    peak = float(np.abs(aligned).max())
    return aligned * np.float32(min(target / level, 0.99 / peak) if level else 1.0)


def _pooled(values: Tensor, group: int, maximum: bool = False) -> np.ndarray:
    """Means, or maxima, (T / group, R) over groups of frames of values (T, R)."""
    frames = values.numpy()
    starts = np.arange(0, len(frames), group)
    if maximum:
        return np.maximum.reduceat(frames, starts)
    lengths = np.diff(np.append(starts, len(frames)))
    return np.add.reduceat(frames, starts) / lengths[:, None]


def _merged_pairs(bands: Tensor) -> Tensor:
    """Bands (T, F) merged in pairs by their maximum: (T, F / 2), enough for a screen."""
    return bands.unflatten(-1, (-1, 2)).amax(dim=-1)


def _standardised(values: Tensor) -> Tensor:
    """Values (T, R), each row standardised over time and limited to 3 standard deviations."""
    spread = values.std(dim=0, correction=0).clamp(min=1e-6)
    return ((values - values.mean(dim=0)) / spread).clamp(-3, 3)
