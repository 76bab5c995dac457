"""Transcribe by an endpoint of Vertex AI, to which `amt deploy vertex` deployed a model.

google-cloud-aiplatform is not used: for one kind of request google-auth and requests are enough,
which google-cloud-storage needs anyway. They load in a tenth of the time and need no extra.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from amt.cloud.gcs import CREDENTIALS_ADVICE
from amt.cloud.lake import Lake
from amt.cloud.objects import is_bucket_uri, split_uri
from amt.errors import one_line
from amt.io.note_tables import notes_of
from amt.notes import Notes

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from requests import Response

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_ENDPOINT = re.compile(r"projects/[\w.:-]+/locations/(?P<region>[a-z0-9-]+)/endpoints/[\w-]+")
# https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type
SHARED_BYTES, DEDICATED_BYTES = 1_500_000, 10_000_000
CONNECT_SECONDS = 10.0
# Where recordings lie in the lake while they are transcribed.
UPLOADS = "app/vertex"
# The endpoint may answer the same request later.
_TRANSIENT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class VertexError(ValueError):
    """A transcription that failed; the message is one line.

    `status`: the HTTP status with which our server reports this error to its client.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = int(status)


class VertexOptions(Protocol):
    """The options that an endpoint knows; `amt.inference.transcriber.Options` has them."""

    @property
    def ends(self) -> str: ...

    @property
    def onset_threshold(self) -> float | None: ...

    @property
    def embedding(self) -> bool: ...


@dataclass(frozen=True, eq=False)
class VertexTranscription:
    """What an endpoint answered: as `amt.inference.transcriber.Transcription`, and its model.

    embedding: None unless asked for, and if the deployed model cannot give one. warnings: what is
    wrong with the file, one line each. elapsed_seconds: with all retries.
    """

    notes: Notes
    seconds: float
    elapsed_seconds: float
    warnings: tuple[str, ...]
    embedding: np.ndarray | None
    model_name: str
    model_version: str


