"""Transcribe a list of files with one system, inside that system's own environment.

python system_runner.py SYSTEM [CHECKPOINT] < jobs.json, where jobs is a list of [audio, midi]; the
audio is 16-bit wav. Needs nothing but the system itself: its environment may lack amt. Prints a
JSON line once the system is loaded and warm, and one for each file: what it took, or its error.
Whatever the system prints goes to the error stream.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from importlib.resources import files
from math import prod
from pathlib import Path

Transcribe = Callable[[str, str], None]
WARM_UP_SECONDS = 2


def load_amt(checkpoint: str) -> tuple[Transcribe, int]:
    """As `amt transcribe` does by default: notes end with their sound, and no pedal comes along."""
    from amt.inference.transcriber import Transcriber
    from amt.io.midi import write_midi

    transcriber = Transcriber.load(checkpoint)

    def transcribe(audio: str, midi: str) -> None:
        write_midi(midi, transcriber.transcribe(audio, ends="sound"))

    return transcribe, sum(weights.numel() for weights in transcriber.listener.network.parameters())


def load_basic_pitch(_: str) -> tuple[Transcribe, int]:
    """As `basic_pitch.inference.predict` does by default, with the ONNX form of its model."""
    import onnx
    from basic_pitch.inference import Model, predict

    path = Path(str(files("basic_pitch"))) / "saved_models/icassp_2022/nmp.onnx"
    model = Model(path)

    def transcribe(audio: str, midi: str) -> None:
        predict(audio, model)[1].write(midi)

    # The convolution kernels, of which all but 160 of its parameters are; the tables of its
    # constant-Q transform, one value high, are none.
    shapes = [tuple(weights.dims) for weights in onnx.load(path).graph.initializer]
    return transcribe, sum(prod(s) for s in shapes if len(s) == 4 and min(s[2:]) > 1)


def load_transkun(_: str) -> tuple[Transcribe, int]:
    """As transkun.transcribe.main does by default, with the weights that come along."""
    import moduleconf
    import soxr
    import torch
    from transkun.Data import writeMidi
    from transkun.transcribe import readAudio

    pretrained = Path(str(files("transkun"))) / "pretrained"
    config = moduleconf.parseFromFile(str(pretrained / "2.0.conf"))["Model"]
    model = config.module.TransKun(conf=config.config)
    state = torch.load(pretrained / "2.0.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(state.get("best_state_dict", state.get("state_dict")), strict=False)
    model.eval()
    torch.set_grad_enabled(False)

    def transcribe(audio: str, midi: str) -> None:
        rate, samples = readAudio(audio)
        if rate != model.fs:
            samples = soxr.resample(samples, rate, model.fs)
        notes = model.transcribe(torch.from_numpy(samples), discardSecondHalf=False)
        writeMidi(notes).write(midi)

    return transcribe, sum(weights.numel() for weights in model.parameters())


LOADERS = {"amt": load_amt, "basic-pitch": load_basic_pitch, "transkun": load_transkun}


def main(system: str, checkpoint: str = "") -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    jobs = json.load(sys.stdin)
    begin = time.perf_counter()
    transcribe, parameters = LOADERS[system](checkpoint)
    warm_up(transcribe)
    ready = {"load_seconds": time.perf_counter() - begin, "parameters": parameters}
    print(json.dumps(ready), file=answers, flush=True)
    for audio, midi in jobs:
        print(json.dumps(measured(transcribe, audio, midi)), file=answers, flush=True)


def measured(transcribe: Transcribe, audio: str, midi: str) -> dict[str, object]:
    """Seconds from file to MIDI, and what else kept the machine busy meanwhile."""
    begin, busy, own = time.perf_counter(), busy_seconds(), time.process_time()
    try:
        transcribe(audio, midi)
    except Exception as error:  # Foreign code; one file must not stop the others.
        return {"error": f"{type(error).__name__}: {error}"}
    took, own = time.perf_counter() - begin, time.process_time() - own
    others = max(0.0, busy_seconds() - busy - own) / took
    return {"took": took, "processor": own, "others": others, "peak_bytes": peak_bytes()}


def warm_up(transcribe: Transcribe) -> None:
    """A first, short transcription: some systems finish loading only then."""
    noise = random.Random(0).randbytes(2 * 16000 * WARM_UP_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "noise.wav")
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(noise)
        transcribe(path, str(Path(folder) / "noise.mid"))


def busy_seconds() -> float:
    """Processor seconds that all cores together have worked since the start; 0 if unknown."""
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, interrupts, soft, *_ = map(int, first)
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def peak_bytes() -> int:
    """The most memory that this process held so far.

    Linux counts what the parent held into getrusage, but not into VmHWM.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(*sys.argv[1:])
