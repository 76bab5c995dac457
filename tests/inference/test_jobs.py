"""The files that a command reads, and the paths of their results."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amt.errors import FileWarning
from amt.inference.jobs import find_files, plan_jobs


def recording(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_folders_are_searched_and_keep_their_shape(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for name in ("a.wav", "b/c.flac", "b/D.MP3", ".hidden/e.wav", ".f.wav"):
        recording(music / name)
    (music / "b" / "notes.txt").write_text("x")
    with pytest.warns(FileWarning, match=r"music: 1 file skipped, .* \(1 \.txt\)"):
        found = dict(find_files([music]))
    assert {place.as_posix() for place in found.values()} == {"a.wav", "b/c.flac", "b/D.MP3"}
    (music / "b" / "notes.txt").unlink()
    assert {job.target.as_posix() for job in plan_jobs([music], Path("out"))} == {
        "out/a",
        "out/b/c",
        "out/b/D",
    }


def test_a_recording_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    path = recording(tmp_path / "music" / "a.wav")
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    assert [job.source for job in plan_jobs([path, path.parent, link], Path("out"))] == [path]


def test_same_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    inputs = [tmp_path / "x" / "a.wav", tmp_path / "y" / "a.mp3", tmp_path / "a_2.wav"]
    inputs.append(tmp_path / "z" / "A.wav")
    names = [job.target.name for job in plan_jobs(inputs, Path("out"))]
    assert names == ["a", "a_2", "a_2_2", "A_3"]


@given(st.lists(st.sampled_from(["a", "A", "a_2", "a_3", "b", "a_2_2", "dir/a"]), max_size=12))
def test_targets_differ_even_where_case_does_not_count(names: list[str]) -> None:
    inputs = [Path(f"/nowhere/{number}/{name}.wav") for number, name in enumerate(names)]
    targets = [str(job.target).casefold() for job in plan_jobs(inputs, Path("out"))]
    assert len(set(targets)) == len(names)


# Containers of phones, films, radios and recorders, in lower case and in capitals.
RARE = (
    ".mp4 .webm .wma .m4b .mka .oga .caf .aifc .w64 .mp2 .mov .mkv .avi .3gp .amr .ac3 .dts .aac "
    ".adts .au .snd .rf64 .wv .ape .tta .mpc .mts .flv .ogv .mpga .spx .M4A .WMV"
)


def test_films_and_rare_formats_in_a_folder_are_read(tmp_path: Path) -> None:
    paths = [recording(tmp_path / f"a{suffix}") for suffix in RARE.split()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {job.source for job in plan_jobs([tmp_path], Path("out"))} == set(paths)


def test_what_is_skipped_is_counted_by_kind(tmp_path: Path) -> None:
    for name in ("a.wav", "cover.jpg", "back.JPG", "a.mid", "README", ".DS_Store"):
        recording(tmp_path / name)
    with pytest.warns(FileWarning) as caught:
        plan_jobs([tmp_path], Path("out"))
    (line,) = [str(warning.message) for warning in caught]
    assert "4 files skipped" in line and "2 .jpg" in line and "1 no suffix" in line
    assert "give its own path" in line and "\n" not in line


def test_results_of_an_earlier_command_are_not_read(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav")
    recording(tmp_path / "out" / "a.wav")
    found = [job.source for job in plan_jobs([tmp_path], tmp_path / "out")]
    assert found == [tmp_path / "a.wav"]
    # Where the results go into the folder itself, nothing is left out.
    assert len(plan_jobs([tmp_path], tmp_path)) == len(plan_jobs([tmp_path], tmp_path.parent)) == 2


def test_patterns_that_a_shell_left_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b.mp3", "a.mp3", "c.wav", "deep/d.mp3", "[x].mp3"):
        recording(tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def sources(pattern: str) -> list[str]:
        return [job.source.as_posix() for job in plan_jobs([Path(pattern)], Path("out"))]

    assert sources("*.mp3") == ["[x].mp3", "a.mp3", "b.mp3"]
    assert sources("**/*.mp3") == ["[x].mp3", "a.mp3", "b.mp3", "deep/d.mp3"]
    # A file of that very name is not a pattern; a pattern without files is reported by its name.
    assert sources("[x].mp3") == ["[x].mp3"]
    assert sources("*.flac") == ["*.flac"]


def test_thousands_of_files_of_one_name() -> None:
    """Numbers are given without a search from 2 each time, which would take minutes here."""
    inputs = [Path(f"/{number}/a.wav") for number in range(5000)]
    targets = [job.target.name for job in plan_jobs([*inputs, Path("/x/a_7.wav")], Path("out"))]
    assert targets[:2] == ["a", "a_2"] and targets[-2:] == ["a_5000", "a_7_2"]
    assert len(set(targets)) == len(targets)


def test_composed_and_decomposed_names_do_not_overwrite_each_other() -> None:
    inputs = [Path("x/caf\u00e9.wav"), Path("y/cafe\u0301.wav")]
    targets = [job.target.name for job in plan_jobs(inputs, Path("out"))]
    assert targets == ["caf\u00e9", "cafe\u0301_2"]


def test_long_names_are_cut_so_that_results_can_be_written(tmp_path: Path) -> None:
    names = ["x" * 251 + ".wav", "\U0001f600" * 62 + ".mp3", "x" * 250 + "y.wav", "short.wav"]
    jobs = plan_jobs([tmp_path / name for name in names], tmp_path)
    for job in jobs:
        job.target.with_name(f"{job.target.name}.json").touch()
    assert len(list(tmp_path.iterdir())) == 4 and jobs[3].target.name == "short"


def test_the_current_folder_without_audio_is_a_job_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [job.source for job in plan_jobs([Path()], Path("out"))] == [Path()]


def test_a_link_to_nothing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("nowhere.wav")
    (tmp_path / "b.wav").symlink_to("b.wav")
    names = [job.source.name for job in plan_jobs([tmp_path], Path("out"))]
    assert names == ["a.wav", "b.wav"]
