from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.io.audio import AudioError, save
from amt.notes import MAX_PITCH, MIN_PITCH, SUSTAIN, Notes, Pedal
from amt.synth.performer import perform
from amt.synth.sampled_strings import Unison
from amt.synth.sampler import SampledPiano, delay, find_attack

RATE = 16000
COLUMNS = (
    "sample", "low_key", "high_key", "root_key", "low_velocity", "high_velocity",
    "tune_cents", "gain_db", "onset_s",
)  # fmt: skip
ROOTS = (33, 57, 81)
LAYERS = ((1, 50), (51, 90), (91, 127))


def _hertz(pitch: float) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def _tone(pitch: int, level: float, attack: float) -> np.ndarray:
    """A sample: `attack` seconds of silence, then a decaying sine with a sharp attack."""
    time = np.arange(round(2.5 * RATE)) / RATE - attack
    rise = np.clip(time / 0.0005, 0, 1)
    sine = np.cos(2 * np.pi * _hertz(pitch) * time)
    return level * rise * sine * np.exp(-np.maximum(time, 0))


def _build(folder: Path, levels: tuple[float, ...] = (0.03, 0.12, 0.5)) -> Path:
    """A piano of three roots and three layers, each sample with another attack."""
    rows = ["\t".join(COLUMNS)]
    for i, root in enumerate(ROOTS):
        low, high = (MIN_PITCH, 45, 69, MAX_PITCH + 1)[i : i + 2]
        for j, layer in enumerate(LAYERS):
            attack, name = 0.004 + 0.011 * i + 0.003 * j, f"{root}_{layer[0]}.wav"
            save(folder / name, _tone(root, levels[j], attack))
            row = (name, low, high - 1, root, *layer, 0.0, 0.0, attack)
            rows.append("\t".join(str(value) for value in row))
    (folder / "map.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def piano(tmp_path_factory: pytest.TempPathFactory) -> SampledPiano:
    return SampledPiano.load(_build(tmp_path_factory.mktemp("piano")))


@pytest.fixture(scope="module")
def from_sfz(tmp_path_factory: pytest.TempPathFactory) -> SampledPiano:
    folder = _build(tmp_path_factory.mktemp("sfz"))
    lines = []
    for low, high in LAYERS:
        lines.append(f"<group> lovel={low} hivel={high}")
        for root, (first, last) in zip(ROOTS, ((21, 44), (45, 68), (69, 108)), strict=True):
            keys = f"lokey={first} hikey={last} pitch_keycenter={root}"
            lines.append(f"<region> sample={root}_{low}.wav {keys}")
    (folder / "map.tsv").unlink()
    (folder / "piano.sfz").write_text("\n".join(lines), encoding="utf-8")
    return SampledPiano.load(folder)


def _note(onset: float, offset: float, pitch: int = 60, velocity: int = 80) -> Notes:
    return Notes(np.array([onset]), np.array([offset]), np.array([pitch]), np.array([velocity]))


def _with_pedal(notes: Notes, *moves: tuple[float, int]) -> Notes:
    time, value = zip(*moves, strict=True)
    return replace(notes, pedal=Pedal(np.array(time), np.full(len(time), SUSTAIN), np.array(value)))


def _db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-30))


def _begins(audio: np.ndarray) -> float:
    return float(np.flatnonzero(np.abs(audio) > 0.1 * np.abs(audio).max())[0] / RATE)


def _strongest_hertz(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio, 1 << 18))
    return float(np.fft.rfftfreq(1 << 18, 1 / RATE)[spectrum.argmax()])


@given(
    onset=st.floats(0.1, 0.5),
    pitch=st.integers(MIN_PITCH, MAX_PITCH),
    velocity=st.integers(1, 127),
    tune=st.floats(-30, 30),
)
@settings(max_examples=40, deadline=None)
def test_the_attack_of_every_sample_lies_at_the_onset(
    piano: SampledPiano, onset: float, pitch: int, velocity: int, tune: float
) -> None:
    notes = _note(onset, onset + 0.3, pitch, velocity)
    audio = piano.render(notes, tune_cents=tune, seconds=1.0)
    assert abs(_begins(audio) - onset) < 0.0005


