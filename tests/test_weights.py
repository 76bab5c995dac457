"""The weights that come with the package: what the card says of them, and that they transcribe."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from amt.metrics import note_scores
from amt.notes import Notes
from amt.synth import piano
from amt.transcriber import WEIGHTS, Transcriber, bundled_checkpoint


def test_the_card_has_the_checksum_of_every_file() -> None:
    card = (WEIGHTS / "README.md").read_text("utf-8")
    files = sorted(WEIGHTS.glob("*.ckpt"))
    assert files
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card, path


def test_files_are_small_and_say_nothing_of_where_they_were_made() -> None:
    for path in WEIGHTS.glob("*.ckpt"):
        assert path.stat().st_size < 5e6
        checkpoint = torch.load(path, weights_only=True)
        assert set(checkpoint) == {"state_dict", "hyper_parameters"}
        assert set(checkpoint["hyper_parameters"]) == {"model", "decoder"}


def test_a_scale_with_chords_is_transcribed() -> None:
    scale = np.array([48, 52, 55, 60, 62, 64, 65, 67, 69, 71, 72, 76])
    onset = np.arange(len(scale)) * 0.4 + 0.5
    played = Notes(onset, onset + 0.6, scale, np.full(len(scale), 80))
    sound = piano.render(played, piano.Instrument(), np.random.default_rng(0), 6.5)
    heard = Transcriber.load(bundled_checkpoint()).transcribe(sound)
    assert note_scores(played, heard)["note_f1"] > 0.8
