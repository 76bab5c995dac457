"""Hands: by the network and by the dividing pitch; features, windows, bundled weights."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_pieces import piece
from steady_beats import steady_beats

from amt.inference.pretrained import checksum, read_checksums
from amt.models.checkpoint import CheckpointError, read_settings
from amt.notes import Notes
from amt.score.hand_features import CHANNELS, NEIGHBOURS, hand_features
from amt.score.hand_network import HandNetwork
from amt.score.hand_posteriors import HAND_WEIGHTS, HOP, WINDOW, hand_logits, load_hand_network
from amt.score.hands import right_hand
from amt.score.notated import Notation

WEIGHTS = ("asap", "open")
MAX_BYTES = 400e3
RESTRICTION = "not for commercial use"


def played(rows: Sequence[tuple[float, float, int]]) -> Notes:
    """Notes from onset, offset and pitch in seconds."""
    onset, offset, pitch = np.array(rows).T
    return Notes(onset, offset, pitch, np.full(len(rows), 70))


def random_notes(count: int, seconds: float) -> Notes:
    rng = np.random.default_rng(0)
    onset = np.sort(rng.uniform(0, seconds, count))
    return Notes(onset, onset + 0.3, rng.integers(30, 100, count), rng.integers(20, 100, count))


@pytest.fixture
def network() -> HandNetwork:
    torch.manual_seed(0)
    return HandNetwork(width=8, hidden=4).eval()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_melody_with_broken_chords(weights: str) -> None:
    left = [(k / 4, k / 4 + 0.2, (48, 55, 52, 55)[k % 4]) for k in range(32)]
    right = [(k / 2, k / 2 + 0.4, 72 + k % 5) for k in range(16)]
    notes = played([*left, *right])
    assert (right_hand(notes, weights) == (notes.pitch >= 60)).all()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_both_hands_play_high(weights: str) -> None:
    left = [(k / 2, k / 2 + 0.4, 65 + k % 3) for k in range(16)]
    right = [(k / 4, k / 4 + 0.2, 84 + k % 4) for k in range(32)]
    notes = played([*left, *right])
    assert (right_hand(notes, weights) == (notes.pitch >= 75)).all()


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("pitch", [36, 84])
def test_one_hand_alone(weights: str, pitch: int) -> None:
    notes = played([(k / 4, k / 4 + 0.2, pitch + k % 5) for k in range(24)])
    assert (right_hand(notes, weights) == (pitch > 60)).all()


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_notes(weights: str, count: int) -> None:
    assert right_hand(random_notes(count, 1.0), weights).shape == (count,)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'other'; use one of asap, open"):
        right_hand(random_notes(2, 1.0), "other")


def test_features_do_not_know_when_a_piece_begins() -> None:
    notes = random_notes(200, 20.0)
    found = hand_features(notes)
    assert found.shape == (200, CHANNELS) and np.isfinite(found).all()
    np.testing.assert_allclose(hand_features(notes.shift(100.0)), found, atol=1e-3)


def test_features_look_at_neighbours_only() -> None:
    notes = random_notes(200, 20.0)
    part = hand_features(notes.select(np.arange(150)))
    inner = slice(None, 150 - NEIGHBOURS)
    assert (part[inner] == hand_features(notes)[inner]).all()


@pytest.mark.parametrize("count", [1, WINDOW, WINDOW + 1, WINDOW + HOP, 4 * WINDOW + 7])
def test_windows_cover_a_piece(network: HandNetwork, count: int) -> None:
    notes = random_notes(count, count / 10)
    found = hand_logits(notes, network)
    assert found.shape == (count,)
    whole = network(torch.from_numpy(hand_features(notes))[None])[0].detach().numpy()
    # The network forgets: what is far from a note changes nothing.
    np.testing.assert_allclose(found, whole, atol=1e-4)


def test_bundled_weights_have_their_checksum_and_card() -> None:
    files = sorted(HAND_WEIGHTS.glob("*.safetensors"))
    assert read_checksums(HAND_WEIGHTS) == {path.name: checksum(path) for path in files}
    assert [path.stem for path in files] == ["asap"]
    card = (HAND_WEIGHTS / "asap.md").read_text("utf-8")
    assert files[0].stat().st_size < MAX_BYTES and checksum(files[0]) in card
    assert RESTRICTION in card.replace("**", "")
    assert RESTRICTION in read_settings(files[0])["licence"]


def test_one_flipped_bit_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(HAND_WEIGHTS, tmp_path / "hands")
    monkeypatch.setattr("amt.score.hand_posteriors.HAND_WEIGHTS", tmp_path / "hands")
    path = tmp_path / "hands" / "asap.safetensors"
    load_hand_network.__wrapped__("asap")
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"asap\.safetensors: differs from its checksum"):
        load_hand_network.__wrapped__("asap")


def test_a_long_piece_is_fast() -> None:
    notes = random_notes(3600, 300.0)
    right_hand(notes)
    began = time.process_time()
    right_hand(notes)
    assert time.process_time() - began < 1.0


def test_open_notation_needs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "amt.score.hand_posteriors.load_hand_network", lambda _: pytest.fail("not free")
    )
    steady_beats(monkeypatch)
    for notation in (Notation.beside("open"), Notation(quantize=True, weights="open")):
        piece_of = notation.of(piece(bars=2, bpm=120, jitter=0))
        assert piece_of.score.notes and len(piece_of.written(piece_of.notes))
