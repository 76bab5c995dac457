from pathlib import Path

import numpy as np
import pytest
from small_recordings import scale, tone

from amt.data.pieces import SourceError
from amt.data.rendering import piano_names, render_notes, rendering_fingerprint, room_files
from amt.io import audio


@pytest.fixture
def piano(tmp_path: Path) -> str:
    """A piano of one sample."""
    folder = tmp_path / "piano"
    folder.mkdir()
    sample = tone(2.0, pitch=60) * np.exp(-np.arange(32000) / 8000).astype(np.float32)
    audio.save(folder / "a.wav", sample)
    (folder / "one.sfz").write_text("<region> sample=a.wav lokey=21 hikey=108 pitch_keycenter=60\n")
    return str(folder)


@pytest.fixture
def rooms(tmp_path: Path) -> str:
    """A folder with one impulse response, 50 ms late: an echo after 100 ms."""
    response = np.zeros(4000, dtype=np.float32)
    response[[800, 2400]] = 0.8, 0.4
    (tmp_path / "rooms").mkdir()
    audio.save(tmp_path / "rooms" / "echo.wav", response)
    return str(tmp_path / "rooms")


def test_recording_conditions_are_random_and_repeatable(piano: str) -> None:
    notes = scale(2.0)
    first, again, other = (
        render_notes(notes, [piano], np.random.default_rng(seed)).audio for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    levels = [10 * np.log10(np.mean(np.square(take))) for take in (first, other)]
    assert abs(levels[0] - levels[1]) > 1


def test_measured_rooms_change_some_pieces_and_no_onsets(piano: str, rooms: str) -> None:
    notes, changed = scale(1.0), 0
    for seed in range(12):
        plain = render_notes(notes, [piano], np.random.default_rng(seed))
        with_room = render_notes(notes, [piano], np.random.default_rng(seed), room_files(rooms))
        begins = [int(np.argmax(np.abs(r.audio) > 0.1 * r.peak)) for r in (plain, with_room)]
        assert abs(begins[0] - begins[1]) < 16
        changed += not np.array_equal(plain.audio, with_room.audio)
    assert 2 < changed < 10


def test_varied_pianos_play_the_same_notes_on_another_instrument(piano: str) -> None:
    notes = scale(1.0)
    varied, again, plain = (
        render_notes(notes, [piano], np.random.default_rng(1), vary_pianos=vary).audio
        for vary in (True, True, False)
    )
    np.testing.assert_array_equal(varied, again)
    count = min(len(varied), len(plain))
    assert not np.allclose(varied[:count], plain[:count], atol=1e-3)


def test_the_fingerprint_depends_on_pianos_and_rooms(piano: str, rooms: str) -> None:
    pianos, files = piano_names([piano, "builtin"]), room_files(rooms)
    without, within = rendering_fingerprint(pianos), rendering_fingerprint(pianos, files)
    assert without != within != rendering_fingerprint(["builtin"], files)
    assert rendering_fingerprint(pianos, files, vary_pianos=True) != within
    builtin = rendering_fingerprint(["builtin"])
    assert rendering_fingerprint(["builtin"], vary_pianos=True) == builtin
    files[0].write_bytes(b"another room")
    assert rendering_fingerprint(pianos, files) != within


def test_the_error_for_a_folder_without_rooms(tmp_path: Path) -> None:
    assert room_files(None) == ()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SourceError, match="has no audio; expected a folder of impulse"):
            room_files(str(folder))
