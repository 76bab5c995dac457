"""Note tables as TSV files and MAPS texts, and `read_notes` for every kind of file."""

from pathlib import Path

import numpy as np
import pytest
from small_recordings import write_pair

from amt.io.note_tables import read_notes, read_table, write_json, write_table
from amt.notes import COLUMNS, PEDAL_COLUMNS, Notes, Pedal


def test_tables_are_read_as_written(tmp_path: Path) -> None:
    notes = Notes([0.12344, 2], [1.5, 2.00005], [21, 108], [1, 127])
    write_table(tmp_path / "a.tsv", notes)
    back = read_table(tmp_path / "a.tsv")
    assert np.abs(back.onset - notes.onset).max() <= 0.5e-4 + 1e-12
    assert np.abs(back.offset - notes.offset).max() <= 0.5e-4 + 1e-12
    assert back.pitch.tolist() == [21, 108]
    assert back.velocity.tolist() == [1, 127]
    write_table(tmp_path / "b.tsv", Notes.empty())
    assert len(read_table(tmp_path / "b.tsv")) == 0


PLAIN = "onset\toffset\tpitch\tvelocity\n0.5\t1.25\t60\t64\n2\t3\t61\t65\n"
COMMAS = PLAIN.replace(".", ",")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (PLAIN, "utf-8"),
        (PLAIN, "utf-8-sig"),
        (PLAIN, "utf-16"),
        (PLAIN.replace("\n", "\r\n"), "utf-8"),
        (PLAIN.replace("\n", "\r"), "utf-8"),
        (PLAIN.replace("\n", "\n\n") + "\t\t\t\n  \n", "utf-8"),
        (PLAIN.replace("\t", ","), "utf-8"),
        (PLAIN.replace("\t", ";"), "utf-8"),
        (COMMAS, "utf-8"),
        (COMMAS.replace("\t", ";"), "utf-16"),
        (COMMAS.replace("\t", '","').replace("\n", '"\n"').join('""'), "utf-8-sig"),
        ("sep=;\n" + COMMAS.replace("\t", ";"), "utf-8"),
        ('"SEP=,"\r\n' + PLAIN.replace("\t", ",").replace("\n", "\r\n"), "utf-8-sig"),
        (PLAIN.replace("onset\toffset", "Onset \t OFFSET"), "utf-8"),
        ("velocity,name,offset,onset,pitch\n64,Fuß,1.25,.5,60,\n65.0,,3e0,2,61.0", "utf-8"),
    ],
)
def test_tables_of_other_programs_are_read(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    notes = read_notes(path)
    columns = [getattr(notes, name).tolist() for name in COLUMNS]
    assert columns == [[0.5, 2], [1.25, 3], [60, 61], [64, 65]]


def test_json_is_read_as_written(tmp_path: Path) -> None:
    pedal = Pedal([0.25, 1], [64, 67], [127, 3])
    write_json(tmp_path / "a.json", Notes([0.5, 2], [1.5, 3], [60, 61], [1, 127], pedal), 3)
    notes = read_notes(tmp_path / "a.json")
    assert [getattr(notes, name).tolist() for name in COLUMNS] == [
        [0.5, 2],
        [1.5, 3],
        [60, 61],
        [1, 127],
    ]
    assert [getattr(notes.pedal, name).tolist() for name in PEDAL_COLUMNS] == [
        [0.25, 1],
        [64, 67],
        [127, 3],
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "3", "{", '{"notes": [3]}', '{"notes": [{"onset": 0}]}', "[" * 100_000],
)
def test_the_error_for_other_json_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: not a note table [^\n]+$"):
        read_notes(tmp_path / "a.json")


def test_the_error_for_a_wrong_value_says_where(tmp_path: Path) -> None:
    for value, message in (
        ("C4", "pitch in line 3 is 'C4'; expected a number"),
        ("300", "got 300"),
    ):
        (tmp_path / "a.tsv").write_text(PLAIN.replace("61", value))
        with pytest.raises(ValueError, match=message):
            read_notes(tmp_path / "a.tsv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COMMAS.replace("\t", ","), "line 2 has 6 cells for 4 columns"),
        ("sep=,\n\n" + COMMAS.replace("\t", ","), "its first line is"),
        ("sep=,\n" + PLAIN.replace("\t", ",") + "\n4,5,60,64,9\n", "line 6 has 5 cells"),
        (PLAIN.replace("velocity", "velocity\tonset"), "it has several columns onset"),
    ],
)
def test_a_table_that_can_be_read_in_two_ways_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=f"a.csv: not a note table .*{message}"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "onset\toffset\tpitch\n0\t1\t60\n",
        "onset\toffset\tpitch\tvelocity\n0\t1\tC4\t64\n",
        "onset\toffset\tpitch\tvelocity\n0\t1\t60\n",
        "onset\toffset\tpitch\tvelocity\n1\t0\t60\t64\n",
        "onset,offset,pitch\tvelocity\n0,1,60,64\n",
        "onset\toffset\tpitch\tvelocity\n" + "9" * 200_000 + "\t1\t60\t64\n",
    ],
)
def test_the_error_for_an_invalid_table_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.tsv: not a note table"):
        read_table(path)


def test_a_binary_file_is_not_a_table(tmp_path: Path) -> None:
    (tmp_path / "bad.tsv").write_bytes(b"\xff\xfe\x00onset")
    with pytest.raises(ValueError, match=r"bad\.tsv: not a note table"):
        read_table(tmp_path / "bad.tsv")


def test_maps_text_table_and_midi_give_the_same_notes(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", notes=".tsv")
    write_pair(tmp_path, "a", notes=".mid")
    table = read_notes(tmp_path / "a.tsv")
    rows = zip(table.onset, table.offset, table.pitch, strict=True)
    lines = ["OnsetTime\tOffsetTime\tMidiPitch", *(f"{a}\t{b}\t{p}" for a, b, p in rows), ""]
    (tmp_path / "a.txt").write_text("\r\n \r\n".join(lines), "utf-16", newline="")
    for other in (read_notes(tmp_path / "a.txt"), read_notes(tmp_path / "a.mid")):
        np.testing.assert_allclose(other.onset, table.onset, atol=2e-3)
        np.testing.assert_allclose(other.offset, table.offset, atol=2e-3)
        np.testing.assert_array_equal(other.pitch, table.pitch)


@pytest.mark.parametrize(
    "text", ["", "Onset\n1 2 3", "OnsetTime OffsetTime MidiPitch\n1 2", "\xff", "x"]
)
def test_the_error_for_an_invalid_maps_text_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(
        ValueError, match=r"a.txt: no notes: a text file with notes begins with OnsetTime"
    ):
        read_notes(path)
