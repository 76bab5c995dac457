"""Transcribe a list of files with one system, in the Python environment of that system.

python system_runner.py SYSTEM [CHECKPOINT] < jobs.json, where jobs is a list of [audio, midi] paths
and audio is 16-bit wav. Imports nothing but the system itself, since its environment may lack amt.
Prints a JSON line when the system is loaded and warmed up, and one for each file: time and memory,
or its error. Output of the system itself goes to stderr.
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
    """As `amt transcribe` by default: notes end where their sound ends, without the pedal."""
    from amt.inference.transcriber import Transcriber
    from amt.io.midi import write_midi

    transcriber = Transcriber.load(checkpoint)

    def transcribe(audio: str, midi: str) -> None:
        write_midi(midi, transcriber.transcribe(audio, ends="sound"))

    return transcribe, sum(weights.numel() for weights in transcriber.model.network.parameters())


def load_basic_pitch(_: str) -> tuple[Transcribe, int]:
    """As `basic_pitch.inference.predict` by default, with the ONNX file of its model."""
    import onnx
    from basic_pitch.inference import Model, predict

    path = Path(str(files("basic_pitch"))) / "saved_models/icassp_2022/nmp.onnx"
    model = Model(path)

    def transcribe(audio: str, midi: str) -> None:
        predict(audio, model)[1].write(midi)

    # Only convolution kernels count. They are all but 160 of its parameters; the tables of its
    # constant-Q transform, which are one value high, are not parameters.
    shapes = [tuple(weights.dims) for weights in onnx.load(path).graph.initializer]
    return transcribe, sum(prod(s) for s in shapes if len(s) == 4 and min(s[2:]) > 1)


def load_transkun(_: str) -> tuple[Transcribe, int]:
    """As `transkun.transcribe.main` by default, with the weights of the package."""
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
    """Seconds from file to MIDI, CPU seconds, cores used by other processes, and peak memory."""
    begin, busy, own = time.perf_counter(), busy_seconds(), time.process_time()
    try:
        transcribe(audio, midi)
    except Exception as error:  # Any error of an external system; it must not stop other files.
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
    """CPU seconds of all cores and processes since the computer started; 0 if unknown."""
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, interrupts, soft, *_ = map(int, first)
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def peak_bytes() -> int:
    """The peak memory of this process.

    On Linux from VmHWM, since getrusage there includes the memory of the parent process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(*sys.argv[1:])
