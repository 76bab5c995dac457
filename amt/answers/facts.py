"""All facts that a piece can be asked about; they are also the tools of a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amt.answers.fact import Fact, Result
from amt.answers.facts_character import CHARACTER_FACTS
from amt.answers.facts_harmony import HARMONY_FACTS
from amt.answers.facts_loudness import LOUDNESS_FACTS
from amt.answers.facts_named import NAMED_FACTS
from amt.answers.facts_notes import NOTE_FACTS
from amt.answers.facts_passage import PASSAGE_FACTS
from amt.answers.facts_time import TIME_FACTS
from amt.answers.piece import Piece

FACTS: tuple[Fact, ...] = (
    *CHARACTER_FACTS,
    *NOTE_FACTS,
    *NAMED_FACTS,
    *HARMONY_FACTS,
    *TIME_FACTS,
    *PASSAGE_FACTS,
    *LOUDNESS_FACTS,
)
FACT = {fact.name: fact for fact in FACTS}


def run_fact(piece: Piece, name: str, arguments: Mapping[str, Any]) -> Result:
    """The result of a fact in plain types. Raises ValueError for a wrong name or arguments."""
    if name not in FACT:
        raise ValueError(f"there is no fact {name!r}: choose one of {', '.join(FACT)}")
    return FACT[name].compute(piece, **arguments)
