"""Rooms keep onsets, detuning moves pitch and notes, and the table has a row for each change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rooms_and_tuning import drifting, in_room, main, out_of_tune, room_response
from small_recordings import scale, tone

from amt.io.audio import SAMPLE_RATE, AudioError, save
from amt.io.midi import write_midi
from amt.notes import Notes


def echo(delay: int = 4000) -> np.ndarray:
    """A direct sound after 100 samples, and an echo."""
    response = np.zeros(8000, dtype=np.float32)
    response[[100, 100 + delay]] = 0.5, 0.1
    return response


def test_a_room_keeps_onsets_and_has_its_level() -> None:
    response = room_response(echo(), 6.0)
    assert response[0] == 1 and np.count_nonzero(response) == 2
    assert 20 * np.log10(response[4000]) == pytest.approx(6.0, abs=1e-3)
    pluck = np.zeros(16000, dtype=np.float32)
    pluck[3000] = 0.2
    _, audio, _ = in_room(response, ("a", pluck, scale(1.0)))
    assert np.flatnonzero(np.abs(audio) > 0.01).tolist() == [3000, 7000]


def test_a_response_without_reverberation_is_refused() -> None:
    with pytest.raises(AudioError, match="no reverberation"):
        room_response(np.eye(1, 100, dtype=np.float32)[0], 0.0)


def test_out_of_tune_is_higher_and_sooner() -> None:
    notes = scale(2.0)
    _, audio, moved = out_of_tune(40.0, ("a", tone(2.0, pitch=69), notes))
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 18))
    ratio = 2 ** (40 / 1200)
    assert spectrum.argmax() * SAMPLE_RATE / (1 << 18) == pytest.approx(440 * ratio, rel=1e-3)
    np.testing.assert_allclose(moved.onset * ratio, notes.onset, rtol=1e-3)


def test_a_drift_moves_notes_with_their_sounds() -> None:
    clicks = np.zeros(40 * SAMPLE_RATE, dtype=np.float32)
    onset = np.arange(1, 40, 3.0)
    clicks[(onset * SAMPLE_RATE).astype(int)] = 1
    notes = Notes(onset, onset + 0.1, np.full(13, 60), np.full(13, 60))
    _, audio, moved = drifting(40.0, ("a", clicks, notes))
    for time in moved.onset:
        near = audio[round((time - 0.01) * SAMPLE_RATE) : round((time + 0.01) * SAMPLE_RATE)]
        assert abs(int(near.argmax()) - 160) < 16
    assert np.all(np.diff(np.diff(moved.onset)) < 0)


def test_the_table_has_a_row_for_each_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "songs" / "a.wav", tone(3.0, pitch=60))
    write_midi(tmp_path / "songs" / "a.mid", scale(2.0))
    save(tmp_path / "room.wav", echo())
    words = [str(tmp_path / "songs"), "--models", "fast", "--rooms", str(tmp_path / "room.wav")]
    main([*words, "--levels", "0", "--cents", "-30", "--drift", "20", "--seconds", "3"])
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line]
    assert rows[2:] == ["as it is", "room, +0 dB", "-30 cents", "-20 to +20 cents"]
    with pytest.raises(SystemExit, match="nowhere"):
        main([str(tmp_path / "nowhere")])
