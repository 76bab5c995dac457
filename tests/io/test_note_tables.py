"""Note tables as TSV files and MAPS texts, and `read_notes` for every kind of file."""

from pathlib import Path

import numpy as np
import pytest
from small_recordings import write_pair

from amt.io.note_tables import read_notes, read_table, write_table
from amt.notes import Notes


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "onset\toffset\tpitch\n0\t1\t60\n",
        "onset\toffset\tpitch\tvelocity\n0\t1\tC4\t64\n",
        "onset\toffset\tpitch\tvelocity\n0\t1\t60\n",
        "onset\toffset\tpitch\tvelocity\n1\t0\t60\t64\n",
        "onset,offset,pitch,velocity\n0,1,60,64\n",
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
    (tmp_path / "a.txt").write_text("\n".join(lines))
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
    with pytest.raises(ValueError, match=r"a.txt: not a MAPS text"):
        read_notes(path)
