"""Evaluation: rows and means by piece, and a search that finds the thresholds that matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amt.data.targets import make_pedal_targets, make_targets
from amt.decoding.peaks import Decoder
from amt.evaluation.evaluate import Evaluation, References, evaluate
from amt.evaluation.metrics import note_f1, note_scores
from amt.evaluation.tuning import tune, tuning_examples
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes, Pedal, extend_sustain, sustain_presses

FRAME_RATE = 50.0


def playing(seed: int, count: int, seconds: float) -> Notes:
    rng = np.random.default_rng(seed)
    onset = rng.uniform(0, seconds - 1, count)
    pitch = rng.permutation(88)[:count] + 21
    return Notes(onset, onset + rng.uniform(0.2, 0.9, count), pitch, rng.integers(20, 120, count))


def perfect(notes: Notes, seconds: float) -> dict[str, torch.Tensor]:
    ends = extend_sustain(notes).offset
    table = np.stack([notes.onset, ends, notes.pitch, notes.velocity, notes.offset], axis=1)
    presses = torch.tensor(sustain_presses(notes))[None].float()
    size = int(seconds * FRAME_RATE), FRAME_RATE
    rolls = make_targets(torch.tensor(table)[None].float(), *size)
    rolls["pedal"] = make_pedal_targets(presses, *size)
    return {name: roll[0] for name, roll in rolls.items()}


class Oracle:
    """Knows the notes, whatever it hears; says how many samples it was given."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.heard: list[int] = []

    decoder = Decoder()
    frame_rate = FRAME_RATE

    def posteriors(self, audio: np.ndarray) -> dict[str, torch.Tensor]:
        self.heard.append(len(audio))
        return perfect(self.notes, len(audio) / SAMPLE_RATE)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


def test_rows_and_means() -> None:
    right, other = playing(0, 30, 10), playing(1, 20, 10)
    pieces = [("right", silence(10), right), ("other", silence(4), other)]
    evaluation = evaluate(Oracle(right), iter(pieces))
    first, second = evaluation.rows
    assert (first["name"], first["seconds"]) == ("right", 10)
    assert (second["name"], second["seconds"]) == ("other", 4)
    assert first["note_offset_velocity_f1"] == 1.0
    assert {k: v for k, v in second.items() if k in note_scores(other, right)} == note_scores(
        other, right
    )
    assert float(second["note_f1"]) < 0.2
    assert evaluation.means["note_f1"] == (1.0 + float(second["note_f1"])) / 2
    assert set(evaluation.means) == set(note_scores(right, right))
    assert evaluation.speed > 0


def test_a_score_that_some_pieces_lack_is_averaged_over_the_others() -> None:
    rows = [
        {"name": "a", "seconds": 1.0, "took": 0.5, "note_f1": 0.2, "pedal_f1": 0.4},
        {"name": "b", "seconds": 3.0, "took": 0.5, "note_f1": 0.4},
    ]
    evaluation = Evaluation(rows)
    assert evaluation.means == pytest.approx({"note_f1": 0.3, "pedal_f1": 0.4})
    assert evaluation.speed == 4.0


def test_nothing_to_evaluate() -> None:
    evaluation = evaluate(Oracle(Notes.empty()), [])
    assert (evaluation.rows, evaluation.means, evaluation.speed) == ([], {}, 0.0)


def test_first_seconds_crop_audio_and_reference() -> None:
    notes = Notes([1.0, 4.5, 8.0], [2.0, 7.0, 9.0], [60, 62, 64], [64, 64, 64])
    oracle = Oracle(notes.crop(0, 5))
    row = evaluate(oracle, [("piece", silence(10), notes)], first_seconds=5.0).rows[0]
    assert oracle.heard == [5 * SAMPLE_RATE]
    assert row["seconds"] == 5.0
    assert row["note_offset_f1"] == 1.0
    assert float(row["frame_f1"]) > 0.99
    (posteriors, references), *_ = tuning_examples(oracle, [("piece", silence(10), notes)], 5.0)
    assert len(posteriors["onset"]) == 5 * FRAME_RATE
    assert references.sound.pitch.tolist() == [60, 62]


