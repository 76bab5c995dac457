"""Answers to prompts from the notes alone, without a language model or a network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from amt.answers.facts import FACT
from amt.answers.facts_character import caption_of
from amt.answers.mood import MOODS, mood_of
from amt.answers.piece import Piece
from amt.answers.prompts import parse
from amt.answers.prompts_text import is_english

__all__ = ["MOODS", "Answer", "answer_offline"]

HELP = (
    "You can ask for the most common note, the most repeated pattern, how many notes or octaves "
    "there are, the highest and lowest note, the key and where it changes, the tempo, the chords, "
    "where a note or a chord comes, the loudest and softest moment, where the pedal is down, the "
    'sections, the mood, a caption or a summary; also of a part, as in "Which chord is at 0:12?", '
    '"What happens in bar 12?" or "How many notes are in the first 10 seconds?".'
)
EXAMPLES = (
    'You can ask, for example, "What key is it in?", "Which chord is at 0:12?" or "Where is it '
    'loudest?"; "What can I ask?" lists everything.'
)
NOT_ENGLISH = "I understand questions in English, but not this one."
NOT_ASKED = "I cannot answer that: I know the notes of the recording and what follows from them."
NO_RECORDING = "There is no recording to answer from: send one with the question."

_ASKS_FOR_HELP = re.compile(
    r"^\W*help\W*$|\b(?:what|which)\b.{0,20}\b(?:can|could|may|should|do)\b.{0,6}\b"
    r"(?:ask|answer|do|know)\b",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(r"\W*(?:is|are|was|were) there (?:an?|any|some)\b(?!.*\bthan\b)", re.I)


@dataclass(frozen=True)
class Answer:
    """An answer to a prompt.

    response: the text. source: who wrote it. facts: those it was written from, each with name,
    arguments and result. caption: the piece in one sentence. mood: one of MOODS, and the reason for
    it; these three are empty without a recording. notice: why Gemini was not used, or empty.
    """

    response: str
    source: Literal["gemini", "offline"]
    facts: list[dict[str, Any]] = field(default_factory=list)
    caption: str = ""
    mood: str = ""
    mood_reason: str = ""
    notice: str = ""


def answer_offline(prompt: str, piece: Piece | None) -> Answer:
    """The answer to any prompt: facts it asks for, or what can be asked. Never raises."""
    if piece is None:
        return Answer(f"{NO_RECORDING} {_help(prompt)}", "offline")
    questions = parse(prompt, piece)
    if not questions and not prompt.strip():
        questions = [("summary", {})]
    facts = [
        {"name": name, "arguments": given, "result": FACT[name].compute(piece, **given)}
        for name, given in questions
    ]
    mood, reason = mood_of(piece)
    return Answer(_response(prompt, facts), "offline", facts, caption_of(piece), mood, reason)


def _response(prompt: str, facts: list[dict[str, Any]]) -> str:
    if not facts:
        return _refusal(prompt)
    sentences = [FACT[fact["name"]].sentence(fact["result"]) for fact in facts]
    names = [fact["name"] for fact in facts]
    if "transcribe" in names:
        sentences = _after_transcription(names, sentences)
    if not prompt.strip():
        sentences.append(EXAMPLES)
    if len(facts) == 1 and _YES_OR_NO.match(prompt) and "count" in facts[0]["result"]:
        sentences = [_yes_or_no(facts[0]["result"]["count"], sentences[0])]
    return " ".join(dict.fromkeys(sentences))


def _help(prompt: str) -> str:
    return HELP if _ASKS_FOR_HELP.search(prompt) else EXAMPLES


def _refusal(prompt: str) -> str:
    """What is said to a prompt that asks for no fact."""
    if _ASKS_FOR_HELP.search(prompt):
        return HELP
    return f"{NOT_ASKED if is_english(prompt) else NOT_ENGLISH} {EXAMPLES}"


def _yes_or_no(count: int, sentence: str) -> str:
    """ "Is there a B flat?" is answered by yes or no, and then the sentence of the fact."""
    return f"{'Yes' if count else 'No'}: {sentence[0].lower()}{sentence[1:]}"


def _after_transcription(names: list[str], sentences: list[str]) -> list[str]:
    """First "Prediction complete! Most common note is ...", as programs that ask so expect it."""
    first = names.index("most_common_note" if "most_common_note" in names else "transcribe")
    text = sentences[first].replace("The most common note", "Most common note", 1)
    return [f"Prediction complete! {text}", *sentences[:first], *sentences[first + 1 :]]
