from pathlib import Path

import numpy as np
import pytest
from small_recordings import write_pair

from amt.data.cache import open_audio, open_notes, prepare
from amt.data.pieces import Recording, SourceError, check_pieces
from amt.data.sources.maestro import Maestro, render_midi
from amt.notes import Notes

HEADER = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
SPLITS = ["train", "train", "train", "validation", "test"]


def maestro(root: Path, suffix: str = ".wav", version: str = "v3.0.0") -> Path:
    """Five recordings of two years; titles have commas and accents as in the original."""
    rows = []
    for index, split in enumerate(SPLITS):
        year = 2004 + index % 2
        write_pair(root / str(year), f"take{index}", audio_suffix=suffix, notes=".midi")
        files = f"{year}/take{index}.midi,{year}/take{index}.wav"
        rows.append(f'Frédéric Chopin,"Étude, Op. {index}",{split},{year},{files},2.0\n')
    table = root / f"maestro-{version}.csv"
    table.write_text(HEADER + "".join(rows), encoding="utf-8")
    return root


@pytest.mark.parametrize(("suffix", "version"), [(".wav", "v1.0.0"), (".mp3", "v3.0.0")])
def test_the_csv_gives_split_and_composition(tmp_path: Path, suffix: str, version: str) -> None:
    root = maestro(tmp_path / "maestro", suffix, version)
    report = prepare(Maestro(str(root)), tmp_path / "cache", workers=0)
    assert not report.problems
    assert [entry.split for entry in report.entries] == SPLITS
    assert report.entries[2].composition == "Frédéric Chopin: Étude, Op. 2"
    assert all(entry.notes == 7 for entry in report.entries)


def test_splits_and_limit_choose_pieces(tmp_path: Path) -> None:
    root = str(maestro(tmp_path))
    held = Maestro(root, splits=["validation", "test"]).pieces()
    assert [piece.split for piece in held] == ["validation", "test"]
    first, others = (
        {piece.name for piece in Maestro(root, splits=["train"], **words).pieces()}
        for words in ({"limit": 1}, {"skip": 1})
    )
    assert len(first) == 1 and others and not first & others
    assert [piece.split for piece in Maestro(root, limit=2).pieces()].count("train") == 2
    chosen = {
        tuple(piece.name for piece in Maestro(root, limit=1, splits=["train"], seed=seed).pieces())
        for seed in range(20)
    }
    assert len(chosen) == 3


def test_missing_audio_and_missing_notes_are_reported(tmp_path: Path) -> None:
    root = maestro(tmp_path / "maestro")
    (root / "2004" / "take0.wav").unlink()
    (root / "2005" / "take1.midi").unlink()
    report = prepare(Maestro(str(root)), tmp_path / "cache", workers=0)
    reasons = {problem.name: problem.reason for problem in report.problems}
    assert set(reasons) == {"take0", "take1"}
    assert "no audio" in reasons["take0"] and "take1.midi" in reasons["take1"]
    assert len(report.entries) == 3


def test_midi_alone_is_rendered(tmp_path: Path) -> None:
    root = maestro(tmp_path / "maestro")
    for path in root.glob("*/*.wav"):
        path.unlink()
    with pytest.raises(SourceError, match="render=builtin"):
        Maestro(str(root)).pieces()
    source = Maestro(str(root), limit=1, splits=["train"], render="builtin")
    cache = tmp_path / "cache"
    (entry,) = prepare(source, cache, workers=0).entries
    audio = np.asarray(open_audio(cache, entry), dtype=np.float64)
    onset = round(float(open_notes(cache, entry).onset[0]) * 16000)
    assert entry.seconds > 2.0 and np.abs(audio[onset : onset + 4000]).max() > 100
    # The same seed gives the same audio, another seed another piano.
    again = source.pieces()[0].load()
    np.testing.assert_allclose(again.audio * 32767 * entry.gain, audio, atol=0.6)
    other = Maestro(str(root), limit=None, splits=["train"], render="builtin", seed=1).pieces()
    (same,) = (piece for piece in other if piece.name == entry.name)
    assert same.fingerprint != entry.fingerprint
    assert not np.allclose(same.load().audio[:4000], again.audio[:4000], atol=1e-3)


def test_copies_are_different_renderings_of_the_same_notes(tmp_path: Path) -> None:
    root = str(maestro(tmp_path))
    once = Maestro(root, splits=["train"], render="builtin").pieces()
    pieces = Maestro(root, splits=["train"], render="builtin", copies=2).pieces()
    check_pieces(pieces)
    assert [(piece.name, piece.fingerprint) for piece in pieces[::2]] == [
        (piece.name, piece.fingerprint) for piece in once
    ]
    first, second = pieces[:2]
    assert second.name == f"{first.name}-copy1" and second.fingerprint != first.fingerprint
    assert (second.split, second.composition) == (first.split, first.composition)
    played = [piece.load() for piece in (first, second)]
    np.testing.assert_array_equal(played[0].notes.onset, played[1].notes.onset)
    assert not np.allclose(*(take.audio[:8000] for take in played), atol=1e-3)
    for copies, render in ((0, "builtin"), (2, None)):
        with pytest.raises(SourceError, match=f"copies={copies}; expected 1, or more with render"):
            Maestro(root, copies=copies, render=render).pieces()


