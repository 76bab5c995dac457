"""Exported models: posteriors equal the checkpoint's in any window; damage is an error."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from full_disk import FULL_DISK
from small_model import LSTM, small_checkpoint

from amt.cli import main
from amt.inference import export as exporting
from amt.inference.backends import onnx, torchscript
from amt.inference.backends.exported import EXPORT_FILES
from amt.inference.backends.exported import MODEL_FILES as NAMES
from amt.inference.backends.waveform_model import WaveformToPosteriors
from amt.inference.export import TOLERANCE, export
from amt.inference.model_card import model_info
from amt.inference.transcriber import Options, Transcriber
from amt.inference.windows import Windowing
from amt.models.build import build_model, load_network
from amt.models.checkpoint import CheckpointError, with_network_prefix
from amt.notes import Notes

ROOT = Path(__file__).parents[2]
BACKENDS = {"torchscript": torchscript, "onnx": onnx}
WHOLE, SHORT = Windowing(seconds=1e6), Windowing(seconds=2.0, margin=0.5)
HARMONIC = {
    "_target_": "amt.models.trunk.HarmonicTrunk",
    "channels": 8,
    "stem_channels": 4,
    "blocks": 1,
}
CONV = {"_target_": "amt.models.trunk.ConvTrunk", "channels": 4, "dim": 16}
# Every kind of model, and every front end.
KINDS: dict[str, dict[str, Any]] = {
    "cnn": {
        "features": {"_target_": "amt.features.frontends.Mel", "hop_length": 320},
        "trunk": CONV,
        "temporal": {"_target_": "amt.models.temporal.Cnn", "layers": 2},
    },
    "lstm": {
        "features": {"_target_": "amt.features.frontends.LogFrequency", "n_ffts": [2048, 512]},
        "trunk": HARMONIC,
        "temporal": LSTM,
        "pedal": True,
        "global_context": 4,
        "skip_heads": True,
        "velocity_head": 4,
    },
    "transformer": {
        "features": {"_target_": "amt.features.frontends.ConstantQ"},
        "trunk": HARMONIC,
        "temporal": {"_target_": "amt.models.temporal.Transformer", "layers": 1},
    },
    "svm": {
        "features": {"_target_": "amt.features.frontends.LogFrequency", "n_ffts": [2048]},
        "network": {"_target_": "amt.models.linear.LinearKeys"},
    },
}


def checkpoint_of(kind: str, path: Path) -> Path:
    """Random weights, and norms that have seen something."""
    torch.manual_seed(3)
    _, network = build_model(KINDS[kind])
    for name, parameter in network.named_parameters():
        if name.startswith(
            ("heads", "skip_heads", "global_context.output", "velocity_head.output")
        ):
            torch.nn.init.normal_(parameter, std=0.4)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
    decoder: dict[str, Any] = {"onset_threshold": 0.45, "min_interval": 0.2}
    if kind == "svm":
        decoder = {"attack": [0.01] * 88, "release": [0.1] * 88}
    state = with_network_prefix(network.state_dict())
    settings = {"model": KINDS[kind], "decoder": decoder}
    torch.save({"state_dict": state, "hyper_parameters": settings}, path)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """The checkpoint and the exported folder of every kind."""
    root = tmp_path_factory.mktemp("exported")
    made = {}
    for kind in KINDS:
        path = checkpoint_of(kind, root / f"{kind}.ckpt")
        export(path, root / kind, model_info(path, "noise: for tests"), report=lambda line: None)
        made[kind] = path, root / kind
    return made


@pytest.fixture
def copied(exported: dict[str, tuple[Path, Path]], tmp_path: Path) -> Path:
    """A folder to spoil."""
    return Path(shutil.copytree(exported["svm"][1], tmp_path / "svm"))


def noise(*shape: int) -> np.ndarray:
    swell = 1 + np.sin(np.arange(shape[-1]) / 3000)
    drawn = np.random.default_rng(1).standard_normal(shape) * swell * 0.1
    return drawn.astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", NAMES)
def test_posteriors_are_those_of_the_checkpoint(
    kind: str, backend: str, exported: dict[str, tuple[Path, Path]]
) -> None:
    checkpoint, folder = exported[kind]
    front_end, network, _ = load_network(checkpoint)
    shapes = [(1, 1), (1, 319), (2, 320), (3, 513), (1, 20000), (4, 33333)]
    clips = [torch.from_numpy(noise(*shape)) for shape in shapes]
    names = list(network.widths)
    found = BACKENDS[backend].compute(folder / NAMES[backend], clips, names)
    for clip, outputs in zip(clips, found, strict=True):
        with torch.inference_mode():
            logits = network(front_end(clip))
        assert list(outputs) == names
        for name, values in logits.items():
            frames = -(-clip.shape[1] // front_end.hop_length)
            assert outputs[name].shape == (len(clip), frames, network.widths[name])
            assert outputs[name].dtype == torch.float32
            difference = (values.sigmoid() - outputs[name]).abs().max()
            assert difference < TOLERANCE, (name, clip.shape)


def by_key(notes: Notes) -> np.ndarray:
    """Pitch, onset, offset (3, N), by pitch: two notes at nearly one time may come either way."""
    order = np.lexsort((notes.onset, notes.pitch))
    return np.stack([notes.pitch, notes.onset, notes.offset])[:, order]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("samples", [0, 1, 16001, 90000])
def test_a_transcriber_finds_the_same_notes(
    kind: str, backend: Any, samples: int, exported: dict[str, tuple[Path, Path]]
) -> None:
    checkpoint, folder = exported[kind]
    audio = noise(samples)
    ours, theirs = (
        replace(loaded, windowing=WHOLE, dtype=torch.float32)
        for loaded in (
            Transcriber.load(checkpoint, precision="float32"),
            Transcriber.load(folder, precision="float32", backend=backend),
        )
    )
    assert ours.decoder == theirs.decoder and ours.frame_rate == theirs.frame_rate
    expected, found = ours.posteriors(audio), theirs.posteriors(audio)
    assert all((expected[name] - found[name]).abs().max() < TOLERANCE for name in expected)
    one, other = (by_key(loaded.transcribe(audio)) for loaded in (ours, theirs))
    assert one.shape == other.shape and (one.shape[1] > 20 or samples < 90000)
    np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("backend", NAMES)
def test_windows_give_what_the_whole_gives(
    backend: Any, exported: dict[str, tuple[Path, Path]]
) -> None:
    """The linear classifier reads one frame to each side, which is less than the margin."""
    loaded = Transcriber.load(exported["svm"][1], precision="float32", backend=backend)
    loaded = replace(loaded, dtype=torch.float32)
    audio = noise(120001)
    expected = replace(loaded, windowing=WHOLE).posteriors(audio)
    for threads in (1, 2):
        windowing = replace(SHORT, threads=threads)
        found = replace(loaded, windowing=windowing).posteriors(audio)
        assert all((expected[name] - found[name]).abs().max() < TOLERANCE for name in expected)


def test_half_precision_is_rounded_at_loading(exported: dict[str, tuple[Path, Path]]) -> None:
    checkpoint, folder = exported["lstm"]
    ours, theirs = (Transcriber.load(p, precision="bfloat16") for p in (checkpoint, folder))
    network = theirs.model.network  # type: ignore[attr-defined]
    types = {name: parameter.dtype for name, parameter in network.named_parameters()}
    assert types["network.heads.weight"] == torch.bfloat16
    assert types["network.trunk.stem.0.weight"] == torch.float32
    expected, found = ours.posteriors(noise(40000)), theirs.posteriors(noise(40000))
    assert all((expected[name] - found[name]).abs().max() < 0.02 for name in expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", NAMES)
def test_embeddings_are_those_of_the_checkpoint(
    kind: str, backend: Any, exported: dict[str, tuple[Path, Path]]
) -> None:
    checkpoint, folder = exported[kind]
    ours = Transcriber.load(checkpoint, precision="float32")
    theirs = Transcriber.load(folder, precision="float32", backend=backend)
    audio, options = noise(90000), Options(embedding=True)
    expected = ours.run(audio, options).embedding
    assert expected is not None and len(expected) == 2 * ours.model.feature_width
    for windowing in (WHOLE, SHORT):
        found = replace(theirs, windowing=windowing).run(audio, options).embedding
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert theirs.run(audio).embedding is None


def test_model_json_and_card_describe_the_model(exported: dict[str, tuple[Path, Path]]) -> None:
    folder = exported["lstm"][1]
    assert {path.name for path in folder.iterdir()} == set(EXPORT_FILES)
    described = json.loads((folder / "model.json").read_text("utf-8"))
    assert described["sample_rate"] == 16000 and described["hop_length"] == 512
    assert described["outputs"]["onset"] == 88 and described["outputs"]["pedal"] == 1
    assert described["decoder"]["onset_threshold"] == 0.45
    assert described["licence"] == "noise: for tests"
    assert max(described["parity"].values()) <= TOLERANCE
    card = (folder / "README.md").read_text("utf-8")
    assert all(found in card for found in described["files"].values())
    assert "noise: for tests" in card and "`pedal` (B, T, 1)" in card


def test_nothing_of_training_is_needed_to_load(exported: dict[str, tuple[Path, Path]]) -> None:
    script = (
        "import sys\n"
        "for name in ('lightning', 'hydra', 'omegaconf', 'wandb', 'sklearn', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\n"
        "from amt.inference.transcriber import Transcriber\n"
        "for backend in ('torchscript', 'onnx'):\n"
        "    loaded = Transcriber.load(sys.argv[1], backend=backend)\n"
        "    print(loaded.posteriors(np.zeros(5000, np.float32))['onset'].shape)\n"
    )
    words = [sys.executable, "-W", "error", "-c", script, str(exported["lstm"][1])]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.split("\n")[:2] == ["torch.Size([10, 88])"] * 2, done.stderr


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.parametrize("backend", NAMES)
def test_a_folder_of_an_older_version_has_no_embedding(
    exported: dict[str, tuple[Path, Path]], copied: Path, backend: Any
) -> None:
    front_end, network, _ = load_network(exported["svm"][0])
    del network.feature_width
    path = copied / NAMES["torchscript"]
    torchscript.save(WaveformToPosteriors(front_end, network), path)
    files = {name: exporting.checksum(copied / name) for name in NAMES.values()}
    edit(copied, files=files, features=0)
    loaded = Transcriber.load(copied, precision="float32", backend=backend)
    assert loaded.model.feature_width == 0
    found = loaded.run(noise(20000), Options(embedding=True))
    assert found.embedding is None and found.seconds == 1.25


@pytest.mark.parametrize("version", [0, 99])
def test_a_folder_of_another_format_has_to_be_exported_again(copied: Path, version: int) -> None:
    edit(copied, format=version)
    reason = rf"has format {version}, expected 1; export the checkpoint again"
    with pytest.raises(CheckpointError, match=reason) as caught:
        Transcriber.load(copied)
    assert str(copied) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", NAMES)
def test_damage_is_noticed(copied: Path, backend: Any) -> None:
    path = copied / NAMES[backend]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"differs from its checksum in model\.json"):
        Transcriber.load(copied, backend=backend)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"missing; export the checkpoint again"):
        Transcriber.load(copied, backend=backend)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"\x08\x0a" * 400])
def test_a_file_that_is_not_a_model_is_refused(copied: Path, backend: Any, content: bytes) -> None:
    """Even with the right checksum."""
    path = copied / NAMES[backend]
    path.write_bytes(content)
    edit(copied, files={path.name: exporting.checksum(path)})
    with pytest.raises(CheckpointError, match=rf"{path.name}: .* cannot read it"):
        Transcriber.load(copied, backend=backend)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": 1}', "\x00"])
def test_an_invalid_model_json_is_refused(copied: Path, text: str) -> None:
    (copied / "model.json").write_text(text, "utf-8")
    with pytest.raises(CheckpointError, match=r"expected a folder that `amt export` wrote"):
        Transcriber.load(copied)


def test_errors_of_loading(copied: Path, tmp_path: Path, monkeypatch: Any) -> None:
    checkpoint = small_checkpoint(tmp_path / "small.ckpt")
    (tmp_path / "empty").mkdir()
    cases: list[tuple[Path, dict[str, Any], type[ValueError], str]] = [
        (tmp_path / "empty", {}, CheckpointError, r"has no model\.json"),
        (tmp_path / "nowhere", {}, CheckpointError, "no such checkpoint"),
        (copied, {"backend": "steam"}, ValueError, "expected one of auto, torchscript, onnx"),
        (copied, {"backend": "onnx", "precision": "bfloat16"}, ValueError, "float32 on the cpu"),
        (checkpoint, {"backend": "onnx"}, ValueError, "only for folders that `amt export` wrote"),
    ]
    edit(Path(shutil.copytree(copied, tmp_path / "sharp")), decoder={"sharpness": 1})
    reason = "decoder does not fit.*sharpness.*export the checkpoint again"
    cases.append((tmp_path / "sharp", {}, CheckpointError, reason))
    for path, options, kind, message in cases:
        with pytest.raises(kind, match=message):
            Transcriber.load(path, **options)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CheckpointError, match=r"onnxruntime is not installed; .*amt\[onnx\]"):
        Transcriber.load(copied, backend="onnx")


def test_a_failed_export_leaves_no_folder(tmp_path: Path, monkeypatch: Any) -> None:
    path = small_checkpoint(tmp_path / "small.ckpt")
    info = model_info(path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CheckpointError, match=r"onnx is not installed"):
        export(path, tmp_path / "out", info, report=lambda line: None)
    monkeypatch.undo()
    monkeypatch.setattr(exporting, "TOLERANCE", 0.0)
    with pytest.raises(CheckpointError, match=r"differ by .* checkpoint.*nothing was written"):
        export(path, tmp_path / "out", info, report=lambda line: None)
    assert [p.name for p in tmp_path.iterdir()] == ["small.ckpt"]


def test_slice_classifiers_are_refused(tmp_path: Path) -> None:
    settings = {"model": {"slices": {}}, "decoder": {}}
    path = small_checkpoint(tmp_path / "slices.ckpt", hyper_parameters=settings)
    with pytest.raises(CheckpointError, match="is a slice classifier and cannot transcribe"):
        export(path, tmp_path / "out", model_info(path))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = checkpoint_of("svm", tmp_path / "svm.ckpt"), tmp_path / "out"
    assert main(["export", str(path), "--output", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("model.pt: ") and lines[1].startswith("model.onnx: ")
    assert lines[-1].endswith(f"--ckpt {folder}")
    # Again, in place of the older one; but no folder with anything else in it.
    assert main(["export", str(path), "--output", str(folder)]) == 0
    (folder / "diary.txt").write_text("mine")
    assert main(["export", str(path), "--output", str(folder)]) == 1
    assert (folder / "diary.txt").read_text() == "mine"
    assert main(["export", "violin", "--output", str(folder)]) == 1
    assert "base" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of this kind")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    checkpoint = small_checkpoint(tmp_path / "small.ckpt")
    script = FULL_DISK + "import sys; from amt.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["export", str(checkpoint), "--output", str(tmp_path / "out" / "exported")]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.startswith("amt: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert list((tmp_path / "out").iterdir()) == []
