"""Scores of recordings, as `amt score` makes them: computed when first asked for, and stored.

score-REVISION.json           the document of `score_json`, and the score as MusicXML
score-REVISION-LAYOUT.json    its pages for a layout of `amt.score.render.SCREENS`: a list of SVGs
score-REVISION.pdf
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import PurePath
from typing import Any

from amt.app.beats import Beats
from amt.app.made_files import MadeFiles, Make
from amt.app.recordings import Recording
from amt.score.json_score import score_json
from amt.score.make import make_score
from amt.score.musicxml import musicxml_bytes
from amt.score.notated import NoBeatsError, Notation
from amt.score.render_apart import render_apart


class Scores:
    """Makes the files above. Used in the event loop only.

    All methods raise StorageError, NoBeatsError; `pages` and `pdf` also RenderError, and
    MissingLibraryError without the extra `score`.
    """

    def __init__(self, files: MadeFiles, beats: Beats) -> None:
        self.files = files
        self.beats = beats
        self._threads = ThreadPoolExecutor(1, "score")

    async def document(self, recording: Recording) -> dict[str, Any]:
        """Beats, bars and the place of each note."""
        return (await self._score(recording))["document"]

    async def musicxml(self, recording: Recording) -> bytes:
        """The score for notation programs."""
        return (await self._score(recording))["musicxml"].encode()

    async def pages(self, recording: Recording, layout: str) -> list[str]:
        """Its pages for a screen, as SVG."""
        return json.loads(await self._rendered(recording, layout, f"-{layout}.json"))

    async def pdf(self, recording: Recording) -> bytes:
        """Its pages on paper."""
        return await self._rendered(recording, "pdf", ".pdf")

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _score(self, recording: Recording) -> dict[str, Any]:
        return json.loads(await self._file(recording, ".json", self._make_score))

    async def _rendered(self, recording: Recording, kind: str, end: str) -> bytes:
        musicxml = await self.musicxml(recording)
        render = partial(render_apart, musicxml, kind, title(recording))
        return await self._file(recording, end, lambda _: render())

    async def _file(self, recording: Recording, end: str, make: Make) -> bytes:
        name = f"score-{recording.revision}{end}"
        return await self.files.get(recording, name, make, self._threads)

    def _make_score(self, recording: Recording) -> bytes:
        grid = self.beats.grid(recording)
        notes, _ = self.files.recordings.read_notes(recording)
        if grid is None:
            raise NoBeatsError(notes)
        weights = Notation.beside(recording.model.get("name", "")).weights
        score = make_score(notes, grid, title(recording), weights)
        found = {"musicxml": musicxml_bytes(score).decode(), "document": score_json(score)}
        return json.dumps(found, separators=(",", ":"), allow_nan=False).encode()


def title(recording: Recording) -> str:
    """The name of a recording as the title of its score."""
    return PurePath(recording.name).stem.replace("_", " ")
