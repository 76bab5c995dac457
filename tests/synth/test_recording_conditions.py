from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.io.audio import save
from amt.notes import Notes
from amt.synth.recording_conditions import (
    RecordingConditions,
    play_and_record,
    random_recording_conditions,
    record,
    vary_instrument,
)
from amt.synth.sampler import SampledPiano

RATE = 16000
PLAIN = RecordingConditions(resonance_db=-90, room_db=-90, noise_db=-120, level_db=-30)


@pytest.fixture(scope="module")
def piano(tmp_path_factory: pytest.TempPathFactory) -> SampledPiano:
    """One sample for all keys: a decaying tone with a sharp attack after 20 ms."""
    folder = tmp_path_factory.mktemp("piano")
    time = np.arange(2 * RATE) / RATE - 0.02
    audio = np.where(time < 0, 0, np.cos(2 * np.pi * 261.6 * time) * np.exp(-2 * time))
    save(folder / "a.wav", 0.5 * audio)
    text = "<region> sample=a.wav lokey=21 hikey=108 pitch_keycenter=60\n"
    (folder / "piano.sfz").write_text(text)
    return SampledPiano.load(folder)


def _drawn(count: int) -> list[RecordingConditions]:
    return [random_recording_conditions(np.random.default_rng(seed)) for seed in range(count)]


def _notes(*pitches: int, onset: float = 0.3, velocity: int = 80) -> Notes:
    count = len(pitches)
    begins = onset + np.arange(count, dtype=float)
    return Notes(begins, begins + 0.7, np.array(pitches), np.full(count, velocity))


def _db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-30))


def _hertz(audio: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(audio, 1 << 18)).argmax() * RATE / (1 << 18))


def _play(
    piano: SampledPiano, notes: Notes, conditions: RecordingConditions, **options: object
) -> np.ndarray:
    return play_and_record(piano, notes, conditions, np.random.default_rng(0), **options)  # type: ignore[arg-type]


def test_random_conditions_differ_and_depend_on_the_generator() -> None:
    assert _drawn(20) == _drawn(20)
    drawn = [vary_instrument(conditions) for conditions in _drawn(20)]
    assert drawn == [vary_instrument(conditions) for conditions in _drawn(20)]
    for field in fields(RecordingConditions):
        assert len({asdict(conditions)[field.name] for conditions in drawn}) > 3, field.name


def test_random_conditions_are_within_their_ranges() -> None:
    for conditions in _drawn(200):
        assert abs(conditions.tune_cents) <= 30
        assert 0.6 <= conditions.velocity_curve <= 1.6
        assert conditions.dynamic_range_db is None or 20 <= conditions.dynamic_range_db <= 45
        assert sum(map(abs, conditions.microphone_gain_db)) <= 4
        assert -40 <= conditions.level_db <= -20 and -75 <= conditions.noise_db <= -50