@given(fraction=st.floats(0.0, 1.0), pitch=st.integers(30, 90))
@settings(max_examples=30, deadline=None)
def test_a_note_a_fraction_of_a_sample_later_is_the_same_note_shifted(
    piano: SampledPiano, fraction: float, pitch: int
) -> None:
    start, size = round(0.2 * RATE), 4096
    first = piano.render(_note(0.2, 0.9, pitch), seconds=1.0)[start : start + size]
    notes = _note(0.2 + fraction / RATE, 0.9, pitch)
    later = piano.render(notes, seconds=1.0)[start : start + size]
    window = np.hanning(size)
    bin_of_tone = round(_hertz(pitch) * size / RATE)
    spectra = [np.fft.rfft(audio * window)[bin_of_tone] for audio in (first, later)]
    turned = np.angle(spectra[0] / spectra[1]) / (2 * np.pi * _hertz(pitch) / RATE)
    period = RATE / _hertz(pitch)
    assert abs((turned - fraction + period / 2) % period - period / 2) < 0.02


def test_sfz_and_table_give_the_same_piano(piano: SampledPiano, from_sfz: SampledPiano) -> None:
    notes = perform(np.random.default_rng(1), 4.0)
    table, sfz = (p.render(notes, seconds=4.0) for p in (piano, from_sfz))
    spectra = [np.abs(np.fft.rfft(audio)) for audio in (table, sfz)]
    assert _db(spectra[0] - spectra[1]) < _db(spectra[0]) - 15
    onsets = [_begins(p.render(_note(0.3, 0.6, 70), seconds=1)) for p in (piano, from_sfz)]
    assert abs(onsets[0] - onsets[1]) < 0.0005


@pytest.mark.parametrize("pitch", [33, 36, 57, 60, 64, 90])
@pytest.mark.parametrize("cents", [-30.0, 0.0, 12.5])
def test_pitch_shifted_keys_are_in_tune(piano: SampledPiano, pitch: int, cents: float) -> None:
    audio = piano.render(_note(0.0, 2.0, pitch), tune_cents=cents, seconds=2.0)[1000:]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 19))
    found = np.argmax(spectrum) * RATE / 2**19
    assert abs(1200 * np.log2(found / _hertz(pitch)) - cents) < 1


def test_loudness_rises_smoothly_with_velocity(piano: SampledPiano) -> None:
    level = np.array([
        _db(piano.render(_note(0.1, 0.6, 60, velocity), seconds=0.6)[1600:])
        for velocity in range(1, 128)
    ])  # fmt: skip
    steps = np.diff(level)
    assert steps.min() > -0.05 and steps.max() < 1.5
    # Between the middles of the outer layers, as recorded: 20 log10(0.5 / 0.03).
    assert level[109 - 1] - level[25 - 1] == pytest.approx(24.4, abs=1.0)


def test_normalised_layers_get_the_typical_dynamic_range(tmp_path: Path) -> None:
    flat = SampledPiano.load(_build(tmp_path, levels=(0.5, 0.5, 0.5)))

    def spread(**options: float) -> float:
        soft, loud = (
            flat.render(_note(0.1, 0.6, 60, velocity), seconds=0.6, **options)
            for velocity in (1, 127)
        )
        return _db(loud) - _db(soft)

    assert 25 < spread() < 32
    assert spread(dynamic_range_db=15.0) == pytest.approx(15, abs=1.5)
    assert spread(dynamic_range_db=40.0) > spread() + 8


def test_a_velocity_curve_above_one_is_softer(piano: SampledPiano) -> None:
    soft, plain, loud = (
        _db(piano.render(_note(0.1, 0.6), velocity_curve=curve)) for curve in (1.5, 1.0, 0.7)
    )
    assert soft < plain - 2 < loud - 4


