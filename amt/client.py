"""Client of the HTTP app, on this machine or deployed: transcribe, ask, wait, download.

    client = Client("http://localhost:8080")
    recording = client.transcribe("song.mp3")
    print(client.ask(recording["id"], "What is the most common note?")["response"])
    client.download(recording["id"], "midi", "song.mid")

A deployed app that needs an identity token gets one, see `Client`.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from amt.errors import one_line
from amt.io.atomic import atomic_write
from amt.io.note_tables import note_document, notes_of, read_notes
from amt.notes import Notes

# Names of the files of a recording that can be downloaded.
SHEET_MUSIC = ("musicxml", "pdf")
FILES = ("midi", "json", "csv", "png", "piano_roll", "embedding", *SHEET_MUSIC)
CLIENT_HEADER = "X-Amt-Client"
# Hosts of Google that admit only requests with an identity token, unless made public.
_GOOGLE_HOSTS = (".run.app", ".cloudfunctions.net")
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0  # seconds between two looks at a recording
_TOKEN_SECONDS = 3000.0  # identity tokens are valid for an hour

# Called with the seconds transcribed so far and the duration.
Progress = Callable[[float, float], object]


class ClientError(ValueError):
    """What the app refused or could not do, in one line; `status` is that of HTTP, or 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Requests to one app. Busy or unreachable servers are tried again, as their answer advises.

    url: of the app. secret: at least 16 characters of A-Z, a-z, 0-9, _ and -; recordings can be
    seen with the secret only with which they were sent, by default a new one (`client.secret`).
    token: an identity token for `Authorization: bearer`, a function that returns one, or None;
    "google" takes one from the environment: service account, metadata server, or gcloud. That is
    the default for https hosts of Cloud Run and Cloud Run functions. timeout: seconds without a
    byte before a request fails.
    """

    def __init__(
        self,
        url: str = "http://localhost:8080",
        secret: str | None = None,
        token: str | Callable[[], str] | None = None,
        timeout: float = 120.0,
        attempts: int = 5,
    ) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientError(f"{url}: expected the address of an app, http://... or https://...")
        self.secret = secret or secrets.token_urlsafe(24)
        self.timeout = timeout
        at_google = parts.scheme == "https" and parts.hostname.endswith(_GOOGLE_HOSTS)
        self._token = "google" if token is None and at_google else token
        self._fetched: tuple[float, str] = (0.0, "")
        self._session = _session(attempts)

    def transcribe(
        self,
        recording: Path | str | bytes,
        name: str = "",
        wait: bool = True,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Send a recording, a path or the content of a file; returns it when it is transcribed.

        With `wait=False` it is returned at once, and `wait` waits for its `id`. Raises ClientError
        if it cannot be transcribed, OSError if it cannot be read.
        """
        name, data = _content(recording, name)
        created = self._json("POST", "/api/recordings", files={"file": (name, data)})
        return self.wait(created["id"], progress) if wait else created

    def wait(
        self, recording: str, progress: Progress | None = None, seconds: float = 3600.0
    ) -> dict[str, Any]:
        """A recording by its id, once it is transcribed. Raises ClientError, also after `seconds`.

        Its `description` holds notes, pedal and analysis.
        """
        end, pause = time.monotonic() + seconds, _FIRST_WAIT
        while True:
            state = self.recording(recording)
            if progress:
                progress(state["progress"]["done"], state["progress"]["seconds"])
            if state["status"] == "failed":
                raise ClientError(f"{state['name']}: {state['error']}", 422)
            if state["status"] == "done":
                return state
            if time.monotonic() > end:
                raise ClientError(f"{state['name']}: not transcribed within {seconds:g} s", 504)
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_WAIT)

    def ask(self, recording: str, prompt: str = "") -> dict[str, Any]:
        """The answer to a question about a recording, given by its id: `response` and more.

        An empty prompt asks for a summary. Raises ClientError.
        """
        return self._json("POST", f"{_path(recording)}/questions", json={"prompt": prompt})

    def predict(
        self, prompt: str, recording: Path | str | bytes | None = None, audio_file: str = ""
    ) -> dict[str, Any]:
        """One question about one recording in one request; the results stay in the data lake.

        recording: a path or the content of a file; or `audio_file`, a name below `raw/` in the
        app's data lake, or a gs:// URI. A MIDI file is answered from its notes, and nothing of it
        is stored.
        """
        body: dict[str, Any] = {"prompt": prompt}
        if recording is not None:
            body["audio"] = {"b64": base64.b64encode(_content(recording, "")[1]).decode("ascii")}
        elif audio_file:
            body["audio_file"] = audio_file
        return self._json("POST", "/", json=body)

    def recordings(self) -> list[dict[str, Any]]:
        """The recordings of this client, newest first."""
        return self._json("GET", "/api/recordings")["recordings"]

    def recording(self, recording: str) -> dict[str, Any]:
        """The state of a recording, given by its id."""
        return self._json("GET", _path(recording))

    def notes(self, recording: str) -> Notes:
        """The notes and pedal of a recording that is transcribed, as corrected if it was."""
        return notes_of(self._json("GET", f"{_path(recording)}/files/json"))

    def correct(self, recording: str, notes: Notes | Path | str, revision: int) -> dict[str, Any]:
        """Save corrected notes: all of them, or a file of them; the pedal remains.

        revision: that was corrected, `recording(...)["revision"]`. Returns the new `revision`, the
        `changes` and the training `pair`. Raises ClientError: status 409, if the notes were
        corrected meanwhile; 400 or 422, if they cannot be, or are those that it has.
        """
        corrected = notes if isinstance(notes, Notes) else read_notes(Path(notes))
        body = {"revision": revision, "notes": note_document(corrected, 0.0)["notes"]}
        return self._json("PUT", f"{_path(recording)}/notes", json=body)

    def corrections(self) -> list[dict[str, Any]]:
        """The recordings of this client whose notes were corrected, newest first."""
        return [recording for recording in self.recordings() if recording["corrected"]]

    def download(self, recording: str, file: str, path: Path | str) -> Path:
        """Write one of `FILES` of a recording to `path`, completely or not at all."""
        if file not in FILES:
            raise ClientError(f"file {file!r}: expected one of {', '.join(FILES)}")
        place = f"score.{file}" if file in SHEET_MUSIC else f"files/{file}"
        url = f"{_path(recording)}/{place}"
        with atomic_write(Path(path)) as part:
            part.write_bytes(self._request("GET", url).content)
        return Path(path)

    def delete(self, recording: str) -> None:
        """Delete a recording and its results."""
        self._request("DELETE", _path(recording))

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = self._request(method, path, **arguments)
        try:
            return response.json()
        except ValueError as error:
            text = f"{self.url}{path} did not answer with JSON; is it the address of an app of amt?"
            raise ClientError(text, 502) from error

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        headers = {CLIENT_HEADER: self.secret, **self._authorization()}
        try:
            response = self._session.request(
                method,
                self.url + path,
                headers=headers,
                timeout=self.timeout,
                allow_redirects=False,  # The secret is for this host alone.
                **arguments,
            )
        except requests.RequestException as error:
            reason = type(error).__name__
            text = f"{self.url} cannot be reached ({reason}); check the address, or start `amt app`"
            raise ClientError(text) from error
        if response.is_redirect:
            raise ClientError(f"{self.url} has moved to {response.headers['location']}")
        if response.status_code >= 400:
            raise ClientError(f"{self.url}: {_error_text(response)}", response.status_code)
        return response

    def _authorization(self) -> dict[str, str]:
        if self._token is None:
            return {}
        if callable(self._token):
            return {"Authorization": f"bearer {self._token()}"}
        if self._token != "google":
            return {"Authorization": f"bearer {self._token}"}
        until, token = self._fetched
        if time.monotonic() > until:
            token = google_identity_token(self.url)
            self._fetched = (time.monotonic() + _TOKEN_SECONDS, token)
        return {"Authorization": f"bearer {token}"}


