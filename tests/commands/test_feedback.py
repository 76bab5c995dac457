"""`amt feedback`: what it prints, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from corrected_pairs import hearing, save_pair, shifted

from amt.cli import _parse, main
from amt.cloud.lake import open_lake
from amt.commands import feedback
from amt.feedback import check
from amt.feedback.decision import Decision, update_decision


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "bundled_models", lambda: {"base": hearing(0, 1)})
    place = tmp_path / "lake"
    save_pair(open_lake(place), "good-1-a", 0, recording="waltz.wav")
    save_pair(open_lake(place), "late-1-a", 1, lambda notes: shifted(notes, 0.05))
    yield str(place)


def output(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main(["feedback", *words]) == code
    printed = capsys.readouterr()
    return printed.out if code == 0 else printed.err


def test_from_the_list_to_the_folder(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--lake", lake]
    listed = output(["list", *at], capsys)
    assert "waltz.wav" in listed and "+0 -1 ~0" in listed and listed.count("new") == 2
    keep = ["--test", "0", "--validation", "0"]
    assert "1 accepted, 0 rejected, 1 review" in output(["check", *at, *keep], capsys)
    assert "good-1-a" not in output(["list", *at, "--only", "review"], capsys)
    shown = output(["show", "late", *at], capsys)
    assert "misaligned" in shown and "0 added, 0 removed, 60 changed" in shown
    assert "accepted: it is fine" in output(
        ["accept", "late", *at, "--reason", "it is fine"], capsys
    )
    exported = output(["export", "corrections", *at], capsys)
    assert "2 pairs" in exported and "no pair is in the test share" in exported
    assert "late-1-a: review" in output(["reset", "late", *at], capsys)
    assert "rejected" in output(["reject", "late", "good", *at], capsys)
    assert "no pair is accepted" in output(["export", "corrections", *at], capsys, 1)
    assert sorted(path.name for path in Path("corrections/train").iterdir()) == [
        "good-1-a.flac", "good-1-a.mid", "late-1-a.flac", "late-1-a.mid",
    ]  # fmt: skip


def test_the_notes_that_changed_are_shown(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(["show", "good", "--lake", lake], capsys)
    (line,) = [line for line in shown.splitlines() if line.startswith("- ")]
    assert "0:0" in line and "velocity" in line and "0.200 s" in line


def test_pages_of_both_note_tables(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    output(["show", "good", "--lake", lake, "--output", "pages"], capsys)
    for kind in ("transcribed", "corrected"):
        assert "waltz.wav" in Path(f"pages/good-1-a-{kind}.html").read_text("utf-8")


def test_pages_are_whole_where_what_is_printed_is_not_read(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(feedback, "print", closed, raising=False)
    arguments = _parse(["feedback", "show", "good", "--lake", lake, "--output", "pages"])
    with pytest.raises(BrokenPipeError):
        arguments.run(arguments)
    assert len(list(Path("pages").iterdir())) == 2


def test_a_test_share_is_not_called_missing(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--lake", lake]
    output(["check", *at, "--test", "0", "--validation", "0"], capsys)
    output(["accept", "late", *at], capsys)

    def to_test(decision: Decision | None) -> Decision:
        assert decision is not None
        return replace(decision, split="test")

    update_decision(open_lake(lake), "late-1-a", to_test)
    exported = output(["export", "corrections", *at], capsys)
    assert "1 train, 0 validation, 1 test" in exported and "test share" not in exported


def test_errors_are_one_line(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in (
        (["show", "x", "--lake", lake], "expected the id of one pair"),
        (["reset", "good", "--lake", lake], "taken back"),
        (["list", "--lake", "nowhere"], "there is no such lake"),
        (["export", "corrections", "--lake", lake], "no pair is accepted"),
    ):
        error = output(words, capsys, 1)
        assert text in error and error.count("\n") == 1


def test_the_lake_of_the_environment(
    lake: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMT_LAKE", lake)
    assert "waltz.wav" in output(["list"], capsys)


def test_an_empty_lake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no corrections yet" in output(["list", "--lake", str(tmp_path)], capsys)