def test_gain_and_tuning_of_the_map_are_applied(piano: SampledPiano, tmp_path: Path) -> None:
    table = (_build(tmp_path) / "map.tsv").read_text(encoding="utf-8").splitlines()
    changed = [
        line.replace("\t0.0\t0.0\t", "\t50.0\t-6.0\t", i >= 4) for i, line in enumerate(table)
    ]
    changed = [line if "57_" in line else old for line, old in zip(changed, table, strict=True)]
    (tmp_path / "map.tsv").write_text("\n".join(changed) + "\n", encoding="utf-8")
    other = SampledPiano.load(tmp_path)

    def against_neighbour(p: SampledPiano) -> float:
        return _db(p.render(_note(0.1, 0.6, 57))) - _db(p.render(_note(0.1, 0.6, 81)))

    assert against_neighbour(other) - against_neighbour(piano) == pytest.approx(-6, abs=0.5)
    turned = np.abs(np.fft.rfft(other.render(_note(0, 2, 57), seconds=2), 1 << 18)).argmax()
    assert turned * RATE / 2**18 == pytest.approx(_hertz(57.5), rel=0.001)


def test_damper_and_pedal(piano: SampledPiano) -> None:
    dry = piano.render(_note(0.1, 0.5), seconds=2.0)
    held = piano.render(_with_pedal(_note(0.1, 0.5), (0.2, 127), (1.4, 0)), seconds=2.0)
    after, later = slice(round(0.9 * RATE), round(1.3 * RATE)), slice(round(1.8 * RATE), 2 * RATE)
    assert _db(dry[after]) < _db(held[after]) - 60
    assert _db(held[later]) < _db(held[after]) - 60
    slow = piano.render(_note(0.1, 0.5), seconds=2.0, release=1.0)
    assert _db(slow[after]) > _db(dry[after]) + 20


def test_the_highest_keys_have_no_damper(piano: SampledPiano) -> None:
    free, damped = (
        piano.render(_note(0.1, 0.2, 95), seconds=1.0, top_damper=top) for top in (94, 95)
    )
    assert _db(free[8000:]) > _db(damped[8000:]) + 30


def test_pedal_resonance_is_optional(piano: SampledPiano) -> None:
    notes = _with_pedal(_note(0.3, 0.5), (0.1, 127), (1.5, 0))
    plain = piano.render(notes, seconds=2.0)
    ringing = piano.render(notes, seconds=2.0, resonance_db=-20.0) - plain
    assert -60 < _db(ringing[8000:16000]) - _db(plain[8000:16000]) < -5


def test_gain_and_tuning_per_key(piano: SampledPiano) -> None:
    keys = np.zeros(88)
    keys[60 - MIN_PITCH] = 6.0

    def render(pitch: int, **options: np.ndarray) -> np.ndarray:
        return piano.render(_note(0.1, 0.9, pitch), seconds=1.0, **options)

    assert _db(render(60, key_gain_db=keys)) - _db(render(60)) == pytest.approx(6, abs=0.1)
    np.testing.assert_array_equal(render(64, key_gain_db=keys), render(64))
    np.testing.assert_array_equal(
        render(60, tune_cents=keys), render(60, tune_cents=np.full(88, 6.0))
    )
    np.testing.assert_array_equal(render(64, tune_cents=keys), render(64))


@pytest.mark.parametrize("shift", [-5, 4])
def test_samples_of_another_key_sound_at_the_pitch_of_the_note(
    piano: SampledPiano, shift: int
) -> None:
    note = _note(0.3, 1.2, pitch=67)
    plain, shifted = piano.render(note), piano.render(note, sample_shift=shift)
    assert _strongest_hertz(shifted) == pytest.approx(_hertz(67), rel=2e-3)
    assert _begins(shifted) == pytest.approx(_begins(plain), abs=1e-3)
    # From 69 on other samples serve the keys.
    assert np.allclose(plain, shifted, atol=1e-3) == (shift < 2)


