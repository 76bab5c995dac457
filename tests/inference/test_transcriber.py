"""Whole recordings: windows, threads and precision; and the one way from a recording to notes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_model import CNN, LSTM, small_checkpoint

from amt.cli import main
from amt.errors import DeviceWarning
from amt.inference.pretrained import pretrained_checkpoint
from amt.inference.transcriber import Options, Transcriber
from amt.inference.windows import Windowing
from amt.io.audio import TooLongError, load, save
from amt.io.midi import read_midi, write_midi
from amt.notes import COLUMNS, PEDAL_COLUMNS, SUSTAIN, Notes, Pedal
from amt.synth import piano

WHOLE = Windowing(seconds=1e6)
# The small network sees 12 frames to each side, 0.38 s.
SHORT = Windowing(seconds=1.6, margin=0.4)


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    path = small_checkpoint(tmp_path_factory.mktemp("cnn") / "small.ckpt", CNN)
    return replace(Transcriber.load(path, precision="float32"), dtype=torch.float32)


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    path = small_checkpoint(tmp_path_factory.mktemp("lstm") / "small.ckpt", LSTM)
    return replace(Transcriber.load(path, precision="float32"), dtype=torch.float32)


def noise(samples: int) -> np.ndarray:
    """Swelling noise, so that every frame differs from the next."""
    swell = 1 + np.sin(np.arange(samples) / 3000)
    audio = np.random.default_rng(1).standard_normal(samples) * swell * 0.1
    return audio.astype(np.float32)


def same_notes(one: Notes, other: Notes) -> bool:
    return len(one) == len(other) and all(
        np.allclose(getattr(one, column), getattr(other, column), atol=1e-3)
        for column in ("onset", "offset", "pitch", "velocity")
    )


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 16000, 25600, 25601, 60000, 83001])
@pytest.mark.parametrize("batch", [1, 3])
def test_windows_give_what_the_whole_gives(cnn: Transcriber, samples: int, batch: int) -> None:
    audio = noise(samples)
    whole = replace(cnn, windowing=WHOLE)
    windowed = replace(cnn, windowing=replace(SHORT, batch=batch))
    expected, found = whole.posteriors(audio), windowed.posteriors(audio)
    for name, values in expected.items():
        assert values.shape == (-(-samples // 512), 88)
        assert torch.allclose(values, found[name], atol=1e-4), name
    assert same_notes(whole.transcribe(audio), windowed.transcribe(audio))


def test_without_margins_windows_change_the_posteriors(cnn: Transcriber) -> None:
    audio = noise(60000)
    expected = replace(cnn, windowing=WHOLE).posteriors(audio)["onset"]
    bare = replace(cnn, windowing=Windowing(seconds=1.6, margin=0.0)).posteriors(audio)["onset"]
    assert (expected - bare).abs().max() > 1e-2


def test_windows_hardly_change_the_posteriors_of_an_lstm(lstm: Transcriber) -> None:
    audio = noise(160000)
    whole, windowed = replace(lstm, windowing=WHOLE), replace(lstm, windowing=Windowing(4.0))
    expected, found = whole.posteriors(audio), windowed.posteriors(audio)
    assert all((expected[name] - found[name]).abs().max() < 1e-2 for name in expected)
    assert len(whole.transcribe(audio)) > 50
    assert abs(len(whole.transcribe(audio)) - len(windowed.transcribe(audio))) <= 1


def test_half_precision_is_the_default_and_changes_next_to_nothing(cnn: Transcriber) -> None:
    audio = noise(80000)
    half = replace(cnn, dtype=Transcriber(cnn.model).dtype).posteriors(audio)
    assert half["onset"].dtype == torch.float16
    for name, values in cnn.posteriors(audio).items():
        assert torch.allclose(values, half[name].float(), atol=6e-4)


def test_the_work_at_once_does_not_grow_with_the_recording(
    cnn: Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    front_end = cnn.model.front_end
    forward = front_end.forward
    monkeypatch.setattr(front_end, "forward", lambda a: (sizes.append(a.shape), forward(a))[1])
    windowed = replace(cnn, windowing=SHORT)
    windowed.posteriors(noise(500000))
    assert len(sizes) > 30
    # A window of 1.6 s and what the spectrogram sees around it, 0.5 s to each side.
    assert all(size[0] == 1 and size[1] <= 42000 for size in sizes)


@pytest.mark.parametrize("samples", [64000, 64001])
def test_progress_goes_from_zero_to_the_duration(cnn: Transcriber, samples: int) -> None:
    calls: list[tuple[float, float]] = []
    windowed = replace(cnn, windowing=SHORT)
    windowed.transcribe(noise(samples), lambda done, total: calls.append((done, total)))
    seconds = samples / 16000
    assert len(calls) > 3
    assert calls[0] == (0.0, seconds) and calls[-1] == (seconds, seconds)
    assert all(one[0] < other[0] for one, other in pairwise(calls))


def test_no_samples_at_all_give_one_frame(cnn: Transcriber) -> None:
    assert cnn.posteriors(np.zeros(0, dtype=np.float32))["onset"].shape == (1, 88)


def test_silence_has_posteriors_too(cnn: Transcriber) -> None:
    assert all(
        bool(values.isfinite().all())
        for values in cnn.posteriors(np.zeros(40000, dtype=np.float32)).values()
    )


def test_stereo_is_refused(cnn: Transcriber) -> None:
    with pytest.raises(ValueError, match="mono"):
        cnn.posteriors(np.zeros((1000, 2), dtype=np.float32))


def test_a_file_is_transcribed_as_its_samples_are(cnn: Transcriber, tmp_path: Path) -> None:
    audio = noise(40000).clip(-1, 1)
    save(tmp_path / "a.flac", audio)
    assert len(cnn.transcribe(audio))
    from_file = cnn.transcribe(tmp_path / "a.flac")
    assert abs(len(from_file) - len(cnn.transcribe(audio))) <= 2


def assert_equal_notes(one: Notes, other: Notes) -> None:
    for column in COLUMNS:
        assert np.array_equal(getattr(one, column), getattr(other, column)), column
    for column in PEDAL_COLUMNS:
        assert np.array_equal(getattr(one.pedal, column), getattr(other.pedal, column)), column


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a.flac"
    save(path, noise(40000).clip(-1, 1))
    return path


@pytest.mark.parametrize("ends", ["sound", "key"])
def test_path_contents_samples_and_command_give_the_same_notes(
    recording: Path, tmp_path: Path, ends: Any
) -> None:
    checkpoint = pretrained_checkpoint("fast")
    transcriber = Transcriber.load(checkpoint)
    save(recording, builtin_piano())
    notes = transcriber.transcribe(recording, ends=ends)
    assert len(notes) > 3 and (len(notes.pedal) > 0 or ends == "sound")
    for source in (recording, str(recording), recording.read_bytes(), load(recording)):
        result = transcriber.run(source, Options(ends))
        assert_equal_notes(result.notes, notes)
        assert result.seconds == 3.0
    words = ["transcribe", str(recording), "--ckpt", str(checkpoint), "--ends", ends]
    assert main([*words, "--output", str(tmp_path)]) == 0
    write_midi(tmp_path / "expected.mid", notes)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "expected.mid").read_bytes()
    assert_equal_notes(read_midi(tmp_path / "a.mid"), read_midi(tmp_path / "expected.mid"))


def builtin_piano() -> np.ndarray:
    """Three seconds: a chord and two notes, with the pedal down in between."""
    pedal = Pedal([0.1, 1.5], [SUSTAIN, SUSTAIN], [127, 0])
    notes = Notes(
        [0.2, 0.2, 0.2, 1.0, 1.8], [0.6, 0.6, 0.6, 1.4, 2.4], [48, 60, 64, 67, 72], [80] * 5, pedal
    )
    return piano.render(notes, piano.Instrument(), np.random.default_rng(0), 3.0)[:48000]


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_an_exception_of_check_ends_the_transcription(
    cnn: Transcriber, recording: Path, calls: int
) -> None:
    left = [calls]

    def check() -> None:
        if not left[0]:
            raise TimeoutError("enough")
        left[0] -= 1

    done: list[float] = []
    windowed = replace(cnn, windowing=SHORT)
    with pytest.raises(TimeoutError, match="enough"):
        windowed.run(recording, Options(), lambda seconds, _: done.append(seconds), check)
    assert 2.5 not in done


def test_a_recording_that_is_too_long_is_refused(cnn: Transcriber, recording: Path) -> None:
    for source in (recording, recording.read_bytes()):
        assert cnn.run(source, Options(max_seconds=2.6)).seconds == 2.5
        with pytest.raises(TooLongError, match="2 s"):
            cnn.run(source, Options(max_seconds=2.0))


def test_the_onset_threshold_replaces_the_decoders(cnn: Transcriber) -> None:
    audio = noise(40000)
    default = cnn.run(audio)
    same = cnn.run(audio, Options(onset_threshold=cnn.decoder.onset_threshold))
    assert_equal_notes(same.notes, default.notes)
    lower, higher = (cnn.run(audio, Options(onset_threshold=t)).notes for t in (0.2, 0.7))
    assert len(higher) < len(default.notes) < len(lower)
    assert cnn.decoder.onset_threshold == 0.45


def test_windows_in_parallel_give_the_same(cnn: Transcriber) -> None:
    audio, done = noise(300000), []
    alone = replace(cnn, windowing=replace(SHORT, threads=1))
    before = torch.get_num_threads()
    found = replace(cnn, windowing=replace(SHORT, threads=3)).posteriors(audio, done.append)
    assert torch.get_num_threads() == before
    assert done == sorted(done) and done[-1] == 300000 / 16000
    for name, values in alone.posteriors(audio).items():
        assert torch.allclose(values, found[name], atol=1e-4), name


@pytest.mark.parametrize("limit", [1, 2])
def test_too_little_memory_gives_what_smaller_batches_give(
    lstm: Transcriber, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = noise(300000)
    expected = replace(lstm, windowing=replace(SHORT, batch=limit)).posteriors(audio)
    front_end = lstm.model.front_end
    forward = front_end.forward

    def limited(audio: torch.Tensor) -> torch.Tensor:
        if len(audio) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(audio)

    monkeypatch.setattr(front_end, "forward", limited)
    with pytest.warns(DeviceWarning, match="memory ran out"):
        found = replace(lstm, windowing=replace(SHORT, batch=4)).posteriors(audio)
    assert all(torch.equal(found[name], values) for name, values in expected.items())


def test_bfloat16_gives_nearly_the_same(tmp_path: Path) -> None:
    path = small_checkpoint(tmp_path / "small.ckpt", LSTM)
    audio = noise(80000)
    full, half = (Transcriber.load(path, precision=name) for name in ("float32", "bfloat16"))
    assert (full.model.precision, half.model.precision) == (torch.float32, torch.bfloat16)
    found = half.posteriors(audio)
    differences = [(v - found[name]).abs() for name, v in full.posteriors(audio).items()]
    assert max(float(d.mean()) for d in differences) < 5e-3
    assert any(float(d.max()) > 0 for d in differences)


def test_unknown_ends_are_refused() -> None:
    with pytest.raises(ValueError, match="ends='keys': expected one of sound, key"):
        Options(ends="keys")  # type: ignore[arg-type]


def test_integer_samples_are_refused(cnn: Transcriber) -> None:
    with pytest.raises(ValueError, match=r"int16: expected floating-point samples in -1\.\.1"):
        cnn.transcribe(np.zeros(16000, dtype=np.int16))


def test_samples_of_the_range_of_integers_are_refused(cnn: Transcriber) -> None:
    samples = np.full(16000, 20000, dtype=np.int16).astype(np.float32)
    with pytest.raises(ValueError, match=r"samples reach 20000: expected .* in -1\.\.1"):
        cnn.transcribe(samples)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(cnn: Transcriber, value: float) -> None:
    samples = np.zeros(16000, dtype=np.float32)
    samples[8000] = value
    with pytest.raises(ValueError, match=r"samples reach (nan|inf): expected finite"):
        cnn.transcribe(samples)
