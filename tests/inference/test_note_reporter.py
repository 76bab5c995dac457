"""Notes reported during a transcription: each once, in order, with the times of the result."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import FRAME_RATE, ideal_posteriors, pedalled_notes, random_notes
from small_model import small_checkpoint

from amt.decoding.build import AnyDecoder
from amt.decoding.hmm import HmmDecoder
from amt.decoding.peaks import Decoder
from amt.inference.note_reporter import CONTEXT_SECONDS, NoteReporter
from amt.inference.transcriber import Options, Transcriber
from amt.inference.windows import Window, Windowing
from amt.notes import Notes

SECONDS = 6.0
FRAMES = round(SECONDS * FRAME_RATE)
# So many frames are computed after those that a window keeps.
MARGIN = 20
HMM = HmmDecoder(attack=[0.01] * 88, release=[0.1] * 88)
Calls = list[tuple[Notes, float]]


def reported(
    decoder: AnyDecoder, notes: Notes, borders: list[int], ends: Any = "sound"
) -> tuple[Calls, Notes]:
    """What is reported if windows end at `borders`, and the complete result."""
    posteriors, calls = ideal_posteriors(notes, SECONDS), []
    reporter = NoteReporter(decoder, FRAME_RATE, ends, lambda *call: calls.append(call))
    first = 0
    for last in borders:
        end = min(last + MARGIN, FRAMES)
        # Frames that are not computed yet must not be read: decoders refuse NaN.
        known = {name: values.clone() for name, values in posteriors.items()}
        for values in known.values():
            values[end:] = torch.nan
        reporter.add(known, Window({}, first, last, end))
        first = last
    result = decoder.decode(posteriors, FRAME_RATE, ends)
    reporter.finish(result, SECONDS)
    return calls, result


def joined(calls: Calls, column: str) -> np.ndarray:
    return np.concatenate([getattr(notes, column) for notes, _ in calls])


@given(
    seed=st.integers(0, 1000),
    borders=st.lists(st.integers(1, FRAMES - MARGIN - 1), max_size=5, unique=True),
    decoder=st.sampled_from([Decoder(), HMM]),
)
@settings(deadline=None, max_examples=60)
def test_every_note_is_reported_once(seed: int, borders: list[int], decoder: AnyDecoder) -> None:
    calls, result = reported(decoder, random_notes(seed, 40, SECONDS), sorted(borders))
    assert len(calls) == len(borders) + 1 and calls[-1][1] == SECONDS
    np.testing.assert_allclose(joined(calls, "onset"), result.onset, atol=1e-9)
    assert joined(calls, "pitch").tolist() == result.pitch.tolist()
    assert joined(calls, "velocity").tolist() == result.velocity.tolist()
    until = [0.0, *(time for _, time in calls)]
    assert all(before <= after for before, after in pairwise(until))
    for (notes, time), before in zip(calls[:-1], until, strict=False):
        assert all((notes.onset >= before) & (notes.onset < time))


def test_a_note_that_still_sounds_ends_with_the_window() -> None:
    notes = Notes([0.5, 1.0, 3.0], [0.8, 5.0, 3.2], [60, 64, 67], [80] * 3)
    calls, result = reported(Decoder(), notes, [100])
    assert [len(notes) for notes, _ in calls] == [2, 1]
    np.testing.assert_allclose(calls[0][0].offset, [0.8, (100 + MARGIN) / FRAME_RATE], atol=1e-3)
    np.testing.assert_allclose(result.offset, notes.offset, atol=1e-3)


def test_the_pedal_is_reported_once() -> None:
    calls, result = reported(Decoder(), pedalled_notes(), [40, 80, 120, 200], "key")
    assert len(result.pedal) == 4
    times = np.concatenate([notes.pedal.time for notes, _ in calls])
    np.testing.assert_allclose(times, result.pedal.time, atol=1e-9)
    values = np.concatenate([notes.pedal.value for notes, _ in calls])
    assert values.tolist() == result.pedal.value.tolist()
    np.testing.assert_allclose(joined(calls, "offset"), result.offset, atol=1e-9)


def test_a_window_without_notes_is_reported_too() -> None:
    calls, _ = reported(Decoder(), Notes.empty(), [100, 200])
    assert [(len(notes), time) for notes, time in calls] == [(0, 1.9), (0, 3.9), (0, SECONDS)]


def test_notes_are_not_divided_near_an_onset() -> None:
    """The next window may find it a little earlier or later."""
    onset = (100 - 5) / FRAME_RATE
    for shift in (-0.9, 0.0, 0.9):
        time = onset + shift / FRAME_RATE
        calls, _ = reported(
            Decoder(), Notes([0.5, time], [0.7, time + 0.3], [60, 62], [80] * 2), [100]
        )
        assert [len(notes) for notes, _ in calls] == [1, 1]
        assert abs(calls[0][1] - time) > 0.9 / FRAME_RATE


def test_only_new_frames_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decode, lengths = Decoder.decode, []

    def counted(self: Decoder, posteriors: dict[str, torch.Tensor], *options: Any) -> Notes:
        lengths.append(len(posteriors["onset"]))
        return decode(self, posteriors, *options)

    monkeypatch.setattr(Decoder, "decode", counted)
    reported(Decoder(), random_notes(0, 40, SECONDS), [100, 200, 250])
    *parts, _ = lengths  # The last one is the complete result.
    longest = CONTEXT_SECONDS * FRAME_RATE + MARGIN + 15
    assert len(parts) == 3
    assert all(part - new < longest for part, new in zip(parts, [100, 100, 50], strict=True))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    path = small_checkpoint(tmp_path_factory.mktemp("cnn") / "small.ckpt")
    return Transcriber.load(path, precision="float32")


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.standard_normal(round(seconds * 16000)) * 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "windowing", "first"),
    [
        (8.0, Windowing(seconds=2.0, margin=0.5), 2.0),
        (52.0, Windowing(threads=2), 3.0),
        (0.001, Windowing(), 0.1),
    ],
    ids=["windows", "early window", "one frame"],
)
def test_the_result_is_the_same_with_and_without_reports(
    small: Transcriber, seconds: float, windowing: Windowing, first: float
) -> None:
    audio, calls, done = noise(seconds), [], []
    transcriber = replace(small, windowing=windowing)
    expected = transcriber.run(audio, Options(embedding=True))
    found = transcriber.run(
        audio,
        Options(embedding=True),
        lambda time, _: done.append(time),
        on_notes=lambda *call: calls.append(call),
    )
    for column in ("onset", "offset", "pitch", "velocity"):
        assert np.array_equal(getattr(found.notes, column), getattr(expected.notes, column))
    assert np.array_equal(found.embedding, expected.embedding)
    assert done == sorted(done) and calls[0][1] <= first and calls[-1][1] == found.seconds
    assert all(one <= other for one, other in pairwise(time for _, time in calls))
    np.testing.assert_allclose(joined(calls, "onset"), found.notes.onset, atol=2e-3)
    assert joined(calls, "pitch").tolist() == found.notes.pitch.tolist()


def test_an_exception_of_on_notes_ends_the_transcription(small: Transcriber) -> None:
    def stop(notes: Notes, time: float) -> None:
        raise ConnectionError("gone")

    windowing = Windowing(seconds=2.0, margin=0.5)
    with pytest.raises(ConnectionError, match="gone"):
        replace(small, windowing=windowing).run(noise(8), on_notes=stop)


def test_the_threshold_holds_for_reported_notes_too(small: Transcriber, tmp_path: Path) -> None:
    calls: Calls = []
    transcriber = replace(small, windowing=Windowing(seconds=2.0, margin=0.5))
    found = transcriber.run(
        noise(8), Options(onset_threshold=0.7), on_notes=lambda *call: calls.append(call)
    )
    assert joined(calls, "pitch").tolist() == found.notes.pitch.tolist()
