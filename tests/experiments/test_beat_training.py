"""ASAP's files, the training material of the beat network, and a training that is interrupted."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from asap import (
    FOLDS,
    SPLITS,
    asap_splits,
    folds_of_works,
    grid_from_annotations,
    performances,
    read_annotations,
    work_of,
)
from beat_material import (
    FRAMES,
    UNKNOWN,
    asap_takes,
    batch,
    crop,
    invented_takes,
    other_piece,
    take_from,
)
from train_beats import event_loss, train, validation_pieces

from amt.analysis.symbolic.beat_features import FRAME_RATE
from amt.analysis.symbolic.beat_network import METRES
from amt.io.midi import write_midi
from amt.notes import Notes

# A pickup of one beat; 3/4 becomes 6/8, and D major (two sharps) F major (one flat).
LABELS = ["b,,2", "db,3/4", "b", "b", "db", "b", "b", "db,6/8,-1", "b", "db", "bR", "db", "b"]
WORKS = ("A/1", "A/1_no_repeat", "A/2", "A/3", "A/4", "A/5", "B/1")


@pytest.fixture(scope="module")
def asap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven compositions with two performances each, of one note for each beat."""
    root = tmp_path_factory.mktemp("asap")
    rows = ["composer,title,folder,performance,annotations,maestro_v2"]
    for work in WORKS:
        folder = root / work
        folder.mkdir(parents=True)
        for name, period in (("one", 0.5), ("two", 0.6), ("midi_score", 0.5)):
            beats = 1 + period * np.arange(len(LABELS))
            notes = Notes(beats, beats + 0.3, 60 + np.arange(len(beats)), np.full(len(beats), 64))
            write_midi(folder / f"{name}.mid", notes)
            lines = [f"{t}\t{t}\t{label}\n" for t, label in zip(beats, LABELS, strict=True)]
            (folder / f"{name}_annotations.txt").write_text("".join(lines))
        rows += [f"{work[0]},T,{work},{n}.mid,{n}_annotations.txt," for n in ("one", "two")]
    (root / "index.csv").write_text("\n".join(rows) + "\n")
    return root


def test_splits_are_by_work_and_every_composer_is_in_train(asap: Path) -> None:
    splits = asap_splits(asap)
    assert set(splits) == set(WORKS) and set(splits.values()) == set(SPLITS)
    assert splits["A/1"] == splits["A/1_no_repeat"] and splits["B/1"] == "train"
    assert len(performances(asap)) == 2 * len(WORKS)
    by_split = [{one.work for one in performances(asap, split)} for split in SPLITS]
    assert sum(map(len, by_split)) == len({work_of(work) for work in WORKS})


