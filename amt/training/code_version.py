"""The version of the code that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import amt


def code_version() -> dict[str, str | None]:
    """amt: the version of the package. commit: in a checkout of git, else None.

    A commit ends in + where files differ from it.
    """
    folder = Path(amt.__file__).parents[1]
    return {
        "amt": amt.__version__,
        "commit": _commit(folder) if (folder / ".git").exists() else None,
    }


def _commit(folder: Path) -> str | None:
    words = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run([*words, "--dirty=+"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # No git, or no commit.
        return None
    return done.stdout.strip()
