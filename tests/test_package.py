"""`import amt`: the public names, imported when they are first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import amt
from amt.inference.transcriber import Transcriber
from amt.io.midi import read_midi, write_midi
from amt.notes import Notes

ROOT = Path(__file__).parents[1]
PUBLIC = {
    "Notes": Notes,
    "Transcriber": Transcriber,
    "read_midi": read_midi,
    "write_midi": write_midi,
}


def loaded_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `statement`."""
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_resolve(name: str) -> None:
    assert getattr(amt, name) is PUBLIC[name]


def test_public_names_are_listed() -> None:
    assert set(amt.__all__) == set(PUBLIC)
    assert {*PUBLIC, "__version__"} <= set(dir(amt))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'amt' has no attribute 'Transcribr'"):
        _ = amt.Transcribr


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_after("import amt")
    assert not {"torch", "numpy"} & loaded
    assert not [name for name in loaded if name.startswith("amt.")]


@pytest.mark.parametrize("names", ["Notes", "read_midi, write_midi"])
def test_notes_and_midi_do_not_load_torch(names: str) -> None:
    assert "torch" not in loaded_after(f"from amt import {names}")
