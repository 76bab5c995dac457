"""Parse and validate the body of a predict request, and read the recording of an instance."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from amt.cloud.storage import AllowedPrefixes, read_object
from amt.inference.arrays import DEFAULT_ROLL_RATE
from amt.inference.retuning import Retuning, check_retuning, parse_retuning
from amt.inference.transcriber import Options
from amt.serving.settings import Settings

Format = Literal["notes", "midi", "piano_roll", "embedding"]
# Below 0.01 a network finds hundreds of notes a second in noise.
Threshold = Annotated[float, Field(ge=0.01, lt=1)]


def _retuning(given: Any) -> Retuning:
    return parse_retuning(given) if isinstance(given, str) else check_retuning(given)


# Not pydantic's union, whose errors name one member only.
TuningParameter = Annotated[Literal["auto", "off"] | float, BeforeValidator(_retuning)]

_EXPECTED = 'an instance is {"audio": {"b64": ...}}, {"b64": ...} or {"audio_uri": "gs://..."}'
# Base64 may have line ends (`base64`), the URL-safe alphabet and no padding (JSON libraries).
_STANDARD_ALPHABET = str.maketrans("-_", "+/", " \t\r\n")
# Error messages are cut to this length, because they may quote text of the client.
_MAX_MESSAGE_CHARACTERS = 300


class _Nullable(BaseModel):
    """A field that is null counts as absent."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None}


class _Strict(_Nullable):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class EncodedFile(_Strict):
    """The bytes of a file in base64."""

    b64: str


class Instance(_Strict):
    """One recording: an audio file in base64, or its gs:// URI in Cloud Storage."""

    audio: EncodedFile | None = None
    b64: Annotated[str | None, Field(description="short for audio.b64")] = None
    audio_uri: str | None = None


_SUSTAIN_HELP = (
    "true: a note ends when its sound ends (held by the sustain pedal, if pressed). false: it ends "
    "when the key is released, and the response contains the movements of the sustain pedal"
)
_THRESHOLD_HELP = "minimum posterior probability of an onset; default: the threshold of the model"
_TUNING_HELP = (
    "auto: correct what is out of tune, runs fast or slow, or drifts, up to half a semitone; off: "
    "do not; or the frequency of A4 in Hz, 294 to 660, which is taken out instead"
)
_ROLL_RATE_HELP = "frames per second of the piano roll"


class Parameters(_Strict):
    """Options for all instances of a request."""

    format: Annotated[list[Format], Field(min_length=1, max_length=4)] = ["notes"]
    extend_sustain: Annotated[bool, Field(description=_SUSTAIN_HELP)] = True
    onset_threshold: Annotated[Threshold | None, Field(description=_THRESHOLD_HELP)] = None
    tuning: Annotated[TuningParameter, Field(description=_TUNING_HELP)] = "auto"
    roll_rate: Annotated[float, Field(gt=0, le=100, description=_ROLL_RATE_HELP)] = (
        DEFAULT_ROLL_RATE
    )

    def options(self) -> Options:
        """The options of the transcription."""
        return Options(
            "sound" if self.extend_sustain else "key",
            self.onset_threshold,
            embedding="embedding" in self.format,
            tuning=self.tuning,
        )


class PredictRequest(_Nullable):
    """Instances are validated one by one later, so that an invalid one does not fail the others."""

    instances: list[Any]
    parameters: Parameters = Parameters()


class InstanceError(ValueError):
    """An invalid instance; the message is one sentence."""


def read_request(body: bytes, max_instances: int) -> PredictRequest:
    """Parse the body of a predict request. Raises ValueError with one sentence."""
    try:
        request = PredictRequest.model_validate_json(body)
    except ValidationError as error:
        raise ValueError(f"the body is not as expected: {validation_message(error)}") from error
    if not 1 <= len(request.instances) <= max_instances:
        found = len(request.instances)
        raise ValueError(f"expected 1 to {max_instances} instances, got {found}")
    return request


def read_instance(instance: Any, settings: Settings) -> bytes | Callable[[], bytes]:
    """The content of an audio file, or a function that downloads it and may raise StorageError.

    Raises InstanceError, and StorageError for an object that may not be read.
    """
    parsed = _parse_instance(instance)
    if parsed.audio is not None:
        return decode_base64(parsed.audio.b64, "audio.b64")
    if parsed.b64 is not None:
        return decode_base64(parsed.b64, "b64")
    assert parsed.audio_uri is not None
    AllowedPrefixes(settings.allowed_uris).check(parsed.audio_uri)
    return partial(
        read_object, parsed.audio_uri, settings.max_object_bytes, settings.timeout_seconds
    )


def _parse_instance(instance: Any) -> Instance:
    if not isinstance(instance, dict):
        raise InstanceError(_EXPECTED)
    try:
        parsed = Instance.model_validate(instance)
    except ValidationError as error:
        raise InstanceError(
            f"the instance is not as expected: {validation_message(error)}"
        ) from error
    if len(parsed.model_fields_set) != 1:
        raise InstanceError(_EXPECTED)
    return parsed


def validation_message(error: ValidationError) -> str:
    """The first validation error as one line: the field and the problem."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    return printable(f"{field}: {first['msg']}" if field else first["msg"])


def printable(text: str) -> str:
    """A text as one line of printable characters, cut to a maximum length."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    if len(line) > _MAX_MESSAGE_CHARACTERS:
        return f"{line[: _MAX_MESSAGE_CHARACTERS - 3]}..."
    return line


def decode_base64(text: str, field: str) -> bytes:
    """The bytes of base64, also in a data: URL, as browsers write it. Raises InstanceError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    text = text.translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InstanceError(f"{field} is not base64") from error
