"""What follows from the beats of a piece: tempo maps, straight notes, and files of the score."""

from __future__ import annotations

import json

import numpy as np
import pytest
from generated_pieces import piece
from steady_beats import steady_beats

from amt.notes import Notes
from amt.score.notated import NoBeatsError, Notation

NOTES = piece(bars=2, bpm=120, jitter=0)


def test_the_tempo_follows_the_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)
    found = Notation("map").of(NOTES)
    assert found.tempo_map is not None and found.remark == ""
    assert found.written(NOTES) is NOTES


def test_uncertain_beats_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch, certainty=0.0)
    found = Notation("map").of(NOTES)
    assert "beats uncertain" in found.remark and found.tempo_map is not None


@pytest.mark.parametrize("certainty", [0.0, 1.0])
def test_certain_beats_make_a_tempo_map(monkeypatch: pytest.MonkeyPatch, certainty: float) -> None:
    steady_beats(monkeypatch, certainty=certainty)
    found = Notation("certain").of(NOTES)
    assert (found.tempo_map is not None) == (certainty == 1)
    assert found.remark == ("" if certainty else "beats uncertain: 120 a minute")


def test_a_tempo_needs_no_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amt.score.notated.estimate_grid", lambda *_: pytest.fail("not needed"))
    found = Notation(96.0).of(NOTES)
    assert found.tempo_map is not None and found.remark == ""
    assert np.allclose(found.tempo_map.seconds, [0, 60 / 96])
    assert Notation().of(NOTES).tempo_map is None  # 120, what files without a tempo have.


def test_straight_notes_are_on_the_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)
    moved = Notation(120.0, quantize=True).of(NOTES).written(NOTES)
    assert len(moved) == len(NOTES)
    assert np.allclose(24 * moved.onset, np.rint(24 * moved.onset))


def test_without_beats_there_is_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)
    silence = Notation("map").of(Notes.empty())
    assert silence.tempo_map is None and silence.remark == "no beats were found: 120 a minute"
    for act in (
        lambda: silence.content("json"),
        lambda: silence.content("musicxml"),
        lambda: Notation(quantize=True).of(Notes.empty()).written(Notes.empty()),
    ):
        with pytest.raises(NoBeatsError, match="there are no notes"):
            act()


def test_files_of_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)
    found = Notation().of(NOTES, "A & B")
    assert b"<work-title>A &amp; B</work-title>" in found.content("musicxml")
    assert found.content("pdf").startswith(b"%PDF")
    assert found.content("svg").count(b'class="note"') >= len(NOTES)
    document = json.loads(found.content("json"))
    assert document["metre"] == "4/4" and len(document["notes"]) == len(NOTES)
    assert found.summary.startswith(f"{len(NOTES)} notes, 4 bars, 4/4, C major")
