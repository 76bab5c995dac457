"""The HMM decoder: paths equal those of Viterbi's algorithm, and the notes they give."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor

from amt.decoding.build import build_decoder
from amt.decoding.hmm import HmmDecoder, most_likely_states
from amt.decoding.peaks import Decoder

FRAME_RATE = 31.25
RATES = {"attack": [0.005] * 88, "release": [0.05] * 88}
DECODER = HmmDecoder(**RATES)


def textbook(evidence: np.ndarray, attack: float, release: float) -> list[bool]:
    """Viterbi's algorithm for one key, state by state and frame by frame (Rabiner 1989)."""
    change = np.log([[1 - attack, attack], [release, 1 - release]])
    best, came_from = np.array([0.0, -np.inf]), []
    for value in evidence:
        ways = best[:, None] + change
        came_from.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + np.array([0.0, value])
    path = [int(best[1] > best[0])]
    for before in came_from[:0:-1]:
        path.append(before[path[-1]])
    return [bool(state) for state in path[::-1]]


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("spread", [0.5, 3.0, 30.0])
def test_paths_are_those_of_the_textbook(frames: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(frames)
    evidence = spread * torch.randn(frames, 88, generator=generator) - spread / 2
    attack = torch.linspace(0.001, 0.4, 88)
    release = torch.linspace(0.3, 0.002, 88)
    path = most_likely_states(evidence, attack, release)
    for key in range(0, 88, 4):
        values = evidence[:, key].double().numpy()
        expected = textbook(values, float(attack[key]), float(release[key]))
        assert path[:, key].tolist() == expected


def played(frames: int = 60) -> dict[str, Tensor]:
    """Key 40 sounds in frames 10 to 39 but for one; key 50 in frame 20 alone, faintly."""
    frame = torch.full((frames, 88), 0.001)
    frame[10:40, 40] = 0.97
    frame[25, 40] = 0.1
    frame[20, 50] = 0.6
    return {"frame": frame, "onset": torch.zeros(frames, 88)}


def test_short_gaps_are_closed_and_single_frames_ignored() -> None:
    notes = DECODER.decode(played(), FRAME_RATE)
    assert notes.pitch.tolist() == [61]
    assert notes.onset[0] * FRAME_RATE == pytest.approx(10, abs=1)
    assert notes.offset[0] * FRAME_RATE == pytest.approx(39.5, abs=1)


def test_a_key_that_is_struck_again_begins_a_new_note() -> None:
    posteriors = played()
    posteriors["onset"][29:32, 40] = torch.tensor([0.4, 0.9, 0.4])
    notes = DECODER.decode(posteriors, FRAME_RATE)
    assert notes.pitch.tolist() == [61, 61]
    assert notes.onset[1] * FRAME_RATE == pytest.approx(30, abs=0.1)
    assert notes.offset[0] == notes.onset[1]


def test_an_onset_without_a_sound_is_no_note() -> None:
    posteriors = played()
    posteriors["onset"][50, 60] = 0.9
    assert DECODER.decode(posteriors, FRAME_RATE).pitch.tolist() == [61]


def test_a_key_that_never_sounded_in_training_stays_silent() -> None:
    never = {"attack": [1e-5] * 88, "release": [0.1] * 88}
    faint = {"frame": torch.full((50, 88), 1e-4), "onset": torch.zeros(50, 88)}
    assert len(HmmDecoder(**never).decode(faint, FRAME_RATE)) == 0


def test_half_precision_gives_the_same_notes() -> None:
    half = {name: values.half() for name, values in played().items()}
    notes, expected = (DECODER.decode(p, FRAME_RATE) for p in (half, played()))
    assert notes.onset.tolist() == expected.onset.tolist()


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_silence_has_no_notes(frames: int) -> None:
    silent = {name: torch.zeros(frames, 88) for name in ("frame", "onset")}
    assert len(DECODER.decode(silent, FRAME_RATE)) == 0


def test_broken_posteriors_are_refused() -> None:
    with pytest.raises(ValueError, match="missing: frame"):
        DECODER.decode({"onset": torch.zeros(5, 88)}, FRAME_RATE)
    with pytest.raises(ValueError, match="missing: onset"):
        DECODER.decode({"frame": torch.zeros(5, 88)}, FRAME_RATE)
    broken = played()
    broken["frame"][3, 3] = torch.nan
    with pytest.raises(ValueError, match="NaN in frame"):
        DECODER.decode(broken, FRAME_RATE)


@pytest.mark.parametrize("rates", [{"attack": [0.1]}, {"release": [0.0] * 88}])
def test_invalid_transition_probabilities_are_refused(rates: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(rates))}: expected 88 probabilities"):
        HmmDecoder(**{**RATES, **rates})


def test_a_decoder_can_be_stored_as_json() -> None:
    assert build_decoder(json.loads(json.dumps(asdict(DECODER)))) == DECODER
    assert build_decoder({"onset_threshold": 0.4}) == Decoder(onset_threshold=0.4)
