"""The page of the app: its HTML, and the files below /static/.

Scripts and styles are those of `amt describe` (amt/page/assets) and of the app (amt/app/site).
Only their names are served: no path that a client sends is opened.
"""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

from amt import __version__
from amt.page.html import asset, piece_markup

MEDIA_TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the page; etag: in quotes, as HTTP wants it."""

    content: bytes
    media_type: str
    etag: str


@cache
def index() -> bytes:
    """The HTML of the page."""
    scripts = [name for name in _files() if name.endswith(".js") and name != "describe.js"]
    # Without these the browser would ask for a script only when it has read the one that needs it.
    preload = "\n".join(f'<link rel="modulepreload" href="static/{name}">' for name in scripts)
    text = Template(_site("index.html")).substitute(
        version=html.escape(__version__),
        preload=preload,
        piece=piece_markup(_site("editor.html"), _site("score.html")),
        player=asset("player.html"),
    )
    return text.encode()


def static_file(name: str) -> StaticFile | None:
    """The script, style or picture of this name; None if there is none."""
    return _files().get(name)


@cache
def _files() -> dict[str, StaticFile]:
    folders = (resources.files("amt.page") / "assets", resources.files("amt.app") / "site")
    return {
        path.name: _static_file(path.name, path.read_bytes())
        for folder in folders
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name.rpartition(".")[2] in MEDIA_TYPES
    }


def _static_file(name: str, content: bytes) -> StaticFile:
    etag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return StaticFile(content, MEDIA_TYPES[name.rpartition(".")[2]], etag)


def _site(name: str) -> str:
    return (resources.files("amt.app") / "site" / name).read_text("utf-8")