def blurred(notes: Notes, seconds: float, seed: int) -> dict[str, torch.Tensor]:
    """Posteriors of a timid network: right onsets reach 0.3, wrong ones 0.2; frames 0.2."""
    generator = torch.Generator().manual_seed(seed)
    rolls = perfect(notes, seconds)
    noise = torch.rand(rolls["onset"].shape, generator=generator)
    return {
        "onset": torch.maximum(0.3 * rolls["onset"], 0.2 * (noise > 0.99)),
        "offset": 0.6 * (noise < 0.02).float(),  # knows nothing of offsets
        "frame": 0.2 * rolls["frame"] + 0.15 * noise,  # the coarse grid misses 0.15 to 0.2
        "velocity": rolls["velocity"],
    }


def test_tuning_finds_the_thresholds() -> None:
    pieces = [playing(seed, 30, 6) for seed in range(3)]
    pairs = [(blurred(n, 6, seed), References(n, None)) for seed, n in enumerate(pieces)]
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


def test_tuning_leaves_what_is_perfect_in_the_middle() -> None:
    notes = playing(0, 30, 6)
    decoder = tune(
        [(perfect(notes, 6), References(notes, None))], Decoder(onset_threshold=0.9), FRAME_RATE
    )
    assert 0.2 <= decoder.onset_threshold <= 0.8
    assert note_f1(notes, decoder.decode(perfect(notes, 6), FRAME_RATE), 0.2) == 1.0


def pedalled() -> Notes:
    """Keys come up at once, the pedal holds every second pair of notes."""
    onset = np.arange(8) * 0.5 + 0.25
    pedal = Pedal([0.2, 1.1, 2.2, 3.1], [64] * 4, [127, 0, 90, 10])
    return Notes(onset, onset + 0.15, np.arange(60, 68), np.full(8, 70), pedal)


def test_both_ends_of_notes_and_the_pedal_are_scored() -> None:
    notes = pedalled()
    means = evaluate(Oracle(notes), [("piece", silence(5), notes)]).means
    assert means["note_offset_f1"] == means["note_release_f1"] == means["pedal_f1"] == 1.0
    by_key = evaluate(Oracle(notes), [("piece", silence(5), notes)], extend_sustain=False).means
    assert by_key["note_offset_f1"] == 0.5
    assert by_key["note_release_f1"] == 1.0


def test_without_movements_the_pedal_is_not_scored() -> None:
    notes = playing(0, 20, 5)
    means = evaluate(Oracle(notes), [("piece", silence(5), notes)]).means
    assert not {"note_release_f1", "pedal_f1"} & set(means)


def test_tuning_finds_the_thresholds_of_the_pedal_and_the_keys() -> None:
    notes = pedalled()
    posteriors = perfect(notes, 5)
    posteriors["pedal"] = 0.25 * posteriors["pedal"] + 0.15
    posteriors["release"] = 0.2 * posteriors["release"]
    examples = tuning_examples(Oracle(notes), [("piece", silence(5), notes)])
    decoder = tune([(posteriors, examples[0][1])], Decoder(), FRAME_RATE)
    assert 0.15 < decoder.pedal_threshold < 0.4
    assert decoder.release_threshold <= 0.2
    found = decoder.decode(posteriors, FRAME_RATE, "key")
    np.testing.assert_allclose(sustain_presses(found), sustain_presses(notes), atol=0.02)
    np.testing.assert_allclose(found.offset, notes.offset, atol=0.01)


def test_tuning_needs_examples() -> None:
    with pytest.raises(ValueError, match="no examples"):
        tune([], Decoder(), FRAME_RATE)
