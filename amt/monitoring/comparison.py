"""Compare a window of recordings with a reference profile: what moved, and one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from amt.monitoring.domain_classifier import classify
from amt.monitoring.drift_tests import holm, ks, more_rejected, psi, psi_by_chance
from amt.monitoring.numbers import RecordingNumbers
from amt.monitoring.profile import Profile, pooled, shares
from amt.monitoring.vector import COMPARED, Compared, octave_shares, scalar_table

Verdict = Literal["ok", "watch", "alarm"]
VERDICTS: tuple[Verdict, ...] = ("ok", "watch", "alarm")

# A change counts if it is both unlikely by chance and large: with many recordings every window
# differs a little from the reference, which is a sample itself. 0.1 and 0.25 are the customary
# limits of the PSI; here what chance adds to it is taken off first.
WATCH_P, ALARM_P = 1e-2, 1e-3
WATCH_PSI, ALARM_PSI = 0.1, 0.25
WATCH_AUC, ALARM_AUC = 0.8, 0.9
MIN_WINDOW = 10
PERCENTS = (5, 25, 50, 75, 95)
MEDIAN = PERCENTS.index(50)


@dataclass(frozen=True)
class Shift:
    """How one number of a window differs from the reference.

    reference, window: medians, None where no recording has the number. reference_range,
    window_range: what 5, 25, 50, 75 and 95 % of the recordings are below, or nothing. ks: largest
    distance of the distributions. p: of the Kolmogorov-Smirnov test, adjusted for all tests. psi:
    less what it is by chance. shares: of the window in the bins of the profile. text: in words.
    """

    name: str
    reference: float | None
    window: float | None
    reference_range: tuple[float, ...]
    window_range: tuple[float, ...]
    ks: float
    p: float
    psi: float
    shares: tuple[float, ...]
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Comparison:
    """A window against a profile.

    recordings: that were measured. rejected: further inputs, of which nothing is known. shifts: of
    all numbers, those that moved most first. auc, auc_p: of the domain classifier. rejected_p: of
    as many rejected inputs. pitches, velocities: shares of all notes. f1: estimated mean note F1,
    and f1_error, its mean absolute error for one recording; None without calibration. reasons: what
    moved, in plain words, one line each.
    """

    recordings: int
    rejected: int
    shifts: tuple[Shift, ...]
    auc: float
    auc_p: float
    rejected_p: float
    pitches: tuple[float, ...]
    velocities: tuple[float, ...]
    f1: float | None
    f1_error: float | None
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def counts(self) -> str:
        """How many inputs there were: "97 recordings, 3 rejected"."""
        return counts(self.recordings, self.rejected)


def counts(recordings: int, rejected: int) -> str:
    """Numbers of recordings and of rejected inputs, which are not among them, in words."""
    return f"{recordings} recording{'s' * (recordings != 1)}, {rejected} rejected"


def compare(
    profile: Profile, window: Sequence[RecordingNumbers], rejected: int = 0, windows: int = 1
) -> Comparison:
    """Compare the recordings of a window with a profile.

    rejected: inputs rejected beside them. windows: how many are compared in all, for which the
    p-values are adjusted too. Raises ValueError for fewer than MIN_WINDOW in all.
    """
    if len(window) + rejected < MIN_WINDOW:
        expected = f"expected at least {MIN_WINDOW} in all"
        raise ValueError(f"a window of {counts(len(window), rejected)}: {expected}")
    table = scalar_table(window)
    tests = [
        ks(profile.column(name), table[name], profile.effective[name]) for name in profile.compared
    ]
    # Two more tests: the domain classifier and the rejected inputs.
    count = (len(tests) + 2) * windows
    auc, auc_p = classify(_vectors(profile), _window_vectors(profile, table, window))
    rejected_p = more_rejected(rejected, len(window), profile.rejected, profile.recordings)
    adjusted = holm([*(p for _, p in tests), auc_p, rejected_p], count)
    shifts = [
        _shift(profile, name, table[name], distance, float(p))
        for name, (distance, _), p in zip(profile.compared, tests, adjusted[:-2], strict=True)
    ]
    shifts.sort(key=lambda shift: (-VERDICTS.index(shift.verdict), -shift.psi))
    reasons = _reasons(shifts, auc, float(adjusted[-2]), rejected, len(window), float(adjusted[-1]))
    return Comparison(
        recordings=len(window),
        rejected=rejected,
        shifts=tuple(shifts),
        auc=auc,
        auc_p=float(adjusted[-2]),
        rejected_p=float(adjusted[-1]),
        pitches=tuple(pooled(window, "pitches").tolist()) if window else (),
        velocities=tuple(pooled(window, "velocities").tolist()) if window else (),
        f1=estimated_f1(profile, window),
        f1_error=profile.f1.error if profile.f1 else None,
        verdict=max((verdict for verdict, _ in reasons), key=VERDICTS.index, default="ok"),
        reasons=tuple(text for _, text in reasons),
    )


def estimated_f1(profile: Profile | None, window: Sequence[RecordingNumbers]) -> float | None:
    """The mean of the estimates of all recordings with notes; None without a calibration."""
    if profile is None or profile.f1 is None:
        return None
    found = [profile.f1.estimate(numbers) for numbers in window]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _vectors(profile: Profile) -> np.ndarray:
    columns = [profile.column(name) for name in profile.compared]
    return np.hstack([np.stack(columns, axis=1), np.array(profile.octave_rows)])


def _window_vectors(
    profile: Profile, table: dict[str, np.ndarray], window: Sequence[RecordingNumbers]
) -> np.ndarray:
    columns = np.stack([table[name] for name in profile.compared], axis=1)
    rows = [octave_shares(numbers) for numbers in window]
    width = len(profile.octave_rows[0])
    return np.hstack([columns, np.array(rows).reshape(len(window), width)])


def _shift(profile: Profile, name: str, values: np.ndarray, distance: float, p: float) -> Shift:
    reference, window = np.array(profile.shares[name]), shares(values, profile.edges[name])
    by_chance = psi_by_chance(
        int(np.count_nonzero(reference)), len(values), profile.effective[name]
    )
    excess = psi(reference, window, len(values)) - by_chance
    old = profile.column(name)
    verdict = _verdict(p, excess, WATCH_PSI, ALARM_PSI)
    ranges = _range(old), _range(values)
    return Shift(
        name=name,
        reference=ranges[0][MEDIAN] if ranges[0] else None,
        window=ranges[1][MEDIAN] if ranges[1] else None,
        reference_range=ranges[0],
        window_range=ranges[1],
        ks=distance,
        p=p,
        psi=excess,
        shares=tuple(window.tolist()),
        verdict=verdict,
        text=_words(COMPARED[name], old, values),
    )


def _range(values: np.ndarray) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    return tuple(np.percentile(known, PERCENTS).tolist()) if len(known) else ()


def _verdict(p: float, effect: float, watch: float, alarm: float) -> Verdict:
    if p < ALARM_P and effect >= alarm:
        return "alarm"
    return "watch" if p < WATCH_P and effect >= watch else "ok"


def _words(compared: Compared, reference: np.ndarray, window: np.ndarray) -> str:
    """How a number changed: "level fell by 14 dB (from -28 to -42 dB)"."""
    unknown = float(np.isnan(window).mean()) if len(window) else 1.0
    old, new = reference[~np.isnan(reference)], window[~np.isnan(window)]
    if not len(new) or unknown > np.isnan(reference).mean() + 0.2:
        return f"{compared.label}: not known of {unknown:.0%} of the recordings"
    before, after = float(np.median(old)), float(np.median(new))
    spread = [float(np.subtract(*np.percentile(values, (75, 25)))) for values in (old, new)]
    unit = f" {compared.unit}" if compared.unit else ""
    digits = compared.digits
    if abs(after - before) < 0.3 * spread[0] and spread[0]:
        word = "varies more" if spread[1] > spread[0] else "varies less"
        widths = f"{spread[1]:.{digits}f}{unit} wide, was {spread[0]:.{digits}f}"
        return f"{compared.label} {word} (its middle half is {widths})"
    word = compared.rose if after > before else compared.fell
    change = f"{abs(after - before):.{digits}f}{unit}"
    return f"{compared.label} {word} by {change} (from {before:.{digits}f} to {after:.{digits}f})"


def _reasons(
    shifts: Sequence[Shift],
    auc: float,
    auc_p: float,
    rejected: int,
    accepted: int,
    rejected_p: float,
) -> list[tuple[Verdict, str]]:
    found = [(shift.verdict, shift.text) for shift in shifts]
    together = _verdict(auc_p, auc, WATCH_AUC, ALARM_AUC)
    text = f"all numbers together tell the window from the reference (AUC {auc:.2f})"
    found.append((together, text))
    share = rejected / max(rejected + accepted, 1)
    rejections = _verdict(rejected_p, share, 0.02, 0.1)
    found.append((rejections, f"{rejected} of {rejected + accepted} inputs were rejected"))
    return [(verdict, text) for verdict, text in found if verdict != "ok"]