@given(seed=st.integers(0, 2**32 - 1), onset=st.floats(0.1, 0.5), measured=st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_conditions_delay_an_onset(
    piano: SampledPiano, seed: int, onset: float, measured: bool
) -> None:
    conditions = vary_instrument(random_recording_conditions(np.random.default_rng(seed)))
    late = np.zeros(8000)
    late[[900, 3000, 5000]] = 0.3, 0.5, -0.4  # a reflection louder than the direct sound
    audio = _play(piano, _notes(60, onset=onset), conditions, rooms=[late] * measured)
    begins = np.flatnonzero(np.abs(audio) > 0.2 * np.abs(audio).max())[0] / RATE
    assert abs(begins - onset) < 0.001
    assert audio.dtype == np.float32 and np.abs(audio).max() < 1


def test_level_and_noise(piano: SampledPiano) -> None:
    notes = _notes(60, 64)
    assert _db(_play(piano, notes, PLAIN)) == pytest.approx(-30, abs=0.1)
    assert _db(_play(piano, notes, replace(PLAIN, level_db=-40))) == pytest.approx(-40, abs=0.1)
    noisy = _play(piano, notes, replace(PLAIN, noise_db=-50))
    assert _db(noisy[: round(0.2 * RATE)]) == pytest.approx(-80, abs=3)


def test_a_high_level_does_not_clip(piano: SampledPiano) -> None:
    audio = _play(piano, _notes(60), replace(PLAIN, level_db=-3))
    assert 0.9 < np.abs(audio).max() < 1


def test_noise_is_constant_in_a_long_piece() -> None:
    audio = np.zeros(40 * RATE, dtype=np.float32)
    audio[:RATE] = np.random.default_rng(0).standard_normal(RATE)
    noise = record(audio, replace(PLAIN, noise_db=-40))[2 * RATE :]
    parts = [_db(part) for part in np.array_split(noise, 5)]
    assert max(parts) - min(parts) < 1 and np.mean(parts) == pytest.approx(-70, abs=1)


def test_microphone_gain_over_the_keyboard(piano: SampledPiano) -> None:
    """A cosine of 4 dB: +4 at the lowest key, -4 at the highest."""
    notes = _notes(24, 105)
    low, high = slice(round(0.3 * RATE), RATE), slice(round(1.3 * RATE), 2 * RATE)
    even, near = (_play(piano, notes, replace(PLAIN, microphone_gain_db=p)) for p in ((), (4.0,)))
    change = (_db(near[low]) - _db(near[high])) - (_db(even[low]) - _db(even[high]))
    assert change == pytest.approx(8, abs=0.5)


def test_stretched_tuning_at_the_ends_of_the_keyboard(piano: SampledPiano) -> None:
    conditions = replace(PLAIN, tune_cents=5, stretch_cents=30)
    for pitch, cents in ((21, -25), (64, 5), (96, 5 + 30 * (63 / 87) ** 3)):
        audio = _play(piano, _notes(pitch, onset=0.0), conditions)[800:12000]
        spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 19))
        expected = 440 * 2 ** ((pitch - 69 + cents / 100) / 12) * 261.6 / 261.6256
        assert abs(1200 * np.log2(spectrum.argmax() * RATE / 2**19 / expected)) < 3


def test_single_keys_are_uneven(piano: SampledPiano) -> None:
    one = _play(piano, _notes(60), PLAIN)
    uneven = replace(PLAIN, uneven_db=3.0, uneven_cents=20.0)
    assert _hertz(_play(piano, _notes(60), uneven)) != pytest.approx(_hertz(one), rel=1e-4)
    both = _play(piano, _notes(60, 61), uneven), _play(piano, _notes(60, 61), PLAIN)
    first, second = slice(round(0.35 * RATE), round(0.8 * RATE)), slice(round(1.35 * RATE), None)
    ratios = [_db(audio[first]) - _db(audio[second]) for audio in both]
    assert abs(ratios[0] - ratios[1]) > 0.5


def test_the_shelf_changes_the_bass_only() -> None:
    noise = np.random.default_rng(0).standard_normal(1 << 16).astype(np.float32)
    flat, bass = (record(noise, replace(PLAIN, shelf_db=db)) for db in (0.0, 6.0))
    ratio = np.abs(np.fft.rfft(bass)) / np.abs(np.fft.rfft(flat))
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    low, high = (20 * np.log10(np.median(ratio[b])) for b in (hertz < 20, hertz > 2000))
    assert low - high == pytest.approx(6, abs=0.5)


def test_measured_rooms_are_used_by_half_of_the_conditions() -> None:
    click = np.zeros(RATE, dtype=np.float32)
    click[100] = 0.5
    echo = np.zeros(4000)
    echo[[500, 2500]] = 1, 0.5
    used = 0
    for conditions in _drawn(60):
        quiet = replace(conditions, shelf_db=0, noise_db=-120, room_db=-10.0)
        sound = record(click, quiet, [echo])
        used += abs(sound[2100] / sound[100] - 10**-0.5) < 0.01
    assert 15 < used < 45


def test_without_notes_there_is_silence(piano: SampledPiano) -> None:
    assert not _play(piano, Notes.empty(), PLAIN).any()


def test_the_same_conditions_give_the_same_audio(piano: SampledPiano, tmp_path: Path) -> None:
    notes, (first, second) = _notes(60, 67), _drawn(2)
    audio = _play(piano, notes, first)
    np.testing.assert_array_equal(audio, _play(piano, notes, first))
    assert not np.allclose(audio, _play(piano, notes, second), atol=1e-4)
