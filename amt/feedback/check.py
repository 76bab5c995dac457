"""Checks all pairs of a lake and decides on them; what a user decided stays.

A pair is rejected only for a clear fault, and accepted if nothing was found; the rest waits for a
person ("review"). A second check changes nothing, and two at once give the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from amt.cloud.lake import Lake
from amt.data.pieces import Split, hash_split
from amt.errors import one_line
from amt.feedback.decision import (
    Decision,
    Finding,
    Verdict,
    read_decisions,
    reasons,
    update_decision,
)
from amt.feedback.findings import Transcribe, bundled_models, find_faults
from amt.feedback.fingerprint import common_part, fingerprint
from amt.feedback.pairs import Content, Pair, PairError, find_pair, list_pairs, read_pair
from amt.io.audio import SAMPLE_RATE, AudioError, load_bytes
from amt.io.ffmpeg import is_installed

DUPLICATE = "duplicate"
# Two recordings are the same if so much of the longer one is the other.
_SAME_RECORDING = 0.8


@dataclass(frozen=True)
class Shares:
    """About which fractions of the recordings are kept for test and validation.

    A recording keeps its split for ever; other shares concern those that are new.
    """

    test: float = 0.2
    validation: float = 0.1


def check_pairs(
    lake: Lake,
    models: Mapping[str, Transcribe] | None = None,
    shares: Shares | None = None,
    again: bool = False,
) -> list[tuple[Pair, Decision]]:
    """Decide on every pair, the oldest first; each pair with the decision that counts now.

    models: by name, the best one first; None: the pretrained ones. again: judge pairs that were
    judged before, too. Raises StorageError; ValueError for shares that are none.
    """
    pairs, known = list_pairs(lake), read_decisions(lake)
    models = bundled_models() if models is None else models
    new = [pair for pair in pairs if again or not (pair.decision and pair.decision.checked)]
    # The newest first and each written at once: a check that is stopped leaves no two pairs of one
    # recording accepted, and the next one goes on where it stopped.
    for pair in tqdm(new[::-1], desc="check", unit="pair", leave=False, disable=None):
        judged = judge(lake, pair, known, models, shares or Shares())
        newer = _newer_pair(pair, judged, pairs, known)
        known[pair.id] = _decide(lake, pair, judged, newer)
    return [
        (pair, _decide(lake, pair, own, _newer_pair(pair, own, pairs, known)))
        for pair in pairs
        for own in [known[pair.id]]
    ]


def judge(
    lake: Lake,
    pair: Pair,
    known: Mapping[str, Decision],
    models: Mapping[str, Transcribe],
    shares: Shares,
) -> Decision:
    """What the check finds in one pair by itself; nothing is written.

    Without `models` only the recording is identified.
    """
    try:
        content = read_pair(lake, pair)
        audio = load_bytes(content.audio, strict=True, on_warning=lambda _: None)
    except (AudioError, PairError) as error:
        # Without ffmpeg other formats cannot be decoded here, which is no fault of the pair.
        fault = Finding("broken", one_line(error), clear=is_installed())
        return _identified(pair, np.zeros(0), known, shares, (fault,))
    return _identified(pair, audio, known, shares, _faults(content, audio, models))


def _faults(
    content: Content, audio: np.ndarray, models: Mapping[str, Transcribe]
) -> tuple[Finding, ...] | None:
    return find_faults(audio, content.notes, content.before, models) if models else None


def _identified(
    pair: Pair,
    audio: np.ndarray,
    known: Mapping[str, Decision],
    shares: Shares,
    findings: tuple[Finding, ...] | None,
) -> Decision:
    """The decision on a pair by its own findings, in the split of its recording."""
    mark, crc = fingerprint(audio), pair.audio.crc32c
    same = _same_recording(pair, mark, known)
    split: Split = same.split if same else hash_split(crc, shares.validation, shares.test)
    return Decision(
        pair=pair.id,
        decision=verdict(findings or ()),
        reason=reasons(findings or ()) or "nothing was found",
        by="check",
        audio_crc32c=crc,
        notes_crc32c=pair.notes.crc32c,
        split=split,
        audio=same.audio if same else crc,
        fingerprint=mark,
        seconds=round(len(audio) / SAMPLE_RATE, 2),
        checked=findings is not None,
        findings=findings or (),
    )


def verdict(findings: tuple[Finding, ...]) -> Verdict:
    """What the check decides where it found this."""
    if any(finding.clear for finding in findings):
        return "rejected"
    return "review" if findings else "accepted"


def _same_recording(pair: Pair, mark: str, known: Mapping[str, Decision]) -> Decision | None:
    """The earliest decision on a pair with this recording, or with a part of it, if any."""
    earliest = sorted(known.values(), key=lambda one: (one.decided or "9", one.pair))
    for one in earliest:
        same_file = one.audio_crc32c == pair.audio.crc32c
        if same_file or (one.pair != pair.id and common_part(one.fingerprint, mark) > 0):
            return one
    return None


def _newer_pair(
    pair: Pair, own: Decision, pairs: list[Pair], known: Mapping[str, Decision]
) -> Pair | None:
    """The newest pair of the same whole recording that is of use and newer than this one."""
    for other in reversed(pairs[pairs.index(pair) + 1 :]):
        found = known.get(other.id)
        if found and _is_of_use(found) and _is_same(own, found):
            return other
    return None


def _is_of_use(decision: Decision) -> bool:
    """Whether a pair is not rejected, apart from being corrected again."""
    if decision.by == "user":
        return decision.decision != "rejected"
    return not any(found.clear and found.kind != DUPLICATE for found in decision.findings)


def _is_same(one: Decision, other: Decision) -> bool:
    """Whether two pairs have the same recording, and not only a part of it."""
    if one.audio != other.audio or one.audio_crc32c == other.audio_crc32c:
        return one.audio == other.audio
    return common_part(one.fingerprint, other.fingerprint) >= _SAME_RECORDING


def _decide(lake: Lake, pair: Pair, judged: Decision, newer: Pair | None) -> Decision:
    """Write the decision of the check, if the user has not decided on this content."""
    found = tuple(one for one in judged.findings if one.kind != DUPLICATE)
    if newer is not None:
        text = f"the same recording was corrected again: {newer.id} ({newer.recording})"
        found = (*found, Finding(DUPLICATE, text, clear=True))
    if judged.generation and found == judged.findings:
        return judged
    new = replace(
        judged,
        findings=found,
        decision=verdict(found),
        reason=reasons(found) or "nothing was found",
        by="check",
    )

    def change(present: Decision | None) -> Decision:
        return _kept_by_user(present, new) or new

    return update_decision(lake, pair.id, change)


def _kept_by_user(present: Decision | None, new: Decision) -> Decision | None:
    """The user's decision on the same content with the new findings; None if there is none."""
    if present is None or present.by != "user" or not _same_content(present, new):
        return None
    return replace(
        new,
        decision=present.decision,
        reason=present.reason,
        by="user",
        split=present.split,
        audio=present.audio,
    )


