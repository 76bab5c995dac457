"""Render notes to recordings: a random piano, room and recording conditions for each piece."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from amt.data.pieces import Recording, SourceError, files_fingerprint
from amt.io.audio import AUDIO_SUFFIXES, load
from amt.io.folders import files_below
from amt.notes import Notes
from amt.synth import piano
from amt.synth.recording_conditions import (
    play_and_record,
    random_recording_conditions,
    vary_instrument,
)
from amt.synth.sampler import SampledPiano

BUILTIN = "builtin"


def split_pianos(render: str | Sequence[str] | None) -> str | list[str] | None:
    """A `render` argument in one form: several pianos as a list, also from one string A:B.

    The separator is that of PATH (os.pathsep), so that an environment variable can name several.
    """
    if render is None or (isinstance(render, str) and os.pathsep not in render):
        return render
    return render.split(os.pathsep) if isinstance(render, str) else [str(name) for name in render]


def piano_names(render: str | Sequence[str]) -> tuple[str, ...]:
    """The pianos of a `render` argument: "builtin", a folder or SFZ file of samples, or several.

    Raises SourceError if one is missing.
    """
    pianos = split_pianos(render) or []
    names = (pianos,) if isinstance(pianos, str) else tuple(pianos)
    if not names:
        raise SourceError("render is empty; expected builtin or sampled pianos")
    for name in names:
        if name != BUILTIN:
            _check_piano(Path(name))
    return names


def room_files(rooms: str | None) -> tuple[Path, ...]:
    """The files of impulse responses in the folder `rooms`; none if it is None.

    Raises SourceError if the folder is missing or has no audio.
    """
    if rooms is None:
        return ()
    found = files_below(Path(rooms)) if Path(rooms).is_dir() else []
    files = sorted(path for path in found if path.suffix.lower() in AUDIO_SUFFIXES)
    if not files:
        raise SourceError(f"rooms={rooms} has no audio; expected a folder of impulse responses")
    return tuple(files)


def render_notes(
    notes: Notes,
    pianos: Sequence[str],
    rng: np.random.Generator,
    rooms: Sequence[Path] = (),
    vary_pianos: bool = False,
) -> Recording:
    """Render `notes` with their pedal on a random one of `pianos`; `rng` draws everything random.

    rooms: files of impulse responses for sampled pianos; the built-in piano has synthetic rooms.
    vary_pianos: make another instrument of the samples of a sampled piano; every rendering on the
    built-in piano is another instrument anyway.
    """
    name = pianos[int(rng.integers(len(pianos)))]
    if name == BUILTIN:
        return Recording(piano.render(notes, piano.random_instrument(rng), rng), notes)
    responses = [_impulse_response(path) for path in rooms]
    conditions = random_recording_conditions(rng)
    if vary_pianos:
        conditions = vary_instrument(conditions)
    audio = play_and_record(_sampled_piano(name), notes, conditions, rng, responses)
    return Recording(audio, notes)


def rendering_fingerprint(
    pianos: Sequence[str], rooms: Sequence[Path] = (), vary_pianos: bool = False
) -> str:
    """A string that changes with the code of `amt.synth` and with what `render_notes` is given."""
    digest = hashlib.sha256()
    for module in sorted(resources.files("amt.synth").iterdir(), key=lambda path: path.name):
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    for name in pianos:
        digest.update(f"{Path(name).name}:{files_fingerprint(_samples(name))}".encode())
    digest.update(files_fingerprint(rooms).encode())
    if vary_pianos and set(pianos) != {BUILTIN}:
        digest.update(b"varied")
    return digest.hexdigest()[:16]


def _check_piano(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"render={path} does not exist; expected builtin or sampled pianos")


def _samples(name: str) -> list[Path]:
    """All files that may belong to a piano."""
    if name == BUILTIN:
        return []
    path = Path(name)
    return sorted((path if path.is_dir() else path.parent).rglob("*"))


@lru_cache(maxsize=8)
def _sampled_piano(folder: str) -> SampledPiano:
    """A sampled piano; cached, since loading decodes all its samples."""
    return SampledPiano.load(folder)


@lru_cache(maxsize=64)
def _impulse_response(path: Path) -> np.ndarray:
    return load(path, strict=True)
