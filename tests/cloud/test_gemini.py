"""Gemini's client against a server that speaks its wire format: rounds, limits and failures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from gemini_server import (
    GeminiServer,
    Response,
    blocked_answer,
    blocked_prompt,
    calls,
    cut_off,
    failure,
    gemini_server,
    says,
    slow,
)

from amt.cloud.gemini import Call, Function, Gemini
from amt.cloud.gemini_limits import GeminiError, GeminiSettings, Spending

pytest.importorskip("google.genai")

SCHEMA = {
    "type": "object",
    "properties": {"mood": {"type": "string", "enum": ["Calm", "Sad"]}},
    "required": ["mood"],
}
COUNT = Function(
    "count_notes",
    "Number of notes.",
    {"type": "object", "properties": {"octave": {"type": "integer"}}},
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    with gemini_server() as running:
        monkeypatch.setenv("GEMINI_API_KEY", "secret-key")
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", running.url)
        yield running


def ask(gemini: Gemini | None = None) -> tuple[str, list[Call]]:
    gemini = gemini or Gemini(GeminiSettings(timeout_seconds=10))
    return gemini.converse("Be brief.", "How many?", [COUNT], lambda _name, _args: {"count": 12})


def test_function_calls_are_run_and_their_results_sent_back(server: GeminiServer) -> None:
    server.script = [calls(("count_notes", {"octave": 4})), says("There are 12.")]
    assert ask() == ("There are 12.", [Call("count_notes", {"octave": 4}, {"count": 12})])
    assert server.paths == ["/v1beta/models/gemini-2.5-flash:generateContent"] * 2
    first, second = server.requests
    assert first["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    declared = first["tools"][0]["functionDeclarations"][0]
    assert declared["name"] == "count_notes"
    assert COUNT.parameters in declared.values()
    assert second["contents"][1]["parts"][0]["functionCall"]["name"] == "count_notes"
    response = second["contents"][2]["parts"][0]["functionResponse"]
    assert (response["name"], response["response"]) == ("count_notes", {"count": 12})


def test_a_call_that_cannot_be_run_is_told_to_gemini(server: GeminiServer) -> None:
    server.script = [calls(("no_such_function", {})), says("I cannot count.")]

    def refuse(name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise ValueError(f"there is no function {name}")

    gemini = Gemini(GeminiSettings(timeout_seconds=10))
    text, made = gemini.converse("", "How many?", [COUNT], refuse)
    assert text == "I cannot count."
    assert made[0].result == {"error": "there is no function no_such_function"}


def test_an_answer_by_schema(server: GeminiServer) -> None:
    server.script = [says('{"mood": "Calm"}')]
    gemini = Gemini(GeminiSettings(timeout_seconds=10))
    assert gemini.structured("", "Mood?", SCHEMA) == {"mood": "Calm"}
    sent = server.requests[0]["generationConfig"]
    assert sent["responseMimeType"] == "application/json"
    assert sent["responseJsonSchema"] == SCHEMA


@pytest.mark.parametrize("text", ["Calm", "[]", "{}", '{"mood": "Calm"'])
def test_an_answer_that_breaks_its_schema_is_refused(server: GeminiServer, text: str) -> None:
    server.script = [says(text)]
    with pytest.raises(GeminiError, match="structured answer"):
        Gemini(GeminiSettings(timeout_seconds=10)).structured("", "Mood?", SCHEMA)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (blocked_prompt(), r"refused the question \(SAFETY\)"),
        (blocked_answer(), r"no answer \(SAFETY\)"),
        (says(""), "no text"),
        ({}, "empty"),
        (b'{"candidates": [', "cannot be read"),
        (b'{"candidates": 3}', "cannot be read"),
        (cut_off, "cannot be reached"),
        (failure(400, "INVALID_ARGUMENT", "API key not valid."), "refused the key"),
        (failure(403, "PERMISSION_DENIED"), "refused the key"),
        (failure(404, "NOT_FOUND"), "status 404"),
        (calls(("count_notes", {})), "after 5 rounds"),
    ],
)
def test_failures_are_one_line(server: GeminiServer, response: Response, message: str) -> None:
    server.script = [response]
    with pytest.raises(GeminiError, match=message) as raised:
        ask()
    assert "secret-key" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_busy_server_is_asked_again(server: GeminiServer) -> None:
    server.script = [failure(503, "UNAVAILABLE"), says("Now.")]
    assert ask()[0] == "Now."
    assert len(server.requests) == 2


def test_a_used_up_quota_is_named(server: GeminiServer) -> None:
    server.script = [failure(429, "RESOURCE_EXHAUSTED")]
    with pytest.raises(GeminiError, match="quota"):
        ask(Gemini(GeminiSettings(timeout_seconds=10, attempts=1)))


@pytest.mark.parametrize("response", [slow(30), failure(429, "RESOURCE_EXHAUSTED")])
def test_the_time_limit_holds_for_everything(server: GeminiServer, response: Response) -> None:
    server.script = [response]
    begin = time.monotonic()
    with pytest.raises(GeminiError, match=r"within 0\.4 s"):
        ask(Gemini(GeminiSettings(timeout_seconds=0.4, attempts=9)))
    assert time.monotonic() - begin < 5


def test_what_is_spent_is_counted_and_limited(server: GeminiServer) -> None:
    gemini = Gemini(GeminiSettings(timeout_seconds=10, dollars_per_day=0.0005))
    ask(gemini)
    assert gemini.spending.dollars == pytest.approx((0.30 * 1000 + 2.50 * 100) / 1e6)
    with pytest.raises(GeminiError, match="AMT_GEMINI_DOLLARS_PER_DAY"):
        ask(gemini)
    assert len(server.requests) == 1


def test_spending_starts_anew_each_day(monkeypatch: pytest.MonkeyPatch) -> None:
    spending = Spending(GeminiSettings())
    monkeypatch.setattr(spending, "_dollars", 9.0)
    assert spending.dollars == 0.0  # Counted on day 0.


def test_without_key_or_account_there_is_no_gemini() -> None:
    assert Gemini.from_environment({}) is None
    assert Gemini.from_environment({"GOOGLE_GENAI_USE_VERTEXAI": "false"}) is None
    assert Gemini.from_environment({"GEMINI_API_KEY": "k"}) is not None
    assert Gemini.from_environment({"GOOGLE_GENAI_USE_VERTEXAI": "true"}) is not None


def test_settings_come_from_the_environment() -> None:
    given = {"AMT_GEMINI_MODEL": "gemini-3.5-flash", "AMT_GEMINI_ROUNDS": "3"}
    assert GeminiSettings.from_environment(given) == GeminiSettings("gemini-3.5-flash", rounds=3)


@pytest.mark.parametrize(("name", "text"), [("ROUNDS", "many"), ("DOLLARS_PER_DAY", "-1")])
def test_a_wrong_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"AMT_GEMINI_{name}.*expected"):
        GeminiSettings.from_environment({f"AMT_GEMINI_{name}": text})
