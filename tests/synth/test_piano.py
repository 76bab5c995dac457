from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.notes import COLUMNS, MAX_PITCH, MIN_PITCH, SUSTAIN, Notes, Pedal
from amt.synth.performer import perform
from amt.synth.piano import Instrument, random_instrument, render
from amt.synth.room import convolve
from amt.synth.strings import partials, powers

RATE = 16000
QUIET = -300.0
BARE = Instrument(
    hammer_noise_db=QUIET,
    key_release_noise_db=QUIET,
    resonance_db=QUIET,
    room_db=QUIET,
    noise_db=QUIET,
)


def _note(onset: float, offset: float, pitch: int = 60, velocity: int = 80) -> Notes:
    return Notes(np.array([onset]), np.array([offset]), np.array([pitch]), np.array([velocity]))


def _with_pedal(notes: Notes, *moves: tuple[float, int]) -> Notes:
    time, value = zip(*moves, strict=True)
    return replace(notes, pedal=Pedal(np.array(time), np.full(len(time), SUSTAIN), np.array(value)))


def _render(notes: Notes, instrument: Instrument = BARE, seconds: float | None = 2.0) -> np.ndarray:
    return render(notes, instrument, np.random.default_rng(0), seconds)


def test_notes_of_many_hours_are_an_error() -> None:
    with pytest.raises(ValueError, match="the notes last 13 h; expected at most 12 h"):
        _render(_note(0, 13 * 3600), seconds=None)


def _db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-30))


def _delayed(audio: np.ndarray, samples: float) -> np.ndarray:
    """`audio` delayed by a fraction of a sample, exactly, by the phase of its spectrum."""
    padded = np.pad(audio.astype(np.float64), (1000, 1000))
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(padded)) * samples)
    return np.fft.irfft(np.fft.rfft(padded) * turn, len(padded))[1000:-1000]


@given(
    pitch=st.integers(MIN_PITCH, MAX_PITCH),
    velocity=st.integers(1, 127),
    fraction=st.floats(0.0, 1.0),
)
@settings(max_examples=30, deadline=None)
def test_a_note_a_fraction_of_a_sample_later_is_the_same_note_shifted(
    pitch: int, velocity: int, fraction: float
) -> None:
    first = _render(_note(0.25, 0.5, pitch, velocity), seconds=1.0)
    later = _render(
        _note(0.25 + fraction / RATE, 0.5 + fraction / RATE, pitch, velocity), seconds=1
    )
    error = later - _delayed(first, fraction)
    assert _db(error[3000:6000]) < _db(first[3000:6000]) - 25


@given(onset=st.floats(0.0, 0.5), pitch=st.integers(MIN_PITCH, MAX_PITCH))
@settings(max_examples=30, deadline=None)
def test_audio_begins_at_the_onset(onset: float, pitch: int) -> None:
    audio = np.abs(_render(_note(onset, onset + 0.3, pitch), seconds=1.0))
    begins = np.flatnonzero(audio > 1e-4 * audio.max())[0] / RATE
    assert -0.5 / RATE <= begins - onset < 0.0005
    strong = np.flatnonzero(audio > 0.3 * audio.max())[0] / RATE
    assert strong - onset < 0.02


def test_hammer_noise_begins_at_the_onset() -> None:
    instrument = replace(BARE, hammer_noise_db=-10)
    audio = np.abs(_render(_note(0.3, 0.9, 90), instrument) - _render(_note(0.3, 0.9, 90)))
    assert audio[: round(0.3 * RATE)].max() < 1e-6
    assert audio[round(0.3 * RATE) :].argmax() < 0.03 * RATE
    assert audio[round(0.45 * RATE) :].max() < 0.02 * audio.max()


