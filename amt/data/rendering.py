"""Notes to recordings, each on a piano, in a setting and in a room drawn for the piece."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from amt.data.pieces import AUDIO_SUFFIXES, Recording, SourceError, files_fingerprint
from amt.io import audio
from amt.notes import Notes
from amt.synth import piano
from amt.synth.sampler import SampledPiano
from amt.synth.setting import play, random_setting

BUILTIN = "builtin"


def piano_names(render: str | Sequence[str]) -> tuple[str, ...]:
    """The pianos of a `render` argument: "builtin", sampled ones (their folder or SFZ), or several.

    Raises SourceError where one is missing.
    """
    names = (render,) if isinstance(render, str) else tuple(str(name) for name in render)
    if not names:
        raise SourceError("render is empty; expected builtin or sampled pianos")
    for name in names:
        if name != BUILTIN:
            _check_piano(Path(name))
    return names


def room_files(rooms: str | None) -> tuple[Path, ...]:
    """The impulse responses in the folder `rooms`; none for None.

    Raises SourceError where the folder is missing or holds no audio.
    """
    if rooms is None:
        return ()
    files = sorted(p for p in Path(rooms).rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    if not files:
        raise SourceError(f"rooms={rooms} holds no audio; expected a folder of impulse responses")
    return tuple(files)


def render_notes(
    notes: Notes, pianos: Sequence[str], rng: np.random.Generator, rooms: Sequence[Path] = ()
) -> Recording:
    """Play `notes` with their pedal on one of `pianos`; everything random comes from `rng`.

    rooms: measured impulse responses, where sampled pianos may stand. The built-in piano brings its
    own room.
    """
    name = pianos[int(rng.integers(len(pianos)))]
    if name == BUILTIN:
        return Recording(piano.render(notes, piano.random_instrument(rng), rng), notes)
    responses = [_impulse_response(path) for path in rooms]
    return Recording(play(_sampled_piano(name), notes, random_setting(rng), rng, responses), notes)


def rendering_fingerprint(pianos: Sequence[str], rooms: Sequence[Path] = ()) -> str:
    """Changes with the code that makes the sound, the samples of the pianos, and the rooms."""
    digest = hashlib.sha256()
    for module in sorted(resources.files("amt.synth").iterdir(), key=lambda path: path.name):
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    for name in pianos:
        digest.update(f"{Path(name).name}:{files_fingerprint(_samples(name))}".encode())
    digest.update(files_fingerprint(rooms).encode())
    return digest.hexdigest()[:16]


def _check_piano(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"render={path} is not there; expected builtin or sampled pianos")


def _samples(name: str) -> list[Path]:
    """All files that a piano may be made of."""
    if name == BUILTIN:
        return []
    path = Path(name)
    return sorted((path if path.is_dir() else path.parent).rglob("*"))


@lru_cache(maxsize=4)
def _sampled_piano(folder: str) -> SampledPiano:
    """Loading decodes every sample, so a process keeps the pianos that it plays."""
    return SampledPiano.load(folder)


@lru_cache(maxsize=64)
def _impulse_response(path: Path) -> np.ndarray:
    return audio.load(path)
