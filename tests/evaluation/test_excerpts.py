"""The worst seconds of a piece are found, drawn and played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from oracle import Oracle, random_notes, silence

from amt.evaluation.excerpts import SOUNDS, Excerpt, worst_excerpt, worst_span, write_excerpt
from amt.features.frontends import Mel
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes


def test_the_worst_seconds_have_the_most_missed_and_added_notes() -> None:
    right = random_notes(0, 80, 60)
    in_the_middle = (right.onset > 31.0) & (right.onset < 35.0)
    start, stop = worst_span(right, right.select(~in_the_middle), 60.0)
    missed = right.onset[in_the_middle]
    assert len(missed) > 1 and stop - start == 10.0
    assert start < missed.min() and missed.max() < stop


def test_a_short_piece_is_shown_whole_and_a_faultless_one_from_its_beginning() -> None:
    right = random_notes(0, 20, 8)
    assert worst_span(right, Notes.empty(), 8.0) == (0.0, 8.0)
    assert worst_span(right, right, 30.0) == (0.0, 10.0)
    assert worst_span(Notes.empty(), random_notes(1, 5, 30), 30.0)[1] <= 30.0


def test_an_excerpt_is_a_picture_and_four_sounds(tmp_path: Path) -> None:
    reference = random_notes(0, 80, 20)
    audio = silence(20) + np.float32(0.01)
    excerpt = worst_excerpt(Oracle(reference.crop(0, 12)), Mel(), audio, reference)
    assert excerpt.stop - excerpt.start == 10.0 and excerpt.stop > 12.0
    assert excerpt.posteriors.shape[0] == 88 and excerpt.audio.shape == (10 * SAMPLE_RATE,)
    write_excerpt(tmp_path, "a", excerpt)
    names = {"a.png", *(f"a_{name}.mp3" for name in SOUNDS)}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert soundfile.info(tmp_path / "a_both.mp3").channels == 2


def test_left_is_the_recording_and_right_the_estimate() -> None:
    audio = np.full(SAMPLE_RATE, 0.1, dtype=np.float32)
    note = Notes([0.2], [0.8], [60], [80])
    sounds = Excerpt(0, 1, np.zeros((4, 4)), np.zeros((88, 4)), audio, Notes.empty(), note).sounds()
    assert np.array_equal(sounds["both"][:, 0], audio)
    assert np.array_equal(sounds["both"][:, 1], sounds["estimate"])
    assert sounds["estimate"].std() > 0 and not sounds["reference"].any()
    assert np.abs(sounds["both"]).max() < 1.0
