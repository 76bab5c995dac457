"""Answers to prompts from the notes alone, without a language model or a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from amt.answers.facts import FACT
from amt.answers.facts_character import caption_of
from amt.answers.mood import MOODS, mood_of
from amt.answers.piece import Piece
from amt.answers.prompts import parse

__all__ = ["MOODS", "Answer", "answer_offline"]

HELP = (
    "You can ask for the most common note, the most repeated pattern, how many notes or octaves "
    "there are, the highest and lowest note, the key and where it changes, the tempo, the chords, "
    "the loudest and softest moment, where the pedal is down, the sections, the mood, a caption or "
    'a summary; also of a part, as in "Which chord is at 0:12?" or "How many notes are in the '
    'first 10 seconds?".'
)
NOT_ASKED = "I can only answer questions about the recording."
NO_RECORDING = "There is no recording to answer from: send one with the question."


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
        return Answer(f"{NO_RECORDING} {HELP}", "offline")
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
        return f"{NOT_ASKED} {HELP}"
    sentences = [FACT[fact["name"]].sentence(fact["result"]) for fact in facts]
    names = [fact["name"] for fact in facts]
    if "transcribe" in names:
        sentences = _after_transcription(names, sentences)
    if not prompt.strip():
        sentences.append(HELP)
    return " ".join(dict.fromkeys(sentences))


def _after_transcription(names: list[str], sentences: list[str]) -> list[str]:
    """First "Prediction complete! Most common note is ...", as programs that ask so expect it."""
    first = names.index("most_common_note" if "most_common_note" in names else "transcribe")
    text = sentences[first].replace("The most common note", "Most common note", 1)
    return [f"Prediction complete! {text}", *sentences[:first], *sentences[first + 1 :]]
