"""What a prediction is asked for, and what an instance's recording is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from amt.cloud.storage import Allowed, read_object
from amt.inference.transcriber import Options
from amt.serving.responses import ROLL_RATE
from amt.serving.settings import Settings

Format = Literal["notes", "midi", "piano_roll"]
# Below it a network hears hundreds of notes a second in noise.
Threshold = Annotated[float, Field(ge=0.01, lt=1)]

_EXPECTED = 'an instance is {"audio": {"b64": ...}} or {"audio_uri": "gs://..."}'
# Printable characters of an error that are shown; what stands in it may come from anybody.
_MOST = 300


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Encoded(_Strict):
    """A file's bytes in base64."""

    b64: str


class Instance(_Strict):
    """One recording: an audio file in base64, or where it lies in storage."""

    audio: Encoded | None = None
    audio_uri: str | None = None


_SUSTAIN = (
    "notes end with their sound; if not, with their keys, and the movements of the sustain pedal "
    "come along"
)
_THRESHOLD = "how sure of a note the model must be; by default as it was tuned"
_ROLL_RATE = "frames a second of the piano roll"


class Parameters(_Strict):
    """How all instances of a request are answered."""

    format: Annotated[list[Format], Field(min_length=1, max_length=3)] = ["notes"]
    extend_sustain: Annotated[bool, Field(description=_SUSTAIN)] = True
    onset_threshold: Annotated[Threshold | None, Field(description=_THRESHOLD)] = None
    roll_rate: Annotated[float, Field(gt=0, le=100, description=_ROLL_RATE)] = ROLL_RATE

    def options(self) -> Options:
        """What of it the pool must know."""
        return Options("sound" if self.extend_sustain else "key", self.onset_threshold)


class PredictRequest(BaseModel):
    """Instances are read one by one, so that a bad one does not cost the others their answer."""

    instances: list[Any]
    parameters: Parameters = Parameters()


class InstanceError(ValueError):
    """An instance that cannot be answered; the message is one sentence."""


def read_request(body: bytes, most: int) -> PredictRequest:
    """What the body of a prediction asks. Raises ValueError with one sentence."""
    try:
        request = PredictRequest.model_validate_json(body)
    except ValidationError as error:
        raise ValueError(f"the body is not as expected: {sentence(error)}") from error
    if not 1 <= len(request.instances) <= most:
        raise ValueError(f"expected 1 to {most} instances, got {len(request.instances)}")
    return request


def read_instance(instance: Any, settings: Settings) -> bytes | Callable[[], bytes]:
    """The audio file of an instance, or what fetches it from storage and raises StorageError.

    Raises InstanceError, and StorageError for an object that may not be read.
    """
    wanted = _checked(instance)
    if wanted.audio is not None:
        return _decoded(wanted.audio.b64)
    assert wanted.audio_uri is not None
    Allowed(settings.allowed_uris).check(wanted.audio_uri)
    return partial(
        read_object, wanted.audio_uri, settings.max_object_bytes, settings.timeout_seconds
    )


def _checked(instance: Any) -> Instance:
    if not isinstance(instance, dict):
        raise InstanceError(_EXPECTED)
    try:
        wanted = Instance.model_validate(instance)
    except ValidationError as error:
        raise InstanceError(f"the instance is not as expected: {sentence(error)}") from error
    if (wanted.audio is None) == (wanted.audio_uri is None):
        raise InstanceError(_EXPECTED)
    return wanted


def sentence(error: ValidationError) -> str:
    """The first error in one line: where, and what."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return printable(f"{place}: {first['msg']}" if place else first["msg"])


def printable(text: str) -> str:
    """The beginning of a text in one line that any terminal and log can bear."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= _MOST else f"{line[: _MOST - 3]}..."


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InstanceError("audio.b64 is not base64") from error
