"""How fast the descriptors are against librosa's, part by part and all together.

    OMP_NUM_THREADS=1 python experiments/speed/descriptor_speed.py
    OMP_NUM_THREADS=1 python experiments/speed/descriptor_speed.py --slices 512 --frames 50

Both describe the same audio, by default a minute that the performer and the built-in piano invent,
in turns, one thread, processor time, the median of the turns. Parts start from what they need: the
same spectra, log-mel or onset strength. Librosa as a whole goes two ways: each descriptor from the
audio, as its functions are called by default, and with everything shared that can be. With --slices
the audio is that many slices instead, each described alone and summarised.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import librosa
import numpy as np
import torch

from amt.analysis.audio import rhythm, spectra
from amt.analysis.audio.descriptors import describe, summaries
from amt.io.audio import SAMPLE_RATE
from amt.synth.performer import perform
from amt.synth.piano import random_instrument, render

FEATURE, ONSET, BEAT = librosa.feature, librosa.onset, librosa.beat
Action = Callable[[], Any]


def everything(audio: torch.Tensor) -> None:
    """Ours: what follows from the fields is computed only if it is asked for."""
    found = describe(audio)
    assert len(found.mfcc) == len(found.onset_times) == len(found.beat_times)


def librosa_each(audio: np.ndarray) -> None:
    """Each descriptor from the audio."""
    given: dict[str, Any] = {"y": audio, "sr": SAMPLE_RATE}
    librosa.power_to_db(FEATURE.melspectrogram(**given))
    FEATURE.mfcc(n_mfcc=13, **given)
    FEATURE.spectral_centroid(**given)
    FEATURE.spectral_bandwidth(**given)
    FEATURE.spectral_contrast(**given)
    FEATURE.chroma_stft(tuning=0, **given)
    FEATURE.zero_crossing_rate(audio)
    FEATURE.rms(y=audio)
    ONSET.onset_strength(**given)
    ONSET.onset_detect(units="time", **given)
    FEATURE.tempo(**given)
    BEAT.beat_track(units="time", **given)


def librosa_shared(audio: np.ndarray) -> None:
    """One STFT, one log-mel, one onset strength, one centroid, one tempo."""
    rate: dict[str, Any] = {"sr": SAMPLE_RATE}
    amplitude = np.abs(librosa.stft(audio))
    power = amplitude**2
    log_mel = librosa.power_to_db(FEATURE.melspectrogram(S=power, **rate))
    FEATURE.mfcc(S=log_mel, n_mfcc=13)
    centroid = FEATURE.spectral_centroid(S=amplitude, **rate)
    FEATURE.spectral_bandwidth(S=amplitude, centroid=centroid, **rate)
    FEATURE.spectral_contrast(S=amplitude, **rate)
    FEATURE.chroma_stft(S=power, tuning=0, **rate)
    FEATURE.zero_crossing_rate(audio)
    FEATURE.rms(y=audio)
    strength = ONSET.onset_strength(S=log_mel, **rate)
    ONSET.onset_detect(onset_envelope=strength, units="time", **rate)
    BEAT.beat_track(onset_envelope=strength, units="time", **rate)


def parts(audio: torch.Tensor) -> dict[str, tuple[Action, Action]]:
    """Ours and librosa's way to each part, from the same beginnings."""
    rate: dict[str, Any] = {"sr": SAMPLE_RATE}
    filters = spectra.filters_for(SAMPLE_RATE, audio.device)
    frames = spectra.frames_of(audio)
    power = spectra.power_spectra(frames, filters)
    amplitude = power.sqrt()
    found = describe(audio)
    strength, bpm = found.onset_strength, found.tempo
    y, s = audio[0].numpy(), np.ascontiguousarray(amplitude[0].numpy().T)
    s2, db, e = s**2, np.ascontiguousarray(found.log_mel[0].numpy().T), strength[0].numpy()
    tempo = float(bpm)

    def bandwidth() -> None:
        centroid = FEATURE.spectral_centroid(S=s, **rate)
        FEATURE.spectral_bandwidth(S=s, centroid=centroid, **rate)

    return {
        "spectra": (
            lambda: spectra.power_spectra(frames, filters).sqrt(),
            lambda: np.abs(librosa.stft(y)),
        ),
        "log-mel": (
            lambda: spectra.decibels(spectra.mel_power(power, filters)),
            lambda: librosa.power_to_db(FEATURE.melspectrogram(S=s2, **rate)),
        ),
        "MFCC": (
            lambda: spectra.mfcc(found.log_mel),
            lambda: FEATURE.mfcc(S=db, n_mfcc=13),
        ),
        "centroid, bandwidth": (
            lambda: spectra.centroid_and_bandwidth(amplitude, filters),
            bandwidth,
        ),
        "contrast": (
            lambda: [spectra.decibels(e) for e in spectra.peaks_and_valleys(amplitude, filters)],
            lambda: FEATURE.spectral_contrast(S=s, **rate),
        ),
        "chroma": (
            lambda: spectra.chroma(power, filters),
            lambda: FEATURE.chroma_stft(S=s2, tuning=0, **rate),
        ),
        "zero-crossing rate": (
            lambda: spectra.zero_crossing_rate(audio),
            lambda: FEATURE.zero_crossing_rate(y),
        ),
        "rms": (lambda: spectra.rms(audio), lambda: FEATURE.rms(y=y)),
        "onset strength": (
            lambda: rhythm.onset_strength(found.log_mel),
            lambda: ONSET.onset_strength(S=db, **rate),
        ),
        "onsets": (
            lambda: rhythm.onsets(strength, SAMPLE_RATE),
            lambda: ONSET.onset_detect(onset_envelope=e, **rate),
        ),
        "tempo": (
            lambda: rhythm.tempo(strength, SAMPLE_RATE),
            lambda: FEATURE.tempo(onset_envelope=e, **rate),
        ),
        "beats": (
            lambda: rhythm.beats(strength, bpm, SAMPLE_RATE),
            lambda: BEAT.beat_track(onset_envelope=e, bpm=tempo, **rate),
        ),
    }