def test_varied_pianos_are_prepared_anew(tmp_path: Path) -> None:
    root, piano = str(maestro(tmp_path)), tmp_path / "piano"
    piano.mkdir()
    (piano / "one.sfz").write_text("<region> sample=a.wav\n")
    plain, varied = (
        Maestro(root, render=str(piano), vary_pianos=vary).pieces() for vary in (False, True)
    )
    assert not {one.fingerprint for one in plain} & {one.fingerprint for one in varied}


def test_copies_use_the_pianos_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = maestro(tmp_path)
    chosen: list[str] = []

    def record_piano(notes: Notes, pianos: list[str], *_: object) -> Recording:
        chosen.extend(pianos)
        return Recording(np.zeros(1, dtype=np.float32), notes)

    monkeypatch.setattr("amt.data.sources.maestro.render_notes", record_piano)
    for copy in range(3):
        render_midi(next(root.glob("2004/*.midi")), ("a", "b", "c"), 0, copy)
    assert sorted(chosen) == ["a", "b", "c"]


def test_a_table_saved_by_a_spreadsheet_and_suffixes_in_capitals(tmp_path: Path) -> None:
    root = maestro(tmp_path)
    table = root / "maestro-v3.0.0.csv"
    table.write_text(table.read_text(encoding="utf-8"), encoding="utf-8-sig")
    (root / "2004" / "take0.wav").rename(root / "2004" / "take0.WAV")
    report = prepare(Maestro(str(root)), tmp_path / "cache", workers=0)
    assert len(report.entries) == 5 and not report.problems


def test_a_composition_in_two_splits_is_an_error(tmp_path: Path) -> None:
    root = maestro(tmp_path)
    table = root / "maestro-v3.0.0.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("Op. 4", "Op. 3"), encoding="utf-8")
    with pytest.raises(SourceError, match=r"Op. 3' is in validation and test"):
        check_pieces(Maestro(str(root)).pieces())


@pytest.mark.parametrize(
    ("change", "encoding", "message"),
    [
        (("", ""), "latin-1", "not a MAESTRO table .* save it as UTF-8 CSV with commas"),
        (("", ""), "utf-16", "save it as UTF-8 CSV with commas"),
        ((",", ";"), "utf-8", "lacks canonical_composer; save it as UTF-8 CSV"),
        (
            (",validation,", ",dev,"),
            "utf-8",
            "split 'dev' in row 4 .* expected one of train",
        ),
        ((",2005/take3.wav,2.0", ""), "utf-8", "row 4 has too few cells"),
    ],
)
def test_a_table_in_another_form_is_named_with_what_to_do(
    tmp_path: Path, change: tuple[str, str], encoding: str, message: str
) -> None:
    root = maestro(tmp_path)
    table = root / "maestro-v3.0.0.csv"
    table.write_bytes(table.read_text(encoding="utf-8").replace(*change).encode(encoding))
    with pytest.raises(SourceError, match=f"maestro-v3.0.0.csv: .*{message}"):
        Maestro(str(root)).pieces()


def test_audio_that_the_table_does_not_name_is_not_called_missing(tmp_path: Path) -> None:
    root = maestro(tmp_path)
    for path in root.glob("*/*.wav"):
        path.rename(path.with_name(f"other_{path.name}"))
    message = r"has none of the audio that maestro-v3.0.0.csv names, such as 2004/take0.wav; .*"
    with pytest.raises(SourceError, match=f"{message}render=builtin"):
        Maestro(str(root)).pieces()


def test_errors_for_tables_and_arguments_give_advice(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="/nowhere is not a folder; download MAESTRO"):
        Maestro("/nowhere").pieces()
    with pytest.raises(SourceError, match=r"expected one maestro-v\*.csv .* found none"):
        Maestro(str(tmp_path)).pieces()
    root = maestro(tmp_path)
    with pytest.raises(SourceError, match="splits has dev"):
        Maestro(str(root), splits=["dev"]).pieces()  # type: ignore[list-item]
    with pytest.raises(SourceError, match="render=nowhere does not exist; expected builtin"):
        Maestro(str(root), render="nowhere").pieces()
    with pytest.raises(SourceError, match="render is empty"):
        Maestro(str(root), render=[]).pieces()
    for wrong in ({"limit": -1}, {"skip": -1}):
        with pytest.raises(SourceError, match="expected 0 or more pieces"):
            Maestro(str(root), **wrong).pieces()
    (root / "maestro-v2.0.0.csv").write_text("a,b\n")
    with pytest.raises(SourceError, match=r"v2.0.0.csv, maestro-v3.0.0.csv; type --table"):
        Maestro(str(root)).pieces()
    with pytest.raises(SourceError, match="lacks canonical_composer; save it as UTF-8"):
        Maestro(str(root), table="maestro-v2.0.0.csv").pieces()
