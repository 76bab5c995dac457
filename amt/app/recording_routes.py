"""The routes below /api: recordings of a client, their events, files, questions, corrections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Header, Request, Response, UploadFile
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from amt.app.answering import MAX_PROMPT_CHARACTERS
from amt.app.core import Core, DoneRecording, TheCore, TheRecording
from amt.app.corrections import (
    Correction,
    CorrectionError,
    StaleError,
    UnchangedError,
    correct,
)
from amt.app.events import EventLog
from amt.app.files import KINDS, attachment, download
from amt.app.jobs import note_rows
from amt.app.owners import Owner, give_secret
from amt.app.ranges import ranged
from amt.app.recordings import Recording, form_file_name, public
from amt.score.render import has_libraries
from amt.serving.errors import AsciiJsonResponse
from amt.serving.service import RETRY_SECONDS

SUGGESTIONS = (
    "Summarise this piece",
    "What is the most common note?",
    "What key is it in, and where does it change?",
    "What is the tempo?",
    "Where is it loudest, and where softest?",
    "Where is the pedal down?",
)
router = APIRouter(prefix="/api", default_response_class=AsciiJsonResponse)


class Question(BaseModel):
    """A question about a recording."""

    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] = ""


@router.get("/session")
async def session(request: Request, core: TheCore) -> Response:
    """Model and limits; sets the cookie of a new client."""
    server = core.settings.server
    limits = {
        "upload_bytes": server.max_upload_bytes,
        "audio_seconds": server.max_audio_seconds,
        "recordings": core.settings.max_recordings,
        "days": core.settings.max_days,
    }
    document = {
        "model": core.model.identity(),
        "gemini": core.answers.gemini is not None,
        "limits": limits,
        "score": has_libraries(("svg", "pdf")),
        "suggestions": SUGGESTIONS,
    }
    response = AsciiJsonResponse(document)
    give_secret(request, response)
    return response


@router.get("/recordings")
async def recordings(core: TheCore, owner: Owner) -> AsciiJsonResponse:
    """The recordings of a client, newest first."""
    found = await run_in_threadpool(core.recordings.of, owner)
    return AsciiJsonResponse({"recordings": [public(recording) for recording in found]})


@router.post("/recordings", status_code=202)
async def upload(
    core: TheCore,
    owner: Owner,
    file: Annotated[UploadFile, File(description="an audio file")],
    name: Annotated[str, Form(description="its name, if that of the file is not exact")] = "",
    keep: Annotated[str, Form(description="ids of recordings that stay, with commas")] = "",
) -> AsciiJsonResponse:
    """Store a recording; it is transcribed as soon as the model is free."""
    await _refuse_soundless(file)
    if core.jobs.waiting(owner) >= core.settings.max_waiting:
        text = f"{core.jobs.waiting(owner)} of your recordings are waiting already"
        raise HTTPException(429, f"{text}; try again when they are done", {"retry-after": "30"})
    make = core.room.make_for_recording
    removed = await run_in_threadpool(make, owner, file.size or 0, keep.split(","))
    async with core.in_memory:
        data = await file.read()
        name = name or form_file_name(file.filename or "")
        recording = await run_in_threadpool(core.recordings.create, owner, name, data)
    await core.jobs.add(recording)
    document = {
        "id": recording.id,
        "name": recording.name,
        "status": recording.status,
        "removed": [{"id": one.id, "name": one.name} for one in removed],
    }
    return AsciiJsonResponse(document, 202)


async def _refuse_soundless(file: UploadFile) -> None:
    """Answer 422 for what evidently has no sound, before room is made for it."""
    begin = await file.read(4)
    await file.seek(0)
    if not begin:
        raise HTTPException(422, "the file is empty; expected a recording")
    if begin == b"MThd":
        text = (
            "a MIDI file has notes but no sound; expected a recording, such as MP3 or WAV "
            "(questions about a MIDI file: amt ask FILE.mid QUESTION)"
        )
        raise HTTPException(422, text)


@router.get("/recordings/{id}")
async def recording(core: TheCore, found: TheRecording) -> AsciiJsonResponse:
    """What is known of a recording; with its description once it is done."""
    description = await core.descriptions.document(found) if found.status == "done" else None
    done, seconds = core.jobs.progress.get(found.id, (found.seconds, found.seconds))
    audio = ["recording", "transcription"] if found.note_count else ["recording"]
    return AsciiJsonResponse(
        {
            **public(found),
            "progress": {"done": done, "seconds": seconds},
            "error": found.error,
            "warnings": found.warnings,
            "model": found.model or core.model.identity(),
            "revision": found.revision,
            "audio": audio if found.status == "done" else [],
            "description": description,
        }
    )


@router.delete("/recordings/{id}", status_code=204)
async def delete(core: TheCore, found: TheRecording) -> Response:
    """Delete a recording with all its files, but not the corrections saved for training."""
    core.jobs.cancel(found)
    await run_in_threadpool(core.recordings.delete, found.owner, found.id)
    return Response(status_code=204)


async def _stream(
    core: TheCore, found: TheRecording, last_event_id: Annotated[str | None, Header()] = None
) -> AsyncIterator[ServerSentEvent]:
    """The events of a recording from the one after `last_event_id` on."""
    if core.streams >= core.settings.max_streams:
        text = f"{core.streams} event streams are open already"
        raise HTTPException(503, text, {"retry-after": RETRY_SECONDS})
    events = core.jobs.events(found.id) or await _stored_events(core, found)
    return events.follow(last_event_id)


@router.get("/recordings/{id}/events", response_class=EventSourceResponse)
async def events(
    core: TheCore, stream: Annotated[AsyncIterator[ServerSentEvent], Depends(_stream)]
) -> AsyncIterator[ServerSentEvent]:
    """Progress and notes as they come (server-sent events)."""
    core.streams += 1
    try:
        async for event in stream:
            yield event
    finally:
        core.streams -= 1


async def _stored_events(core: Core, found: Recording) -> EventLog:
    """The events of a recording whose transcription has ended, from what is stored of it."""
    events = EventLog(f"stored-{found.revision}")
    events.add("progress", {"done": 0, "seconds": found.seconds})
    if found.status == "failed":
        events.add("failed", {"error": found.error})
    elif found.status == "done":
        notes, seconds = await run_in_threadpool(core.recordings.read_notes, found)
        events.add("notes", {"notes": note_rows(notes), "until": seconds})
        events.add("done", {"note_count": len(notes)})
    else:  # It waits for the model to be loaded: the client connects again.
        events.close()
    return events


@router.get("/recordings/{id}/audio/{which}")
async def audio(
    request: Request,
    core: TheCore,
    found: DoneRecording,
    which: Literal["recording", "transcription"],
) -> Response:
    """MP3 of the recording, or of its notes played by a piano."""
    if which == "transcription" and not found.note_count:
        raise HTTPException(404, "the recording has no notes")
    data = await core.descriptions.audio(found, which)
    revision = found.revision if which == "transcription" else 0
    return ranged(request, data, "audio/mpeg", f'"{found.id}-{which}-{revision}"')


@router.get("/recordings/{id}/files/{kind}")
async def file(core: TheCore, found: DoneRecording, kind: str) -> Response:
    """Notes as MIDI, JSON, CSV or PNG; piano roll and embedding as .npy."""
    if kind not in KINDS:
        raise HTTPException(404, f"{kind}: expected one of {', '.join(KINDS)}")
    data = await run_in_threadpool(download, core.recordings, found, kind)
    media_type, end = KINDS[kind]
    return Response(data, headers=attachment(found.name, end), media_type=media_type)


@router.post("/recordings/{id}/questions")
async def question(core: TheCore, found: DoneRecording, asked: Question) -> AsciiJsonResponse:
    """An answer to a question about a recording; to none, a summary."""
    piece = await core.answers.piece(found)
    return AsciiJsonResponse(asdict(await core.answers.answer(asked.prompt, piece)))


@router.put("/recordings/{id}/notes")
async def notes(core: TheCore, found: DoneRecording, correction: Correction) -> AsciiJsonResponse:
    """Save corrected notes, also as a training pair."""
    try:
        corrected, changes, pair = await run_in_threadpool(
            correct, core.recordings, found, correction, partial(core.room.make, keep=[found.id])
        )
    except StaleError as error:
        text = f"revision {correction.revision} is not the present one; load the recording again"
        raise HTTPException(409, text) from error
    except CorrectionError as error:
        raise HTTPException(400, str(error)) from error
    except UnchangedError as error:
        raise HTTPException(422, str(error)) from error
    core.descriptions.prepare(corrected)
    return AsciiJsonResponse({"revision": corrected.revision, "changes": changes, "pair": pair})
