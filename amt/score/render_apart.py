"""Rendering in a process of its own, for servers.

Verovio computes without letting other threads run, and what it cannot draw may end its process.

python -m amt.score.render_apart KIND TITLE < score.musicxml > result
"""

from __future__ import annotations

import json
import subprocess
import sys

from amt.score.render import SCREENS, RenderError, check_libraries, pdf_bytes, svg_pages

# `pdf`, or a layout: its pages are a JSON list of SVG documents.
KINDS = ("pdf", *SCREENS)
SECONDS = 120.0


def render_apart(musicxml: bytes, kind: str, title: str = "") -> bytes:
    """A score as one of `KINDS`. Raises RenderError, also after `SECONDS`."""
    check_libraries(["pdf" if kind == "pdf" else "svg"])
    command = [sys.executable, "-m", __name__, kind, title]
    try:
        done = subprocess.run(command, input=musicxml, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RenderError(f"the score was not drawn in {SECONDS:.0f} s: it is too long") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        known = done.returncode == 1 and said
        raise RenderError(said[-1] if known else "the score cannot be drawn")
    return done.stdout


def _main(kind: str, title: str) -> None:
    musicxml = sys.stdin.buffer.read()
    try:
        if kind == "pdf":
            result = pdf_bytes(musicxml, title)
        else:
            result = json.dumps(svg_pages(musicxml, SCREENS[kind])).encode()
    except RenderError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(result)


if __name__ == "__main__":
    _main(*sys.argv[1:])
