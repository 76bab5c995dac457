"""The server's routes, and what happens between a request and its answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, File, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from amt import __version__
from amt.audio import AudioError, TooLongError
from amt.cloud.storage import StorageError
from amt.midi import midi_bytes
from amt.serving.answers import ROLL_RATE, prediction
from amt.serving.documents import ERRORS, PREDICT_DOCUMENT, Prediction, Predictions
from amt.serving.door import Door
from amt.serving.engine import Engine, Heard, Wish
from amt.serving.logs import log
from amt.serving.measures import Measures
from amt.serving.model import Model, load_model
from amt.serving.requests import (
    InstanceError,
    Threshold,
    printable,
    read_recording,
    read_request,
)
from amt.serving.settings import METRICS_ROUTE, TRANSCRIBE_ROUTE, Settings

Result = TypeVar("Result")
Load = Callable[[Settings], Model]
# 499: gone before the answer. Nobody reads it, but logs and measures do.
_GONE = 499


class AsciiJson(Response):
    """JSON of ASCII alone: half a character, which JSON can say, has no encoding."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


class House:
    """What the routes share: settings, measures, and the engine once the model is loaded."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.measures = Measures()
        self.engine: Engine | None = None
        self.complaint = ""

    def ready(self) -> Engine:
        """The engine. Raises 503 while the model is being loaded."""
        if self.engine is None:
            text = self.complaint or "the model is being loaded"
            raise HTTPException(503, text, {"retry-after": "5"})
        return self.engine

    async def open(self, load: Load, on_failure: Callable[[], object]) -> None:
        """Load the model beside the loop, which answers meanwhile that it is not ready."""
        try:
            model = await asyncio.to_thread(load, self.settings)
        except Exception as error:
            self.complaint = f"the model cannot be loaded: {printable(str(error))}"
            log(logging.CRITICAL, self.complaint, None if isinstance(error, ValueError) else error)
            on_failure()
            return
        self.engine = Engine(model, self.settings.max_audio_seconds, self.settings.threads)
        self.measures.model.labels(model.name, model.version).set(1)
        log(logging.INFO, "ready", model=model.name, version=model.version)

    async def hear(self, data: bytes, wish: Wish) -> Heard:
        """Transcribe, and count it. Raises AudioError."""
        recordings = self.measures.recordings
        try:
            heard = await self.ready().hear(data, wish)
        except ValueError:
            recordings.labels("refused").inc()
            raise
        recordings.labels("transcribed").inc()
        self.measures.audio.inc(heard.seconds)
        self.measures.computing.inc(heard.computing)
        return heard


def create_app(
    settings: Settings, load: Load = load_model, on_failure: Callable[[], object] = lambda: None
) -> FastAPI:
    """The application; it loads its model when it starts. `on_failure` is called if it cannot."""
    house = House(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        opening = asyncio.create_task(house.open(load, on_failure))
        yield
        opening.cancel()
        if house.engine:
            house.engine.close()

    app = FastAPI(title="amt", version=__version__, lifespan=lifespan, description=_ABOUT)
    app.state.house = house
    _add_routes(app, house)
    _add_refusals(app)
    app.add_middleware(Door, settings=settings, measures=house.measures)
    return app


_ABOUT = "Automatic piano transcription: recordings in, notes out."


def _add_routes(app: FastAPI, house: House) -> None:
    settings = house.settings

    @app.get(settings.health_route, responses=ERRORS[503])
    async def health() -> dict[str, str]:
        """200 once the model is loaded and has transcribed; 503 before."""
        model = house.ready().model
        return {"status": "ready", "model": model.name, "version": model.version}

    @app.get(METRICS_ROUTE, response_class=Response, responses=ERRORS["metrics"])
    async def metrics() -> Response:
        """Measures for Prometheus."""
        return Response(generate_latest(house.measures.registry), media_type=CONTENT_TYPE_LATEST)

    @app.post(
        settings.predict_route,
        response_model=Predictions,
        response_class=AsciiJson,
        responses=ERRORS["predict"],
        openapi_extra=PREDICT_DOCUMENT,
    )
    async def predict(request: Request) -> AsciiJson:
        """Transcribe the recordings of all instances; one that cannot be has an error instead."""
        house.ready()
        body = await request.body()
        try:
            wanted = read_request(body, settings.max_instances)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        del body
        answering = [_answer(house, request, one, wanted) for one in wanted.instances]
        answers = await _in_time(settings, request, asyncio.gather(*answering))
        errors = sum("error" in answer for answer in answers)
        request.state.visit.fields |= {"instances": len(answers), "errors": errors}
        return AsciiJson({"predictions": answers})

    @app.post(
        TRANSCRIBE_ROUTE,
        response_model=Prediction,
        response_class=AsciiJson,
        responses=ERRORS["transcribe"],
    )
    async def transcribe(
        request: Request,
        file: Annotated[UploadFile, File(description="an audio file")],
        format: Annotated[Literal["json", "midi"], Query()] = "json",
        extend_sustain: Annotated[bool, Query()] = True,
        onset_threshold: Annotated[Threshold | None, Query()] = None,
    ) -> Response:
        """Transcribe an uploaded file: to JSON, or to a MIDI file."""
        wish = Wish("sound" if extend_sustain else "key", onset_threshold)
        engine = house.ready()
        data = await file.read()
        try:
            heard = await _in_time(settings, request, house.hear(data, wish))
        except AudioError as error:
            raise HTTPException(_status(error), str(error)) from error
        request.state.visit.fields |= {"audio_seconds": round(heard.seconds, 2)}
        if format == "midi":
            return Response(midi_bytes(heard.notes), media_type="audio/midi")
        return AsciiJson(prediction(heard, engine.model, ["notes"], ROLL_RATE))


async def _answer(house: House, request: Request, instance: Any, wanted: Any) -> dict[str, Any]:
    """The prediction of one instance, or its error in one sentence."""
    try:
        data = await read_recording(instance, house.settings)
        heard = await house.hear(data, wanted.parameters.wish())
    except InstanceError as error:
        return _refused(400, str(error))
    except StorageError as error:
        return _refused(error.status, str(error))
    except AudioError as error:
        return _refused(_status(error), str(error))
    except Exception as error:  # What nobody foresaw must not cost the others their answers.
        visit = request.state.visit
        house.measures.recordings.labels("failed").inc()
        log(logging.ERROR, "an instance failed", error, request_id=visit.id)
        return _refused(500, f"an error of the server; its log tells more of request {visit.id}")
    parameters = wanted.parameters
    model = house.ready().model
    return await asyncio.to_thread(
        prediction, heard, model, parameters.format, parameters.roll_rate
    )


def _refused(status: int, text: str) -> dict[str, Any]:
    """In place of a prediction: a sentence, and the status that a request of its own would have."""
    return {"error": printable(text), "status": status}


def _status(error: AudioError) -> int:
    return 413 if isinstance(error, TooLongError) else 422


async def _in_time(
    settings: Settings, request: Request, work: Coroutine[Any, Any, Result] | asyncio.Future[Result]
) -> Result:
    """The result of `work`, which ends when it takes too long, or when the client has gone."""
    working = asyncio.ensure_future(work)
    # Once the body has arrived, all that can come is the news that the client has gone.
    leaving = asyncio.ensure_future(request.receive())
    seconds = settings.timeout_seconds
    try:
        both = {working, leaving}
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise HTTPException(_GONE, "the client has gone")
        text = f"no answer within {seconds:g} s; send a shorter recording, or try again later"
        raise HTTPException(503, text, {"retry-after": "30"})
    finally:
        working.cancel()
        leaving.cancel()


def _add_refusals(app: FastAPI) -> None:
    """Every error is one sentence, with the id by which the log knows the request."""

    def refuse(request: Request, status: int, text: str, headers: Any = None) -> AsciiJson:
        content = {"error": text, "request_id": request.state.visit.id}
        return AsciiJson(content, status, headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> AsciiJson:
        return refuse(request, error.status_code, printable(str(error.detail)), error.headers)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> AsciiJson:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return refuse(request, 400, printable(f"{place}: {first['msg']}"))
