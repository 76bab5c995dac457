"""`POST /`: a recording and a prompt in one request, as the ancestor of this project took them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from amt.analysis.symbolic.metrical import estimate_grid, weights_beside
from amt.answers.piece import Piece
from amt.app.ask_body import SCHEMA, Asked, read_body
from amt.app.core import Core, TheCore
from amt.app.files import piano_roll
from amt.app.jobs import OPTIONS
from amt.app.midi_upload import read_midi_upload
from amt.app.recordings import new_id
from amt.app.results import Files, response, result_files, unanswered, write_files
from amt.io.audio import AudioError
from amt.io.midi import is_midi
from amt.serving.errors import AsciiJsonResponse, audio_status, with_timeout
from amt.serving.pool import Result

router = APIRouter()


@router.post("/", response_class=AsciiJsonResponse, openapi_extra={"requestBody": SCHEMA})
async def ask(request: Request, core: TheCore) -> AsciiJsonResponse:
    """Transcribe a recording, answer the prompt, and write the results into the lake.

    A MIDI file is answered from its notes, and nothing of it is stored.
    """
    asked = await read_body(request, core)
    if asked.read is not None:
        core.model.check_ready()
    try:
        document = await with_timeout(core.settings.server, request, _answer(core, asked))
    except AudioError as error:
        core.model.metrics.recordings.labels("refused").inc()
        raise HTTPException(audio_status(error), str(error)) from error
    return AsciiJsonResponse(document)


async def _answer(core: Core, asked: Asked) -> dict[str, Any]:
    prompt = asked.prompt
    if asked.read is None:
        return unanswered(await core.answers.answer(prompt, None))
    result, transcribed = await _notes_of(core, asked.read)
    weights = weights_beside(core.model.identity()["name"])
    piece = Piece(
        result.notes,
        result.seconds,
        asked.name,
        transcribed=transcribed,
        find_grid=partial(estimate_grid, weights=weights),
    )
    answer = await core.answers.answer(prompt, piece)
    roll = await run_in_threadpool(piano_roll, result.notes, result.seconds)
    id = new_id() if transcribed else None
    files = await _stored(core, result, roll, asked.name, id) if id else None
    document = await run_in_threadpool(response, core.lake, files, result, roll, piece, answer)
    model = core.model.identity() if transcribed else None
    return document | {"id": id, "warnings": result.warnings, "model": model}


async def _notes_of(core: Core, read: Callable[[], bytes]) -> tuple[Result, bool]:
    """The notes of a recording or of a MIDI file, and whether they were transcribed."""
    async with core.in_memory:
        data = await run_in_threadpool(read)
        if is_midi(data):
            return await run_in_threadpool(read_midi_upload, data, core.settings.server), False
        return await core.model.transcribe(data, OPTIONS), True


async def _stored(core: Core, result: Result, roll: np.ndarray, name: str, id: str) -> Files:
    """The files of a result, written into the lake."""
    files = await run_in_threadpool(result_files, result, roll, name, id)
    await run_in_threadpool(core.room.make, files.size)
    await run_in_threadpool(write_files, core.lake, files)
    return files
