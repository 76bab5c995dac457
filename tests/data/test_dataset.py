from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_recordings import ListSource, bad_piece, ramp_cache, recorded_piece, tone
from torch.utils.data import DataLoader, Dataset

from amt.data.cache import prepare
from amt.data.dataset import IndexSampler, NoteTable, Segments, collate, cut
from amt.data.manifest import CacheError, read_manifest
from amt.data.pieces import Recording
from amt.io.audio import SAMPLE_RATE
from amt.notes import ONSET, PITCH, Notes, Pedal

SECOND = SAMPLE_RATE


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ramp_cache(tmp_path_factory.mktemp("cache"), [1.0, 3.0, 6.0])


def piece_and_start(audio: np.ndarray) -> tuple[int, int]:
    """Index of the piece and start (modulo 2000) of an excerpt of a ramp."""
    mark, start = divmod(round(float(audio[0]) * 32767) - 1, 2000)
    return mark, start


def test_segments_depend_on_seed_and_index_alone(root: Path) -> None:
    first, again = (Segments([root], "train", SECOND, seed=1) for _ in range(2))
    other = Segments([root], "train", SECOND, seed=2)
    audio = [np.asarray(first[index]["audio"]) for index in range(20)]
    for index in reversed(range(20)):
        np.testing.assert_array_equal(again[index]["audio"], audio[index])
    assert len({piece_and_start(excerpt) for excerpt in audio}) > 15
    assert any((other[index]["audio"] != audio[index]).any() for index in range(20))


