from pathlib import Path

import numpy as np
import pytest

from amt.io.audio import save
from amt.synth.regions import SampleMapError, key_number, read_regions

HEADER = (
    "sample\tlow_key\thigh_key\troot_key\tlow_velocity\thigh_velocity\ttune_cents\tgain_db\tonset_s"
)

SFZ = r"""
// a piano
<control> default_path=samples\ #define $SOFT 60
<global> volume=-6 hivel=127
<group> lovel=1 hivel=$SOFT tune=5
<region> sample=low c.wav lokey=a0 hikey=b3 pitch_keycenter=c#2
<region> sample=high.wav key=c4 volume=2 /* louder */ offset=800
<group> lovel=61
<region> sample=low c.wav lokey=21 hikey=59 pitch_keycenter=37 transpose=-1
<region> sample=noise.wav trigger=release
<region> sample=other.wav key=64 seq_position=2
<region> sample=pedal.wav on_locc64=1 on_hicc64=127
<region> sample=pedal.wav hikey=-1
"""


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_sfz_inheritance_names_and_offsets(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    save(tmp_path / "samples" / "high.wav", np.zeros(4000), 8000)
    low, high, loud = read_regions(_write(tmp_path / "piano.sfz", SFZ))
    assert low.sample == tmp_path / "samples" / "low c.wav"
    assert (low.low_key, low.high_key, low.root_key) == (21, 59, 37)
    assert (low.low_velocity, low.high_velocity, low.tune_cents, low.gain_db) == (1, 60, 5, -6)
    assert (high.low_key, high.high_key, high.root_key) == (60, 60, 60)
    assert (high.gain_db, high.skip, high.onset) == (2, 0.1, None)
    assert (loud.low_velocity, loud.high_velocity, loud.tune_cents) == (61, 127, -100)


def test_map_table(tmp_path: Path) -> None:
    _write(tmp_path / "map.tsv", f"{HEADER}\na.wav\t21\t30\t25\t1\t80\t-3\t1.5\t0.0123\n")
    (region,) = read_regions(tmp_path)
    assert region.sample == tmp_path / "a.wav"
    assert (region.low_key, region.high_key, region.root_key) == (21, 30, 25)
    assert (region.low_velocity, region.high_velocity) == (1, 80)
    assert (region.tune_cents, region.gain_db, region.onset) == (-3, 1.5, 0.0123)


@pytest.mark.parametrize(
    ("text", "number"),
    [("c4", 60), ("C#4", 61), ("db4", 61), ("a0", 21), ("c8", 108), ("c-1", 0), ("64", 64)],
)
def test_key_names(text: str, number: int) -> None:
    assert key_number(text) == number


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.tsv", HEADER.replace("root_key", "root"), "lists no samples"),
        ("map.tsv", HEADER.replace("root_key", "root") + "\na\t1\t2\t3\t4\t5\t6\t7\t8", "root_key"),
        ("map.tsv", HEADER + "\na.wav\tx\t2\t3\t4\t5\t6\t7\t8", "not a sample map"),
        ("map.tsv", HEADER + "\na.wav\t1\t2", "not a sample map"),
        ("a.sfz", "<group> lokey=1", "lists no samples"),
        ("a.sfz", "<region> sample=a.wav key=h9", "h9"),
        ("a.sfz", '#include "b.sfz"', "#include"),
    ],
)
def test_errors_for_invalid_maps_are_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(SampleMapError, match=message) as error:
        read_regions(_write(tmp_path / name, text))
    assert "\n" not in str(error.value) and name in str(error.value)


def test_a_folder_without_a_map_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SampleMapError, match=r"expected map\.tsv or exactly one"):
        read_regions(tmp_path)
    with pytest.raises(SampleMapError, match="no such file"):
        read_regions(tmp_path / "nothing.sfz")
