"""Decisions on training pairs, in feedback/PAIR.json of the lake.

A decision stays when its pair is gone, since it also says in which split the recording is. It holds
the checksums of the pair: if the pair was changed since, the decision no longer counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

from amt.cloud.lake import Lake, StorageError
from amt.data.pieces import Split

FOLDER = "feedback"
Verdict = Literal["accepted", "rejected", "review"]
# Objects of a bucket that are read at once.
READERS = 16
# Another process may write the same decision; each time one of them gets ahead.
_ATTEMPTS = 10


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a pair, or may be; text: the reason, with figures.

    clear: it is certainly wrong, so that the pair is of no use.
    """

    kind: str
    text: str
    clear: bool = False


@dataclass(frozen=True)
class Decision:
    """What was decided on a pair: used for training, not used, or to be looked at by a person.

    by: check or user. reason: one line. decided: ISO, UTC. split: the share of the data to which
    the recording belongs for ever. audio: the checksum of the first pair with this recording, which
    all its pairs share. fingerprint: of the audio. checked: whether the models have judged the
    pair; findings: what they found. generation: of the stored decision; 0: not stored yet.
    """

    pair: str
    decision: Verdict
    reason: str
    by: Literal["check", "user"]
    audio_crc32c: str
    notes_crc32c: str
    split: Split
    audio: str
    fingerprint: str
    seconds: float
    checked: bool = False
    findings: tuple[Finding, ...] = ()
    decided: str = ""
    generation: int = 0

    def same_as(self, other: Decision | None) -> bool:
        """Whether two decisions differ at most in when they were made."""
        return (
            other is not None
            and replace(self, decided=other.decided, generation=other.generation) == other
        )


def read_decisions(lake: Lake) -> dict[str, Decision]:
    """All decisions by the name of their pair. Raises StorageError."""
    names = [one.name for one in lake.list(f"{FOLDER}/") if one.name.endswith(".json")]
    pairs = [name.removeprefix(f"{FOLDER}/").removesuffix(".json") for name in names]
    with ThreadPoolExecutor(READERS) as readers:
        found = readers.map(lambda pair: read_decision(lake, pair), pairs)
    return {one.pair: one for one in found if one is not None}


def read_decision(lake: Lake, pair: str) -> Decision | None:
    """The decision on a pair, if there is one that can be read."""
    name = _name(pair)
    # Before the content, so that a change in between is noticed when it is written.
    stored = lake.stat(name)
    if stored is None:
        return None
    try:
        return _decision(json.loads(lake.read(name)), stored.generation)
    except StorageError as error:
        if error.status == HTTPStatus.NOT_FOUND:  # Deleted in between.
            return None
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def update_decision(
    lake: Lake, pair: str, change: Callable[[Decision | None], Decision]
) -> Decision:
    """Replace the decision on a pair by `change` of it; nothing is written if that changes nothing.

    If another process writes in between, `change` is called again with what that wrote. Raises
    StorageError.
    """
    for attempt in range(_ATTEMPTS):
        present = read_decision(lake, pair)
        new = change(present)
        if present is not None and new.same_as(present):
            return present
        new = replace(new, decided=datetime.now(UTC).isoformat(timespec="seconds"))
        try:
            stored = lake.write(_name(pair), _document(new), _generation(lake, pair, present))
            return replace(new, generation=stored.generation)
        except StorageError as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _generation(lake: Lake, pair: str, present: Decision | None) -> int:
    """The generation that is to be replaced: also of a document that cannot be read."""
    if present is not None:
        return present.generation
    stored = lake.stat(_name(pair))
    return stored.generation if stored else 0


def _name(pair: str) -> str:
    return f"{FOLDER}/{pair}.json"


def _document(decision: Decision) -> bytes:
    document = {key: value for key, value in asdict(decision).items() if key != "generation"}
    return (json.dumps(document, indent=1) + "\n").encode()


def _decision(document: dict[str, Any], generation: int) -> Decision:
    known = {field.name for field in fields(Decision)}
    values = {key: value for key, value in document.items() if key in known}
    findings = tuple(Finding(**one) for one in values.pop("findings", ()))
    return Decision(**{**values, "findings": findings, "generation": generation})


def reasons(findings: Iterable[Finding]) -> str:
    """The texts of findings as one line."""
    return "; ".join(finding.text for finding in findings)
