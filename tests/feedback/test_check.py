"""Decisions on the pairs of a lake: what a check decides, what users decide, races, kills."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from buckets import BUCKET
from corrected_pairs import file_of, hearing, melody, plucked, save_pair, shifted, without_first
from fault_proxy import faulty_storage

from amt.cloud.folder_lake import FolderLake
from amt.cloud.lake import Lake, open_lake
from amt.data.pieces import hash_split
from amt.feedback.check import Shares, check_pairs, decide, take_back
from amt.feedback.decision import Decision, read_decision
from amt.feedback.findings import Transcribe
from amt.feedback.pairs import PairError, accepted, list_pairs
from amt.notes import Notes

MODELS = {"base": hearing(0, 1, 2, 3), "fast": hearing(0, 1, 2, 3)}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(tmp_path / "lake")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    with faulty_storage(monkeypatch):
        yield open_lake(f"gs://{BUCKET}/some/where")


def checked(lake: Lake, models: dict[str, Transcribe] = MODELS, **options: bool) -> dict[str, str]:
    return {pair.id: decision.decision for pair, decision in check_pairs(lake, models, **options)}


def stored(lake: Lake) -> dict[str, bytes]:
    return {one.name: lake.read(one.name) for one in lake.list("feedback/")}


def not_called(audio: np.ndarray) -> Notes:
    raise AssertionError("a pair was judged again")


@pytest.mark.parametrize("place", ["lake", "bucket"])
def test_each_pair_gets_a_decision(place: str, request: pytest.FixtureRequest) -> None:
    lake = request.getfixturevalue(place)
    save_pair(lake, "good-1-a", 0)
    save_pair(lake, "late-1-a", 1, lambda notes: shifted(notes, 0.05))
    save_pair(lake, "same-1-a", 2, lambda notes: notes)
    save_pair(lake, "text-1-a", 3, audio=b"no audio")
    expected = {
        "good-1-a": "accepted",
        "late-1-a": "review",
        "same-1-a": "rejected",
        "text-1-a": "rejected",
    }
    assert checked(lake) == expected
    assert [pair.id for pair in accepted(lake)] == ["good-1-a"]
    before = stored(lake)
    document = json.loads(before["feedback/late-1-a.json"])
    assert document["pair"] == "late-1-a" and document["by"] == "check"
    assert "50 ms" in document["reason"] and document["audio_crc32c"] and document["decided"]
    assert checked(lake, {"base": not_called}) == expected
    assert stored(lake) == before


def test_of_a_recording_corrected_twice_the_newest_counts(lake: Lake) -> None:
    save_pair(lake, "a-1-a", 0)
    assert checked(lake) == {"a-1-a": "accepted"}
    save_pair(lake, "b-1-b", 0, lambda notes: without_first(without_first(notes)))
    assert checked(lake) == {"a-1-a": "rejected", "b-1-b": "accepted"}
    assert "b-1-b" in list_pairs(lake)[0].decision.reason  # type: ignore[union-attr]
    decide(lake, "b-1-b", "rejected", "wrong")
    assert checked(lake) == {"a-1-a": "accepted", "b-1-b": "rejected"}


def test_the_same_audio_in_another_format_is_the_same_recording(lake: Lake) -> None:
    save_pair(lake, "a-1-a", 0)
    save_pair(lake, "b-1-b", 0, audio=file_of(0.5 * plucked(melody(0)), "OGG"))
    assert checked(lake) == {"a-1-a": "rejected", "b-1-b": "accepted"}
    first, second = (decision_of(lake, pair) for pair in ("a-1-a", "b-1-b"))
    assert first.audio == second.audio and first.split == second.split
    assert first.audio_crc32c != second.audio_crc32c


def decision_of(lake: Lake, pair: str) -> Decision:
    found = read_decision(lake, pair)
    assert found is not None
    return found


def test_a_newer_pair_that_is_of_no_use_replaces_nothing(lake: Lake) -> None:
    save_pair(lake, "a-1-a", 0)
    save_pair(lake, "b-1-b", 0, lambda notes: notes)
    assert checked(lake) == {"a-1-a": "accepted", "b-1-b": "rejected"}


def test_what_a_user_decided_stays_until_it_is_taken_back(lake: Lake) -> None:
    save_pair(lake, "late-1-a", 1, lambda notes: shifted(notes, 0.05))
    checked(lake)
    assert decide(lake, "late", "accepted", "it is right").by == "user"
    assert checked(lake) == checked(lake, again=True) == {"late-1-a": "accepted"}
    found = decision_of(lake, "late-1-a")
    assert found.reason == "it is right" and found.findings[0].kind == "misaligned"
    assert take_back(lake, "late").decision == "review"
    with pytest.raises(PairError, match="taken back"):
        take_back(lake, "late")


def test_a_user_may_decide_before_the_check(lake: Lake) -> None:
    save_pair(lake, "same-1-a", 2, lambda notes: notes)
    decide(lake, "same-1-a", "accepted", "confirmed")
    assert [pair.id for pair in accepted(lake)] == ["same-1-a"]
    assert checked(lake) == {"same-1-a": "accepted"}
    assert decision_of(lake, "same-1-a").findings[0].kind == "unchanged"
    assert take_back(lake, "same-1-a").decision == "rejected"


def test_a_changed_pair_is_decided_anew(lake: Lake) -> None:
    save_pair(lake, "a-1-a", 0)
    decide(lake, "a-1-a", "rejected", "no")
    save_pair(lake, "a-1-a", 0, lambda notes: without_first(without_first(notes)))
    (pair,) = list_pairs(lake)
    assert pair.status == "changed" and pair.decision is None
    assert checked(lake) == {"a-1-a": "accepted"}


def test_the_split_is_that_of_the_recording_for_ever(lake: Lake) -> None:
    save_pair(lake, "a-1-a", 0)
    check_pairs(lake, MODELS, Shares(test=1.0, validation=0.0))
    save_pair(lake, "b-1-b", 0, audio=file_of(plucked(melody(0)), "FLAC"))
    for name in ("audio", "notes.mid", "notes.json", "transcription.json", "correction.json"):
        lake.delete(f"corrections/a-1-a/{name}")
    check_pairs(lake, MODELS, Shares(test=0.0, validation=0.0), again=True)
    assert decision_of(lake, "b-1-b").split == "test"


def test_a_share_of_recordings_is_kept() -> None:
    shares = Shares()
    splits = [hash_split(str(n), shares.validation, shares.test) for n in range(2000)]
    assert 0.17 < splits.count("test") / 2000 < 0.23
    assert 0.08 < splits.count("validation") / 2000 < 0.12


def test_unfinished_and_damaged_pairs_are_left_out(lake: Lake) -> None:
    save_pair(lake, "a-1-a", 0)
    lake.write("corrections/b-1-b/audio", b"x")
    lake.write("corrections/b-1-b/notes.json", b"{}")
    save_pair(lake, "c-1-c", 1)
    lake.write("corrections/c-1-c/correction.json", b"[1")
    save_pair(lake, "d-1-d", 2)
    lake.write("corrections/d-1-d/notes.json", b"{}")
    lake.write("feedback/a-1-a.json", b"{")
    with pytest.warns(UserWarning, match="c-1-c.*damaged"):
        assert checked(lake) == {"a-1-a": "accepted", "d-1-d": "rejected"}


@pytest.mark.parametrize("place", ["lake", "bucket"])
def test_two_checks_and_a_user_at_once(place: str, request: pytest.FixtureRequest) -> None:
    lake = request.getfixturevalue(place)
    for seed in range(3):
        save_pair(lake, f"p{seed}-1-a", seed)
    with ThreadPoolExecutor(3) as threads:
        checks = [threads.submit(checked, lake) for _ in range(2)]
        user = threads.submit(decide, lake, "p1", "rejected", "no")
        for one in (*checks, user):
            one.result()
    statuses = {pair.id: pair.status for pair in list_pairs(lake)}
    assert statuses == {"p0-1-a": "accepted", "p1-1-a": "rejected", "p2-1-a": "accepted"}


class Killed(BaseException):
    """Ends a check as `kill -9` does: nothing handles it. What one write leaves: tests/cloud."""


def test_a_check_that_is_killed_goes_on_where_it_stopped(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        save_pair(lake, f"p{seed}-1-a", seed)
    write, written = FolderLake.write, []

    def once(*given: Any) -> Any:
        written.append(given)
        if len(written) == 2:
            raise Killed
        return write(*given)

    with monkeypatch.context() as patched:
        patched.setattr(FolderLake, "write", once)
        with pytest.raises(Killed):
            check_pairs(lake, MODELS)
    before = stored(lake)
    assert len(before) == 1
    assert set(checked(lake).values()) == {"accepted"} and len(stored(lake)) == 3
    assert before.items() <= stored(lake).items()


def test_ids_that_are_not_clear(lake: Lake) -> None:
    save_pair(lake, "ab-1-a", 0)
    save_pair(lake, "ac-1-a", 1)
    for beginning, text in (("a", "ab-1-a, ac-1-a"), ("x", "none")):
        with pytest.raises(PairError, match=text):
            decide(lake, beginning, "accepted", "")
