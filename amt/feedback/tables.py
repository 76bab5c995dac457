"""Pairs and changes as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from amt.analysis.spelling import spell_pitch
from amt.feedback.changes import Changes, Row
from amt.feedback.pairs import Content, Pair

_COLUMNS = ("pair", "corrected", "seconds", "notes", "changes", "model", "decision", "recording")


def pair_table(pairs: Sequence[Pair]) -> Iterator[str]:
    """A line for each pair, below one with the names of the columns."""
    rows = [_COLUMNS, *(_cells(pair) for pair in pairs)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def pair_text(pair: Pair) -> Iterator[str]:
    """What is known of one pair, and the decision on it."""
    names = dict(zip(_COLUMNS, _cells(pair), strict=True))
    for name in ("pair", "recording", "corrected", "seconds", "notes", "model", "decision"):
        yield f"{name:<10} {names[name]}"
    if pair.decision:
        decision = pair.decision
        yield f"{'':10} by {decision.by}, {decision.decided}: {decision.reason}"
        yield from (f"{'found':<10} {one.kind}: {one.text}" for one in decision.findings)
        yield f"{'split':<10} {decision.split}"


def change_table(changes: Changes) -> Iterator[str]:
    """A line for each note that was added, removed or changed, in the order of time."""
    lines = [("+", row, None) for row in changes.added]
    lines += [("-", row, None) for row in changes.removed]
    rows = [*lines, *(("~", old, new) for old, new in changes.changed)]
    counts = ", ".join(f"{count} {name}" for name, count in changes.counts.items())
    yield f"{'changes':<10} {counts}"
    for sign, before, after in sorted(rows, key=lambda row: row[1]):
        yield f"{sign} {_note(before)}" + (f"  ->  {_note(after)}" if after else "")


def changes_text(counts: Mapping[str, int]) -> str:
    """Numbers of changes in short: +2 -1 ~3."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    return " ".join(f"{sign}{counts.get(name, 0)}" for name, sign in signs.items())


def unknown_changes(content: Content) -> str:
    """Why there is no table of changes; empty where there can be one."""
    if content.before is not None:
        return ""
    return "changes    not known note by note: the pair lacks the transcription"


def _cells(pair: Pair) -> tuple[str, ...]:
    seconds = pair.decision.seconds if pair.decision else pair.seconds
    model = " ".join(filter(None, (pair.model.get("name", ""), pair.model.get("version", "")[:12])))
    return (
        pair.id,
        pair.corrected[:16].replace("T", " "),
        "?" if seconds is None else f"{seconds:.1f}",
        "?" if pair.note_count is None else str(pair.note_count),
        changes_text(pair.changes),
        model or "?",
        pair.status,
        pair.recording,
    )


def _note(row: Row) -> str:
    onset, offset, pitch, velocity = row
    minutes, seconds = divmod(onset, 60)
    name = spell_pitch(pitch, None)
    return (
        f"{minutes:3.0f}:{seconds:07.4f}  {name:<4} {offset - onset:7.3f} s  velocity {velocity:3d}"
    )
