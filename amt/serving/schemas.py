"""The responses and errors of the server, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from amt.serving.requests import EncodedFile, Instance, Parameters


class Note(BaseModel):
    """Onset and offset in seconds, pitch as a MIDI number 21-108, velocity 1-127."""

    onset: float
    offset: float
    pitch: int
    velocity: int


class PedalEvent(BaseModel):
    """A change of a pedal: time in seconds, MIDI controller (64: sustain), value 0-127."""

    time: float
    controller: int
    value: int


class PianoRoll(BaseModel):
    """Run-length encoded; each run is [pitch, first frame, number of frames, velocity]."""

    frame_rate: float
    frames: int
    runs: list[list[int]]


class Embedding(BaseModel):
    """Mean, then standard deviation over time of each feature of the network, in float32."""

    dimension: int
    values: list[float]


class NamedPitch(BaseModel):
    """A MIDI number and its name; 60 is C4."""

    pitch: int
    name: str


class CountedPitch(NamedPitch):
    """A pitch and the number of notes with it."""

    count: int


class Range(BaseModel):
    """The lowest and the highest note."""

    lowest: NamedPitch
    highest: NamedPitch


class Summary(BaseModel):
    """Statistics of the notes; density is the number of notes per second."""

    note_count: int
    range: Range | None
    most_common_note: CountedPitch | None
    density: float


class ModelInfo(BaseModel):
    """Name and version of the model."""

    name: str
    version: str


class Tuning(BaseModel):
    """Deviation from A4 = 440 Hz (or the nearest semitone) in cents, and whether it was corrected.

    cents: null without a clear pitch. course: if it changes, pairs of a time in seconds and the
    deviation there. a4: the frequency of A4 that the request gave, which was taken out instead.
    """

    cents: float | None
    corrected: bool
    course: list[list[float]] | None = None
    a4: float | None = None


class Prediction(BaseModel):
    """The transcription of one recording of `duration` seconds, in the requested formats.

    tuning: null if the recording has no clear pitch. warnings: what is wrong with the file, such as
    a missing end.
    """

    duration: float
    tuning: Tuning | None = None
    notes: list[Note] | None = None
    pedal: list[PedalEvent] | None = None
    midi: EncodedFile | None = None
    piano_roll: PianoRoll | None = None
    embedding: Embedding | None = None
    summary: Summary
    model: ModelInfo
    warnings: list[str] | None = None


class InstanceErrorResponse(BaseModel):
    """Why an instance has no prediction: one sentence, and the corresponding HTTP status."""

    error: str
    status: int


class Predictions(BaseModel):
    """One prediction or error per instance, in the order of the instances."""

    predictions: list[Prediction | InstanceErrorResponse]


class ErrorResponse(BaseModel):
    """Why a request failed, in one sentence, and the id of the request in the log."""

    error: str
    request_id: str


_DESCRIPTIONS = {
    400: "The request is invalid.",
    408: "The body took too long to arrive.",
    413: "The body is too large, or the recording too long.",
    422: "The file is not audio that can be decoded.",
    429: "Too many requests are in progress; try again after Retry-After seconds.",
    503: "The model is still being loaded, or the transcription took too long.",
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": ErrorResponse, "description": _DESCRIPTIONS[status]}
        for status in statuses
    }


ERRORS: dict[int | str, dict[int | str, dict[str, Any]]] = {
    503: _errors(503),
    "metrics": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    "predict": _errors(400, 408, 413, 429, 503),
    "transcribe": {
        **_errors(400, 408, 413, 422, 429, 503),
        200: {
            "content": {
                "audio/midi": {"schema": {"type": "string", "format": "binary"}},
            }
        },
    },
}


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """A JSON schema with its references replaced; `openapi_extra` cannot define the targets."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            name = node.get("$ref", "").rpartition("/")[2]
            found = inline(definitions[name]) if name else node
            return {key: inline(value) for key, value in found.items()}
        return [inline(part) for part in node] if isinstance(node, list) else node

    return inline(schema)


# The route parses the body itself, instance by instance, so FastAPI cannot derive its schema.
PREDICT_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["instances"],
                    "properties": {
                        "instances": {"type": "array", "items": inlined(Instance), "minItems": 1},
                        "parameters": inlined(Parameters),
                    },
                }
            }
        },
    }
}
