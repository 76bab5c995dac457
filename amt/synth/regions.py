"""Which sample sounds for which key and velocity: `map.tsv` tables and plain SFZ files."""

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
INHERITS = ("global", "master", "group", "region")


class SampleMapError(ValueError):
    """A sampled piano whose map cannot be read."""


@dataclass(frozen=True)
class Region:
    """One sample: the keys (MIDI) and velocities it serves, its pitch, gain, and where it begins.

    tune_cents: added to the pitch that is heard. skip: seconds left away at the start of the file.
    onset: seconds from the start of the file to the attack; None where the map does not say it.
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

    Raises SampleMapError with one line that says what is wrong.
    """
    path = Path(path)
    if path.is_dir():
        path = _find_map(path)
    if not path.is_file():
        raise SampleMapError(f"{path}: no such file; expected a folder with {MAP_NAME} or an .sfz")
    regions = read_sfz(path) if path.suffix.lower() == ".sfz" else read_map(path)
    if not regions:
        raise SampleMapError(f"{path}: it names no samples")
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
    high_velocity, tune_cents, gain_db, onset_s (where the attack stands in the file).
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
        raise SampleMapError(f"{path}: not a table of samples: {error}") from error


def read_sfz(path: Path) -> list[Region]:
    """Regions of an SFZ file that sound when a key is struck; the first of several alternatives.

    Read are sample, default_path, key, lokey, hikey, pitch_keycenter, lovel, hivel, tune,
    transpose, volume, offset, and #define; groups inherit as the format says. Envelopes, filters
    and effects are not.
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
    """The opcodes of each region with what it inherits."""
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
        for below in INHERITS[INHERITS.index(header) :]:
            levels[below] = {}
        levels[header] = opcodes
        if header == "region":
            inherited = [levels[name] for name in INHERITS]
            regions.append(_merge([control, *inherited]))
    return [opcodes for opcodes in regions if "sample" in opcodes]


def _merge(levels: list[dict[str, str]]) -> dict[str, str]:
    """Inner levels win; `key` counts as lokey, hikey and pitch_keycenter of its level."""
    merged: dict[str, str] = {}
    for level in levels:
        if "key" in level:
            merged |= dict.fromkeys(("lokey", "hikey", "pitch_keycenter"), level["key"])
        merged |= level
    return merged


def _is_attack(opcodes: dict[str, str]) -> bool:
    """Whether the region sounds at key strokes, pedal up, and is the first of its alternatives."""
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
    """`offset` counts the frames of the file."""
    if not frames:
        return 0.0
    try:
        return frames / float(soundfile.info(sample).samplerate)
    except soundfile.SoundFileError as error:
        raise SampleMapError(f"cannot read {sample}: {error}") from error


def key_number(text: str) -> int:
    """The MIDI number of a key given as a number or as a name such as c#4 (c4 is 60)."""
    match = NOTE_NAME.fullmatch(text.strip().lower())
    if not match:
        return int(text)
    letter, accidental, octave = match.groups()
    shift = {"#": 1, "b": -1, "": 0}[accidental]
    return 12 * (int(octave) + 1) + NOTE_STEPS[letter] + shift
