"""Requests to an endpoint of Vertex AI: its address and limits, retries, errors in one line.

google-cloud-aiplatform is not used: for one kind of request google-auth and requests are enough,
which google-cloud-storage needs anyway. They load in a tenth of the time and need no extra.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from amt.cloud.gcs import CREDENTIALS_ADVICE
from amt.errors import one_line

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from requests import Response

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_NAME = re.compile(r"projects/[\w.:-]+/locations/(?P<region>[a-z0-9-]+)/endpoints/[\w-]+")
# https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type
SHARED_BYTES, DEDICATED_BYTES = 1_500_000, 10_000_000
CONNECT_SECONDS = 10.0
# What fails for a time is repeated so long after the first try. A transcription that the endpoint
# itself gave up after a minute is not.
RETRY_SECONDS = 30.0
_TRANSIENT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class VertexError(ValueError):
    """A transcription that failed; the message is one line.

    `status`: the HTTP status with which our server reports this error to its client.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = int(status)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint, shared or dedicated. Threads may use it at the same time.

    name: projects/PROJECT/locations/REGION/endpoints/ID. timeout: seconds for a request, with all
    retries. address: in place of that of the region. Raises ValueError for a malformed name.
    """

    name: str
    timeout: float
    address: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            expected = "expected projects/PROJECT/locations/REGION/endpoints/ID"
            raise ValueError(f"endpoint {self.name!r}: {expected}")

    @property
    def max_bytes(self) -> int:
        """How large the body of a request may be. Raises VertexError."""
        return DEDICATED_BYTES if self._dedicated_host else SHARED_BYTES

    def predict(self, body: bytes) -> dict[str, Any]:
        """The JSON object that the endpoint answers to a prediction request in JSON.

        Raises VertexError.
        """
        host = self._dedicated_host
        address = f"https://{host}" if host else self._regional
        return self._send("POST", f"{address}/v1/{self.name}:predict", body)

    def error(self, text: str, status: int) -> VertexError:
        """An error that names the endpoint."""
        return VertexError(f"{self.name}: {text}", status)

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
        found = self._send("GET", f"{self._regional}/v1/{self.name}", b"")
        return str(found["dedicatedEndpointDns"]) if found.get("dedicatedEndpointEnabled") else ""

    @property
    def _regional(self) -> str:
        found = _NAME.fullmatch(self.name)
        assert found
        return self.address or f"https://{found['region']}-aiplatform.googleapis.com"

    def _send(self, method: str, url: str, body: bytes) -> dict[str, Any]:
        """The JSON object of a response."""
        from google.api_core.exceptions import RetryError
        from google.api_core.retry import Retry

        end = time.monotonic() + self.timeout
        seconds = min(RETRY_SECONDS, self.timeout)
        retry = Retry(_is_transient, initial=0.5, maximum=10.0, timeout=seconds)
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
        if not (answer := _object(response.text)):
            raise self.error("answered something else than a JSON object", HTTPStatus.BAD_GATEWAY)
        return answer

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import ReadTimeout, RequestException

        try:
            yield
        except ReadTimeout as error:
            text = f"no answer within {self.timeout:g} s; send a shorter recording, or try again"
            raise self.error(text, HTTPStatus.GATEWAY_TIMEOUT) from error
        except (RequestException, TransportError) as error:
            cause = f"cannot be reached ({type(error).__name__})"
            text = f"{cause}; check the network and try again"
            raise self.error(text, HTTPStatus.SERVICE_UNAVAILABLE) from error
        except GoogleAuthError as error:
            text = f"no valid Google credentials; {CREDENTIALS_ADVICE}"
            raise self.error(text, HTTPStatus.BAD_GATEWAY) from error

    def _status_error(self, response: Response) -> VertexError:
        """The error for a response with a status other than success."""
        code, said = response.status_code, _message(response)
        if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            advice = "give the account in use the role Vertex AI User in this project"
            return self.error(f"not allowed ({code}); {advice}", HTTPStatus.FORBIDDEN)
        if code == HTTPStatus.NOT_FOUND:
            advice = "`gcloud ai endpoints list --region REGION` shows those that exist"
            return self.error(f"there is no such endpoint; {advice}", code)
        known = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, *_TRANSIENT)
        text = f"answered with status {code}{f': {said}' if said else ''}"
        return self.error(text, code if code in known else HTTPStatus.BAD_GATEWAY)


def _is_transient(error: Exception) -> bool:
    return isinstance(error, VertexError) and error.status in _TRANSIENT


def _message(response: Response) -> str:
    """What an error response says: {"error": {"message": ...}} of Vertex AI, whose message may be
    the response of the server behind it, {"error": "one sentence"}."""
    said: Any = response.text
    for key in ("error", "message", "error"):
        said = _object(said).get(key, said)
    return "" if _object(said) or not isinstance(said, str) else one_line(ValueError(said), 300)


def _object(said: Any) -> dict[str, Any]:
    """A JSON object, or the text of one; else an empty one."""
    if isinstance(said, str):
        try:
            said = json.loads(said)
        except ValueError:
            return {}
    return said if isinstance(said, dict) else {}
