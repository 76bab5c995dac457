"""The mood of a piece, one of five, from its tempo, mode, density and loudness.

A mood is a place in the plane of arousal and valence (Russell 1980, "A Circumplex Model of
Affect"), with loudness apart, since only loud music is aggressive. The nearest one is chosen. Fast,
dense and loud playing raises arousal, a major key raises valence (Gabrielsson and Lindström 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.answers.facts_loudness import loudness_words
from amt.answers.piece import Piece
from amt.answers.wording import listing

# Arousal, valence and loudness of each mood, about -1 to 1.
PLACES = {
    "Calm": (-0.7, 0.2, -0.6),
    "Energetic": (0.9, 0.1, 0.4),
    "Sad": (-0.6, -0.9, -0.5),
    "Happy": (0.2, 0.9, 0.1),
    "Aggressive": (0.8, -0.6, 1.0),
}
MOODS = tuple(PLACES)
# Middle and spread of tempo in beats per minute, notes per second, mean velocity.
TEMPO, DENSITY, VELOCITY = (100.0, 40.0), (5.0, 4.0), (64.0, 22.0)
VALENCE = {"major": 0.8, "minor": -0.8}
TEMPO_WORDS = ((76, "slow"), (108, "moderately fast"), (140, "fast"), (1000, "very fast"))
DENSITY_WORDS = ((3, "sparse"), (7, "moderately dense"), (1000, "dense"))


@dataclass(frozen=True)
class Character:
    """What the mood is judged by; tempo and mode are None if they are not certain."""

    bpm: float | None
    mode: str | None
    notes_per_second: float
    velocity: float

    @property
    def traits(self) -> list[str]:
        """Tempo, density, loudness and mode in words, with their numbers."""
        tempo = [] if self.bpm is None else [f"{self.speed} ({self.bpm:.0f} beats per minute)"]
        density = f"{self.density} ({self.notes_per_second:.1f} notes per second)"
        loudness = f"{self.loudness} (average velocity {self.velocity:.0f} of 127)"
        mode = [] if self.mode is None else [f"in a {self.mode} key"]
        return [*tempo, density, loudness, *mode]

    @property
    def speed(self) -> str | None:
        """The tempo in words."""
        return None if self.bpm is None else _word(TEMPO_WORDS, self.bpm)

    @property
    def density(self) -> str:
        """The notes per second in words."""
        return _word(DENSITY_WORDS, self.notes_per_second)

    @property
    def loudness(self) -> str:
        """The mean velocity in words."""
        return loudness_words(self.velocity)


def character(piece: Piece) -> Character:
    """What the mood of a piece with notes is judged by."""
    tempo, key = piece.analysis.tempo, piece.analysis.key
    seconds = max(piece.notes.end - float(piece.notes.onset[0]), 1.0)
    return Character(
        tempo.bpm if tempo and tempo.certain else None,
        key.mode if key else None,
        len(piece.notes) / seconds,
        float(piece.notes.velocity.mean()),
    )


def mood_of(piece: Piece) -> tuple[str, str]:
    """Mood and the reason for it, a sentence; a piece without notes is calm."""
    if not len(piece.notes):
        return "Calm", "There are no notes."
    judged = character(piece)
    busy, loud = _scaled(judged.notes_per_second, DENSITY), _scaled(judged.velocity, VELOCITY)
    speed = busy if judged.bpm is None else _scaled(judged.bpm, TEMPO)
    arousal = 0.35 * speed + 0.35 * busy + 0.3 * loud
    place = np.array([arousal, VALENCE.get(judged.mode or "", 0.0), loud])
    mood = min(PLACES, key=lambda name: float(np.linalg.norm(place - PLACES[name])))
    return mood, f"The music is {listing(judged.traits)}."


def _scaled(value: float, scale: tuple[float, float]) -> float:
    middle, spread = scale
    return float(np.clip((value - middle) / spread, -1.2, 1.2))


def _word(words: tuple[tuple[float, str], ...], value: float) -> str:
    return next(word for limit, word in words if value < limit)
