"""Reference profiles: which numbers the recordings have on which a model was validated."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from amt.cloud.registry import PROFILE_FILE, WEIGHTS_FILE, current_version_of, version_label
from amt.inference.pretrained import WEIGHTS, pretrained_names, verify_bundled
from amt.io.atomic import atomic_write
from amt.monitoring.drift_tests import effective_size
from amt.monitoring.f1_estimate import F1Calibration, calibrate
from amt.monitoring.numbers import RecordingNumbers
from amt.monitoring.vector import COMPARED, octave_shares, scalar_table

SUFFIX = ".profile.json"
FORMAT = 1
# By chance alone, 10 bins give a PSI of 9 (1/n + 1/m): 0.13 for windows of 100 and a profile of 250
# recordings, half of what counts as an alarm. 20 bins would give 0.27.
BINS = 10
MAX_ROWS = 200  # of the subsample; 40 kB
MIN_RECORDINGS = 30
DIGITS = 4


@dataclass(frozen=True)
class Profile:
    """The recordings of reference of a model, without audio and names.

    origin: what they were, for readers. recordings: how many. compared: names of `COMPARED` that
    windows are compared by. edges: of each number, the inner edges of BINS bins with equally many
    recordings (BINS - 1,). shares: what share of the recordings is in each, and last, in which
    share the number is not known (BINS + 1,). effective: how many independent recordings all are
    worth, for each number: those of one piece are alike. columns: the numbers of a subsample of the
    recordings (R,), None where not known. octave_rows: `octave_shares` of the subsample (R, 8).
    pitches, velocities: shares of all notes, (88,) and (16,). rejected: share of inputs that were
    rejected.
    """

    model: str
    version: str
    origin: str
    made: str
    recordings: int
    rejected: float
    compared: tuple[str, ...]
    edges: Mapping[str, tuple[float, ...]]
    shares: Mapping[str, tuple[float, ...]]
    effective: Mapping[str, float]
    columns: Mapping[str, tuple[float | None, ...]]
    octave_rows: tuple[tuple[float, ...], ...]
    pitches: tuple[float, ...]
    velocities: tuple[float, ...]
    f1: F1Calibration | None

    def column(self, name: str) -> np.ndarray:
        """A number of the subsample (R,); NaN where it is not known."""
        return np.array(self.columns[name], dtype=np.float64)


def make_profile(
    recordings: Sequence[RecordingNumbers],
    model: str,
    version: str,
    origin: str,
    f1: Sequence[float | None] = (),
    rejected: int = 0,
    leave_out: Sequence[str] = (),
    f1_calibration: F1Calibration | None = None,
    pieces: Sequence[str] = (),
) -> Profile:
    """The profile of recordings, those of one piece after one another.

    pieces: the piece of each; without, all are taken to be independent of each other.
    f1: note F1 of each, None where no notes are known; calibrates the estimate of F1. Without,
    f1_calibration is taken, that of another profile of the model. rejected: inputs that were
    rejected beside these. leave_out: numbers not to be compared. Raises ValueError for fewer than
    MIN_RECORDINGS.
    """
    if len(recordings) < MIN_RECORDINGS:
        expected = f"expected at least {MIN_RECORDINGS}, better {MAX_ROWS}"
        raise ValueError(f"a profile of {len(recordings)} recordings: {expected}")
    table = scalar_table(recordings)
    names = tuple(name for name in COMPARED if name not in leave_out)
    known = [name for name in names if not np.isnan(table[name]).all()]
    edges = {name: _edges(table[name]) for name in known}
    rows = _subsample(len(recordings))
    calibration = calibrate(recordings, f1) if f1 else None
    return Profile(
        model=model,
        version=version,
        origin=origin,
        made=datetime.now(UTC).date().isoformat(),
        recordings=len(recordings),
        rejected=rejected / (rejected + len(recordings)),
        compared=tuple(known),
        edges=edges,
        shares={name: _tuple(shares(table[name], edges[name])) for name in known},
        effective={
            name: round(effective_size(table[name], pieces), 1) if pieces else len(recordings)
            for name in known
        },
        columns={name: _tuple(table[name][rows]) for name in known},
        octave_rows=tuple(_tuple(octave_shares(recordings[row]), 2) for row in rows),
        pitches=_pooled([numbers.pitches for numbers in recordings]),
        velocities=_pooled([numbers.velocities for numbers in recordings]),
        f1=calibration or f1_calibration,
    )


def shares(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Shares of values (N,) in the bins between edges, and last, of those that are NaN."""
    bins = np.searchsorted(edges, values[~np.isnan(values)], side="right")
    counts = np.append(np.bincount(bins, minlength=len(edges) + 1), np.isnan(values).sum())
    return counts / max(len(values), 1)


