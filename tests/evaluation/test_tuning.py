"""Threshold tuning finds the thresholds that give the best scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracle import FRAME_RATE, Oracle, ideal_posteriors, pedalled_notes, random_notes, silence

from amt.decoding.peaks import Decoder
from amt.evaluation.evaluate import References
from amt.evaluation.metrics import note_f1
from amt.evaluation.tuning import Part, tune, tuning_examples
from amt.notes import Notes, sustain_presses


def uncertain_posteriors(notes: Notes, seconds: float, seed: int) -> dict[str, torch.Tensor]:
    """Posteriors of an uncertain network: correct onsets reach 0.3, wrong ones 0.2; frames 0.2."""
    generator = torch.Generator().manual_seed(seed)
    rolls = ideal_posteriors(notes, seconds)
    noise = torch.rand(rolls["onset"].shape, generator=generator)
    return {
        "onset": torch.maximum(0.3 * rolls["onset"], 0.2 * (noise > 0.99)),
        "offset": 0.6 * (noise < 0.02).float(),  # random peaks only
        "frame": 0.2 * rolls["frame"] + 0.15 * noise,  # the coarse grid misses 0.15 to 0.2
        "velocity": rolls["velocity"],
    }


def test_tuning_finds_the_thresholds() -> None:
    pieces = [random_notes(seed, 30, 6) for seed in range(3)]
    pairs = [
        (uncertain_posteriors(n, 6, seed), References(n, None)) for seed, n in enumerate(pieces)
    ]
    before = Decoder()
    after = tune(pairs, before, FRAME_RATE)
    assert 0.2 < after.onset_threshold < 0.3
    assert 0.13 < after.frame_threshold < 0.25
    assert after.offset_threshold > 0.6
    for (posteriors, _), notes in zip(pairs, pieces, strict=True):
        assert note_f1(notes, before.decode(posteriors, FRAME_RATE)) == 0.0
        decoded = after.decode(posteriors, FRAME_RATE)
        assert note_f1(notes, decoded) > 0.95
        assert note_f1(notes, decoded, offset_ratio=0.2) > 0.9


def test_of_equally_good_thresholds_a_middle_one_is_chosen() -> None:
    notes = random_notes(0, 30, 6)
    posteriors = ideal_posteriors(notes, 6)
    examples = [(posteriors, References(notes, None))]
    decoder = tune(examples, Decoder(onset_threshold=0.9), FRAME_RATE)
    assert 0.2 <= decoder.onset_threshold <= 0.8
    assert note_f1(notes, decoder.decode(posteriors, FRAME_RATE), 0.2) == 1.0


def test_tuning_finds_the_thresholds_of_the_pedal_and_the_keys() -> None:
    notes = pedalled_notes()
    posteriors = ideal_posteriors(notes, 5)
    posteriors["pedal"] = 0.25 * posteriors["pedal"] + 0.15
    posteriors["release"] = 0.2 * posteriors["release"]
    examples = tuning_examples(Oracle(notes), [("piece", silence(5), notes)])
    decoder = tune([(posteriors, examples[0][1])], Decoder(), FRAME_RATE)
    assert 0.15 < decoder.pedal_threshold < 0.4
    assert decoder.release_threshold <= 0.2
    found = decoder.decode(posteriors, FRAME_RATE, "key")
    np.testing.assert_allclose(sustain_presses(found), sustain_presses(notes), atol=0.02)
    np.testing.assert_allclose(found.offset, notes.offset, atol=0.01)


@pytest.mark.parametrize(
    ("part", "outputs", "thresholds"),
    [
        ("onsets", ["onset"], {"onset_threshold", "min_interval"}),
        ("ends", ["frame", "offset"], {"frame_threshold", "offset_threshold"}),
        ("pedal", ["pedal", "release"], {"pedal_threshold", "release_threshold"}),
    ],
)
def test_only_the_part_asked_for_is_tuned(
    part: Part, outputs: list[str], thresholds: set[str]
) -> None:
    notes = pedalled_notes()
    posteriors = ideal_posteriors(notes, 5)
    for name in outputs:
        posteriors[name] = 0.4 * posteriors[name]
    before = Decoder()
    examples = tuning_examples(Oracle(notes), [("piece", silence(5), notes)])
    after = tune([(posteriors, examples[0][1])], before, FRAME_RATE, [part])
    changed = {name for name, value in vars(after).items() if value != getattr(before, name)}
    assert changed and changed <= thresholds


def test_parts_that_cannot_be_tuned() -> None:
    notes = random_notes(0, 30, 6)
    examples = [(ideal_posteriors(notes, 6), References(notes, None))]
    with pytest.raises(ValueError, match="no example has a pedal"):
        tune(examples, Decoder(), FRAME_RATE, ["pedal"])
    assert tune(examples, Decoder(), FRAME_RATE).pedal_threshold == Decoder().pedal_threshold


def test_tuning_needs_examples() -> None:
    with pytest.raises(ValueError, match="no examples"):
        tune([], Decoder(), FRAME_RATE)
