"""Which sample is played for which key and velocity: `map.tsv` tables and SFZ files.

Only the opcodes that select and tune samples are read. There is no maintained SFZ parser for Python
that applies the inheritance between headers.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import soundfile

MAP_NAME = "map.tsv"
DEFINE = re.compile(r"#define\s+(\$\w+)\s+(\S+)")
HEADER = re.compile(r"<(\w+)>")
OPCODE = re.compile(r"([\w$]+)=(.*?)(?=\s+[\w$]+=|\s*<|\s*$)", re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
NOTE_NAME = re.compile(r"([a-g])([#b]?)(-?\d+)")
NOTE_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
# SFZ headers from the outermost to the innermost; each inherits from those before it.
INHERITS = ("global", "master", "group", "region")


class SampleMapError(ValueError):
    """A sample map that cannot be read; the message is one line."""


@dataclass(frozen=True)
class Region:
    """One sample, and the range of keys (MIDI) and velocities for which it is played.

    root_key: the key that was recorded. tune_cents: added to the pitch when it is played. skip:
    seconds to skip at the start of the file. onset: seconds from the start of the file to the
    attack; None if the map does not give it.
    """

    sample: Path
    low_key: int
    high_key: int
    root_key: int
    low_velocity: int
    high_velocity: int
    tune_cents: float = 0.0
    gain_db: float = 0.0
    skip: float = 0.0
    onset: float | None = None


def read_regions(path: Path | str) -> list[Region]:
    """The regions of a folder with `map.tsv` or one SFZ file, or of one of these files.

    Raises SampleMapError.
    """
    path = Path(path)
    if path.is_dir():
        path = _find_map(path)
    if not path.is_file():
        raise SampleMapError(f"{path}: no such file; expected a folder with {MAP_NAME} or an .sfz")
    regions = read_sfz(path) if path.suffix.lower() == ".sfz" else read_map(path)
    if not regions:
        raise SampleMapError(f"{path}: it lists no samples")
    return regions


def _find_map(folder: Path) -> Path:
    if (folder / MAP_NAME).is_file():
        return folder / MAP_NAME
    found = sorted(folder.glob("*.sfz"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or "neither"
    raise SampleMapError(f"{folder}: expected {MAP_NAME} or exactly one .sfz file, found {names}")


def read_map(path: Path) -> list[Region]:
    """Regions of a tab-separated table.

    Columns: sample (a file beside the table), low_key, high_key, root_key (MIDI), low_velocity,
    high_velocity, tune_cents, gain_db, onset_s (time of the attack in the file).
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Region(
                    sample=path.parent / row["sample"],
                    low_key=int(row["low_key"]),
                    high_key=int(row["high_key"]),
                    root_key=int(row["root_key"]),
                    low_velocity=int(row["low_velocity"]),
                    high_velocity=int(row["high_velocity"]),
                    tune_cents=float(row["tune_cents"]),
                    gain_db=float(row["gain_db"]),
                    onset=float(row["onset_s"]),
                )
                for row in csv.DictReader(file, delimiter="\t")
            ]
    except KeyError as error:
        raise SampleMapError(f"{path}: the column {error.args[0]} is missing") from error
    except (TypeError, ValueError) as error:
        raise SampleMapError(f"{path}: not a sample map: {error}") from error


def read_sfz(path: Path) -> list[Region]:
    """Regions of an SFZ file that are played when a key is struck; of alternatives the first one.

    Opcodes that are read: sample, default_path, key, lokey, hikey, pitch_keycenter, lovel, hivel,
    tune, transpose, volume, offset; also #define and the inheritance between headers. Envelopes,
    filters and effects are ignored.
    """
    text = COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
    if "#include" in text:
        raise SampleMapError(f"{path}: #include is not supported; paste the included text into it")
    defined = dict(DEFINE.findall(text))
    text = DEFINE.sub("", text)
    for name in sorted(defined, key=len, reverse=True):
        text = text.replace(name, defined[name])
    try:
        blocks = _blocks(text)
        return [_region(path, opcodes) for opcodes in blocks if _is_attack(opcodes)]
    except ValueError as error:
        raise SampleMapError(f"{path}: {error}") from error


def _blocks(text: str) -> list[dict[str, str]]:
    """The opcodes of each region, inherited ones included."""
    parts = HEADER.split(text)
    levels: dict[str, dict[str, str]] = {name: {} for name in INHERITS}
    control: dict[str, str] = {}
    regions = []
    for header, body in zip(parts[1::2], parts[2::2], strict=True):
        opcodes = {name: value.strip() for name, value in OPCODE.findall(body)}
        if header == "control":
            control.update(opcodes)
        if header not in INHERITS:
            continue
        for inner in INHERITS[INHERITS.index(header) :]:
            levels[inner] = {}
        levels[header] = opcodes
        if header == "region":
            inherited = [levels[name] for name in INHERITS]
            regions.append(_merge([control, *inherited]))
    return [opcodes for opcodes in regions if "sample" in opcodes]


def _merge(levels: list[dict[str, str]]) -> dict[str, str]:
    """Merge opcodes, inner levels last; `key` sets lokey, hikey and pitch_keycenter."""
    merged: dict[str, str] = {}
    for level in levels:
        if "key" in level:
            merged |= dict.fromkeys(("lokey", "hikey", "pitch_keycenter"), level["key"])
        merged |= level
    return merged


def _is_attack(opcodes: dict[str, str]) -> bool:
    """Whether a note-on plays the region with the pedal up, as the first of its alternatives."""
    by_controller = any(name.startswith(("on_locc", "on_hicc")) for name in opcodes)
    return (
        opcodes.get("trigger", "attack") == "attack"
        and opcodes.get("seq_position", "1") == "1"
        and float(opcodes.get("lorand", "0")) == 0
        and int(opcodes.get("locc64", "0")) == 0
        and opcodes.get("hikey") != "-1"
        and not by_controller
    )


def _region(path: Path, opcodes: dict[str, str]) -> Region:
    sample = path.parent / (opcodes.get("default_path", "") + opcodes["sample"]).replace("\\", "/")
    transpose = float(opcodes.get("transpose", "0"))
    return Region(
        sample=sample,
        low_key=key_number(opcodes.get("lokey", "0")),
        high_key=key_number(opcodes.get("hikey", "127")),
        root_key=key_number(opcodes.get("pitch_keycenter", "60")),
        low_velocity=int(opcodes.get("lovel", "0")),
        high_velocity=int(opcodes.get("hivel", "127")),
        tune_cents=float(opcodes.get("tune", "0")) + 100 * transpose,
        gain_db=float(opcodes.get("volume", "0")),
        skip=_offset_seconds(sample, int(opcodes.get("offset", "0"))),
    )


def _offset_seconds(sample: Path, frames: int) -> float:
    """The opcode `offset`, given in frames of the file, in seconds."""
    if not frames:
        return 0.0
    try:
        return frames / float(soundfile.info(sample).samplerate)
    except soundfile.SoundFileError as error:
        raise SampleMapError(f"cannot read {sample}: {error}") from error


def key_number(text: str) -> int:
    """MIDI number of a key given as a number or as a name such as c#4 (c4 is 60)."""
    match = NOTE_NAME.fullmatch(text.strip().lower())
    if not match:
        return int(text)
    letter, accidental, octave = match.groups()
    shift = {"#": 1, "b": -1, "": 0}[accidental]
    return 12 * (int(octave) + 1) + NOTE_STEPS[letter] + shift
