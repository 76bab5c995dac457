"""Hydra's options can be added on Python 3.14."""

from __future__ import annotations

import argparse
import sys

import pytest

from amt.training.python_3_14 import accept_help_of_hydra


@pytest.mark.skipif(sys.version_info < (3, 14), reason="argparse does not check help texts")
def test_help_that_is_not_text_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argparse.ArgumentParser, "_check_help", argparse.ArgumentParser._check_help)
    with pytest.raises(ValueError, match="badly formed help"):
        argparse.ArgumentParser().add_argument("--shell-completion", help=object())
    accept_help_of_hydra()
    argparse.ArgumentParser().add_argument("--shell-completion", help=object())
