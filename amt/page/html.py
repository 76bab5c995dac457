"""A self-contained HTML page: markup, style, script, data and audio in one file.

The page works without a network: its Content-Security-Policy forbids loading anything and allows
its own script and style only, by their digests. Text that was read from files cannot become markup:
it is escaped here, or the script inserts it as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from amt import __version__

# Each module imports by one statement for each file, which may have several lines.
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def page(
    title: str, document: Mapping[str, Any], audio: Mapping[str, bytes], score: str = ""
) -> str:
    """The HTML text of a page.

    title: any text. document: data for the script, in types that JSON has. audio: MP3 files
    named `recording` and `transcription`, each optional. score: markup of a figure.
    """
    style, script = asset("page.css"), script_of("describe.js")
    return Template(asset("page.html")).substitute(
        title=html.escape(title),
        version=html.escape(__version__),
        policy=html.escape(_policy(style, script)),
        style=style,
        script=script,
        piece=piece_markup(score=score),
        player=asset("player.html"),
        document=embedded(document),
        audio="\n".join(_audio_element(name, data) for name, data in audio.items()),
    )


def piece_markup(tools: str = "", score: str = "") -> str:
    """Markup of the plots and lists of a piece.

    tools: put between the piano roll and its text. score: put before both.
    """
    return Template(asset("piece.html")).substitute(tools=tools, score=score)


def script_of(name: str) -> str:
    """A module of `assets` and all that it imports as one script, each after what it imports.

    Their names at the top level are distinct, so that they can share one scope.
    """
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        text = asset(name)
        for imported in _IMPORT.findall(text):
            if imported not in parts:
                add(imported)
        parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(name)
    return "\n".join(parts.values())


def embedded(document: Mapping[str, Any]) -> str:
    """JSON without <, > and &, so that it cannot end the HTML element that contains it."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def asset(name: str) -> str:
    """Text of a file in `assets`."""
    return resources.files("amt.page").joinpath("assets", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy: only this script, this style, and audio that the page contains."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {digest(script)}",
            f"style-src {digest(style)}",
            "img-src data:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def digest(text: str) -> str:
    """What a Content-Security-Policy allows an inline style or script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _audio_element(name: str, data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    return f'<script type="text/plain" id="{html.escape(name)}">{text}</script>'
