"""The answers and errors of the server, as its OpenAPI page documents them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from amt.serving.requests import Encoded, Instance, Parameters


class Note(BaseModel):
    """Times in seconds, pitch as a MIDI number, velocity 1-127."""

    onset: float
    offset: float
    pitch: int
    velocity: int


class PedalMovement(BaseModel):
    """When a pedal (controller 64: sustain) came to a value of 0-127."""

    time: float
    controller: int
    value: int


class PianoRoll(BaseModel):
    """Runs are [pitch, first frame, frames, velocity]."""

    frame_rate: float
    frames: int
    runs: list[list[int]]


class NamedPitch(BaseModel):
    """A MIDI number and its name: 60 is C4."""

    pitch: int
    name: str


class CountedPitch(NamedPitch):
    """A pitch and how many notes have it."""

    count: int


class Range(BaseModel):
    """The lowest and the highest note."""

    lowest: NamedPitch
    highest: NamedPitch


class Summary(BaseModel):
    """The notes at a glance; density is notes a second."""

    note_count: int
    range: Range | None
    most_common_note: CountedPitch | None
    density: float


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str


class Prediction(BaseModel):
    """What was heard in one recording of `duration` seconds, in the formats that were asked for."""

    duration: float
    notes: list[Note] | None = None
    pedal: list[PedalMovement] | None = None
    midi: Encoded | None = None
    piano_roll: PianoRoll | None = None
    summary: Summary
    model: ModelName


class InstanceRefusal(BaseModel):
    """Why an instance has no prediction, in one sentence, and as an HTTP status."""

    error: str
    status: int


class Predictions(BaseModel):
    """One prediction for each instance, in their order."""

    predictions: list[Prediction | InstanceRefusal]


class Refusal(BaseModel):
    """Why a request was not answered, in one sentence."""

    error: str
    request_id: str


_ABOUT = {
    400: "The request is not as expected.",
    408: "The body took too long to arrive.",
    413: "The body is too large, or the recording too long.",
    422: "The file is not audio that can be decoded.",
    429: "Too many requests are inside; come back after Retry-After seconds.",
    503: "The model is still being loaded, or there was no answer in time.",
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Refusal, "description": _ABOUT[status]} for status in statuses}


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


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """A schema without references, which only a whole document could hold."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            name = node.get("$ref", "").rpartition("/")[2]
            found = inline(parts[name]) if name else node
            return {key: inline(value) for key, value in found.items()}
        return [inline(part) for part in node] if isinstance(node, list) else node

    return inline(schema)


# The body is read by hand, instance by instance, so FastAPI cannot know what it looks like.
PREDICT_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["instances"],
                    "properties": {
                        "instances": {"type": "array", "items": _inlined(Instance), "minItems": 1},
                        "parameters": _inlined(Parameters),
                    },
                }
            }
        },
    }
}
