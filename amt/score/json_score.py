"""A score as plain data for JSON: beats, downbeats, metre, key, and where each note is written."""

from __future__ import annotations

from fractions import Fraction

from amt.score.score import Bar, Score, ScoreNote, key_name


def score_json(score: Score) -> dict[str, object]:
    """Beats and downbeats in seconds, metres and keys by bar, and the performed notes in order.

    tempo: of the whole piece, beats a minute, the median; tempo_marks: those of the sheet music.

    Each note has the id of its sign in MusicXML (a trill's notes share one), its onset and offset
    in seconds, pitch, velocity, hand, voice, name, bar (from 0), position and value as fractions of
    quarter notes ("3/2"; value "0" of a grace note).
    """
    grid, notes = score.grid, score.performed
    places = {index: one for one in score.notes for index in one.performed}
    bars = score.bars
    return {
        "title": score.title,
        "metre": bars[1 if bars[0].pickup and len(bars) > 1 else 0].signature,
        "key": score.key,
        "tempo": round(score.tempo.bpm, 2),
        "tempo_marks": [
            {"bar": mark.bar, "tempo": round(mark.tempo.bpm, 2)} for mark in score.tempo_marks
        ],
        "beats": [round(float(time), 4) for time in grid.beats],
        "downbeats": [round(float(time), 4) for time in grid.bars()[0][int(bars[0].pickup) :]],
        "bars": [_bar(bar) for bar in bars],
        "notes": [
            {
                "index": index,
                "onset": round(float(notes.onset[index]), 4),
                "offset": round(float(notes.offset[index]), 4),
                "pitch": int(notes.pitch[index]),
                "velocity": int(notes.velocity[index]),
                **_place(places[index]),
            }
            for index in range(len(notes))
        ],
    }


def _bar(bar: Bar) -> dict[str, object]:
    return {
        "metre": bar.signature,
        "key": key_name(bar.fifths, bar.mode),
        "length": _text(bar.length),
        "pickup": bar.pickup,
    }


def _place(note: ScoreNote) -> dict[str, object]:
    name = note.spelling
    return {
        "id": f"n{note.performed[0]}",
        "name": name.step + ("#" * name.alter or "b" * -name.alter) + str(name.octave),
        "hand": note.hand,
        "voice": note.voice,
        "bar": note.bar,
        "position": _text(note.position),
        "value": _text(note.value),
        "grace": note.grace,
        "ornament": note.ornament,
    }


def _text(value: Fraction) -> str:
    """As "3/2", "2" where it is whole."""
    return str(value)
