"""Google's client of Cloud Storage: one per process, its limits of time, its errors in one line.

It takes its credentials from the environment, and talks to the emulator that STORAGE_EMULATOR_HOST
names, if that variable is set. It follows no redirects. It is imported only inside the functions
that need it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from amt.cloud.objects import StorageError

if TYPE_CHECKING:
    from google.cloud.storage import Client

CREDENTIALS_ADVICE = (
    "type `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the "
    "key file of a service account"
)
# A request fails when no byte comes or goes for so long; failed requests are repeated for so long.
REQUEST_SECONDS = 60.0
RETRY_SECONDS = 300.0
# That are kept open, for as many threads; the client itself keeps ten.
CONNECTIONS = 64


def client() -> Client:
    """The client, shared by all threads of a process because finding credentials is slow.

    A forked process gets its own: two processes must not use the same connections.
    """
    return _client(os.environ.get("STORAGE_EMULATOR_HOST"), os.getpid())


@lru_cache(maxsize=1)
def _client(emulator: str | None, process: int) -> Client:
    from google.cloud.storage import Client
    from requests.adapters import HTTPAdapter

    # Otherwise the client requests the bucket's metadata in the background, for tracing only; an
    # account that may only read objects is not allowed to see it.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    made = Client(project=None)  # Not needed to access objects by bucket name.
    made._http.max_redirects = 0
    for scheme in ("https://", "http://"):
        made._http.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return made


def limits(end: float | None = None) -> dict[str, Any]:
    """Keyword arguments for a call of the client: its timeout and its retries, by the library.

    end: the time (time.monotonic) by which it must finish, if there is one.
    """
    from google.cloud.storage.retry import DEFAULT_RETRY

    if end is None:
        return {"timeout": REQUEST_SECONDS, "retry": DEFAULT_RETRY.with_timeout(RETRY_SECONDS)}
    left = max(end - time.monotonic(), 0.001)
    return {"timeout": left, "retry": DEFAULT_RETRY.with_timeout(left)}


@contextmanager
def translate_errors(uri: str, timeout: float | None = None) -> Iterator[None]:
    """Turn the errors of Google's client into a StorageError: one line that names `uri`.

    timeout: the seconds that the caller gave; None, RETRY_SECONDS.
    """
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from requests import RequestException, Timeout

    try:
        yield
    except (DefaultCredentialsError, RefreshError) as error:
        raise StorageError(
            f"{uri}: no valid Google credentials; {CREDENTIALS_ADVICE}", 502
        ) from error
    except (TimeoutError, Timeout, RetryError) as error:
        cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        seconds = RETRY_SECONDS if timeout is None else timeout
        raise StorageError(f"{uri}: not finished within {seconds:g} s{cause}", 504) from error
    except GoogleAPICallError as error:
        raise _status_error(uri, error.code or 502) from error
    except DataCorruption as error:
        raise StorageError(
            f"{uri}: the download is damaged (wrong checksum); try again", 502
        ) from error
    except InvalidResponse as error:
        raise _status_error(uri, error.response.status_code) from error
    except (RequestException, TransportError, ConnectionError) as error:
        cause = f"Google Cloud Storage cannot be reached ({type(error).__name__})"
        raise StorageError(f"{uri}: {cause}; check the network and try again", 502) from error


def missing_bucket(bucket: str) -> StorageError:
    """The error for a bucket that does not exist."""
    name = f"gs://{bucket}"
    advice = f"correct its name, or type `gcloud storage buckets create {name}`"
    return StorageError(f"{name}: there is no such bucket; {advice}", HTTPStatus.NOT_FOUND)


def _status_error(uri: str, code: int) -> StorageError:
    """The error for a response of Cloud Storage with a status other than success."""
    if code == HTTPStatus.NOT_FOUND:
        return StorageError(f"{uri}: there is no such object, or no such bucket", code)
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = "give the account in use the role Storage Object User (or Viewer, to read)"
        return StorageError(f"{uri}: not allowed ({code}); {advice} on the bucket", 403)
    return StorageError(f"{uri}: Google Cloud Storage answered with status {code}", 502)
