"""Beats of recordings: the same for description, score and answers, and found once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fastapi.testclient import TestClient
from generated_pieces import piece
from served_app import transcribed, upload
from steady_beats import steady_grid

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.app.beats import Beats
from amt.app.core import Core
from amt.app.recordings import Recording
from amt.io.midi import midi_bytes
from amt.notes import Notes

Find = Callable[[Notes, str], MetricalGrid | None]
# The network for hands, which gives logits.
HANDS_BY_NETWORK = "amt.score.hand_posteriors.hand_logits"
NOTES = piece(bars=2, bpm=120, jitter=0)
TABLE = ("onset", "offset", "pitch", "velocity")


def find_beats_by(monkeypatch: pytest.MonkeyPatch, find: Find) -> list[str]:
    """Let `find` find the beats of recordings; the weights that it was called with."""
    asked: list[str] = []

    def found(notes: Notes, weights: str = "asap") -> MetricalGrid | None:
        asked.append(weights)
        return find(notes, weights)

    monkeypatch.setattr("amt.score.notated.estimate_grid", found)
    return asked


def corrected(client: TestClient) -> str:
    """The id of a recording with the notes of `NOTES`."""
    id = upload(client)
    transcribed(client, id)
    columns = [getattr(NOTES, name).tolist() for name in TABLE]
    notes = [dict(zip(TABLE, row, strict=True)) for row in zip(*columns, strict=True)]
    notes = [note for note in notes if note["offset"] < 5.9]
    answer = client.put(f"/api/recordings/{id}/notes", json={"revision": 0, "notes": notes})
    assert answer.status_code == 200, answer.text
    return id


def test_description_score_and_answers_have_the_same_beats(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = find_beats_by(monkeypatch, lambda *_: steady_grid(8.0, 0.6, 0.5, (3, 4), 0.5))
    id = corrected(client)
    asked.clear()
    path = f"/api/recordings/{id}"
    analysis = client.get(path).json()["description"]["analysis"]
    score = client.get(f"{path}/score.json").json()
    answer = client.post(f"{path}/questions", json={"prompt": "Tempo and metre?"}).json()
    facts = {fact["name"]: fact["result"] for fact in answer["facts"]}
    tempo, metre = facts["tempo"], facts["metre"]
    assert analysis["tempo"]["bpm"] == pytest.approx(100) == score["tempo"] == tempo["bpm"]
    assert analysis["metre"]["signature"] == score["metre"] == metre["signature"] == "3/4"
    assert analysis["metre"]["downbeats"] == pytest.approx(score["downbeats"])
    assert (analysis["tempo"]["certain"], tempo["certain"], metre["certain"]) == (False,) * 3
    assert len(asked) <= 1  # None, if the description was made before.
    client.delete(path)


@pytest.fixture
def recording(done: str, core: Core) -> Recording:
    return replace(next(one for one in core.recordings.all() if one.id == done), revision=7)


@pytest.mark.parametrize(
    "grid",
    [
        None,
        steady_grid(9.0, 1 / 3, 0.1),
        MetricalGrid(
            np.cumsum(np.random.default_rng(0).uniform(0.4, 0.6, 12)),
            np.arange(12) % 4 == 2,
            (MetreSpan(0, 4, 4), MetreSpan(2, 12, 8)),
            0.123456789,
        ),
    ],
    ids=["none", "steady", "with a pickup and two metres"],
)
def test_stored_beats_are_the_same(
    grid: MetricalGrid | None,
    core: Core,
    recording: Recording,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = find_beats_by(monkeypatch, lambda *_: grid)
    beats = Beats(core.scores.files)
    try:
        pair = beats.grid(recording), beats.grid(recording)
        assert len(asked) == 1
    finally:
        core.recordings.lake.delete(f"{recording.folder}/beats-7.json")
    for found in pair:
        if grid is None or found is None:
            assert found is grid
            continue
        assert found.beats.tolist() == grid.beats.tolist()
        assert found.downbeats.tolist() == grid.downbeats.tolist()
        assert (found.metres, found.certainty) == (grid.metres, grid.certainty)


def test_damaged_beats_are_found_anew(
    core: Core, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = find_beats_by(monkeypatch, lambda *_: steady_grid(9.0))
    lake, name = core.recordings.lake, f"{recording.folder}/beats-7.json"
    lake.write(name, b'{"beats": [1.0, ')
    try:
        assert Beats(core.scores.files).grid(recording) is not None
        assert Beats(core.scores.files).grid(recording) is not None
        assert len(asked) == 1
    finally:
        lake.delete(name)


def test_the_model_without_non_commercial_data_has_such_beats(
    core: Core, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = find_beats_by(monkeypatch, lambda *_: None)
    for number, name in enumerate(("open", "base")):
        one = replace(recording, revision=100 + number, model={"name": name, "version": "1"})
        Beats(core.scores.files).grid(one)
        core.recordings.lake.delete(f"{one.folder}/beats-{100 + number}.json")
    assert asked == ["open", "asap"]


def test_the_model_without_non_commercial_data_has_such_hands(
    client: TestClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the dividing pitch; other models have those of the network."""
    find_beats_by(monkeypatch, lambda *_: steady_grid(8.0))
    asked: list[str] = []
    for name, hands in (("open", "amt.score.hands.divided"), ("asap", HANDS_BY_NETWORK)):
        monkeypatch.setattr(hands, partial(staff_of_all, asked, name))
    id = corrected(client)
    one = next(one for one in core.recordings.all() if one.id == id)
    for model in ("open", "base"):
        asked.clear()
        core.scores._make_score(replace(one, model={"name": model, "version": "1"}))
        assert asked == ["open" if model == "open" else "asap"]
    client.delete(f"/api/recordings/{id}")


def staff_of_all(asked: list[str], name: str, notes: Notes, *_: object) -> np.ndarray:
    """All notes for the right hand; adds who was asked."""
    asked.append(name)
    return np.ones(len(notes), dtype=bool)


def test_a_question_about_a_midi_file_has_one_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find(notes: Notes, weights: str) -> MetricalGrid:
        asked.append(weights)
        return steady_grid(notes.end, 0.5, 1.0)

    monkeypatch.setattr("amt.app.ask_route.estimate_grid", find)
    files = {"file": ("a.mid", midi_bytes(NOTES))}
    found = client.post("/", data={"prompt": "tempo?"}, files=files).json()
    assert found["tempo"] == 120 and "about 120 beats" in found["response"]
    assert asked == ["asap"]