@dataclass(frozen=True)
class VertexTranscriber:
    """An endpoint, shared or dedicated. Threads may use it at the same time.

    endpoint: projects/PROJECT/locations/REGION/endpoints/ID, as `amt deploy vertex` prints it.
    lake: at gs://, for recordings that are larger than a request may be; the endpoint must be
    allowed to read it (`amt deploy vertex --allowed-uris`). timeout: seconds for a recording, with
    all retries; the endpoint's own limit is 60 s if it is shared, else 600 s. address: in place of
    that of the region, as for Private Service Connect. Raises ValueError for a malformed name.
    """

    endpoint: str
    lake: Lake | None = None
    timeout: float = 600.0
    address: str = ""

    def __post_init__(self) -> None:
        if not _ENDPOINT.fullmatch(self.endpoint):
            expected = "expected projects/PROJECT/locations/REGION/endpoints/ID"
            raise ValueError(f"endpoint {self.endpoint!r}: {expected}")

    def transcribe(
        self, recording: bytes | str, options: VertexOptions | None = None
    ) -> VertexTranscription:
        """The notes of an audio file: its content, or its gs:// URI, which the endpoint reads.

        Raises VertexError; StorageError if the recording cannot be written to the lake.
        """
        begin = time.monotonic()
        with self._instance(recording) as instance:
            body = _body(instance, options)
            answer = self._send("POST", f"{self._address}/v1/{self.endpoint}:predict", body, begin)
        return self._transcription(answer, time.monotonic() - begin)

    @contextmanager
    def _instance(self, recording: bytes | str) -> Iterator[dict[str, Any]]:
        """An instance of a request; a large recording is in the lake while the block lasts."""
        if isinstance(recording, str):
            split_uri(recording)
            yield {"audio_uri": recording}
            return
        instance = {"audio": {"b64": base64.b64encode(recording).decode("ascii")}}
        if len(_body(instance, None)) + 1000 <= self._max_bytes:
            yield instance
            return
        lake, name = self._bucket_lake(len(recording)), f"{UPLOADS}/{secrets.token_urlsafe(16)}"
        lake.write(name, recording, if_generation=0)
        try:
            yield {"audio_uri": lake.object_uri(name)}
        finally:
            lake.delete(name)

    def _bucket_lake(self, size: int) -> Lake:
        if self.lake is None or not is_bucket_uri(self.lake.uri):
            limit = f"requests to this endpoint may have {self._max_bytes / 1e6:g} MB"
            text = f"the recording has {size / 1e6:.1f} MB and {limit}"
            advice = (
                "use a lake at gs://, or a dedicated endpoint (`amt deploy vertex --dedicated`)"
            )
            raise self._error(f"{text}; {advice}", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.lake

    @cached_property
    def _session(self) -> AuthorizedSession:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession

        credentials, _ = google.auth.default(scopes=[SCOPE])
        return AuthorizedSession(credentials)

    @cached_property
    def _dedicated_host(self) -> str:
        """The host name of a dedicated endpoint, which takes no requests at the region's address;
        empty for a shared one."""
        found = self._send("GET", f"{self._regional}/v1/{self.endpoint}", b"", time.monotonic())
        return str(found.get("dedicatedEndpointDns") or "")

    @property
    def _regional(self) -> str:
        found = _ENDPOINT.fullmatch(self.endpoint)
        assert found
        return self.address or f"https://{found['region']}-aiplatform.googleapis.com"

    @property
    def _address(self) -> str:
        return f"https://{self._dedicated_host}" if self._dedicated_host else self._regional

    @property
    def _max_bytes(self) -> int:
        return DEDICATED_BYTES if self._dedicated_host else SHARED_BYTES

    def _send(self, method: str, url: str, body: bytes, begin: float) -> dict[str, Any]:
        """The JSON object of a response; what fails for a time is repeated until `timeout`."""
        from google.api_core.exceptions import RetryError
        from google.api_core.retry import Retry

        left = max(begin + self.timeout - time.monotonic(), 0.001)
        end = time.monotonic() + left
        retry = Retry(_is_transient, initial=0.5, maximum=10.0, timeout=left)
        try:
            return retry(self._send_once)(method, url, body, end)
        except RetryError as error:
            raise (error.cause or error) from error

    def _send_once(self, method: str, url: str, body: bytes, end: float) -> dict[str, Any]:
        with self._translated_errors():
            response = self._session.request(
                method,
                url,
                data=body or None,
                headers={"Content-Type": "application/json"},
                timeout=(CONNECT_SECONDS, max(end - time.monotonic(), 0.001)),
                allow_redirects=False,
            )
        if response.status_code != HTTPStatus.OK:
            raise self._status_error(response)
        answer = _json(response)
        if not isinstance(answer, dict):
            raise self._error("answered something else than JSON", HTTPStatus.BAD_GATEWAY)
        return answer

    def _transcription(self, answer: Mapping[str, Any], elapsed: float) -> VertexTranscription:
        try:
            (prediction,) = answer["predictions"]
            if "error" in prediction:
                raise self._error(str(prediction["error"]), int(prediction.get("status", 502)))
            embedding = prediction.get("embedding")
            return VertexTranscription(
                notes_of(prediction),
                float(prediction["duration"]),
                elapsed,
                tuple(map(str, prediction.get("warnings") or ())),
                np.array(embedding["values"], dtype=np.float32) if embedding else None,
                str(prediction["model"]["name"]),
                str(prediction["model"]["version"]),
            )
        except VertexError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"its answer is no prediction of amt ({one_line(error)})"
            raise self._error(text, HTTPStatus.BAD_GATEWAY) from error

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException, Timeout

        try:
            yield
        except Timeout as error:
            text = f"no answer within {self.timeout:g} s; send a shorter recording, or try again"
            raise self._error(text, HTTPStatus.GATEWAY_TIMEOUT) from error
        except (RequestException, TransportError) as error:
            cause = f"cannot be reached ({type(error).__name__})"
            text = f"{cause}; check the network and try again"
            raise self._error(text, HTTPStatus.SERVICE_UNAVAILABLE) from error
        except GoogleAuthError as error:
            text = f"no valid Google credentials; {CREDENTIALS_ADVICE}"
            raise self._error(text, HTTPStatus.BAD_GATEWAY) from error

    def _status_error(self, response: Response) -> VertexError:
        """The error for a response with a status other than success."""
        code, said = response.status_code, _message(response)
        if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            advice = "give the account in use the role Vertex AI User in this project"
            return self._error(f"not allowed ({code}); {advice}", HTTPStatus.FORBIDDEN)
        if code == HTTPStatus.NOT_FOUND:
            advice = "`gcloud ai endpoints list --region REGION` shows those that exist"
            return self._error(f"there is no such endpoint; {advice}", code)
        known = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, *_TRANSIENT)
        text = f"answered with status {code}{f': {said}' if said else ''}"
        return self._error(text, code if code in known else HTTPStatus.BAD_GATEWAY)

    def _error(self, text: str, status: int) -> VertexError:
        return VertexError(f"{self.endpoint}: {text}", status)


def _body(instance: Mapping[str, Any], options: VertexOptions | None) -> bytes:
    """A request for one recording, in the form of POST /predict (amt/serving/README.md)."""
    parameters: dict[str, Any] = {"format": ["notes"]}
    if options is not None:
        if options.embedding:
            parameters["format"].append("embedding")
        parameters["extend_sustain"] = options.ends == "sound"
        if options.onset_threshold is not None:
            parameters["onset_threshold"] = options.onset_threshold
    return json.dumps({"instances": [instance], "parameters": parameters}).encode("ascii")


def _is_transient(error: Exception) -> bool:
    return isinstance(error, VertexError) and error.status in _TRANSIENT


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _message(response: Response) -> str:
    """What an error response says: Vertex AI writes an object, the server of amt a sentence."""
    answer = _json(response)
    error = answer.get("error", "") if isinstance(answer, dict) else ""
    text = error.get("message", "") if isinstance(error, dict) else error
    return one_line(ValueError(text), 300) if text else ""
