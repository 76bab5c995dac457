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
from amt.cloud.storage import StorageError
from amt.inference.transcriber import Options
from amt.io.audio import AudioError, TooLongError
from amt.io.midi import midi_bytes
from amt.serving.logging import log
from amt.serving.middleware import GONE, RequestMiddleware
from amt.serving.model import load_model
from amt.serving.requests import (
    InstanceError,
    Threshold,
    printable,
    read_instance,
    read_request,
)
from amt.serving.responses import ROLL_RATE, prediction
from amt.serving.schemas import ERRORS, PREDICT_SCHEMA, Prediction, Predictions
from amt.serving.service import Load, Service
from amt.serving.settings import METRICS_ROUTE, TRANSCRIBE_ROUTE, Settings

Answer = TypeVar("Answer")


class AsciiJson(Response):
    """JSON of ASCII alone: half a character, which JSON can say, has no encoding."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def create_app(
    settings: Settings, load: Load = load_model, on_failure: Callable[[], object] = lambda: None
) -> FastAPI:
    """The application; it loads its model when it starts. `on_failure` is called if it cannot."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        opening = asyncio.create_task(service.open(load, on_failure))
        yield
        opening.cancel()
        service.close()

    app = FastAPI(title="amt", version=__version__, lifespan=lifespan, description=_ABOUT)
    app.state.service = service
    _add_routes(app, service)
    _add_refusals(app)
    app.add_middleware(RequestMiddleware, settings=settings, metrics=service.metrics)
    return app


_ABOUT = "Automatic piano transcription: recordings in, notes out."


def _add_routes(app: FastAPI, service: Service) -> None:
    settings = service.settings

    @app.get(settings.health_route, responses=ERRORS[503])
    async def health() -> dict[str, str]:
        """200 once the model is loaded and has transcribed; 503 before."""
        model = service.ready().model
        return {"status": "ready", "model": model.name, "version": model.version}

    @app.get(METRICS_ROUTE, response_class=Response, responses=ERRORS["metrics"])
    async def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.post(
        settings.predict_route,
        response_model=Predictions,
        response_class=AsciiJson,
        responses=ERRORS["predict"],
        openapi_extra=PREDICT_SCHEMA,
    )
    async def predict(request: Request) -> AsciiJson:
        """Transcribe the recordings of all instances; one that cannot be has an error instead."""
        service.ready()
        body = await request.body()
        try:
            wanted = await asyncio.to_thread(read_request, body, settings.max_instances)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        del body
        answering = [_answer(service, request, one, wanted) for one in wanted.instances]
        answers = await _in_time(settings, request, asyncio.gather(*answering))
        errors = sum("error" in answer for answer in answers)
        request.state.context.fields |= {"instances": len(answers), "errors": errors}
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
        options = Options("sound" if extend_sustain else "key", onset_threshold)
        service.ready()
        data = await file.read()
        try:
            answering = _transcribed(service, request, data, options, format)
            return await _in_time(settings, request, answering)
        except AudioError as error:
            service.metrics.recordings.labels("refused").inc()
            raise HTTPException(_status(error), str(error)) from error


async def _transcribed(
    service: Service, request: Request, data: bytes, options: Options, format: str
) -> Response:
    result = await service.transcribe(data, options)
    request.state.context.fields |= {"audio_seconds": round(result.seconds, 2)}
    if format == "midi":
        return Response(await asyncio.to_thread(midi_bytes, result.notes), media_type="audio/midi")
    model = service.ready().model
    answer = await asyncio.to_thread(prediction, result, model, ["notes"], ROLL_RATE)
    return AsciiJson(answer)


async def _answer(service: Service, request: Request, instance: Any, wanted: Any) -> dict[str, Any]:
    """The prediction of one instance, or its error in one sentence."""
    try:
        recording, options = read_instance(instance, service.settings), wanted.parameters.options()
        if isinstance(recording, bytes):
            result = await service.transcribe(recording, options)
        else:
            result = await service.transcribe_stored(recording, options)
    except InstanceError as error:
        return _refused(service, 400, str(error))
    except StorageError as error:
        return _refused(service, error.status, str(error))
    except AudioError as error:
        return _refused(service, _status(error), str(error))
    except Exception as error:  # What nobody foresaw must not cost the others their answers.
        context = request.state.context
        log(logging.ERROR, "an instance failed", error, request_id=context.id)
        text = f"an error of the server; its log tells more of request {context.id}"
        return _refused(service, 500, text)
    parameters = wanted.parameters
    model = service.ready().model
    return await asyncio.to_thread(
        prediction, result, model, parameters.format, parameters.roll_rate
    )


def _refused(service: Service, status: int, text: str) -> dict[str, Any]:
    """In place of a prediction: a sentence, and the status that a request of its own would have."""
    service.metrics.recordings.labels("failed" if status == 500 else "refused").inc()
    return {"error": printable(text), "status": status}


def _status(error: AudioError) -> int:
    return 413 if isinstance(error, TooLongError) else 422


async def _in_time(
    settings: Settings, request: Request, work: Coroutine[Any, Any, Answer] | asyncio.Future[Answer]
) -> Answer:
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
        content = {"error": text, "request_id": request.state.context.id}
        return AsciiJson(content, status, headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> AsciiJson:
        return refuse(request, error.status_code, printable(str(error.detail)), error.headers)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> AsciiJson:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return refuse(request, 400, printable(f"{place}: {first['msg']}"))
