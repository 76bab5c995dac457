"""The routes of the server, and how each request becomes a response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import FastAPI, File, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from amt import __version__
from amt.cloud.storage import StorageError
from amt.inference.transcriber import Options
from amt.io.audio import AudioError
from amt.io.midi import midi_bytes
from amt.serving.errors import AsciiJsonResponse, add_error_handlers, audio_status, with_timeout
from amt.serving.logging import log
from amt.serving.middleware import RequestMiddleware, Routes
from amt.serving.model import load_model
from amt.serving.requests import (
    InstanceError,
    Parameters,
    PredictRequest,
    Threshold,
    TuningParameter,
    printable,
    read_instance,
    read_request,
)
from amt.serving.responses import prediction
from amt.serving.schemas import ERRORS, PREDICT_SCHEMA, Prediction, Predictions
from amt.serving.service import Load, Service
from amt.serving.settings import METRICS_ROUTE, TRANSCRIBE_ROUTE, Settings
from amt.serving.start_page import start_page


def create_app(
    settings: Settings, load: Load = load_model, on_failure: Callable[[], object] = lambda: None
) -> FastAPI:
    """The application. It loads its model after the start; `on_failure` is called if that fails."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.start(load, on_failure))
        yield
        loading.cancel()
        service.close()

    app = FastAPI(title="amt", version=__version__, lifespan=lifespan, description=_DESCRIPTION)
    app.state.service = service
    _add_state_routes(app, service)
    _add_predict_route(app, service)
    _add_transcribe_route(app, service)
    add_error_handlers(app)
    app.add_middleware(
        RequestMiddleware, settings=settings, metrics=service.metrics, routes=routes(settings)
    )
    return app


def routes(settings: Settings) -> Routes:
    """The routes that are counted, and the limits of their bodies."""
    limits = {settings.predict_route: "max_body_bytes", TRANSCRIBE_ROUTE: "max_upload_bytes"}
    known = {*limits, settings.health_route, METRICS_ROUTE}
    return Routes(lambda path: path if path in known else "other", limits, "audio_uri")


_DESCRIPTION = "Automatic piano transcription: audio files in, notes out."


def _add_state_routes(app: FastAPI, service: Service) -> None:
    """Start page, health and metrics."""
    settings = service.settings

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def start(request: Request) -> HTMLResponse:
        return HTMLResponse(start_page(settings, str(request.base_url)))

    @app.head(settings.health_route, include_in_schema=False)
    @app.get(settings.health_route, responses=ERRORS[503])
    async def health() -> dict[str, str]:
        """200 when the model is loaded and has transcribed a test signal; 503 before."""
        model = service.ready().model
        return {"status": "ready", "model": model.name, "version": model.version}

    @app.head(METRICS_ROUTE, include_in_schema=False)
    @app.get(METRICS_ROUTE, response_class=Response, responses=ERRORS["metrics"])
    async def metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_predict_route(app: FastAPI, service: Service) -> None:
    """The route of Vertex AI: JSON with several recordings."""
    settings = service.settings

    @app.post(
        settings.predict_route,
        response_model=Predictions,
        response_class=AsciiJsonResponse,
        responses=ERRORS["predict"],
        openapi_extra=PREDICT_SCHEMA,
    )
    async def predict(request: Request) -> AsciiJsonResponse:
        """Transcribe the recordings of all instances. A failed one gets an error in its place."""
        service.ready()
        parsed = await _read_predict_request(request, settings)
        tasks = [
            _predict_instance(service, request, instance, parsed.parameters)
            for instance in parsed.instances
        ]
        del parsed  # Each task frees its base64 text once it is decoded.
        predictions = await with_timeout(settings, request, asyncio.gather(*tasks))
        errors = sum("error" in one for one in predictions)
        request.state.context.fields |= {"instances": len(predictions), "errors": errors}
        return AsciiJsonResponse({"predictions": predictions})


def _add_transcribe_route(app: FastAPI, service: Service) -> None:
    """The route for the upload of one file."""

    @app.post(
        TRANSCRIBE_ROUTE,
        response_model=Prediction,
        response_class=AsciiJsonResponse,
        responses=ERRORS["transcribe"],
    )
    async def transcribe(
        request: Request,
        file: Annotated[UploadFile, File(description="an audio file")],
        format: Annotated[Literal["json", "midi"], Query()] = "json",
        extend_sustain: Annotated[bool, Query()] = True,
        onset_threshold: Annotated[Threshold | None, Query()] = None,
        tuning: Annotated[TuningParameter, Query()] = "auto",
    ) -> Response:
        """Transcribe an uploaded audio file; the response is JSON or a MIDI file."""
        options = Options("sound" if extend_sustain else "key", onset_threshold, tuning=tuning)
        service.ready()
        data = await file.read()
        try:
            task = _transcribe_upload(service, request, data, options, format)
            return await with_timeout(service.settings, request, task)
        except AudioError as error:
            service.metrics.recordings.labels("refused").inc()
            raise HTTPException(audio_status(error), str(error)) from error


async def _read_predict_request(request: Request, settings: Settings) -> PredictRequest:
    # Not request.body(), which keeps the body in memory as long as the request.
    body = b"".join([block async for block in request.stream()])
    try:
        return await asyncio.to_thread(read_request, body, settings.max_instances)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


async def _transcribe_upload(
    service: Service, request: Request, data: bytes, options: Options, format: str
) -> Response:
    result = await service.transcribe(data, options)
    request.state.context.fields |= {"audio_seconds": round(result.seconds, 2)}
    if format == "midi":
        content = await asyncio.to_thread(midi_bytes, result.notes)
        headers = {"content-disposition": 'attachment; filename="transcription.mid"'}
        return Response(content, media_type="audio/midi", headers=headers)
    model = service.ready().model
    document = await asyncio.to_thread(prediction, result, model, ["notes"])
    return AsciiJsonResponse(document)


async def _predict_instance(
    service: Service, request: Request, instance: Any, parameters: Parameters
) -> dict[str, Any]:
    """The prediction of one instance, or its error in one sentence."""
    try:
        recording, options = read_instance(instance, service.settings), parameters.options()
        del instance
        if isinstance(recording, bytes):
            result = await service.transcribe(recording, options)
        else:
            result = await service.transcribe_stored(recording, options)
    except InstanceError as error:
        return _instance_error(service, 400, str(error))
    except StorageError as error:
        return _instance_error(service, error.status, str(error))
    except AudioError as error:
        return _instance_error(service, audio_status(error), str(error))
    except Exception as error:  # An unexpected error must not fail the other instances.
        context = request.state.context
        log(logging.ERROR, "an instance failed", error, request_id=context.id)
        text = f"internal server error; the server's log has details of request {context.id}"
        return _instance_error(service, 500, text)
    model = service.ready().model
    return await asyncio.to_thread(
        prediction, result, model, parameters.format, parameters.roll_rate
    )


def _instance_error(service: Service, status: int, text: str) -> dict[str, Any]:
    """Takes the place of a prediction; `status` is what a request of its own would get."""
    service.metrics.recordings.labels("failed" if status == 500 else "refused").inc()
    return {"error": printable(text), "status": status}
