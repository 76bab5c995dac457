"""`POST /`: a recording and a prompt in one request, as the ancestor of this project took them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from amt.answers.piece import Piece
from amt.app.answering import MAX_PROMPT_CHARACTERS
from amt.app.core import Core, TheCore
from amt.app.files import piano_roll
from amt.app.jobs import OPTIONS
from amt.app.recordings import label, new_id
from amt.app.results import response, result_files, unanswered, write_files
from amt.cloud.objects import is_bucket_uri
from amt.cloud.storage import AllowedPrefixes, read_object
from amt.io.audio import AudioError
from amt.serving.errors import AsciiJsonResponse, audio_status, with_timeout
from amt.serving.requests import EncodedFile, InstanceError, decode_base64, validation_message
from amt.serving.schemas import inlined
from amt.serving.settings import variable_name

RAW = "raw"
DEFAULT_PROMPT = "Summarise this piece"
router = APIRouter()


class Ask(BaseModel):
    """The JSON body: a prompt and one recording, as a name below raw/, a gs:// URI, or base64."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] = ""
    audio_file: str | None = None
    audio: EncodedFile | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """A prompt, and a recording if there is one: its name, and a function that reads it."""

    prompt: str
    name: str = ""
    read: Callable[[], bytes] | None = None


_FORM = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string"},
        "file": {"type": "string", "format": "binary"},
        "audio_file": {"type": "string"},
    },
}
# The route reads its body itself: one of two kinds.
_BODY = {
    "content": {
        "application/json": {"schema": inlined(Ask)},
        "multipart/form-data": {"schema": _FORM},
    }
}


@router.post("/", response_class=AsciiJsonResponse, openapi_extra={"requestBody": _BODY})
async def ask(request: Request, core: TheCore) -> AsciiJsonResponse:
    """Transcribe a recording, answer the prompt, and write the results into the lake."""
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    asked = await (_from_form if is_form else _from_json)(request, core)
    if asked.read is not None:
        core.model.check_ready()
    try:
        document = await with_timeout(core.settings.server, request, _answer(core, asked))
    except AudioError as error:
        core.model.metrics.recordings.labels("refused").inc()
        raise HTTPException(audio_status(error), str(error)) from error
    return AsciiJsonResponse(document)


async def _answer(core: Core, asked: Asked) -> dict[str, Any]:
    prompt = asked.prompt.strip() or DEFAULT_PROMPT
    if asked.read is None:
        return unanswered(await core.answers.answer(prompt, None))
    async with core.in_memory:
        data = await run_in_threadpool(asked.read)
        result = await core.model.transcribe(data, OPTIONS)
        del data
    piece, id = Piece(result.notes, result.seconds, asked.name), new_id()
    answer = await core.answers.answer(prompt, piece)
    roll = await run_in_threadpool(piano_roll, result.notes, result.seconds)
    files = await run_in_threadpool(result_files, result, roll, asked.name, id)
    await run_in_threadpool(core.room.make, files.size)
    await run_in_threadpool(write_files, core.lake, files)
    document = await run_in_threadpool(response, core.lake, files, result, roll, piece, answer)
    return document | {"id": id, "warnings": result.warnings, "model": core.model.identity()}


async def _from_form(request: Request, core: Core) -> Asked:
    form = await request.form(max_files=1, max_fields=3)
    if others := set(form) - set(_FORM["properties"]):
        expected = ", ".join(_FORM["properties"])
        raise HTTPException(400, f"{min(others)}: unknown field, expected {expected}")
    file, texts = form.get("file"), {name: form.get(name, "") for name in ("prompt", "audio_file")}
    prompt, audio_file = texts["prompt"], texts["audio_file"]
    if not isinstance(prompt, str) or len(prompt) > MAX_PROMPT_CHARACTERS:
        raise HTTPException(400, f"prompt: expected up to {MAX_PROMPT_CHARACTERS} characters")
    if not isinstance(audio_file, str) or (audio_file and file is not None):
        raise HTTPException(400, "expected an upload as file, or a name as audio_file, not both")
    if audio_file:
        return Asked(prompt, label(audio_file), _stored(core, audio_file))
    if file is None:
        return Asked(prompt)
    if not isinstance(file, UploadFile):
        raise HTTPException(400, "file: expected an audio file")
    return Asked(prompt, label(file.filename), file.file.read)


async def _from_json(request: Request, core: Core) -> Asked:
    body, limit = bytearray(), core.settings.server.max_body_bytes
    async for block in request.stream():
        body += block
        if len(body) > limit:
            name = variable_name("max_body_bytes")
            advice = "send the recording as multipart/form-data, field file"
            raise HTTPException(413, f"the JSON is larger than {limit:,} bytes ({name}); {advice}")
    try:
        given = await run_in_threadpool(Ask.model_validate_json, bytes(body))
    except ValidationError as error:
        raise HTTPException(400, validation_message(error)) from error
    if given.audio and given.audio_file:
        raise HTTPException(400, "expected audio or audio_file, not both")
    if given.audio:
        try:
            data = await run_in_threadpool(decode_base64, given.audio.b64, "audio.b64")
        except InstanceError as error:
            raise HTTPException(400, str(error)) from error
        return Asked(given.prompt, "recording", lambda: data)
    if given.audio_file:
        return Asked(given.prompt, label(given.audio_file), _stored(core, given.audio_file))
    return Asked(given.prompt)


def _stored(core: Core, audio_file: str) -> Callable[[], bytes]:
    """A function that reads a recording in the lake, below raw/, or in an allowed bucket.

    Raises StorageError for what may not be read.
    """
    settings, own = core.settings.server, f"{core.lake.uri}/{RAW}/"
    if is_bucket_uri(audio_file) and not audio_file.startswith(own):
        AllowedPrefixes(settings.allowed_uris).check(audio_file)
        limits = (settings.max_object_bytes, settings.timeout_seconds)
        return partial(read_object, audio_file, *limits)
    name = audio_file.removeprefix(own)
    return partial(core.lake.read, f"{RAW}/{name}", settings.max_object_bytes)