def _same_content(one: Decision, other: Decision) -> bool:
    return (one.audio_crc32c, one.notes_crc32c) == (other.audio_crc32c, other.notes_crc32c)


def decide(lake: Lake, beginning: str, decision: Verdict, reason: str) -> Decision:
    """The user's decision on the pair whose id begins so. Raises PairError, StorageError."""
    pair = find_pair(lake, beginning)
    own = pair.decision or judge(lake, pair, read_decisions(lake), {}, Shares())

    def change(present: Decision | None) -> Decision:
        base = present if present is not None and _same_content(present, own) else own
        return replace(base, decision=decision, reason=reason, by="user")

    return update_decision(lake, pair.id, change)


def take_back(lake: Lake, beginning: str) -> Decision:
    """Replace the user's decision on a pair by that of the check.

    A pair that was not checked yet is to be looked at. Raises PairError, StorageError.
    """
    pair = find_pair(lake, beginning)
    if pair.decision is None or pair.decision.by != "user":
        raise PairError(f"{pair.id}: you have decided nothing on it that could be taken back")

    def change(present: Decision | None) -> Decision:
        base = present or pair.decision
        assert base is not None
        found = reasons(base.findings) or "nothing was found"
        checked = verdict(base.findings) if base.checked else "review"
        reason = found if base.checked else "not checked yet"
        return replace(base, decision=checked, reason=reason, by="check")

    return update_decision(lake, pair.id, change)
