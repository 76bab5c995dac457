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
from amt.serving.door import GONE, Door
from amt.serving.engine import Wish
from amt.serving.house import House, Load
from amt.serving.logs import log
from amt.serving.model import load_model
from amt.serving.requests import (
    InstanceError,
    Threshold,
    printable,
    read_instance,
    read_request,
)
from amt.serving.settings import METRICS_ROUTE, TRANSCRIBE_ROUTE, Settings

Result = TypeVar("Result")


class AsciiJson(Response):
    """JSON of ASCII alone: half a character, which JSON can say, has no encoding."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


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
        house.close()

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
            wanted = await asyncio.to_thread(read_request, body, settings.max_instances)
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
        house.ready()
        data = await file.read()
        try:
            answering = _transcribed(house, request, data, wish, format)
            return await _in_time(settings, request, answering)
        except AudioError as error:
            house.measures.recordings.labels("refused").inc()
            raise HTTPException(_status(error), str(error)) from error


async def _transcribed(
    house: House, request: Request, data: bytes, wish: Wish, format: str
) -> Response:
    heard = await house.hear(data, wish)
    request.state.visit.fields |= {"audio_seconds": round(heard.seconds, 2)}
    if format == "midi":
        return Response(await asyncio.to_thread(midi_bytes, heard.notes), media_type="audio/midi")
    model = house.ready().model
    answer = await asyncio.to_thread(prediction, heard, model, ["notes"], ROLL_RATE)
    return AsciiJson(answer)


async def _answer(house: House, request: Request, instance: Any, wanted: Any) -> dict[str, Any]:
    """The prediction of one instance, or its error in one sentence."""
    try:
        recording, wish = read_instance(instance, house.settings), wanted.parameters.wish()
        if isinstance(recording, bytes):
            heard = await house.hear(recording, wish)
        else:
            heard = await house.hear_stored(recording, wish)
    except InstanceError as error:
        return _refused(house, 400, str(error))
    except StorageError as error:
        return _refused(house, error.status, str(error))
    except AudioError as error:
        return _refused(house, _status(error), str(error))
    except Exception as error:  # What nobody foresaw must not cost the others their answers.
        visit = request.state.visit
        log(logging.ERROR, "an instance failed", error, request_id=visit.id)
        text = f"an error of the server; its log tells more of request {visit.id}"
        return _refused(house, 500, text)
    parameters = wanted.parameters
    model = house.ready().model
    return await asyncio.to_thread(
        prediction, heard, model, parameters.format, parameters.roll_rate
    )


def _refused(house: House, status: int, text: str) -> dict[str, Any]:
    """In place of a prediction: a sentence, and the status that a request of its own would have."""
    house.measures.recordings.labels("failed" if status == 500 else "refused").inc()
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
            raise HTTPException(GONE, "the client has gone")
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
