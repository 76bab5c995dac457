"""Linear classifiers on normalised spectra: shapes, and independence of level."""

from __future__ import annotations

import pytest
import torch

from amt.features.frontends import SpectrogramShape
from amt.models.build import build_model
from amt.models.linear import LinearKeys, normalised

MODEL = {
    "features": {"_target_": "amt.features.frontends.LogFrequency"},
    "network": {"_target_": "amt.models.linear.LinearKeys", "window": 71},
}


def test_a_configuration_gives_the_network() -> None:
    front_end, network = build_model(MODEL)
    assert isinstance(network, LinearKeys)
    logits = network(front_end(torch.zeros(2, 8000)))
    assert {name: values.shape for name, values in logits.items()} == dict.fromkeys(
        ("frame", "onset"), (2, 16, 88)
    )
    assert network.widths == {"frame": 88, "onset": 88}


@pytest.mark.parametrize("rise", [True, False])
def test_features_have_the_width_that_the_matrices_expect(rise: bool) -> None:
    network = LinearKeys(SpectrogramShape(2, 264, 3), rise=rise)
    spec = torch.randn(1, 2, 1, 264)
    assert network.features(spec).shape == (1, 1, network.feature_width)
    assert network.feature_width == (1056 if rise else 528)


def test_loudness_and_slow_filters_do_not_matter() -> None:
    spec = torch.randn(1, 2, 5, 264, generator=torch.Generator().manual_seed(0))
    tilt = torch.linspace(-0.3, 0.3, 264)
    torch.testing.assert_close(normalised(spec + 0.5, 71), normalised(spec, 71), atol=1e-4, rtol=0)
    assert (normalised(spec + tilt, 71) - normalised(spec, 71)).abs().mean() < 0.05


def test_silence_stays_flat() -> None:
    assert normalised(torch.full((1, 1, 3, 264), -6.0), 71).abs().max() < 1e-2


def test_a_rise_is_seen_where_it_happens() -> None:
    network = LinearKeys(SpectrogramShape(1, 264, 3))
    spec = torch.full((1, 1, 6, 264), -3.0)
    spec[:, :, 3:] = -1.0
    rise = network.features(spec)[0, :, 264:]
    assert (rise.amax(dim=1) > 0).tolist() == [False, False, True, True, False, False]


def test_an_even_window_is_refused() -> None:
    with pytest.raises(ValueError, match="window=70: expected an odd number"):
        LinearKeys(SpectrogramShape(1, 264, 3), window=70)
