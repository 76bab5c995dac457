"""The body of `POST /`, JSON or a form: a prompt, and the recording that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from amt.app.answering import MAX_PROMPT_CHARACTERS
from amt.app.core import Core
from amt.app.recordings import label
from amt.cloud.objects import is_bucket_uri, is_name
from amt.cloud.storage import AllowedPrefixes, StorageError, read_object
from amt.serving.requests import EncodedFile, InstanceError, decode_base64, validation_message
from amt.serving.schemas import inlined
from amt.serving.settings import variable_name

RAW = "raw"
MULTIPART, URL_ENCODED = "multipart/form-data", "application/x-www-form-urlencoded"
_EXAMPLE = "send for example: curl URL -F prompt='What key is it in?' -F file=@song.mp3"


class Ask(BaseModel):
    """The JSON body: a prompt and one recording, as a name below raw/, a gs:// URI, or base64."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] = ""
    audio_file: str | None = None
    audio: EncodedFile | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """A prompt, and a recording or MIDI file if there is one: its name, a function to read it."""

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
# For the OpenAPI document: the route reads its body itself, since it may be of several kinds.
SCHEMA = {
    "content": {
        "application/json": {"schema": inlined(Ask)},
        MULTIPART: {"schema": _FORM},
    }
}


async def read_body(request: Request, core: Core) -> Asked:
    """What a request asks. Raises HTTPException, and StorageError for what may not be read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == MULTIPART:
        return _from_fields(await request.form(max_files=1, max_fields=3), core)
    body = await _text(request, core.settings.server.max_body_bytes)
    # `curl -d` calls everything a form.
    if kind == URL_ENCODED and not body.lstrip().startswith((b"{", b"[")):
        return _from_fields(_url_encoded(body), core)
    return await _from_json(body, core)


async def _text(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > limit:
            name = variable_name("max_body_bytes")
            advice = "send the recording as multipart/form-data, field file"
            raise HTTPException(413, f"the body is larger than {limit:,} bytes ({name}); {advice}")
    if not body.strip():
        raise HTTPException(400, f"the body is empty; {_EXAMPLE}")
    return bytes(body)


def _url_encoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise HTTPException(400, f"the body is no form; {_EXAMPLE}") from error
    return dict(pairs)


def _from_fields(form: Mapping[str, Any], core: Core) -> Asked:
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
        raise HTTPException(400, f"file: expected the content of a file; {_EXAMPLE}")
    return Asked(prompt, label(file.filename), file.file.read)


async def _from_json(body: bytes, core: Core) -> Asked:
    try:
        given = await run_in_threadpool(Ask.model_validate_json, body)
    except ValidationError as error:
        raise HTTPException(400, _json_fault(error)) from error
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


def _json_fault(error: ValidationError) -> str:
    kind = error.errors(include_url=False, include_input=False)[0]["type"]
    if kind == "json_invalid":
        return f"the body is neither JSON nor a form; {_EXAMPLE}"
    expected = f"; expected {', '.join(Ask.model_fields)}" if kind == "extra_forbidden" else ""
    return validation_message(error) + expected


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
    if not is_name(name):
        expected = "the name of a recording below raw/ of the lake, such as 2018/song.mp3"
        raise StorageError(f"audio_file: expected {expected}, or gs://BUCKET/NAME")
    return partial(core.lake.read, f"{RAW}/{name}", settings.max_object_bytes)
