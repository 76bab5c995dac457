"""Scores of recordings over HTTP."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from generated_pieces import piece
from served_app import transcribed, upload
from steady_beats import steady_beats

from amt.app.core import Core

NOTES = piece(bars=2, bpm=120, jitter=0)


@pytest.fixture(autouse=True, scope="module")
def _beats() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        steady_beats(monkeypatch)
        yield


@pytest.fixture(scope="module")
def played(client: TestClient) -> Iterator[str]:
    """The id of a recording whose transcription was corrected to `NOTES`."""
    id = upload(client, name="Für Elise.wav")
    assert transcribed(client, id)["status"] == "done"
    assert correct(client, id, rows(limit=5.0)).status_code == 200
    yield id
    client.delete(f"/api/recordings/{id}")


def rows(limit: float) -> list[dict[str, float]]:
    """The notes that end before a time, in seconds."""
    columns = zip(NOTES.onset, NOTES.offset, NOTES.pitch, NOTES.velocity, strict=True)
    names = ("onset", "offset", "pitch", "velocity")
    found = [dict(zip(names, map(float, row), strict=True)) for row in columns]
    return [row for row in found if row["offset"] < limit]


def correct(client: TestClient, id: str, notes: list[dict[str, float]]) -> Any:
    revision = client.get(f"/api/recordings/{id}").json()["revision"]
    body = {"revision": revision, "notes": notes}
    return client.put(f"/api/recordings/{id}/notes", json=body)


def test_a_score_has_four_forms(client: TestClient, played: str) -> None:
    path = f"/api/recordings/{played}/score"
    document = client.get(f"{path}.json").json()
    assert document["metre"] == "4/4" and len(document["notes"]) == len(rows(limit=5.0))
    musicxml = client.get(f"{path}.musicxml")
    assert "<work-title>Für Elise</work-title>" in musicxml.text
    assert "F%C3%BCr%20Elise.musicxml" in musicxml.headers["content-disposition"]
    pdf = client.get(f"{path}.pdf")
    assert pdf.content.startswith(b"%PDF") and pdf.headers["content-type"] == "application/pdf"
    for layout in ("wide", "narrow"):
        page = client.get(f"{path}.svg", params={"layout": layout})
        assert page.headers["content-type"].startswith("image/svg+xml")
        assert page.headers["x-pages"] == "1" and 'id="n0"' in page.text
    assert client.get(f"{path}.svg?page=2").status_code == 404


def test_it_is_stored_until_the_notes_change(
    client: TestClient, played: str, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/recordings/{played}/score.svg"
    before = client.get(path).text
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was stored"))
    assert client.get(path).text == before
    monkeypatch.undo()
    assert correct(client, played, rows(limit=3.0)).status_code == 200
    assert client.get(path).text.count('class="note"') < before.count('class="note"')


def test_why_there_is_no_score_is_said(
    client: TestClient, played: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert correct(client, played, rows(limit=9.0)[:3]).status_code == 200
    answer = client.get(f"/api/recordings/{played}/score.json")
    assert answer.status_code == 422 and "no beats were found" in answer.json()["error"]
    assert client.get("/api/session").json()["score"] is True
    monkeypatch.setattr("amt.score.render.find_spec", lambda name: None)
    assert client.get("/api/session").json()["score"] is False
    assert correct(client, played, rows(limit=4.0)).status_code == 200
    answer = client.get(f"/api/recordings/{played}/score.pdf")
    assert answer.status_code == 501 and "pip install 'amt[score]'" in answer.json()["error"]


def test_a_score_that_cannot_be_drawn_stops_nothing(
    client: TestClient, played: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amt.score.render_apart.SECONDS", 0.001)
    assert correct(client, played, rows(limit=4.5)).status_code == 200
    answer = client.get(f"/api/recordings/{played}/score.svg")
    assert answer.status_code == 500 and "too long" in answer.json()["error"]
    assert client.get(f"/api/recordings/{played}/score.json").status_code == 200


def test_scores_of_others_are_not_found(client: TestClient, played: str, lake: Path) -> None:
    other = {"x-amt-client": "another-client-0123456789"}
    for kind in ("json", "musicxml", "pdf", "svg"):
        path = f"/api/recordings/{played}/score.{kind}"
        assert client.get(path, headers=other).status_code == 404
