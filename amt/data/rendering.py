"""Notes to recordings on a piano drawn for the piece: the built-in one or sampled ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amt.data.pieces import Recording, existing_root, files_fingerprint
from amt.notes import Notes
from amt.synth import piano

if TYPE_CHECKING:
    from amt.synth.sampler import SampledPiano

BUILTIN = "builtin"


def piano_names(render: str | Sequence[str]) -> tuple[str, ...]:
    """The pianos of a `render` argument: "builtin", the folder of a sampled piano, or several.

    Raises SourceError where a folder is missing.
    """
    names = (render,) if isinstance(render, str) else tuple(str(name) for name in render)
    for name in names:
        if name != BUILTIN:
            existing_root(name, "expected builtin or folders of sampled pianos", "render")
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
        files = [] if name == BUILTIN else sorted(Path(name).iterdir())
        digest.update(f"{Path(name).name}:{files_fingerprint(files)}".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=4)
def _sampled_piano(folder: str) -> SampledPiano:
    """Loading decodes every sample, so a process keeps the pianos that it plays."""
    from amt.synth.sampler import SampledPiano

    return SampledPiano.load(folder)
