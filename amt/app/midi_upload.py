"""A MIDI file in place of a recording: its notes need no transcription."""

from __future__ import annotations

from amt.app.corrections import MAX_NOTES_PER_SECOND
from amt.io.audio import AudioError, TooLongError
from amt.io.midi import MidiError, parse_midi
from amt.serving.pool import Result
from amt.serving.settings import Settings, variable_name

# A short file may have more notes a second.
_SPARE_SECONDS = 10.0


def read_midi_upload(data: bytes, settings: Settings) -> Result:
    """The notes of the content of a MIDI file, as if they had been transcribed.

    Raises AudioError for what cannot be read, TooLongError beyond the limits for recordings.
    """
    if len(data) > settings.max_body_bytes:
        limit = f"{settings.max_body_bytes:,} bytes ({variable_name('max_body_bytes')})"
        raise TooLongError(f"the MIDI file is larger than {limit}")
    try:
        notes, issues = parse_midi(data)
    except MidiError as error:
        raise AudioError(f"cannot read the MIDI file: {error}") from error
    if notes.end > settings.max_audio_seconds:
        limit = f"{settings.max_audio_seconds:g} s ({variable_name('max_audio_seconds')})"
        raise TooLongError(f"the MIDI file is longer than {limit}")
    if len(notes) > (most := round(MAX_NOTES_PER_SECOND * (notes.end + _SPARE_SECONDS))):
        text = f"the MIDI file has {len(notes):,} notes in {notes.end:.0f} s"
        raise AudioError(f"{text}: expected at most {most:,}")
    return Result(notes, notes.end, 0.0, tuple(issues))