def test_a_second_string_beats_with_the_first(piano: SampledPiano) -> None:
    note = _note(0.1, 2.2, pitch=81)
    cents = 1200 * np.log2(1 + 1 / _hertz(81))  # one beat a second: silence half a second after
    audio = piano.render(note, unison=Unison(cents, 0.0))
    plain = piano.render(note)
    at = round(0.6 * RATE)
    near = slice(at - 300, at + 300)
    assert _db(audio[near]) < _db(plain[near]) - 15
    again = slice(at + RATE // 2 - 300, at + RATE // 2 + 300)
    assert _db(audio[again]) == pytest.approx(_db(plain[again]) + 3, abs=1)


@pytest.mark.parametrize("cents", [-5.0, 5.0])
def test_a_second_string_ends_without_a_click(piano: SampledPiano, cents: float) -> None:
    audio = piano.render(_note(0.1, 4.0, pitch=57), unison=Unison(cents, 0.0), seconds=4.0)
    last = int(np.flatnonzero(audio)[-1])
    assert np.abs(audio[last - 10 : last + 1]).max() < 0.01 * np.abs(audio).max()


def test_notes_may_fall_faster_than_recorded(piano: SampledPiano) -> None:
    note = _note(0.0, 2.2, pitch=57)
    plain, faster = piano.render(note), piano.render(note, decay_db=10.0)
    for seconds in (0.5, 1.5):
        part = slice(round(seconds * RATE), round((seconds + 0.1) * RATE))
        assert _db(plain[part]) - _db(faster[part]) == pytest.approx(10 * seconds + 0.6, abs=0.3)


def test_same_arguments_same_audio(piano: SampledPiano) -> None:
    notes = perform(np.random.default_rng(2), 3.0)

    def render(seed: int | None) -> np.ndarray:
        rng = None if seed is None else np.random.default_rng(seed)
        return piano.render(notes, rng=rng, seconds=3.0)

    np.testing.assert_array_equal(render(1), render(1))
    np.testing.assert_array_equal(render(None), render(None))
    assert np.abs(render(1) - render(2)).max() > 0.001


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_random_performances_give_finite_audio_without_clipping(
    piano: SampledPiano, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    notes = perform(rng, 4.0)
    audio = piano.render(notes, rng=rng, tune_cents=rng.normal(0, 10), seconds=4.0)
    assert audio.shape == (4 * RATE,) and audio.dtype == np.float32
    assert np.isfinite(audio).all() and np.abs(audio).max() < 1
    assert not len(notes) or np.abs(audio).max() > 0.001


def test_all_keys_at_once_do_not_clip(piano: SampledPiano) -> None:
    pitch = np.arange(MIN_PITCH, MAX_PITCH + 1)
    notes = Notes(np.full(88, 0.1), np.full(88, 1.0), pitch, np.full(88, 127))
    assert 0.5 < np.abs(piano.render(notes)).max() < 1


def test_without_notes_there_is_silence(piano: SampledPiano) -> None:
    audio = piano.render(Notes.empty(), seconds=0.5)
    assert len(audio) == RATE // 2 and not audio.any()


def test_notes_at_time_zero_and_beyond_the_end(piano: SampledPiano) -> None:
    assert np.abs(piano.render(_note(0.0, 0.3), seconds=0.3)).max() > 0.01
    assert not piano.render(_note(1.0, 1.3), seconds=0.5).any()


def test_the_error_for_a_missing_sample_names_it(tmp_path: Path) -> None:
    (_build(tmp_path) / "57_51.wav").unlink()
    with pytest.raises(AudioError, match=r"57_51\.wav"):
        SampledPiano.load(tmp_path)


def test_find_attack() -> None:
    assert find_attack(_tone(60, 0.5, 0.02)) / RATE == pytest.approx(0.02, abs=0.0003)


@given(fraction=st.floats(0.0, 0.999))
@settings(deadline=None)
def test_delay_by_a_fraction_of_a_sample(fraction: float) -> None:
    def wave(time: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * 0.2 * time) + np.sin(2 * np.pi * 0.05 * time)

    time = np.arange(200.0)
    got = delay(wave(time), fraction)[20:180]
    np.testing.assert_allclose(got, wave(time - fraction)[20:180], atol=0.05)
