"""Hydra up to 1.3.8, the newest, does not start on Python 3.14; a later one may not need this."""

from __future__ import annotations

import argparse
import sys


def accept_help_of_hydra() -> None:
    """Let Hydra add its option --shell-completion, whose help is made when it is shown.

    From Python 3.14 on argparse checks the help of an option when it is added, and expects a str.
    """
    if sys.version_info >= (3, 14):
        argparse.ArgumentParser._check_help = lambda *_: None  # type: ignore[attr-defined]
