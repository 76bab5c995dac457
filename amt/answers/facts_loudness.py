"""Facts of loudness and pedal: loudest and softest moment, dynamics, where the pedal is down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from amt.analysis.symbolic.skyline import chords as onset_groups
from amt.answers.fact import TIME, Fact, NoAnswerError, Result
from amt.answers.piece import Piece
from amt.answers.wording import clock, listing, percent, seconds_text, span, spans, times
from amt.notes import has_sustain, sustain_presses

# Energy of a note, from its velocity: the level is 40 log10(velocity / 127) dB in "General MIDI 2".
ENERGY_POWER = 4
# A passage is so long; shorter recordings have no passages.
PASSAGE_SECONDS = 5.0
MIN_SECONDS_FOR_PASSAGES = 20.0
MIN_ONSETS_IN_PASSAGE = 3
MOST_LISTED = 100
# Mean velocities below these are said so.
LOUDNESS_WORDS = ((40, "soft"), (55, "rather soft"), (75, "moderately loud"), (90, "rather loud"))


def loudness_words(velocity: float) -> str:
    """A mean velocity in words: soft to loud."""
    return next((words for limit, words in LOUDNESS_WORDS if velocity < limit), "loud")


def loudest_moment(piece: Piece) -> Result:
    """The notes that begin together and are loudest together, and the loudest passage."""
    return _moment(piece, np.argmax)


def softest_moment(piece: Piece) -> Result:
    """The notes that begin together and are softest together, and the softest passage."""
    return _moment(piece, np.argmin)


def _moment(piece: Piece, best: Callable[[np.ndarray], Any]) -> Result:
    notes = piece.notes
    group = onset_groups(notes)
    group = group - group[0]
    energy = notes.velocity.astype(float) ** ENERGY_POWER
    chosen = np.flatnonzero(group == best(np.bincount(group, energy)))
    time = float(notes.onset[chosen[0]])
    pitches = np.unique(notes.pitch[chosen])
    named = [{"note": piece.spell(pitch, time), "midi": int(pitch)} for pitch in pitches]
    velocity = int(notes.velocity[chosen].max())
    result: Result = {"time": time, "notes": named, "velocity": velocity}
    passage = _passage(piece, energy, best)
    return result | ({"passage": passage} if passage else {})


def _passage(piece: Piece, energy: np.ndarray, best: Callable[[np.ndarray], Any]) -> Result | None:
    """The loudest or softest passage; those with few notes are left out."""
    if piece.seconds - piece.start < MIN_SECONDS_FOR_PASSAGES:
        return None
    starts = np.arange(piece.start, piece.seconds - PASSAGE_SECONDS + 1e-6)
    onset, total = piece.notes.onset, np.append(0.0, np.cumsum(energy))
    first, stop = np.searchsorted(onset, starts), np.searchsorted(onset, starts + PASSAGE_SECONDS)
    enough = np.flatnonzero(stop - first >= MIN_ONSETS_IN_PASSAGE)
    if not len(enough):
        return None
    start = float(starts[enough[best((total[stop] - total[first])[enough])]])
    return {"start": start, "stop": start + PASSAGE_SECONDS}


def _say_moment(which: str) -> Callable[[Result], str]:
    def say(result: Result) -> str:
        names = [note["note"] for note in result["notes"]]
        text = (
            f"The {which} moment is at {clock(result['time'])}: {listing(names, 10)} with velocity "
            f"{'up to ' if len(names) > 1 else ''}{result['velocity']} of 127."
        )
        if "passage" not in result:
            return text
        passage = span(result["passage"]["start"], result["passage"]["stop"])
        return f"{text} The {which} {PASSAGE_SECONDS:.0f} seconds are {passage}."

    return say


def dynamics(piece: Piece) -> Result:
    """How loud the playing is: mean velocity, softest and loudest notes."""
    velocity = piece.notes.velocity
    soft, loud = np.percentile(velocity, (5, 95)).tolist()
    return {
        "mean_velocity": round(float(velocity.mean()), 1),
        "mostly": [round(soft), round(loud)],
        "words": loudness_words(float(velocity.mean())),
    }


def _say_dynamics(result: Result) -> str:
    soft, loud = result["mostly"]
    mostly = f", mostly between {soft} and {loud}" if loud - soft > 4 else ""
    return (
        f"The playing is {result['words']}: the average velocity is {result['mean_velocity']:.0f} "
        f"of 127{mostly}."
    )


def pedal(piece: Piece, time: float | None = None) -> Result:
    """Where the sustain pedal is down, or whether it is at a time."""
    if not has_sustain(piece.source.notes) and not piece.source.transcribed:
        raise NoAnswerError("The file has no information about the pedal.")
    presses = np.clip(sustain_presses(piece.notes), piece.start, piece.seconds)
    if time is not None:
        down = bool(((presses[:, 0] <= time) & (presses[:, 1] > time)).any())
        return {"time": time, "down": down}
    lengths = presses[:, 1] - presses[:, 0]
    return {
        "share": round(_pedal_share(piece, float(lengths.sum())), 4),
        "presses": len(presses),
        "median_seconds": round(float(np.median(lengths)), 3) if len(presses) else 0.0,
        "times": np.round(presses[:MOST_LISTED], 3).tolist(),
    }


def _pedal_share(piece: Piece, down: float) -> float:
    """The share of a part, or of a whole piece without the silence before and after its notes."""
    used = None if piece.whole else piece.analysis.pedalling
    return used.down if used else down / max(piece.seconds - piece.start, 1e-3)


def _say_pedal(result: Result) -> str:
    if "time" in result:
        return f"At {clock(result['time'])} the pedal is {'down' if result['down'] else 'up'}."
    if not result["presses"]:
        return "The sustain pedal is never down."
    when = listing(spans(result["times"]), 6, result["presses"])
    each = (
        f", for {seconds_text(result['median_seconds'])} each as a rule"
        if len(result["times"]) > 4
        else ""
    )
    return (
        f"The sustain pedal is down for {percent(result['share'])} of the time. It is pressed "
        f"{times(result['presses'])}{each}: {when}."
    )


LOUDNESS_FACTS = (
    Fact(
        "loudest_moment", "The loudest moment and passage.", loudest_moment, _say_moment("loudest")
    ),
    Fact(
        "softest_moment", "The softest moment and passage.", softest_moment, _say_moment("softest")
    ),
    Fact("dynamics", "How loud the playing is, from soft to loud.", dynamics, _say_dynamics),
    Fact(
        "pedal",
        "Where the sustain pedal is down, how often and how long; also whether it is at one time.",
        pedal,
        _say_pedal,
        TIME,
    ),
)
