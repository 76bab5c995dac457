"""Speed of the audio descriptors compared with librosa's, one by one and all together.

    OMP_NUM_THREADS=1 python experiments/speed/descriptor_speed.py
    OMP_NUM_THREADS=1 python experiments/speed/descriptor_speed.py --slices 512 --frames 50

Both compute the same audio in turns with one thread; the median CPU time counts. The audio is by
default a minute of generated music, played by the built-in piano. Single descriptors start from the
same spectra, log-mel spectrogram or onset strength. All of librosa's together are timed twice: each
from the audio, as its functions work by default, and with shared intermediate results. With
--slices the audio is divided into that many slices, each described and summarised alone.
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
from amt.analysis.audio.descriptors import compute_descriptors, summaries
from amt.io.audio import SAMPLE_RATE
from amt.synth.performer import perform
from amt.synth.piano import random_instrument, render

FEATURE, ONSET, BEAT = librosa.feature, librosa.onset, librosa.beat
Action = Callable[[], Any]


def everything(audio: torch.Tensor) -> None:
    """All descriptors of amt. Some fields are only computed when they are read."""
    found = compute_descriptors(audio)
    assert len(found.mfcc) == len(found.onset_times) == len(found.beat_times)


def librosa_each(audio: np.ndarray) -> None:
    """All of librosa's descriptors, each from the audio."""
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
    """All of librosa's descriptors with one STFT, log-mel, onset strength, centroid and tempo."""
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
    """Each descriptor by amt and by librosa, from the same inputs."""
    rate: dict[str, Any] = {"sr": SAMPLE_RATE}
    filters = spectra.filters_for(SAMPLE_RATE, audio.device)
    frames = spectra.frames_of(audio)
    power = spectra.power_spectra(frames, filters)
    amplitude = power.sqrt()
    found = compute_descriptors(audio)
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
    """Print the milliseconds of each action, and of the others their ratio to the first."""
    spent: list[list[float]] = [[] for _ in actions]
    for turn in range(turns + 1):
        for times, action in zip(spent, actions, strict=True):
            start = time.process_time()
            action()
            # Not the first turn, which compiles librosa's loops and creates amt's filters.
            times += [time.process_time() - start] * (turn > 0)
    ours, *others = (1000 * median(times) for times in spent)
    print(
        f"{name:22s}{ours:9.2f} ms", *(f"{o:9.2f} ms {o / ours:6.1f}x" for o in others), flush=True
    )


def generated_music(samples: int) -> torch.Tensor:
    """Piano music (1, samples) with a low noise floor."""
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
        audio = generated_music(options.slices * options.frames * spectra.HOP_LENGTH)
        slices = audio.view(options.slices, -1)
        librosa_all = (
            lambda: [librosa_shared(one.numpy()) for one in slices],
            lambda: [librosa_each(one.numpy()) for one in slices],
        )
        print(f"{'':22s}{'amt':>12s}{'librosa, shared':>22s}{'librosa, each':>22s}")
        compare("summaries", (lambda: summaries(slices), *librosa_all), options.turns)
        return
    audio = generated_music(round(options.seconds * SAMPLE_RATE))
    print(f"{'':22s}{'amt':>12s}{'librosa':>22s}")
    for name, actions in parts(audio).items():
        compare(name, actions, options.turns)
    y = audio[0].numpy()
    print(f"{'':22s}{'amt':>12s}{'librosa, shared':>22s}{'librosa, each':>22s}")
    whole = (lambda: everything(audio), lambda: librosa_shared(y), lambda: librosa_each(y))
    compare("all together", whole, options.turns)


if __name__ == "__main__":
    main()
