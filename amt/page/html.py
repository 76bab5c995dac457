"""One HTML page that needs nothing else: markup, style, script, data and sound in one file.

The page may load nothing (its Content-Security-Policy says so and names its own script and style by
their digests), and nothing that was read from a file can become markup: text is escaped here or set
by the script as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from amt import __version__

# The script of the page, in this order: each part uses what stands above it.
SCRIPTS = (
    "data",
    "colours",
    "stage",
    "plots",
    "views",
    "roll",
    "story",
    "figures",
    "player",
    "main",
)


def page(title: str, document: Mapping[str, Any], sounds: Mapping[str, bytes]) -> str:
    """The page of a document.

    title: its heading, any text. document: plain types as JSON knows them, what the script draws.
    sounds: MP3 files by their names, `recording` and `transcription`, either or both or none.
    """
    style, script = asset("page.css"), "\n".join(asset(f"{name}.js") for name in SCRIPTS)
    return Template(asset("page.html")).substitute(
        title=html.escape(title),
        version=html.escape(__version__),
        policy=html.escape(_policy(style, script)),
        style=style,
        script=script,
        document=embedded(document),
        sounds="\n".join(_sound(name, data) for name, data in sounds.items()),
    )


def embedded(document: Mapping[str, Any]) -> str:
    """JSON that no HTML parser mistakes for markup: it cannot end the element it stands in."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def asset(name: str) -> str:
    """A file of the page as text."""
    return resources.files("amt.page").joinpath("assets", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """What the page may do: run its own script, wear its own style, play what it holds."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(script)}",
            f"style-src {_digest(style)}",
            "img-src data:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sound(name: str, data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    return f'<script type="text/plain" id="{html.escape(name)}">{text}</script>'
