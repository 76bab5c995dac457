"""The sound of a portrait: compact pictures of its descriptors, audio that browsers can seek in.

A picture is at most COLUMNS wide, however long the recording: 8 bits a value, between the lowest
and the highest of them, in base64. The page colours it, so that it suits light and dark screens.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from amt.analysis.audio.descriptors import SUMMARY_NAMES, Descriptors, describe, summary
from amt.analysis.audio.spectra import HOP_LENGTH
from amt.io.audio import SAMPLE_RATE

COLUMNS = 4096
WAVEFORM_COLUMNS = 16384
# MP3 plays in all browsers, where Ogg does not in older Safari. At a constant rate they find every
# position to the frame; at a variable one Chromium only estimates it. This is 40 kbit/s at 16 kHz,
# the lowest rate that has room for the tag that tells players to skip the encoder's delay.
_MP3_COMPRESSION = 0.8
_BLOCK = 1 << 16

Picture = dict[str, Any]


def sound_views(audio: np.ndarray) -> tuple[dict[str, Picture], dict[str, float]]:
    """ValidationPlots of samples (S,) at SAMPLE_RATE by name, and the summary of their descriptors."""
    found = describe(torch.from_numpy(audio)[None])
    # Columns share one width, or a view would drift against the others.
    group = -(-found.log_mel.shape[1] // COLUMNS)
    rows = {
        "mel": _pooled(_pairs(found.log_mel[0]), group),
        "mfcc": _pooled(_deviations(found.mfcc[0]), group),
        "chroma": _pooled(found.chroma[0], group),
        "contrast": _pooled(found.contrast[0], group),
        "centroid": _pooled(found.centroid[0, :, None], group),
        "strength": _pooled(found.onset_strength[0, :, None], group, loudest=True),
    }
    step = group * HOP_LENGTH / SAMPLE_RATE
    # Frames are centred at their times; a column shows what lies around them.
    start = -HOP_LENGTH / SAMPLE_RATE / 2
    views = {name: picture(values, step, start) for name, values in rows.items()}
    views["mel"]["highest"] = SAMPLE_RATE / 2
    return {"waveform": waveform(audio), **views}, summary_values(found)


def summary_values(descriptors: Descriptors) -> dict[str, float]:
    """The summary of the first example by the names of its columns."""
    values = summary(descriptors)[0].tolist()
    return {name: round(value, 4) for name, value in zip(SUMMARY_NAMES, values, strict=True)}


def picture(values: np.ndarray, step: float, start: float = 0.0) -> Picture:
    """Values (T, R) as a picture of R rows, lowest first; a column lasts `step` seconds."""
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


def waveform(audio: np.ndarray) -> Picture:
    """Lowest and highest sample of each column as a picture of two rows."""
    width = -(-len(audio) // WAVEFORM_COLUMNS)
    starts = np.arange(0, len(audio), width)
    extremes = [ufunc.reduceat(audio, starts) for ufunc in (np.minimum, np.maximum)]
    return picture(np.stack(extremes, axis=1), width / SAMPLE_RATE)


def mp3(audio: np.ndarray) -> bytes:
    """Samples (S,) at SAMPLE_RATE as MP3, for the page to play."""
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


def alongside(played: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """`played` (S',) as long and as loud as `recording` (S,), so that ears compare the music."""
    aligned = np.zeros_like(recording)
    count = min(len(played), len(recording))
    aligned[:count] = played[:count]
    level, wanted = (float(np.sqrt(np.mean(x**2))) for x in (aligned, recording))
    peak = float(np.abs(aligned).max())
    return aligned * np.float32(min(wanted / level, 0.99 / peak) if level else 1.0)


def _pooled(values: Tensor, group: int, loudest: bool = False) -> np.ndarray:
    """Means or maxima (T / group, R) over groups of frames of `values` (T, R)."""
    frames = values.numpy()
    starts = np.arange(0, len(frames), group)
    if loudest:
        return np.maximum.reduceat(frames, starts)
    lengths = np.diff(np.append(starts, len(frames)))
    return np.add.reduceat(frames, starts) / lengths[:, None]


def _pairs(bands: Tensor) -> Tensor:
    """Half as many bands: a screen has no room for more."""
    return bands.unflatten(-1, (-1, 2)).amax(dim=-1)


def _deviations(values: Tensor) -> Tensor:
    """Each column of (T, R) from its mean in standard deviations, at most 3: all can be seen."""
    spread = values.std(dim=0, correction=0).clamp(min=1e-6)
    return ((values - values.mean(dim=0)) / spread).clamp(-3, 3)
