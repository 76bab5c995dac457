"""Models built from configurations: only amt's own classes can be instantiated."""

from __future__ import annotations

import copy

import pytest
import torch

from amt.features.frontends import LogFrequency
from amt.models.build import build_model
from amt.models.network import OUTPUTS


def test_a_configuration_gives_front_end_and_network(small_model: dict) -> None:
    before = copy.deepcopy(small_model)
    front_end, network = build_model(small_model)
    assert isinstance(front_end, LogFrequency)
    assert network.heads.in_channels == 16
    logits = network(front_end(torch.zeros(1, 8000)))
    assert {name: values.shape for name, values in logits.items()} == dict.fromkeys(
        OUTPUTS, (1, 16, 88)
    )
    assert small_model == before


def test_settings_reach_the_parts(small_model: dict) -> None:
    small_model["features"] |= {"hop_length": 320, "n_ffts": [2048]}
    front_end, network = build_model(small_model)
    assert front_end.frame_rate == 50
    assert front_end.n_ffts == (2048,)
    assert network.trunk.stem[0].num_features == 1


def test_optional_parts_are_absent_unless_configured(
    small_model: dict,
) -> None:
    names = {name.split(".")[0] for name in build_model(small_model)[1].state_dict()}
    assert names == {"trunk", "temporal", "heads"}
    options = {"pedal": True, "global_context": 4, "skip_heads": True, "velocity_head": 4}
    complete = build_model({**small_model, **options})[1]
    found = {name.split(".")[0] for name in complete.state_dict()}
    parts = {"pedal_head", "global_context", "skip_heads", "velocity_head"}
    assert found == names | parts


@pytest.mark.parametrize("part", ["features", "trunk", "temporal"])
@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "torch.nn.Linear",
        "amt.features.frontends.num_frames",
        "amt.features.frontends.torch",
        "amt.models.temporal.nn.Linear",
        "amt.models.trunk.NoSuchTrunk",
        "Lstm",
        "",
    ],
)
def test_other_classes_cannot_be_instantiated(small_model: dict, part: str, target: str) -> None:
    small_model[part] = {"_target_": target}
    with pytest.raises(ValueError, match=f"_target_='{target}'") as raised:
        build_model(small_model)
    assert "\n" not in str(raised.value)


def test_an_unknown_setting_is_an_error_that_names_it(small_model: dict) -> None:
    small_model["trunk"]["chanels"] = 8
    with pytest.raises(TypeError, match="chanels"):
        build_model(small_model)


def test_a_model_without_a_temporal_part_is_refused(small_model: dict) -> None:
    del small_model["temporal"]
    with pytest.raises(ValueError, match="has no temporal; use model=cnn, lstm or transformer"):
        build_model(small_model)
