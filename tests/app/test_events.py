"""Events of a transcription: order, several listeners, continuing after an interruption."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi.sse import ServerSentEvent
from fastapi.testclient import TestClient
from served import clip
from served_app import events, transcribed, upload, wait_for

from amt.app.core import Core
from amt.app.events import EventLog


def stream(client: TestClient, id: str, last: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    headers = {"last-event-id": last} if last else {}
    answer = client.get(f"/api/recordings/{id}/events", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


def test_a_stream_has_progress_every_note_and_an_end(client: TestClient) -> None:
    id = upload(client, clip(45.0))
    found = stream(client, id)
    names = [name for _, name, _ in found]
    assert names[0] == "progress" and names[-1] == "done" and names.count("done") == 1
    assert found[0][2]["done"] == 0
    progress = [data["done"] for _, name, data in found if name == "progress"]
    assert progress == sorted(progress) and progress[-1] == 45.0
    batches = [data for _, name, data in found if name == "notes"]
    rows = [row for batch in batches for row in batch["notes"]]
    document = transcribed(client, id)
    assert len(batches) > 1 and batches[-1]["until"] == 45.0
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    expected = [(note["pitch"], note["onset"]) for note in document["description"]["notes"]]
    assert len(rows) == len(expected)
    for row, (pitch, onset) in zip(
        sorted((r[2], r[0]) for r in rows), sorted(expected), strict=True
    ):
        assert row == (pitch, pytest.approx(onset, abs=2e-4))
    assert found[-1][2] == {"note_count": document["note_count"]}


def test_a_stream_continues_after_the_last_event(client: TestClient) -> None:
    id = upload(client, clip(2.0))
    whole = stream(client, id)
    assert [id for id, *_ in whole] == list(dict.fromkeys(id for id, *_ in whole))
    assert stream(client, id, last=whole[1][0]) == whole[2:]
    assert stream(client, id, last=whole[-1][0]) == []
    for unknown in ("99", "other.1", f"{whole[0][0]}x", "." + "9" * 5000):
        assert stream(client, id, last=unknown) == whole


def test_a_finished_recording_has_all_events_from_what_is_stored(
    client: TestClient, core: Core
) -> None:
    id = upload(client)
    document = transcribed(client, id)
    wait_for(lambda: not core.jobs.is_active(id))
    core.jobs._forget(id)  # As after a while, or after a restart.
    found = stream(client, id)
    assert [name for _, name, _ in found] == ["progress", "notes", "done"]
    assert len(found[1][2]["notes"]) == document["note_count"]
    failed = upload(client, b"no audio")
    assert transcribed(client, failed)["status"] == "failed"
    core.jobs._forget(failed)
    assert [name for _, name, _ in stream(client, failed)] == ["progress", "failed"]


def test_a_failed_transcription_ends_the_stream(client: TestClient) -> None:
    (_, name, data) = stream(client, upload(client, b"no audio"))[-1]
    assert name == "failed" and "cannot decode" in data["error"]


def test_open_streams_are_limited(client: TestClient, core: Core, done: str) -> None:
    core.streams = core.settings.max_streams
    answer = client.get(f"/api/recordings/{done}/events")
    core.streams = 0
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert stream(client, done) and core.streams == 0


async def _collect(log: EventLog, last: str | None = None) -> list[ServerSentEvent]:
    return [event async for event in log.follow(last)]


def test_every_listener_gets_every_event() -> None:
    async def run() -> list[list[ServerSentEvent]]:
        log = EventLog()
        early = asyncio.create_task(_collect(log))
        await asyncio.sleep(0)
        log.add("progress", {"done": 0})
        late = asyncio.create_task(_collect(log))
        await asyncio.sleep(0)
        log.add("done", {})
        return [await early, await late, await _collect(log)]

    found = asyncio.run(asyncio.wait_for(run(), 10))
    assert [[event.event for event in one] for one in found] == [["progress", "done"]] * 3


def test_closing_ends_all_streams() -> None:
    async def run() -> list[ServerSentEvent]:
        log = EventLog()
        listener = asyncio.create_task(_collect(log))
        await asyncio.sleep(0)
        log.close()
        return await listener

    assert asyncio.run(asyncio.wait_for(run(), 10)) == []


@pytest.mark.parametrize("last", ["", "1", "run.-1", "run.1e5", "other.2", "run.٣"])
def test_ids_of_other_logs_are_ignored(last: str) -> None:
    log = EventLog("run")
    log.add("progress", {})
    log.add("done", {})
    assert len(asyncio.run(_collect(log, last))) == 2
    assert len(asyncio.run(_collect(log, "run.1"))) == 1
    assert len(asyncio.run(_collect(log, "run.99"))) == 0
