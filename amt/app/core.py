"""The parts of one app, which all its routes share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from amt.app.answering import Answers
from amt.app.beats import Beats
from amt.app.descriptions import Descriptions
from amt.app.jobs import Jobs
from amt.app.made_files import MadeFiles
from amt.app.model import LocalModel, Model, VertexModel
from amt.app.owners import Owner
from amt.app.recordings import Recording, Recordings
from amt.app.room import Room
from amt.app.scores import Scores
from amt.app.settings import AppSettings
from amt.cloud.gemini import Gemini
from amt.cloud.lake import Lake, StorageError, open_lake
from amt.inference.writers import load_player
from amt.serving.logging import log
from amt.serving.model import load_model
from amt.serving.service import Load

_CLEAN_SECONDS = 3600.0


@dataclass(eq=False)
class Core:
    """The state of one app.

    streams: the number of event streams that are open. in_memory: bounds the recordings of requests
    that are in memory; others wait in temporary files.
    """

    settings: AppSettings
    lake: Lake
    model: Model
    recordings: Recordings
    descriptions: Descriptions
    scores: Scores
    jobs: Jobs
    room: Room
    answers: Answers
    streams: int = 0
    in_memory: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    @staticmethod
    def create(settings: AppSettings, load: Load = load_model) -> Core:
        """The parts, from settings. Raises ValueError in one line for what cannot work."""
        lake = open_lake(settings.place)
        model: Model = LocalModel(settings, lake, load)
        if settings.vertex_endpoint:
            model = VertexModel(settings, lake)
        recordings = Recordings(lake)
        files = MadeFiles(recordings)
        beats = Beats(files)
        descriptions, scores = Descriptions(files, beats, load_player(None)), Scores(files, beats)
        jobs = Jobs(recordings, model, descriptions.prepare)
        room = Room(recordings, settings, jobs.is_active)
        answers = Answers(recordings, beats, Gemini.from_environment())
        return Core(settings, lake, model, recordings, descriptions, scores, jobs, room, answers)

    async def run(self, on_failure: Callable[[], object]) -> None:
        """Load the model, transcribe what waits, and remove what is too old, until cancelled."""
        if not await self.model.start(on_failure):
            return
        try:
            await self.jobs.start()
        except Exception as error:
            expected = isinstance(error, StorageError)
            log(logging.CRITICAL, f"the lake cannot be used: {error}", None if expected else error)
            on_failure()
            return
        while True:
            try:
                await run_in_threadpool(self.room.remove_old)
            except StorageError as error:
                log(logging.WARNING, f"old recordings were not removed: {error}")
            await asyncio.sleep(_CLEAN_SECONDS)

    async def close(self) -> None:
        """Stop; waiting recordings are transcribed by the next process."""
        await self.jobs.close()
        self.descriptions.close()
        self.scores.close()
        self.answers.close()
        await run_in_threadpool(self.model.close)


def core_of(request: Request) -> Core:
    """The core of the app that received a request."""
    return cast(Core, request.app.state.core)


# Parameters of routes: the core; and the recording whose id is in the path, or the answer 404.
TheCore = Annotated[Core, Depends(core_of)]


async def _recording(core: TheCore, owner: Owner, id: str) -> Recording:
    recording = await run_in_threadpool(core.recordings.get, owner, id)
    if recording is None:
        raise HTTPException(404, "there is no such recording")
    return recording


TheRecording = Annotated[Recording, Depends(_recording)]


async def _done_recording(recording: TheRecording) -> Recording:
    if recording.status != "done":
        raise HTTPException(409, f"the recording is {recording.status}; expected done")
    return recording


DoneRecording = Annotated[Recording, Depends(_done_recording)]
