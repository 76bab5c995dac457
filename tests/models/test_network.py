"""Networks: shapes, receptive fields, shared weights, and parts that start at zero."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amt.features.frontends import SpectrogramShape
from amt.models.heads import VelocityHead
from amt.models.network import OUTPUTS, Network
from amt.models.temporal import Cnn, Lstm, Transformer
from amt.models.trunk import ConvTrunk, HarmonicConv, HarmonicTrunk, PairedConv2d
from amt.notes import NUM_KEYS

SHAPE = SpectrogramShape(channels=2, num_bins=264, bins_per_semitone=3)
TRUNKS = {
    "conv": lambda: ConvTrunk(SHAPE, channels=4, dim=16),
    "harmonic": lambda: HarmonicTrunk(SHAPE, channels=8, blocks=2, stem_channels=4),
    "separable": lambda: HarmonicTrunk(SHAPE, 8, blocks=2, stem_channels=4, separable=True),
}
TEMPORALS = {
    "cnn": lambda dim: Cnn(dim, layers=3),
    "lstm": lambda dim: Lstm(dim, hidden=6),
    "forward_lstm": lambda dim: Lstm(dim, hidden=6, layers=2, bidirectional=False),
    "transformer": lambda dim: Transformer(dim, layers=2, heads=4),
}
COMBINATIONS = list(product(TRUNKS, TEMPORALS))


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def make(trunk: str, temporal: str) -> Network:
    seen = TRUNKS[trunk]()
    return Network(seen, TEMPORALS[temporal](seen.dim)).eval()


def spectrogram(batch: int, frames: int) -> Tensor:
    return torch.randn(batch, SHAPE.channels, frames, SHAPE.num_bins)


def randomise(module: nn.Module) -> None:
    """Batch norms as after training, so that they do something."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)


def assert_equal(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("trunk", "temporal"), COMBINATIONS)
@torch.no_grad()
def test_every_length_and_batch_gives_logits_of_all_keys(trunk: str, temporal: str) -> None:
    network = make(trunk, temporal)
    for batch, frames in ((1, 1), (3, 2), (2, 33)):
        logits = network(spectrogram(batch, frames))
        assert list(logits) == list(OUTPUTS)
        for values in logits.values():
            assert values.shape == (batch, frames, NUM_KEYS)
            assert torch.isfinite(values).all()


@pytest.mark.parametrize(("trunk", "temporal"), COMBINATIONS)
@torch.no_grad()
def test_examples_of_a_batch_do_not_mix(trunk: str, temporal: str) -> None:
    network = make(trunk, temporal)
    randomise(network)
    spec = spectrogram(2, 12)
    together = network(spec)
    for index in range(2):
        alone = network(spec[index : index + 1])
        for name in OUTPUTS:
            assert_equal(together[name][index], alone[name][0])


@pytest.mark.parametrize(("trunk", "temporal"), COMBINATIONS)
def test_every_parameter_learns(trunk: str, temporal: str) -> None:
    network = make(trunk, temporal).train()
    logits = network(spectrogram(2, 12))
    sum(values.square().mean() for values in logits.values()).backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize(("trunk", "temporal"), COMBINATIONS)
@torch.no_grad()
def test_half_precision_gives_full_precision_logits(trunk: str, temporal: str) -> None:
    network = make(trunk, temporal)
    spec = spectrogram(1, 12)
    exact = network(spec)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(spec)
    for name in OUTPUTS:
        assert rough[name].dtype == torch.float32
        assert_equal(rough[name], exact[name], 0.1)


def test_at_first_notes_are_rare() -> None:
    logits = make("harmonic", "lstm")(spectrogram(1, 12))
    assert logits["onset"].sigmoid().mean().item() == pytest.approx(0.02, abs=0.01)


