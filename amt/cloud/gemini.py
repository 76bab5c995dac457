"""Gemini through Google's client: answers with function calls, and structured output.

The only module that imports google-genai. The client takes its key or account from the environment:
GEMINI_API_KEY or GOOGLE_API_KEY, or GOOGLE_GENAI_USE_VERTEXAI=true with GOOGLE_CLOUD_PROJECT and
GOOGLE_CLOUD_LOCATION. Function calls are run here, one round after another, and not by the client:
it would call them in threads of its own, without our limits.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from amt.cloud.gemini_limits import GeminiError, GeminiSettings, Spending, variable_name
from amt.errors import one_line

if TYPE_CHECKING:
    from google.genai import Client, types

T = TypeVar("T")
# Status codes that a second request may not meet again.
_RETRIED = [408, 429, 500, 502, 503, 504]


@dataclass(frozen=True)
class Function:
    """A function that Gemini may call; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A function call of Gemini and its result."""

    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]


# Runs a function call: name, arguments -> result. Raises ValueError for what it cannot run.
RunFunction = Callable[[str, dict[str, Any]], dict[str, Any]]


class Gemini:
    """Answers questions; may be used by several threads, but not inside an event loop."""

    def __init__(self, settings: GeminiSettings) -> None:
        self.settings = settings
        self.spending = Spending(settings)

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> Gemini | None:
        """Gemini as the environment configures it; None without key and without Vertex AI.

        Raises GeminiError if it is configured, but google-genai is not installed.
        """
        keys = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
        vertex = environment.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("1", "true")
        if not vertex and not any(environment.get(key) for key in keys):
            return None
        try:
            import google.genai  # noqa: F401
        except ImportError as error:
            advice = "install it with: pip install 'amt[app]'"
            raise GeminiError(f"Gemini needs google-genai; {advice}") from error
        return Gemini(GeminiSettings.from_environment(environment))

    def converse(
        self, instruction: str, prompt: str, functions: Sequence[Function], run: RunFunction
    ) -> tuple[str, list[Call]]:
        """The answer to a prompt, and the function calls made for it. Raises GeminiError."""
        return self._within_time_limit(
            lambda client: self._converse(client, instruction, prompt, functions, run)
        )

    def structured(
        self, instruction: str, prompt: str, schema: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An object that follows a JSON schema. Raises GeminiError."""
        return self._within_time_limit(
            lambda client: self._structured(client, instruction, prompt, schema)
        )

    async def _converse(
        self,
        client: Client,
        instruction: str,
        prompt: str,
        functions: Sequence[Function],
        run: RunFunction,
    ) -> tuple[str, list[Call]]:
        from google.genai import types

        config = self._config(instruction, tools=[_tool(functions)])
        contents = [types.Content(role="user", parts=[types.Part(text=prompt)])]
        calls: list[Call] = []
        for _ in range(self.settings.rounds):
            content = await self._generate(client, contents, config)
            requested = [part.function_call for part in content.parts or [] if part.function_call]
            if not requested:
                return _text(content), calls
            made = [_call(request, run) for request in requested]
            calls += made
            # The content goes back whole: newer models sign their calls in it.
            contents += [content, _results(requested, made)]
        raise GeminiError(f"Gemini still called functions after {self.settings.rounds} rounds")

    async def _structured(
        self, client: Client, instruction: str, prompt: str, schema: Mapping[str, Any]
    ) -> dict[str, Any]:
        from google.genai import types

        config = self._config(
            instruction, response_mime_type="application/json", response_json_schema=dict(schema)
        )
        contents = [types.Content(role="user", parts=[types.Part(text=prompt)])]
        text = _text(await self._generate(client, contents, config))
        try:
            found = json.loads(text)
        except ValueError as error:
            raise GeminiError("Gemini's structured answer is not JSON") from error
        if not isinstance(found, dict) or not set(schema.get("required", ())) <= found.keys():
            raise GeminiError("Gemini's structured answer does not follow its schema")
        return found

    def _config(self, instruction: str, **more: Any) -> types.GenerateContentConfig:
        from google.genai import types

        off = types.AutomaticFunctionCallingConfig(disable=True)
        return types.GenerateContentConfig(
            system_instruction=instruction,
            temperature=0.0,
            max_output_tokens=self.settings.output_tokens,
            automatic_function_calling=off,
            **more,
        )

    async def _generate(
        self, client: Client, contents: list[types.Content], config: types.GenerateContentConfig
    ) -> types.Content:
        """The content of one response. Raises GeminiError if it was blocked or is empty."""
        self.spending.check()
        model = self.settings.model
        response = await client.aio.models.generate_content(
            model=model, contents=list(contents), config=config
        )
        self.spending.add(response.usage_metadata)
        if response.prompt_feedback and response.prompt_feedback.block_reason:
            reason = response.prompt_feedback.block_reason.value
            raise GeminiError(f"Gemini refused the question ({reason})")
        candidate = response.candidates[0] if response.candidates else None
        if candidate is None or not candidate.content or not candidate.content.parts:
            finish = candidate.finish_reason if candidate else None
            raise GeminiError(f"Gemini gave no answer ({finish.value if finish else 'empty'})")
        return candidate.content

    def _within_time_limit(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """The result of `work`, with errors as GeminiError.

        An event loop of its own, since only a cancelled task ends a response that arrives byte by
        byte: the client's timeout holds for each read.
        """
        seconds = self.settings.timeout_seconds

        async def run() -> T:
            client = self._client()
            async with asyncio.timeout(seconds), client.aio:
                return await work(client)

        try:
            return asyncio.run(run())
        except GeminiError:
            raise
        except TimeoutError as error:
            variable = variable_name("timeout_seconds")
            raise GeminiError(f"no answer of Gemini within {seconds:g} s ({variable})") from error
        except Exception as error:  # The client lets errors of several libraries through.
            raise _translated(error) from error

    def _client(self) -> Client:
        from google.genai import Client, types

        milliseconds = round(1000 * self.settings.timeout_seconds)
        retry = types.HttpRetryOptions(
            attempts=self.settings.attempts,
            initial_delay=0.5,
            max_delay=4.0,
            http_status_codes=_RETRIED,
        )
        return Client(http_options=types.HttpOptions(timeout=milliseconds, retry_options=retry))


def _tool(functions: Sequence[Function]) -> types.Tool:
    from google.genai import types

    declared = [
        types.FunctionDeclaration(
            name=one.name,
            description=one.description,
            parameters_json_schema=dict(one.parameters),
        )
        for one in functions
    ]
    return types.Tool(function_declarations=declared)


def _call(request: types.FunctionCall, run: RunFunction) -> Call:
    """Run a requested function; what it cannot run becomes a result that Gemini can read."""
    name, arguments = request.name or "", dict(request.args or {})
    try:
        return Call(name, arguments, run(name, arguments))
    except ValueError as error:
        return Call(name, arguments, {"error": one_line(error)})


def _results(requests: Sequence[types.FunctionCall], calls: Sequence[Call]) -> types.Content:
    from google.genai import types

    parts = [
        types.Part(
            function_response=types.FunctionResponse(
                id=request.id, name=call.name, response=call.result
            )
        )
        for request, call in zip(requests, calls, strict=True)
    ]
    return types.Content(role="user", parts=parts)


def _text(content: types.Content) -> str:
    """The text of a response without its thoughts. Raises GeminiError if there is none."""
    parts = [part.text for part in content.parts or [] if part.text and not part.thought]
    text = "".join(parts).strip()
    if not text:
        raise GeminiError("Gemini gave no answer (no text)")
    return text


def _translated(error: Exception) -> GeminiError:
    """An error of the client as one line."""
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError

    if isinstance(error, APIError):
        if error.code == 429:
            return GeminiError("Gemini's quota is used up (429); try again later")
        if error.code in (401, 403) or "API key" in str(error.message):
            return GeminiError(f"Gemini refused the key or account ({error.code})")
        return GeminiError(f"Gemini answered with status {error.code}")
    if isinstance(error, GoogleAuthError):
        return GeminiError("no valid Google credentials for Gemini")
    if isinstance(error, ValueError | TypeError):  # JSON that is damaged, or of another shape.
        return GeminiError("Gemini's response cannot be read")
    return GeminiError(f"Gemini cannot be reached ({type(error).__name__})")
