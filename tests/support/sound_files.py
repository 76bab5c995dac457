"""Small sound files in all formats, for tests of reading audio."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from amt.io.audio import SAMPLE_RATE

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
RATE = 44100
# Formats of libsndfile with the arguments that write them, and those that need ffmpeg.
LIBSNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "rf64": ("RF64", "PCM_24"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}
FFMPEG = {
    "m4a": ("-movflags", "faststart"),
    "mp4": ("-movflags", "frag_keyframe+empty_moov", "-frag_duration", "200000"),
    "webm": (),
    "mka": (),
    "wma": (),
    "aac": (),
    "ac3": (),
    "mp2": (),
    "ts": (),
    "avi": (),
    "flv": (),
    "wv": (),
    "tta": (),
}


def chirps(seconds: float, rate: int = RATE, every: float = 0.5) -> np.ndarray:
    """Short chirps, each of other frequencies, so that there is no doubt about a delay."""
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(time))
    for number, onset in enumerate(np.arange(0.2, seconds - 0.1, every)):
        since = np.clip(time - onset, 0, 0.2)
        phase = 2 * np.pi * (300 + 150 * number + 1500 * since) * since
        sound += 0.5 * np.exp(-8 * since) * np.sin(phase) * (since > 0) * (since < 0.2)
    return sound


def write(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    """Write (S,) or (S, C) in the format of the suffix, of libsndfile or ffmpeg."""
    kind = path.name.split(".", 1)[1]
    if kind in LIBSNDFILE:
        container, subtype = LIBSNDFILE[kind]
        rate_there = 48000 if kind == "opus" else rate
        sound = soxr.resample(sound, rate, rate_there) if rate_there != rate else sound
        soundfile.write(path, sound, rate_there, subtype, format=container)
        return path
    source = path.with_name(f"{path.name}.source.wav")
    soundfile.write(source, sound, rate)
    ffmpeg("-i", source, *FFMPEG[kind], path)
    source.unlink()
    return path


def write_all(folder: Path, sound: np.ndarray) -> list[Path]:
    """Write (S, C) in every format, those of ffmpeg by one call, if it is installed."""
    paths = [write(folder / f"a.{kind}", sound) for kind in LIBSNDFILE]
    if shutil.which("ffmpeg"):
        others = {folder / f"a.{kind}": options for kind, options in FFMPEG.items()}
        ffmpeg("-i", paths[0], *(word for path in others for word in (*others[path], path)))
        paths += others
    return paths


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; its errors fail the test."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def delay(audio: np.ndarray, sound: np.ndarray, rate: int = RATE) -> float:
    """Milliseconds by which `audio`, at SAMPLE_RATE, is later than `sound` at `rate`."""
    expected = soxr.resample(sound, rate, SAMPLE_RATE)
    size = len(audio) + len(expected)
    spectrum = np.fft.rfft(audio, size) * np.conj(np.fft.rfft(expected, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)))
    return 1000 * (lag if lag < len(audio) else lag - size) / SAMPLE_RATE