def test_outputs_do_not_share_weights() -> None:
    logits = make("conv", "cnn")(spectrogram(1, 4))
    for one, other in product(OUTPUTS, OUTPUTS):
        assert one == other or not torch.allclose(logits[one], logits[other])


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_pedal_has_one_logit_a_frame(trunk: str) -> None:
    seen = TRUNKS[trunk]()
    network = Network(seen, Cnn(seen.dim, layers=2), pedal=True)
    logits = network(spectrogram(2, 12))
    assert {name: values.shape[2] for name, values in logits.items()} == network.widths
    assert network.widths == {**dict.fromkeys(OUTPUTS, 88), "release": 88, "pedal": 1}
    sum(values.square().mean() for values in logits.values()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def full(trunk: str) -> tuple[Network, Network]:
    """A network, and one with the same weights and all optional parts."""
    seen = TRUNKS[trunk]()
    plain = Network(seen, Lstm(seen.dim, hidden=6)).eval()
    velocity_head = VelocityHead(SHAPE, seen.dim, hidden=4) if trunk == "harmonic" else None
    more = Network(
        seen, plain.temporal, global_context=5, skip_heads=True, velocity_head=velocity_head
    ).eval()
    more.heads.load_state_dict(plain.heads.state_dict())
    return plain, more


@pytest.mark.parametrize("trunk", TRUNKS)
def test_optional_parts_do_not_change_a_trained_network_at_first_and_learn(trunk: str) -> None:
    plain, more = full(trunk)
    spec = spectrogram(2, 12)
    before, after = plain(spec), more(spec)
    for name in OUTPUTS:
        assert_equal(after[name], before[name])
    sum(values.square().mean() for values in after.values()).backward()
    assert more.global_context is not None and more.skip_heads is not None
    assert more.global_context.output.weight.grad.any() and more.skip_heads.weight.grad.any()
    assert more.velocity_head is None or more.velocity_head.output.weight.grad.any()


@torch.no_grad()
def test_the_velocity_head_reads_harmonics_near_a_frame_and_changes_velocities_only() -> None:
    network = full("harmonic")[1]
    assert network.velocity_head is not None
    network.velocity_head.output.weight.normal_()
    spec = spectrogram(1, 40)
    other = network.velocity_head(spec, torch.zeros(1, 8, 40, 88))
    third = 40 + round(12 * math.log2(3))
    spec[:, :, 20, 3 * third : 3 * third + 3] += 5
    changed = network.velocity_head(spec, torch.zeros(1, 8, 40, 88)) != other
    assert changed[0, 16:25, 40].all() and not changed[0, :16].any() and not changed[0, 25:].any()
    assert not changed[0, :, 41].any() and changed[0, 20, third]
    with_head = network(spec)
    network.velocity_head.output.weight.zero_()
    without = network(spec)
    changed_outputs = [name for name in OUTPUTS if not torch.equal(with_head[name], without[name])]
    assert changed_outputs == ["velocity"]


def test_the_velocity_head_needs_bins_that_belong_to_keys() -> None:
    with pytest.raises(ValueError, match=r"features=logfreq.*velocity_head=0"):
        VelocityHead(SpectrogramShape(1, 229), 16)
    with pytest.raises(ValueError, match="velocity_head=-3"):
        VelocityHead(SHAPE, 16, hidden=-3)


@torch.no_grad()
def test_with_the_global_context_every_key_depends_on_every_other_at_all_times() -> None:
    """Without it this trunk and CNN do not connect keys 13 semitones apart."""
    seen = HarmonicTrunk(SHAPE, channels=4, blocks=1, harmonics=2, stem_channels=2)
    network = Network(seen, Cnn(4, layers=1), global_context=5).eval()
    spec = spectrogram(1, 30)
    changed = spec.clone()
    changed[..., 20:, 100:103] += 5
    apart = (network(spec)["onset"] - network(changed)["onset"]).abs()
    assert apart[0, :10].max() == 0 and apart[0, :, 80:].max() == 0
    assert network.global_context is not None
    network.global_context.output.weight.normal_()
    together = (network(spec)["onset"] - network(changed)["onset"]).abs()
    assert together[0].min(dim=1).values.median() > 0


# The harmonic trunk.


def steps_to_harmonics(harmonics: int) -> list[int]:
    """Keys from a fundamental to its harmonics, both ways, and to itself."""
    up = {round(12 * math.log2(harmonic)) for harmonic in range(2, harmonics + 1)}
    return sorted({0} | up | {-step for step in up})


def shifted(x: Tensor, step: int) -> Tensor:
    """Key k gets the values of key k + step; zero beyond the 88 keys."""
    padded = F.pad(x, (NUM_KEYS, NUM_KEYS))
    return padded[..., NUM_KEYS + step : 2 * NUM_KEYS + step]


def weight_of_step(convolution: HarmonicConv, step: int) -> Tensor:
    """The 1x1 weights (D, D) of the key `step` keys above."""
    dim = convolution.octaves.in_channels
    impulses = torch.zeros(dim, dim, 1, NUM_KEYS)
    middle = NUM_KEYS // 2
    impulses[range(dim), range(dim), 0, middle + step] = 1
    return (convolution(impulses) - convolution(torch.zeros_like(impulses)))[:, :, 0, middle].T


@pytest.mark.parametrize("harmonics", [2, 3, 8])
@torch.no_grad()
def test_the_harmonic_convolution_is_shift_concatenate_and_a_1x1_convolution(
    harmonics: int,
) -> None:
    convolution = HarmonicConv(channels=3, harmonics=harmonics)
    steps = steps_to_harmonics(harmonics)
    weight = torch.cat([weight_of_step(convolution, step) for step in steps], dim=1)
    x = torch.randn(2, 3, 5, NUM_KEYS)
    stacked = torch.cat([shifted(x, step) for step in steps], dim=1)
    expected = F.conv2d(stacked, weight[:, :, None, None], convolution.octaves.bias)
    assert_equal(convolution(x), expected)
    assert weight.abs().min(dim=0).values.max() > 0 and weight.unique().numel() == weight.numel()


@torch.no_grad()
def test_a_key_affects_exactly_the_keys_it_is_harmonically_related_to() -> None:
    convolution = HarmonicConv(channels=3, harmonics=8)
    impulse = torch.zeros(1, 3, 1, NUM_KEYS)
    impulse[..., 44] = 1
    change = convolution(impulse) - convolution(torch.zeros_like(impulse))
    steps = change.abs().sum(dim=(0, 1, 2)).nonzero().flatten() - 44
    assert steps.tolist() == [-36, -34, -31, -28, -24, -19, -12, 0, 12, 19, 24, 28, 31, 34, 36]


def test_the_harmonic_convolution_starts_at_the_scale_of_one_convolution() -> None:
    convolution = HarmonicConv(channels=32)
    spread = convolution(torch.randn(4, 32, 8, NUM_KEYS)).std().item()
    assert spread == pytest.approx(1 / math.sqrt(3), rel=0.25)


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
def test_a_convolution_over_pairs_of_bins_is_the_one_over_bins(kernel_size: int) -> None:
    """Forward and backward, in either memory format."""
    paired = PairedConv2d(2, 3, kernel_size, padding=kernel_size // 2).double()
    layout = torch.channels_last if kernel_size > 3 else torch.contiguous_format
    x = torch.randn(2, 2, 9, 14).double().contiguous(memory_format=layout).requires_grad_()
    results = (paired(x), F.conv2d(x, paired.weight, paired.bias, padding=kernel_size // 2))
    assert_equal(*results, 1e-12)
    change = torch.randn_like(results[0])
    gradients = [torch.autograd.grad(y, (x, paired.weight), change) for y in results]
    for one, other in zip(*gradients, strict=True):
        assert_equal(one, other, 1e-12)


def test_half_precision_stays_half_from_block_to_block() -> None:
    """Nothing in float32 widens what passes between layers: that costs a tenth of a step."""
    trunk = TRUNKS["harmonic"]()
    seen = []
    for block in trunk.blocks:
        block.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    with torch.autocast("cpu", torch.bfloat16):
        trunk(spectrogram(1, 12))
    assert {x.dtype for pair in seen for x in pair} == {torch.bfloat16}


@torch.no_grad()
def test_the_harmonic_trunk_slides_over_pitch() -> None:
    """Music a fifth higher gives the same features seven keys up, but for the key's embedding."""
    trunk = HarmonicTrunk(SHAPE, channels=8, blocks=1, harmonics=2, stem_channels=4).eval()
    spec = torch.zeros(1, 2, 10, SHAPE.num_bins)
    spec[..., 99:165] = torch.randn(1, 2, 10, 66)
    low, high = trunk(spec), trunk(spec.roll(7 * 3, dims=-1))
    assert_equal(high[..., 20:70], low[..., 13:63])
    assert low.std() > 0.1
    trunk.key_embedding.normal_()
    assert not torch.allclose(trunk(spec.roll(21, dims=-1))[..., 20:70], trunk(spec)[..., 13:63])


def test_sharing_over_pitch_makes_a_small_network() -> None:
    def size(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    harmonic = HarmonicTrunk(SHAPE)
    assert size(Network(harmonic, Lstm(harmonic.dim))) < 150_000
    conv = ConvTrunk(SHAPE)
    assert size(Network(conv, Lstm(conv.dim, hidden=128))) > 1_000_000
    half = SpectrogramShape(2, 132, 3)
    assert size(ConvTrunk(half)) < size(conv)
    assert size(HarmonicTrunk(half)) == size(harmonic)


def test_a_harmonic_trunk_refuses_a_frequency_axis_that_is_not_logarithmic() -> None:
    with pytest.raises(ValueError, match="features=logfreq") as raised:
        HarmonicTrunk(SpectrogramShape(1, 229))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("num_bins", [229, 264, 87])
def test_the_convolutional_trunk_takes_any_number_of_bins(num_bins: int) -> None:
    trunk = ConvTrunk(SpectrogramShape(1, num_bins), channels=4, dim=16)
    assert trunk(torch.randn(2, 1, 5, num_bins)).shape == (2, 16, 5, 1)


# Temporal parts.


def changed_frames(module: nn.Module, frames: int, at: int) -> list[int]:
    """Frames of the output that a change of the input's frame `at` reaches."""
    x = torch.randn(1, 8, frames, 2)
    other = x.clone()
    other[:, :, at] = torch.randn(1, 8, 2)
    with torch.no_grad():
        difference = (module.eval()(x) - module(other)).abs().sum(dim=(0, 1, 3))
    return (difference > 1e-7).nonzero().flatten().tolist()


def test_an_lstm_that_goes_forward_cannot_see_the_future() -> None:
    assert changed_frames(Lstm(8, bidirectional=False, layers=2), 20, 9) == list(range(9, 20))
    assert changed_frames(Lstm(8), 20, 9) == list(range(20))


def test_dilated_convolutions_reach_as_far_as_their_dilations_add_up_to() -> None:
    reached = changed_frames(Cnn(8, layers=3, kernel_size=3), 40, 20)
    assert reached == list(range(20 - 7, 20 + 8))
    assert changed_frames(Cnn(8, layers=2, kernel_size=5), 40, 20) == list(range(14, 27))


@pytest.mark.parametrize("temporal", TEMPORALS)
@torch.no_grad()
def test_groups_share_weights_and_do_not_mix(temporal: str) -> None:
    module = TEMPORALS[temporal](8).eval()
    x = torch.randn(2, 8, 15, 3)
    y = module(x)
    assert y.shape == (2, module.dim, 15, 3)
    for group in range(3):
        assert_equal(module(x[..., group : group + 1]), y[..., group : group + 1])


@torch.no_grad()
def test_a_transformer_depends_on_distances_in_time_only() -> None:
    """Far from the ends, a shift of the input shifts the output."""
    module = Transformer(8, layers=2, heads=2).eval()
    x = torch.randn(1, 8, 300, 1)
    assert_equal(module(x[:, :, 37:])[:, :, 100:150], module(x)[:, :, 137:187])
    assert_equal(module(x.flip(2)), module(x).flip(2))


@torch.no_grad()
def test_a_transformer_works_on_longer_windows_than_any_before() -> None:
    module = Transformer(8, layers=2, heads=2).eval()
    x = torch.randn(1, 8, 1500, 1)
    short, long = module(x[:, :, :300]), module(x)
    assert_equal(short[:, :, :200], long[:, :, :200])


@torch.no_grad()
def test_a_transformer_sees_both_past_and_future() -> None:
    assert changed_frames(Transformer(8, layers=1, heads=2), 11, 5) == list(range(11))


def test_a_transformer_refuses_a_width_that_heads_do_not_divide() -> None:
    with pytest.raises(ValueError, match=r"dim \(30\) must be a multiple of heads \(4\)"):
        Transformer(30, heads=4)
