"""Whole recordings, window by window, and the checkpoints that transcribers come from."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import CNN, LSTM, small_checkpoint

from amt import transcriber as module
from amt.audio import save
from amt.decoding import Decoder
from amt.notes import Notes
from amt.transcriber import (
    CheckpointError,
    Transcriber,
    Windowing,
    bundled_checkpoint,
    pick_device,
)

WHOLE = Windowing(seconds=1e6)
# The small network sees 12 frames to each side, 0.38 s.
SHORT = Windowing(seconds=1.6, margin=0.4)


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    path = small_checkpoint(tmp_path_factory.mktemp("cnn") / "small.ckpt", CNN)
    return replace(Transcriber.load(path), dtype=torch.float32)


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    path = small_checkpoint(tmp_path_factory.mktemp("lstm") / "small.ckpt", LSTM)
    return replace(Transcriber.load(path), dtype=torch.float32)


def noise(samples: int) -> np.ndarray:
    """Swelling noise, so that every frame differs from the next."""
    swell = 1 + np.sin(np.arange(samples) / 3000)
    audio = np.random.default_rng(1).standard_normal(samples) * swell * 0.1
    return audio.astype(np.float32)


def same_notes(one: Notes, other: Notes) -> bool:
    return len(one) == len(other) and all(
        np.allclose(getattr(one, column), getattr(other, column), atol=1e-3)
        for column in ("onset", "offset", "pitch", "velocity")
    )


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 16000, 25600, 25601, 60000, 83001])
@pytest.mark.parametrize("batch", [1, 3])
def test_windows_give_what_the_whole_gives(cnn: Transcriber, samples: int, batch: int) -> None:
    audio = noise(samples)
    whole = replace(cnn, windowing=WHOLE)
    windowed = replace(cnn, windowing=replace(SHORT, batch=batch))
    expected, found = whole.posteriors(audio), windowed.posteriors(audio)
    for name, values in expected.items():
        assert values.shape == (-(-samples // 512), 88)
        assert torch.allclose(values, found[name], atol=1e-4), name
    assert same_notes(whole.transcribe(audio), windowed.transcribe(audio))


def test_without_margin_borders_would_be_heard(cnn: Transcriber) -> None:
    audio = noise(60000)
    expected = replace(cnn, windowing=WHOLE).posteriors(audio)["onset"]
    bare = replace(cnn, windowing=Windowing(seconds=1.6, margin=0.0)).posteriors(audio)["onset"]
    assert (expected - bare).abs().max() > 1e-2


def test_an_lstm_hears_no_borders_either(lstm: Transcriber) -> None:
    audio = noise(160000)
    whole, windowed = replace(lstm, windowing=WHOLE), replace(lstm, windowing=Windowing(4.0))
    expected, found = whole.posteriors(audio), windowed.posteriors(audio)
    assert all((expected[name] - found[name]).abs().max() < 1e-2 for name in expected)
    assert len(whole.transcribe(audio)) > 50
    assert abs(len(whole.transcribe(audio)) - len(windowed.transcribe(audio))) <= 1


def test_half_precision_is_the_default_and_changes_next_to_nothing(cnn: Transcriber) -> None:
    audio = noise(80000)
    half = replace(cnn, dtype=Transcriber(cnn.front_end, cnn.network).dtype).posteriors(audio)
    assert half["onset"].dtype == torch.float16
    for name, values in cnn.posteriors(audio).items():
        assert torch.allclose(values, half[name].float(), atol=6e-4)


@given(
    frames=st.integers(1, 5000),
    seconds=st.floats(0.01, 60),
    margin=st.floats(0, 10),
    frame_rate=st.sampled_from([31.25, 50.0, 100.0]),
)
@settings(deadline=None)
def test_windows_cover_every_frame_once(
    frames: int, seconds: float, margin: float, frame_rate: float
) -> None:
    starts, length, kept_back = Windowing(seconds, margin).starts(frames, frame_rate)
    assert starts[0] == 0 and starts[-1] + length == frames
    assert all(0 <= start <= frames - length for start in starts)
    following = pairwise(starts)
    assert all(0 < after - before <= length - 2 * kept_back for before, after in following)


def test_the_work_at_once_does_not_grow_with_the_recording(
    cnn: Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    forward = cnn.front_end.forward
    monkeypatch.setattr(cnn.front_end, "forward", lambda a: (sizes.append(a.shape), forward(a))[1])
    windowed = replace(cnn, windowing=SHORT)
    windowed.posteriors(noise(50000))
    short = max(sizes)
    windowed.posteriors(noise(500000))
    assert max(sizes) == short
    assert short[0] == 1 and short[1] < 50000


def test_progress_adds_up_to_the_recording(cnn: Transcriber) -> None:
    told: list[float] = []
    replace(cnn, windowing=SHORT).transcribe(noise(64000), told.append)
    assert len(told) > 3
    assert sum(told) == pytest.approx(4.0, abs=1 / cnn.frame_rate)


def test_no_samples_at_all_give_one_frame(cnn: Transcriber) -> None:
    assert cnn.posteriors(np.zeros(0, dtype=np.float32))["onset"].shape == (1, 88)


def test_silence_has_posteriors_too(cnn: Transcriber) -> None:
    assert all(
        bool(values.isfinite().all())
        for values in cnn.posteriors(np.zeros(40000, dtype=np.float32)).values()
    )


def test_stereo_is_refused(cnn: Transcriber) -> None:
    with pytest.raises(ValueError, match="mono"):
        cnn.posteriors(np.zeros((1000, 2), dtype=np.float32))


def test_a_file_is_transcribed_as_its_samples_are(cnn: Transcriber, tmp_path: Path) -> None:
    audio = noise(40000).clip(-1, 1)
    save(tmp_path / "a.flac", audio)
    assert len(cnn.transcribe(audio))
    from_file = cnn.transcribe(tmp_path / "a.flac")
    assert abs(len(from_file) - len(cnn.transcribe(audio))) <= 2


def test_a_checkpoint_brings_weights_and_thresholds(tmp_path: Path) -> None:
    path = small_checkpoint(tmp_path / "small.ckpt")
    loaded = Transcriber.load(path)
    state = torch.load(path, weights_only=True)["state_dict"]
    assert loaded.decoder == Decoder(onset_threshold=0.45, min_interval=0.2)
    assert loaded.frame_rate == 31.25 and loaded.sample_rate == 16000
    assert not loaded.network.training and not loaded.front_end.training
    for name, tensor in loaded.network.state_dict().items():
        assert torch.equal(tensor, state[f"network.{name}"])


def test_a_checkpoint_without_thresholds_takes_the_defaults(tmp_path: Path) -> None:
    path = small_checkpoint(tmp_path / "small.ckpt")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["hyper_parameters"]["decoder"] = None
    torch.save(checkpoint, path)
    assert Transcriber.load(path).decoder == Decoder()


def _missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("hello\n")


def _cut_short(path: Path) -> None:
    small_checkpoint(path)
    path.write_bytes(path.read_bytes()[:5000])


def _pickled_objects(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


def _other_kind(path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, path)


def _bare_tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


def _tensors_that_do_not_fit(path: Path) -> None:
    other = torch.load(small_checkpoint(path, LSTM), weights_only=True)["state_dict"]
    small_checkpoint(path, CNN, state_dict=other)


def _foreign_class(path: Path) -> None:
    checkpoint = torch.load(small_checkpoint(path), weights_only=True)
    checkpoint["hyper_parameters"]["model"]["temporal"] = {"_target_": "os.system"}
    torch.save(checkpoint, path)


def _unknown_threshold(path: Path) -> None:
    checkpoint = torch.load(small_checkpoint(path), weights_only=True)
    checkpoint["hyper_parameters"]["decoder"] = {"sharpness": 1.0}
    torch.save(checkpoint, path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "no such checkpoint"),
        (_folder, "no such checkpoint"),
        (_empty, "not a whole file of tensors"),
        (_text, "not a whole file of tensors"),
        (_cut_short, "not a whole file of tensors"),
        (_pickled_objects, "not a whole file of tensors"),
        (_other_kind, "not a checkpoint of amt"),
        (_bare_tensor, "not a checkpoint of amt"),
        (_tensors_that_do_not_fit, "do not fit"),
        (_foreign_class, "os.system"),
        (_unknown_threshold, "sharpness"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path, make, reason: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "odd.ckpt"
    make(path)
    with pytest.raises(CheckpointError, match=reason) as caught:
        Transcriber.load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text and len(text) < 300 + len(str(path))


def test_bundled_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WEIGHTS", tmp_path)
    with pytest.raises(CheckpointError, match=r"python train.py model=lstm.*--ckpt"):
        bundled_checkpoint()
    (tmp_path / "piano.ckpt").touch()
    assert bundled_checkpoint() == tmp_path / "piano.ckpt"


def test_devices() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type in ("cpu", "cuda")
    with pytest.raises(ValueError, match="try cpu"):
        pick_device("abacus")
