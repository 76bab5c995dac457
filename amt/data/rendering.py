"""Notes to recordings on a piano drawn for the piece: the built-in one or sampled ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from amt.data.pieces import Recording, SourceError, files_fingerprint
from amt.notes import Notes
from amt.synth import piano
from amt.synth.sampler import SampledPiano

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


def render_notes(notes: Notes, pianos: Sequence[str], rng: np.random.Generator) -> Recording:
    """Play `notes` with their pedal on one of `pianos`; everything random comes from `rng`."""
    name = pianos[int(rng.integers(len(pianos)))]
    if name == BUILTIN:
        audio = piano.render(notes, piano.random_instrument(rng), rng)
    else:
        audio = _sampled_piano(name).render(notes, rng=rng)
    return Recording(audio, notes)


def pianos_fingerprint(pianos: Sequence[str]) -> str:
    """Changes with the code that makes the sound and with the samples of the pianos."""
    digest = hashlib.sha256()
    for module in sorted(resources.files("amt.synth").iterdir(), key=lambda path: path.name):
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    for name in pianos:
        digest.update(f"{Path(name).name}:{files_fingerprint(_samples(name))}".encode())
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