def pooled(recordings: Sequence[RecordingNumbers], name: str) -> np.ndarray:
    """Shares of all notes of recordings in a histogram: `pitches` (88,) or `velocities` (16,)."""
    return np.array(_pooled([getattr(numbers, name) for numbers in recordings]))


def write_profile(path: Path, profile: Profile) -> None:
    """Write a profile, atomically."""
    text = json.dumps({"format": FORMAT, **asdict(profile)}, separators=(",", ":"))
    with atomic_write(path) as part:
        part.write_text(text + "\n", "utf-8")


def read_profile(path: Path) -> Profile:
    """Read a profile. Raises ValueError in one line for another file, OSError."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document.get("format") != FORMAT:
            raise ValueError(f"format {document.get('format')}, expected {FORMAT}")
        found = {field.name: _read(document[field.name]) for field in fields(Profile)}
        f1 = found["f1"] and F1Calibration(**found["f1"])
        return Profile(**{**found, "f1": f1})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        advice = "make one with: amt monitor profile MODEL RECORDINGS... -o FILE"
        raise ValueError(f"{path}: no profile ({error}); {advice}") from error


def bundled_profile(name: str) -> Profile:
    """The profile of a pretrained model. Raises ValueError if there is none, or it was changed."""
    path = WEIGHTS / f"{name}{SUFFIX}"
    if not path.is_file():
        raise ValueError(f"no profile of {name!r}; give one with --profile FILE")
    verify_bundled(path)
    return read_profile(path)


def profile_of(model: Path | str) -> Profile:
    """As `find_profile`. Raises ValueError if there is none."""
    found = find_profile(model)
    if found is None and not Path(model).expanduser().exists():
        known = f"{', '.join(pretrained_names())}, a checkpoint, or LAKE/models/NAME"
        raise ValueError(f"{model}: no such model, or no version registered; expected {known}")
    if found is None:
        advice = "give one with --profile FILE, or make one: amt monitor profile MODEL RECORDING..."
        raise ValueError(f"{model}: no reference profile beside it; {advice}")
    return found


def find_profile(model: Path | str) -> Profile | None:
    """The profile of a pretrained model by name, of the current version of a registered model
    (LAKE/models/NAME, a folder or gs://), or the one beside a checkpoint; None if there is none.

    Beside weights NAME.safetensors it is NAME.profile.json or profile.json; in a folder of `amt
    export` it is profile.json. Raises ValueError if it is damaged, StorageError.
    """
    if str(model) in pretrained_names():
        return bundled_profile(str(model))
    if version := current_version_of(str(model)):
        with tempfile.TemporaryDirectory(prefix="amt-") as folder:
            return _profile_beside(version.download_profile(Path(folder)))
    return _profile_beside(Path(model).expanduser())


def _profile_beside(path: Path) -> Profile | None:
    """That of a checkpoint or folder. Of a registered version it has the name of its log lines."""
    folder = path if path.is_dir() else path.parent
    for found in (folder / f"{path.stem}{SUFFIX}", folder / PROFILE_FILE):
        if found.is_file():
            profile, name = read_profile(found), version_label(folder / WEIGHTS_FILE)
            return replace(profile, model=name) if name else profile
    return None


def _edges(values: np.ndarray) -> tuple[float, ...]:
    """Quantiles of the known values, without repetitions: whole numbers have fewer bins.

    Where many recordings share the highest value, larger ones get a bin of their own.
    """
    inner = np.unique(np.nanquantile(values, np.arange(1, BINS) / BINS))
    highest = float(np.nanmax(values))
    if inner[-1] == highest:
        inner = np.append(inner, highest + max(abs(highest), 1e-3) * 1e-5)
    return _tuple(inner, DIGITS + 3)


def _subsample(count: int) -> np.ndarray:
    """Positions of at most MAX_ROWS recordings, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_ROWS)).round().astype(int))


def _pooled(histograms: Sequence[Sequence[int]]) -> tuple[float, ...]:
    total = np.sum(histograms, axis=0, dtype=np.float64)
    return _tuple(total / max(total.sum(), 1.0))


def _tuple(values: np.ndarray, digits: int = DIGITS) -> tuple[Any, ...]:
    """Floats with that many significant digits; None for NaN."""
    return tuple(None if np.isnan(v) else float(f"{v:.{digits}g}") for v in values)


def _read(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    if isinstance(value, list):
        return tuple(map(_read, value))
    if isinstance(value, dict):
        return {name: _read(item) for name, item in value.items()}
    return value
