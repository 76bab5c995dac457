"""The client of the HTTP app, with an app that runs and with servers that misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import app_server
from served import clip
from steady_beats import steady_beats

from amt import client as client_module
from amt.client import CLIENT_HEADER, FILES, SHEET_MUSIC, Client, ClientError, google_identity_token
from amt.io.midi import read_midi, write_midi
from amt.notes import COLUMNS, Notes

Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_server(tmp_path_factory.mktemp("lake")) as found:
        yield found


@pytest.fixture(scope="module")
def sent(address: str) -> tuple[Client, dict[str, Any]]:
    """A client and its transcribed recording."""
    client = Client(address)
    return client, client.transcribe(clip(1.0), "noise.wav")


def test_a_recording_is_transcribed_and_asked_about(sent: tuple[Client, dict[str, Any]]) -> None:
    client, recording = sent
    assert (recording["status"], recording["name"]) == ("done", "noise.wav")
    assert recording["description"]["seconds"] == pytest.approx(1.0, abs=0.01)
    answer = client.ask(recording["id"], "How many notes are there?")
    assert answer["source"] == "offline"
    assert [fact["name"] for fact in answer["facts"]] == ["note_count"]


def test_progress_ends_at_the_duration(address: str) -> None:
    seen: list[tuple[float, float]] = []
    client = Client(address)
    sent = client.transcribe(clip(1.0), progress=lambda *state: seen.append(state))
    assert seen[-1][0] == seen[-1][1] > 0
    client.delete(sent["id"])


@pytest.mark.parametrize("file", [file for file in FILES if file not in SHEET_MUSIC])
def test_every_file_is_downloaded(
    sent: tuple[Client, dict[str, Any]], tmp_path: Path, file: str
) -> None:
    client, recording = sent
    path = client.download(recording["id"], file, tmp_path / "got")
    data = path.read_bytes()
    if file == "midi":
        assert len(read_midi(path)) == len(recording["description"]["notes"])
    elif file == "piano_roll":
        assert np.load(path, allow_pickle=False).shape[1] == 88
    assert data


def test_sheet_music_is_downloaded(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady_beats(monkeypatch)
    client, times = Client(address), np.arange(4) / 2
    id = client.transcribe(clip(2.0, seed=8))["id"]
    client.correct(id, Notes(times, times + 0.4, [60, 62, 64, 65], [70] * 4), 0)
    score = client.download(id, "musicxml", tmp_path / "a.musicxml").read_text("utf-8")
    assert score.count("<pitch>") == 4
    assert client.download(id, "pdf", tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_notes_are_corrected_fetched_and_listed(address: str, tmp_path: Path) -> None:
    client = Client(address)
    id = client.transcribe(clip(1.0, seed=5))["id"]
    assert client.corrections() == []
    played = Notes([0.1, 0.3], [0.5, 0.7], [60, 64], [70, 80])
    saved = client.correct(id, played, client.recording(id)["revision"])
    assert saved["revision"] == 1 and saved["changes"]["added"] == 2
    assert saved["pair"].startswith(f"corrections/{id}-1-")
    found = client.notes(id)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(found, column), getattr(played, column))
    assert [one["id"] for one in client.corrections()] == [id]

    path = client.download(id, "midi", tmp_path / "edited.mid")
    write_midi(path, read_midi(path).select(np.array([True, False])))
    assert client.correct(id, path, 1)["changes"] == {"added": 0, "removed": 1, "changed": 0}
    assert len(client.notes(id)) == 1


def test_a_midi_file_sent_back_unchanged_is_no_correction(address: str, tmp_path: Path) -> None:
    client = Client(address)
    id = client.transcribe(clip(1.0, seed=7))["id"]
    client.correct(id, Notes([0.1234, 0.3456], [0.5671, 0.7893], [60, 64], [70, 80]), 0)
    path = client.download(id, "midi", tmp_path / "same.mid")
    with pytest.raises(ClientError, match="nothing was changed"):
        client.correct(id, path, 1)


def test_a_correction_of_an_older_revision_is_refused(address: str) -> None:
    client = Client(address)
    id = client.transcribe(clip(1.0, seed=6))["id"]
    played = Notes([0.1], [0.5], [60], [70])
    client.correct(id, played, 0)
    for notes, revision, status in ((played, 0, 409), (played, 1, 422)):
        with pytest.raises(ClientError) as raised:
            client.correct(id, notes, revision)
        assert raised.value.status == status


def test_recordings_belong_to_their_client(
    address: str, sent: tuple[Client, dict[str, Any]]
) -> None:
    client, recording = sent
    assert recording["id"] in [one["id"] for one in client.recordings()]
    other = Client(address)
    assert other.recordings() == []
    with pytest.raises(ClientError) as raised:
        other.recording(recording["id"])
    assert raised.value.status == 404
    again = Client(address, secret=client.secret)
    assert again.recording(recording["id"])["id"] == recording["id"]


def test_a_deleted_recording_is_gone(address: str) -> None:
    client = Client(address)
    state = client.transcribe(clip(0.5), wait=False)
    client.delete(state["id"])
    with pytest.raises(ClientError):
        client.wait(state["id"])


def test_what_is_no_audio_is_an_error(address: str, tmp_path: Path) -> None:
    path = tmp_path / "text.mp3"
    path.write_text("not audio " * 50, "utf-8")
    with pytest.raises(ClientError):
        Client(address).transcribe(path)


def test_one_question_in_one_request(address: str) -> None:
    found = Client(address).predict("Transcribe my audio file", clip(1.0))
    assert found["response"].startswith("Prediction complete!")
    assert Path(found["midi_gcs_path"]).is_file()


def test_an_unknown_file_of_a_recording_is_refused(
    sent: tuple[Client, dict[str, Any]], tmp_path: Path
) -> None:
    client, recording = sent
    with pytest.raises(ClientError, match="expected one of midi"):
        client.download(recording["id"], "doc", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_without_a_question_a_recording_is_summarised(sent: tuple[Client, dict[str, Any]]) -> None:
    client, recording = sent
    assert client.ask(recording["id"])["facts"][0]["name"] == "summary"


def test_what_is_no_id_is_refused(sent: tuple[Client, dict[str, Any]]) -> None:
    client, recording = sent
    for id in ("", recording):
        with pytest.raises(ValueError, match="expected the id of a recording"):
            client.ask(id, "key?")  # type: ignore[arg-type]


def test_a_midi_file_is_asked_about(address: str, tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", Notes([0.0, 1.0], [0.5, 1.5], [60, 62], [80, 80]))
    found = Client(address).predict("How many notes?", tmp_path / "a.mid")
    assert found["response"] == "There are 2 notes." and found["midi_gcs_path"] is None


def test_an_address_may_lack_http() -> None:
    assert Client("localhost:8080/").url == "http://localhost:8080"


@pytest.mark.parametrize("url", ["ftp://host", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="expected the address"):
        Client(url)


def test_no_server_is_one_line() -> None:
    with pytest.raises(ClientError, match=r"cannot be reached.*start `amt app`"):
        Client("http://127.0.0.1:9", attempts=0).recordings()


class Server:
    """Gives the responses in order, the last again and again; keeps the headers of requests."""

    def __init__(self, *responses: Respond) -> None:
        self.responses = list(responses)
        self.headers: list[dict[str, str]] = []

    def __enter__(self) -> Server:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                outer.headers.append({key.lower(): value for key, value in self.headers.items()})
                many = len(outer.responses) > 1
                (outer.responses.pop(0) if many else outer.responses[0])(self)

            do_GET = do_POST = answer  # noqa: N815 (names of the library)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()


def responds(status: int, content: object, **headers: str) -> Respond:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def drops(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


NOTHING = responds(200, {"recordings": []})


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    busy = responds(status, {"error": "busy"}, retry_after="0")
    with Server(busy, busy, NOTHING) as server:
        assert Client(server.url).recordings() == []
        assert len(server.headers) == 3


def test_a_server_that_stays_busy_is_an_error() -> None:
    with Server(responds(429, {"error": "too many requests"}, retry_after="0")) as server:
        with pytest.raises(ClientError, match="too many requests") as raised:
            Client(server.url, attempts=2).recordings()
        assert raised.value.status == 429


def test_an_upload_whose_answer_is_lost_is_not_sent_again() -> None:
    with Server(drops) as server:
        with pytest.raises(ClientError, match="cannot be reached"):
            Client(server.url).transcribe(b"data")
        assert len(server.headers) == 1


@pytest.mark.parametrize(
    ("respond", "message"),
    [
        (responds(200, b"<html>"), "is it the address of an app"),
        (responds(404, b"<html>"), "status 404"),
        (responds(302, b"", location="https://other/"), "has moved to https://other/"),
    ],
)
def test_answers_of_other_servers_are_one_line(respond: Respond, message: str) -> None:
    with Server(respond) as server, pytest.raises(ClientError, match=message):
        Client(server.url).recordings()


def test_secret_and_token_are_sent() -> None:
    with Server(NOTHING) as server:
        Client(server.url, secret="s" * 16, token=lambda: "abc").recordings()
        Client(server.url).recordings()
    first, second = server.headers
    assert (first[CLIENT_HEADER.lower()], first["authorization"]) == ("s" * 16, "bearer abc")
    assert len(second[CLIENT_HEADER.lower()]) >= 16
    assert "authorization" not in second


def test_hosts_of_cloud_run_get_an_identity_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def token(audience: str) -> str:
        asked.append(audience)
        return "identity"

    monkeypatch.setattr(client_module, "google_identity_token", token)
    client = Client("https://amt-1.a.run.app/")
    assert [client._authorization() for _ in range(2)] == [{"Authorization": "bearer identity"}] * 2
    assert asked == ["https://amt-1.a.run.app"]
    assert Client("https://example.org")._authorization() == {}


def test_without_an_account_there_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")
    with pytest.raises(ClientError, match="gcloud auth login"):
        google_identity_token("https://amt-1.a.run.app")
