import numpy as np
import pytest

from amt.synth.room import low_shelf, measured_impulse_response, synthetic_impulse_response

RATE = 16000


def _energy_db(response: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(response[1:].astype(np.float64) ** 2) / response[0] ** 2))


@pytest.mark.parametrize("level_db", [-30.0, -10.0, 0.0])
def test_the_direct_sound_is_first_and_the_reverberation_has_its_level(level_db: float) -> None:
    rng = np.random.default_rng(0)
    measured = np.concatenate([np.zeros(700), rng.standard_normal(40000) * 0.1])
    measured[700] = 0.2  # a peak that later ones exceed
    for response in (
        synthetic_impulse_response(rng, level_db, 0.5, 0.5, RATE),
        measured_impulse_response(measured, level_db, RATE),
    ):
        assert response[0] == 1 and response.dtype == np.float32
        assert len(response) <= 1.5 * RATE
        assert _energy_db(response) == pytest.approx(level_db, abs=0.01)


def test_reflections_keep_their_delay() -> None:
    measured = np.zeros(8000)
    measured[[300, 700]] = 0.3, 1.0
    assert np.argmax(measured_impulse_response(measured, -6.0, RATE)[1:]) + 1 == 400


@pytest.mark.parametrize("measured", [np.zeros(100), np.eye(1, 5000)[0]])
def test_a_response_without_reverberation_is_an_error(measured: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no reverberation"):
        measured_impulse_response(measured, -6.0, RATE)


@pytest.mark.parametrize("gain_db", [-9.0, 6.0])
def test_a_low_shelf_changes_the_bass_only(gain_db: float) -> None:
    gains = 20 * np.log10(np.abs(np.fft.rfft(low_shelf(gain_db, 150.0, RATE), RATE)))
    assert gains[5] == pytest.approx(gain_db, abs=0.1)
    assert gains[4000] == pytest.approx(0, abs=0.3)