def google_identity_token(audience: str) -> str:
    """An identity token of the account in use, for a service of Cloud Run. Raises ClientError."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.id_token import fetch_id_token

    try:
        return fetch_id_token(Request(), audience)
    except GoogleAuthError:
        # Accounts of people, which that function does not support.
        return _gcloud_identity_token()


def _gcloud_identity_token() -> str:
    advice = "set GOOGLE_APPLICATION_CREDENTIALS, or type `gcloud auth login`"
    program = shutil.which("gcloud")
    if program is None:
        raise ClientError(f"no identity token: no service account and no gcloud; {advice}", 401)
    command = [program, "auth", "print-identity-token"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (subprocess.SubprocessError, OSError) as error:
        raise ClientError(f"no identity token from gcloud; {advice}", 401) from error
    return done.stdout.strip()


def _session(attempts: int) -> requests.Session:
    """A session that repeats requests that were refused or could not be sent.

    Not those whose answer was lost: a recording would be sent twice.
    """
    retry = Retry(
        total=attempts,
        read=0,
        other=0,
        backoff_factor=0.3,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _path(recording: str) -> str:
    """The path of a recording, given by its id. Raises ClientError for what is none."""
    if not isinstance(recording, str) or not recording:
        text = 'expected the id of a recording, as in recording["id"]'
        raise ClientError(f"{one_line(ValueError(repr(recording)), 40)}: {text}")
    return f"/api/recordings/{quote(recording, safe='')}"


def _content(recording: Path | str | bytes, name: str) -> tuple[str, bytes]:
    """The name and the bytes of a recording."""
    if isinstance(recording, bytes):
        return name or "recording", recording
    path = Path(recording).expanduser()
    return name or path.name, path.read_bytes()


def _error_text(response: requests.Response) -> str:
    """The sentence of an error response; of a proxy in between, its status."""
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        reason = one_line(ValueError(response.reason or "no reason given"))
        return f"status {response.status_code} ({reason})"