def test_notes_add_up() -> None:
    low, high = _note(0.1, 0.8, 40), _note(0.30001, 0.9, 75)
    both = Notes(*(np.append(getattr(low, name), getattr(high, name)) for name in COLUMNS))
    np.testing.assert_allclose(_render(both), _render(low) + _render(high), atol=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_random_pianos_and_performances_give_finite_audio_without_clipping(seed: int) -> None:
    rng = np.random.default_rng(seed)
    notes, instrument = perform(rng, 5.0), random_instrument(rng)
    audio = render(notes, instrument, rng, 5.0)
    assert audio.shape == (5 * RATE,) and audio.dtype == np.float32
    assert np.isfinite(audio).all() and np.abs(audio).max() < 1
    assert not len(notes) or np.abs(audio).max() > 0.001


def test_all_keys_at_once_do_not_clip() -> None:
    pitch = np.arange(MIN_PITCH, MAX_PITCH + 1)
    notes = Notes(np.full(88, 0.1), np.full(88, 1.0), pitch, np.full(88, 127))
    audio = _render(notes, Instrument(resonance_db=-10))
    assert 0.5 < np.abs(audio).max() < 1


def test_levels_of_single_notes() -> None:
    peaks = [np.abs(_render(_note(0.1, 1.0, p, 127))).max() for p in range(21, 109, 6)]
    assert max(peaks) < 0.6 and min(peaks) > 0.05


def test_same_seed_same_audio() -> None:
    notes = perform(np.random.default_rng(3), 4.0)
    instrument = random_instrument(np.random.default_rng(4))
    first, second = (render(notes, instrument, np.random.default_rng(5), 4.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = random_instrument(np.random.default_rng(6))
    assert instrument == random_instrument(np.random.default_rng(4)) != other
    assert np.abs(first - render(notes, other, np.random.default_rng(5), 4.0)).max() > 0.01


def test_without_notes_there_is_silence() -> None:
    assert not _render(Notes.empty(), Instrument(), 1.0).any()
    assert len(_render(Notes.empty(), Instrument(), 1.0)) == RATE


def test_the_length_follows_the_last_note_unless_given() -> None:
    notes = _with_pedal(_note(0.1, 0.5), (0.2, 127), (1.5, 0))
    audio = render(notes, BARE, np.random.default_rng(0))
    assert len(audio) == round(2.5 * RATE)
    cut = render(notes, BARE, np.random.default_rng(0), seconds=0.3)
    np.testing.assert_allclose(cut, audio[: len(cut)], atol=1e-5)


def test_damper_and_pedal() -> None:
    dry = _render(_note(0.1, 0.5))
    held = _render(_with_pedal(_note(0.1, 0.5), (0.2, 127), (1.4, 0)))
    after, later = slice(round(0.9 * RATE), round(1.3 * RATE)), slice(round(1.85 * RATE), 2 * RATE)
    assert _db(dry[after]) < _db(held[after]) - 40
    assert _db(held[later]) < _db(held[after]) - 30


def test_the_highest_keys_have_no_damper() -> None:
    def fall(pitch: int) -> float:
        audio = _render(_note(0.1, 0.2, pitch))
        return _db(audio[3000:3200]) - _db(audio[5600:6400])

    assert fall(BARE.top_damper) > 30 > fall(BARE.top_damper + 1)


def test_higher_velocities_are_louder_and_brighter() -> None:
    level, centroid = [], []
    for velocity in (10, 40, 70, 100, 127):
        audio = _render(_note(0.1, 1.0, 60, velocity))[1600:12000]
        spectrum = np.abs(np.fft.rfft(audio)) ** 2
        level.append(_db(audio))
        centroid.append(np.average(np.fft.rfftfreq(len(audio), 1 / RATE), weights=spectrum))
    assert (np.diff(level) > 1).all() and 12 < level[-1] - level[0] < 50
    assert (np.diff(centroid) > 0).all()


def test_decay_by_register_and_in_two_stages() -> None:
    def falls(pitch: int) -> tuple[float, float]:
        audio = _render(_note(0.0, 4.0, pitch), seconds=4.0)
        window = [_db(audio[round(t * RATE) : round((t + 0.25) * RATE)]) for t in (0.05, 1.0, 2.0)]
        return window[0] - window[1], window[1] - window[2]

    early = {pitch: falls(pitch)[0] for pitch in (30, 60, 84)}
    assert early[30] < early[60] < early[84]
    first, second = np.mean([falls(pitch) for pitch in range(54, 78, 2)], axis=0)
    assert first > 1.3 * second


@pytest.mark.parametrize("cents", [-30.0, 0.0, 30.0])
def test_tuning(cents: float) -> None:
    instrument = replace(BARE, tune_cents=cents, stretch=0.0, detune_cents=0.01)
    audio = _render(_note(0.0, 2.0, 69), instrument)[1600:]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 19))
    found = np.argmax(spectrum[: 600 * 2**19 // RATE]) * RATE / 2**19
    assert abs(1200 * np.log2(found / 440) - cents) < 2


def test_partials_are_stretched_and_below_the_limit() -> None:
    hertz = partials(Instrument(), 48)
    ratio = hertz / hertz[0] / np.arange(1, len(hertz) + 1)
    assert (np.diff(ratio) > 0).all() and ratio[15] > 1.005
    assert all(len(partials(Instrument(), p)) >= 1 for p in range(MIN_PITCH, MAX_PITCH + 1))
    assert max(partials(Instrument(), p).max() for p in range(MIN_PITCH, MAX_PITCH + 1)) < 7500


def test_random_instruments_differ_in_every_parameter() -> None:
    drawn = [vars(random_instrument(np.random.default_rng(seed))) for seed in range(8)]
    for name in drawn[0]:
        assert len({instrument[name] for instrument in drawn}) > 2, name
    assert all(-30 <= instrument["tune_cents"] <= 30 for instrument in drawn)


def test_background_noise_has_its_level() -> None:
    instrument = replace(BARE, noise_db=-40)
    audio = _render(_note(1.5, 1.6), instrument)
    assert _db(audio[:RATE]) == pytest.approx(-40, abs=1)


def test_sympathetic_resonance_while_the_pedal_is_down() -> None:
    instrument = replace(BARE, resonance_db=-20)
    pressed = _with_pedal(_note(0.5, 0.6, 60), (0.1, 127), (1.4, 0))
    ringing = _render(pressed, instrument) - _render(pressed)
    assert np.abs(ringing[: RATE // 2]).max() < 1e-6
    assert _db(ringing[RATE : round(1.3 * RATE)]) > -75
    assert _db(ringing[round(1.6 * RATE) :]) < -120
    unpressed = _render(_note(0.5, 0.6), instrument)
    np.testing.assert_allclose(unpressed, _render(_note(0.5, 0.6)), atol=1e-6)


def test_the_room_does_not_delay_the_direct_sound() -> None:
    instrument = replace(BARE, room_db=-6, room_seconds=0.8)
    dry, wet = _render(_note(0.5, 1.0)), _render(_note(0.5, 1.0), instrument)
    first = round(0.5 * RATE)
    np.testing.assert_allclose(wet[: first + 16], dry[: first + 16], atol=1e-4)
    assert _db(wet[round(1.4 * RATE) :]) > _db(dry[round(1.4 * RATE) :]) + 20


def test_convolve_agrees_with_numpy() -> None:
    rng = np.random.default_rng(0)
    audio, response = rng.normal(size=40000), rng.normal(size=3000)
    expected = np.convolve(audio, response)[:40000]
    got = convolve(audio.astype(np.float32), response.astype(np.float32))
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_powers_agree_with_the_exponential() -> None:
    rate = np.array([-1e-4 + 0.3j, -1e-3 + 2.9j])
    np.testing.assert_allclose(powers(rate, 777), np.exp(np.outer(np.arange(777), rate)), atol=1e-9)