def test_pieces_are_drawn_by_duration_and_starts_are_uniform(root: Path) -> None:
    segments = Segments([root], "train", SECOND // 4, seed=0)
    drawn = [piece_and_start(np.asarray(segments[index]["audio"])) for index in range(2000)]
    counts = np.bincount([piece for piece, _ in drawn], minlength=3) / 2000
    np.testing.assert_allclose(counts, [0.1, 0.3, 0.6], atol=0.04)
    starts = [start for _, start in drawn]
    assert np.histogram(starts, bins=10, range=(0, 2000))[0].min() > 140


def test_a_share_is_of_all_segments_whatever_the_duration(root: Path, tmp_path: Path) -> None:
    other = ramp_cache(tmp_path / "other", [1.5])
    for shares in ([None, 0.5], [0.25, 0.5]):
        segments = Segments([root, other], "train", SECOND, seed=0, shares=shares)
        drawn = [segments.locate(index)[0] for index in range(2000)]
        share = 0.5 if shares[0] is None else 0.5 / 0.75
        assert drawn.count(other) / 2000 == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("shares", [[None, 1.0], [0.6, 0.6], [-0.1, None]])
def test_shares_that_leave_nothing(root: Path, shares: list[float | None]) -> None:
    with pytest.raises(ValueError, match="less than 1"):
        Segments([root, root], "train", SECOND, seed=0, shares=shares)


def test_weights_of_caches_multiply_durations(root: Path, tmp_path: Path) -> None:
    other = ramp_cache(tmp_path, [10.0])
    segments = Segments([root, other], "train", SECOND, seed=0, weights=[1.0, 3.0])
    from_other = [segments.locate(index)[0] == other for index in range(1000)]
    assert np.mean(from_other) == pytest.approx(0.75, abs=0.05)
    never = Segments([root, other], "train", SECOND, seed=0, weights=[0.0, 1.0])
    assert all(never.locate(index)[0] == other for index in range(50))


def test_notes_are_aligned_with_the_audio(root: Path) -> None:
    segments = Segments([root], "train", SECOND, seed=3)
    for index in range(30):
        segment = segments[index]
        start = segments.locate(index)[2] / SAMPLE_RATE
        onset = segment["notes"][:, ONSET] + start
        # The notes of `small_recordings` begin at multiples of a quarter second.
        np.testing.assert_allclose(onset * 4, np.round(onset * 4), atol=1e-4)
        assert piece_and_start(segment["audio"])[1] == round(start * SAMPLE_RATE) % 2000


def test_short_pieces_are_padded(root: Path) -> None:
    entry = read_manifest(root)[0]
    segment = cut(root, entry, 0, 2 * SECOND, extend_sustain=True)
    assert segment["length"] == SECOND and segment["audio"].shape == (2 * SECOND,)
    assert segment["audio"].dtype == np.float32
    assert (segment["audio"][:SECOND] != 0).all() and (segment["audio"][SECOND:] == 0).all()


times = st.floats(0, 20)
durations = st.one_of(st.floats(0, 0.5), st.floats(0, 20))


@settings(deadline=None)
@given(st.lists(st.tuples(times, durations), max_size=30), times, st.floats(0.01, 5))
def test_all_notes_that_sound_within_a_segment_are_found(
    spans: list[tuple[float, float]], start: float, length: float
) -> None:
    onset = np.array([span[0] for span in spans])
    offset = onset + np.array([span[1] for span in spans])
    columns = Notes(onset, offset, np.full(len(onset), 60), np.full(len(onset), 64))
    table = NoteTable.from_notes(columns)
    stop = start + length
    found = table.notes_between(start, stop)
    inside = (onset < stop) & ((offset > start) | (onset >= start))
    assert len(found) == inside.sum()
    np.testing.assert_allclose(np.sort(found[:, ONSET]), np.sort(onset[inside] - start))


def test_sustain_is_extended_only_on_request(tmp_path: Path) -> None:
    notes = Notes([0.5], [0.6], [60], [80], Pedal([0.4, 2.5], [64, 64], [127, 0]))
    prepare(ListSource([recorded_piece("a", Recording(tone(4.0), notes))]), tmp_path, workers=0)
    entry = read_manifest(tmp_path)[0]
    extended = cut(tmp_path, entry, 2 * SECOND, SECOND, extend_sustain=True)
    np.testing.assert_allclose(extended["notes"], [[-1.5, 0.5, 60, 80, -1.4]], atol=1e-6)
    np.testing.assert_allclose(extended["pedal"], [[-1.6, 0.5]], atol=1e-6)
    assert extended["pedal_known"]
    assert len(cut(tmp_path, entry, 2 * SECOND, SECOND, extend_sustain=False)["notes"]) == 0


def test_collate_pads_notes_with_pitch_0(root: Path) -> None:
    entries = read_manifest(root)
    segments = [cut(root, entry, 0, 2 * SECOND, True) for entry in entries]
    batch = collate(segments)
    assert batch["audio"].shape == (3, 2 * SECOND) and batch["audio"].dtype == torch.float32
    assert batch["length"].tolist() == [SECOND, 2 * SECOND, 2 * SECOND]
    assert batch["length"].dtype == torch.int64
    for table, segment in zip(batch["notes"], segments, strict=True):
        count = len(segment["notes"])
        np.testing.assert_array_equal(table[:count], segment["notes"])
        assert (table[:count, PITCH] >= 21).all() and (table[count:] == 0).all()
    silent = collate([{**segment, "notes": np.zeros((0, 5), np.float32)} for segment in segments])
    assert silent["notes"].shape == (3, 0, 5)
    assert batch["pedal"].shape == (3, 0, 2) and batch["pedal_known"].tolist() == [False] * 3


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 4))
def test_each_index_is_drawn_by_exactly_one_rank(length: int, world_size: int, epoch: int) -> None:
    now = epoch
    samplers = [
        IndexSampler(length, rank, world_size, lambda: now * -(-length // world_size) * world_size)
        for rank in range(world_size)
    ]
    drawn: list[int] = []
    for now in range(epoch, epoch + 2):  # noqa: B007 (read by the samplers)
        shares = [list(sampler) for sampler in samplers]
        assert {len(share) for share in shares} == {len(samplers[0])}
        drawn += [index for share in shares for index in share]
    first, count = epoch * len(samplers[0]) * world_size, 2 * len(samplers[0]) * world_size
    assert sorted(drawn) == list(range(first, first + count))
    assert length <= count / 2 < length + world_size


def test_a_resumed_sampler_continues_where_it_stopped() -> None:
    drawn = 0
    whole = IndexSampler(7, start=lambda: drawn)
    sequence = []
    for _ in range(4):
        sequence += list(whole)
        drawn += 7
    assert list(IndexSampler(7, start=lambda: 14)) == sequence[14:21]
    with pytest.raises(ValueError, match="rank 2"):
        IndexSampler(7, rank=2, world_size=2)


class _Numbered(Dataset):
    """Segments with their index."""

    def __init__(self, segments: Segments) -> None:
        self.segments = segments

    def __getitem__(self, index: int) -> tuple[int, float]:
        return index, float(np.asarray(self.segments[index]["audio"]).sum())


def test_two_workers_and_two_ranks_draw_what_one_process_draws(root: Path) -> None:
    numbered = _Numbered(Segments([root], "train", SECOND // 10, seed=5))
    drawn: dict[int, float] = {}
    for rank in range(2):
        sampler = IndexSampler(12, rank, world_size=2, start=lambda: 12)
        loader = DataLoader(numbered, batch_size=2, sampler=sampler, num_workers=2)
        for indices, sums in loader:
            for index, total in zip(indices.tolist(), sums.tolist(), strict=True):
                assert index not in drawn
                drawn[index] = total
    assert drawn == {index: numbered[index][1] for index in range(12, 24)}


def test_errors_for_invalid_arguments(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no test pieces"):
        Segments([root], "test", SECOND, seed=0)
    with pytest.raises(ValueError, match="2 weights for 1 cache"):
        Segments([root], "train", SECOND, seed=0, weights=[1, 2])
    with pytest.raises(ValueError, match="not be negative"):
        Segments([root], "train", SECOND, seed=0, weights=[-1])
    with pytest.raises(CacheError, match="amt prepare"):
        Segments([tmp_path / "nowhere"], "train", SECOND, seed=0)
    prepare(ListSource([bad_piece("bad", "value")]), tmp_path, workers=0)
    with pytest.raises(ValueError, match="no train pieces"):
        Segments([tmp_path], "train", SECOND, seed=0)