def test_folds_are_by_work_and_have_as_many_of_a_split(asap: Path) -> None:
    folds, splits = folds_of_works(asap), asap_splits(asap)
    assert set(folds) == {work_of(work) for work in WORKS}
    for split in SPLITS:
        works = {work_of(one) for one, name in splits.items() if name == split}
        counts = np.bincount([folds[work] for work in works], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


def test_annotations(asap: Path) -> None:
    found = read_annotations(performances(asap)[0].annotations)
    assert found.beats[:3].tolist() == [1.0, 1.5, 2.0] and found.downbeats.sum() == 5
    assert found.metres == ((1, "3/4"), (7, "6/8")) and found.keys == ((0, 2), (7, -1))
    assert (~found.strict).nonzero()[0].tolist() == [10]
    assert [found.metre_at(t) for t in (0, 4.4, 4.5)] == ["3/4", "3/4", "6/8"]
    assert [found.key_at(t) for t in (0, 4.4, 4.5)] == [2, 2, -1]


def test_the_true_grid_has_the_pickup_and_the_metres(asap: Path) -> None:
    grid = grid_from_annotations(read_annotations(performances(asap)[0].annotations))
    assert [(one.first_bar, one.signature) for one in grid.metres] == [(0, "3/4"), (3, "6/8")]
    assert not grid.downbeats[0] and grid.certainty == 1.0


def test_targets_of_a_crop_fit_its_notes(asap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every beat has a note: they are in the same frame, within the jitter of onsets."""
    monkeypatch.setattr("beat_material.other_piece", lambda _, notes: notes)
    works = asap_takes(asap, ["train"])
    rng = np.random.default_rng(0)
    for _ in range(20):
        played, written = works[rng.integers(len(works))]
        found = crop(rng, played[0] if rng.random() < 0.5 else written[0])
        assert found["features"].shape[0] == FRAMES == len(found["beat"])
        onsets = found["features"][:, :88].any(1).nonzero()[0]
        beats = found["beat"].nonzero()[0]
        far = np.abs(onsets[:, None] - beats).min(1)
        assert len(beats) and np.mean(far <= 3) > 0.9
        assert set(found["downbeat"].nonzero()[0]) <= set(beats)
        known = {METRES.index("3/4"), METRES.index("6/8"), UNKNOWN}
        assert set(found["metre"].tolist()) <= known


def test_other_pieces_keep_their_onsets() -> None:
    """Notes are left out, moved by octaves or flattened, each often; never moved in time."""
    notes = invented_takes(1, seed=0)[0][0][0].notes
    rng, changed = np.random.default_rng(0), {"fewer": 0, "octaves": 0, "flat": 0}
    for _ in range(60):
        other = other_piece(rng, notes)
        kept = np.searchsorted(notes.onset, other.onset)
        assert (notes.onset[kept] == other.onset).all()
        assert not len(other) or (other.pitch.min() >= 21 and other.pitch.max() <= 108)
        changed["fewer"] += len(other) < 0.95 * len(notes)
        changed["octaves"] += bool(np.abs(other.pitch.mean() - notes.pitch[kept].mean()) > 2)
        changed["flat"] += other.velocity.std() < 0.5 * notes.velocity.std()
    assert min(changed.values()) > 5


def test_works_of_a_fold_are_left_out(asap: Path) -> None:
    whole = len(asap_takes(asap, SPLITS))
    parts = [len(asap_takes(asap, SPLITS, fold)) for fold in range(FOLDS)]
    assert sum(whole - part for part in parts) == whole and max(parts) < whole
    folds, works = folds_of_works(asap), {one.work for one in performances(asap)}
    held = {one.work: one.split for one in performances(asap) if folds[one.work] == 0}
    assert len(asap_takes(asap, SPLITS, 0)) == len(works) - len(held)
    seen = [split for split in held.values() if split != "test"]
    assert len(validation_pieces(asap, 0)) == len(seen)


def test_one_batch_is_the_same_for_one_seed() -> None:
    works = invented_takes(2, seed=0)
    first, second, other = (batch(np.random.default_rng(n), [works], 2) for n in (1, 1, 2))
    for name, column in first.items():
        assert (column == second[name]).all()
    assert (first["features"] != other["features"]).any()


def test_early_and_late_beats_cost_nothing() -> None:
    events, known = torch.zeros(1, 100), torch.ones(1, 100)
    events[0, 50] = 1

    def cost(frame: int) -> float:
        logits = torch.full((1, 100), -20.0)
        logits[0, frame] = 20.0
        return float(event_loss(logits, events, known))

    assert cost(50) == pytest.approx(cost(52)) == pytest.approx(cost(48), abs=1e-4)
    assert cost(50) < 1e-3 and cost(56) > 1.0


def test_a_training_that_goes_on_ends_as_one_without_a_break(asap: Path, tmp_path: Path) -> None:
    def run(folder: str, stop: int, workers: int = 0, fold: int | None = None) -> bytes:
        options = argparse.Namespace(
            asap=asap,
            run=tmp_path / folder / "run",
            splits=["train"],
            material="asap",
            steps=2,
            batch=1,
            lr=1e-3,
            seed=0,
            device="cpu",
            workers=workers,
            fold=fold,
            pieces=0,
            validate=1,
            start=None,
        )
        options.run.mkdir(parents=True, exist_ok=True)
        train(options, validation_pieces(asap)[:1], stop)
        return (options.run / "averaged.safetensors").read_bytes()

    whole = run("whole", 2)
    assert run("parts", 1) != whole
    assert run("parts", 2, workers=1) == whole
    with pytest.raises(SystemExit, match="began with fold=None, not 1; use another RUN"):
        run("parts", 2, fold=1)


def test_scores_become_exact_takes(asap: Path) -> None:
    one = performances(asap)[0]
    take = take_from(Notes.empty(), read_annotations(one.score_annotations), exact=True)
    assert take.exact and METRES[take.metre[0]] == "3/4" and METRES[take.metre[-1]] == "6/8"
    assert FRAME_RATE * take.beats[0] == 50
