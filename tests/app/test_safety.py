"""Safety: owners, hosts, other sites, rates, headers, proxies, and what is logged."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import clip
from served_app import HOST, SECRETS, app_client, app_settings, transcribed, upload

from amt.app.application import create_app
from amt.app.rates import RateLimit
from amt.serving.logging import JsonFormatter


@pytest.fixture
def browser(client: TestClient) -> TestClient:
    """A client of the shared app that has no secret and keeps cookies."""
    browser = TestClient(client.app, base_url=HOST)
    browser.portal = client.portal  # The event loop in which the app was started.
    return browser


def test_a_browser_gets_a_cookie_that_scripts_cannot_read(browser: TestClient) -> None:
    assert browser.get("/api/recordings").status_code == 401
    cookie = browser.get("/api/session").headers["set-cookie"]
    for part in ("amt_client=", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age="):
        assert part in cookie
    assert "Secure" not in cookie
    assert "set-cookie" not in browser.get("/").headers
    id = upload(browser)
    assert transcribed(browser, id)["id"] == id


@pytest.mark.parametrize("secret", ["", "short", "a" * 129, "a" * 15 + "é", "../" * 8, "a b" * 8])
def test_invalid_secrets(browser: TestClient, secret: str) -> None:
    headers = {"x-amt-client": secret.encode("utf-8")}
    answer = browser.get("/api/recordings", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401 and "16 to 128" in answer.json()["error"]


def test_secrets_are_stored_as_digests_only(client: TestClient, done: str, lake: Path) -> None:
    (folder,) = lake.glob(f"app/*/{done}")
    assert len(folder.parent.name) == 64
    texts = [path.read_bytes() for path in folder.iterdir()]
    assert not any(SECRETS[0].encode() in text for text in texts)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080"])
def test_hosts_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.nip.io", "", "::1"]
)
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/recordings", headers={"host": host})
    assert answer.status_code == 421 and "AMT_ALLOWED_HOSTS" in answer.json()["error"]


def test_which_hosts_are_accepted() -> None:
    assert "127.0.0.1" in app_settings(Path(), Path()).hosts
    assert app_settings(Path(), Path(), host="0.0.0.0").hosts == ()
    given = app_settings(Path(), Path(), host="0.0.0.0", allowed_hosts=("amt.example",))
    assert given.hosts == ("amt.example",)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://["},
    ],
)
def test_pages_of_other_sites_can_send_nothing(client: TestClient, headers: Any) -> None:
    for path in ("/", "/api/recordings"):
        answer = client.post(path, files={"file": ("a.wav", clip())}, headers=headers)
        assert answer.status_code == 403
    assert client.delete("/api/recordings/x", headers=headers).status_code == 403


def test_the_own_page_can(client: TestClient) -> None:
    own = ({"origin": HOST}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"})
    # Behind `gcloud run services proxy` the browser has another address in mind.
    proxied = {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-origin"}
    for headers in (*own, proxied):
        answer = client.post("/", json={"prompt": "key"}, headers=headers)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/health", "/no", "/api/recordings", "/static/page.css"])
def test_all_responses_have_the_headers_for_browsers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"] == "microphone=(self)"
    for name in ("opener", "resource", "embedder"):
        assert f"cross-origin-{name}-policy" in headers
    assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_refusals_have_them_too(client: TestClient) -> None:
    for headers in ({"host": "evil.example"}, {"x-amt-client": ""}):
        answer = client.get("/api/recordings", headers=headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_static_files(client: TestClient) -> None:
    answer = client.get("/static/page.css")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/static/page.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == answer.text
    etag = {"if-none-match": answer.headers["etag"]}
    assert client.get("/static/page.css", headers=etag).status_code == 304
    for name in ("no.js", "..%2fapplication.py", "%2e%2e/page.py", "index.html", "/etc/passwd"):
        assert client.get(f"/static/{name}").status_code == 404


def test_a_client_that_sends_too_many_requests_has_to_wait(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, requests_per_minute=30, work_per_minute=3) as client:
        path, body = "/", {"prompt": "key"}
        statuses = [client.post(path, json=body).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = client.post(path, json=body)
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert "try again in" in refused.json()["error"]
        while (status := client.get("/api/session").status_code) == 200:
            pass
        assert status == 429
        other = {"x-amt-client": SECRETS[1]}  # Of the same address.
        assert client.get("/api/session", headers=other).status_code == 429
        assert client.get("/health").status_code == 200


def test_addresses_from_a_trusted_proxy_count_apart(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, trusted_proxies=1, work_per_minute=1) as client:

        def ask(chain: str, secret: str) -> int:
            headers = {"x-forwarded-for": chain, "x-amt-client": secret}
            return client.post("/", json={"prompt": "key"}, headers=headers).status_code

        assert ask("1.1.1.1", "a" * 20) == 200
        assert ask("9.9.9.9, 1.1.1.1", "b" * 20) == 429  # The first part is from the client.
        assert ask("1.1.1.1, 2.2.2.2", "c" * 20) == 200
        secure = client.get(
            "/api/session", headers={"x-amt-client": "", "x-forwarded-proto": "https"}
        )
        assert "Secure" in secure.headers["set-cookie"]


def test_x_forwarded_for_is_not_believed_without_a_proxy(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, work_per_minute=1) as client:
        statuses = [
            client.post(
                "/",
                json={"prompt": "key"},
                headers={"x-forwarded-for": f"1.1.1.{n}", "x-amt-client": f"{n}" * 16},
            ).status_code
            for n in range(2)
        ]
    assert statuses == [200, 429]


def test_a_bucket_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("amt.app.rates.time", clock)
    limit = RateLimit(2)
    assert [limit.take("a") for _ in range(3)] == [0, 0, 30]
    assert limit.take("b") == 0
    clock.now = 30.0
    assert [limit.take("a") for _ in range(2)] == [0, 30]
    clock.now = 3600.0
    assert [limit.take("a") for _ in range(3)] == [0, 0, 30]


def test_neither_secrets_nor_prompts_nor_names_nor_ids_are_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    private = "PRIVATE"
    with caplog.at_level(logging.INFO, logger="amt.serving"):
        id = upload(client, clip(0.3), f"{private}.wav")
        transcribed(client, id)
        client.post(f"/api/recordings/{id}/questions", json={"prompt": private})
        client.post("/", json={"prompt": private, "audio_file": f"{private}.wav"})
        client.get(f"/api/recordings/{id}/files/{private}")
        client.get(f"/static/{private}")
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert {"POST /api/recordings/ID/questions", "POST /"} <= {line["message"] for line in lines}
    for word in (private, SECRETS[0], id):
        assert not any(word in json.dumps(line) for line in lines)


def test_metrics_have_no_ids(client: TestClient, done: str) -> None:
    client.get(f"/api/recordings/{done}/files/midi")
    text = client.get("/metrics").text
    assert 'route="/api/recordings/ID/files/{kind}"' in text and done not in text
    assert 'amt_recordings_total{outcome="transcribed"}' in text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS, POST"),
        ("/api/recordings", "GET, OPTIONS, POST"),
        ("/api/recordings/x", "DELETE, GET, OPTIONS"),
        ("/api/recordings/x/notes", "OPTIONS, PUT"),
    ],
)
def test_methods(client: TestClient, path: str, allowed: str) -> None:
    options = client.options(path)
    assert options.status_code == 204 and options.headers["allow"] == allowed
    refused = client.patch(path)
    assert refused.status_code == 405 and refused.headers["allow"] == allowed


def test_a_lake_that_cannot_be_used_is_one_line(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = create_app(app_settings(model, tmp_path / "file"))
    with TestClient(app, base_url=HOST, headers={"x-amt-client": SECRETS[0]}) as client:
        answer = client.post("/api/recordings", files={"file": ("a.wav", clip())})
    assert answer.status_code in (403, 404, 409, 500, 507)
    assert str(tmp_path) not in answer.text
