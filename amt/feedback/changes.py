"""What a user changed: the notes that were added, removed and changed, one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from amt.notes import Notes

# Onset and offset in seconds, pitch as a MIDI number, velocity.
Row = tuple[float, float, int, int]
_ONSET, _OFFSET, _PITCH = range(3)
# Columns of a note that stay when it is changed, the clearest cases first: another end or velocity,
# another onset, another pitch, moved.
_KEPT_COLUMNS = ((_PITCH, _ONSET), (_PITCH, _OFFSET), (_ONSET, _OFFSET), (_PITCH,))
# Times are compared at this resolution in seconds, that of the stored notes.
_DECIMALS = 4


@dataclass(frozen=True)
class Changes:
    """Notes that are only in the later table, only in the earlier one, and in both but changed.

    changed: the note before and after. Each list is in the order of time.
    """

    added: list[Row]
    removed: list[Row]
    changed: list[tuple[Row, Row]]

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each sort."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": len(self.changed),
        }


def compare_notes(before: Notes, after: Notes) -> Changes:
    """The changes from one note table to another; the pedal is not compared.

    A removed and an added note count as one that was changed if they have the same pitch, or the
    same times.
    """
    old, new = Counter(_rows(before)), Counter(_rows(after))
    removed, added = list((old - new).elements()), list((new - old).elements())
    changed: list[tuple[Row, Row]] = []
    for columns in _KEPT_COLUMNS:
        pairs = _pairs(removed, added, columns)
        changed += pairs
        removed = _without(removed, [one for one, _ in pairs])
        added = _without(added, [other for _, other in pairs])
    return Changes(sorted(added), sorted(removed), sorted(changed))


def _pairs(
    removed: Sequence[Row], added: Sequence[Row], columns: Sequence[int]
) -> list[tuple[Row, Row]]:
    """Removed and added notes with the same values in `columns`, each note in one pair at most."""
    waiting: dict[tuple[float, ...], list[Row]] = defaultdict(list)
    for row in removed:
        waiting[_key(row, columns)].append(row)
    return [(found.pop(0), row) for row in added if (found := waiting.get(_key(row, columns), []))]


def _key(row: Row, columns: Sequence[int]) -> tuple[float, ...]:
    return tuple(row[column] for column in columns)


def _without(rows: Sequence[Row], taken: Sequence[Row]) -> list[Row]:
    return list((Counter(rows) - Counter(taken)).elements())


def _rows(notes: Notes) -> list[Row]:
    onset, offset = (column.round(_DECIMALS).tolist() for column in (notes.onset, notes.offset))
    return list(zip(onset, offset, notes.pitch.tolist(), notes.velocity.tolist(), strict=True))