def compare(name: str, actions: tuple[Action, ...], turns: int) -> None:
    """One line: milliseconds of each action, and how often the first goes into each other one."""
    spent: list[list[float]] = [[] for _ in actions]
    for turn in range(turns + 1):
        for times, action in zip(spent, actions, strict=True):
            start = time.process_time()
            action()
            # The first turn compiles librosa's loops and makes our filters.
            times += [time.process_time() - start] * (turn > 0)
    ours, *others = (1000 * median(times) for times in spent)
    print(
        f"{name:22s}{ours:9.2f} ms", *(f"{o:9.2f} ms {o / ours:6.1f}x" for o in others), flush=True
    )


def invented(samples: int) -> torch.Tensor:
    """Piano music over a faint noise floor (1, samples)."""
    rng = np.random.default_rng(0)
    played = render(perform(rng, samples / SAMPLE_RATE), random_instrument(rng), rng)
    audio = np.resize(played, samples) + 1e-4 * rng.standard_normal(samples)
    return torch.from_numpy(audio.astype(np.float32))[None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--slices", type=int, help="this many slices instead")
    parser.add_argument("--frames", type=int, default=50, help="hops in each slice")
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.slices:
        audio = invented(options.slices * options.frames * spectra.HOP_LENGTH)
        slices = audio.view(options.slices, -1)
        librosa_all = (
            lambda: [librosa_shared(one.numpy()) for one in slices],
            lambda: [librosa_each(one.numpy()) for one in slices],
        )
        print(f"{'':22s}{'ours':>12s}{'librosa, shared':>22s}{'librosa, each':>22s}")
        compare("summaries", (lambda: summaries(slices), *librosa_all), options.turns)
        return
    audio = invented(round(options.seconds * SAMPLE_RATE))
    print(f"{'':22s}{'ours':>12s}{'librosa':>22s}")
    for name, actions in parts(audio).items():
        compare(name, actions, options.turns)
    y = audio[0].numpy()
    print(f"{'':22s}{'ours':>12s}{'librosa, shared':>22s}{'librosa, each':>22s}")
    whole = (lambda: everything(audio), lambda: librosa_shared(y), lambda: librosa_each(y))
    compare("all together", whole, options.turns)


if __name__ == "__main__":
    main()
