"""Fuzz the server with invalid requests and broken audio files.

python experiments/serving/serving_fuzz.py --bodies 10000

Half of the request bodies come from schemathesis, which reads the server's OpenAPI document. The
other half come from hypothesis: audio files that are truncated, overwritten, hours long, highly
compressed or full of NaN, and paths and URLs in place of gs:// URIs. Every response must have a
status below 500, no instance may have the status 500, the process must survive, and it must not
open foreign files: an audit hook records every file that Python opens once the server is ready
(libsndfile and ffmpeg receive files that are open already).
"""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from local_server import Server, clips, post, server

from amt.io.audio import save

# No other recording has this duration: a response with it would prove that the file was read.
SECRET_SECONDS = 1.234
OPENED = "opened.txt"
AUDITED = """
import runpy, sys
log = open({path!r}, "a", buffering=1)
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        log.write(repr(arguments[0]) + chr(10))
    if event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec"):
        log.write(event + " " + repr(arguments[1]) + chr(10))
sys.addaudithook(note)
sys.argv = ["amt", *sys.argv[1:]]
runpy.run_module("amt.cli", run_name="__main__", alter_sys=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bodies", type=int, default=10_000)
    bodies = parser.parse_args().bodies
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = folder / "secret.wav"
        save(secret, np.full(round(SECRET_SECONDS * 16000), 0.1, dtype=np.float32))
        script = folder / "audited.py"
        script.write_text(AUDITED.format(path=str(folder / OPENED)))
        scratch = folder / "scratch"
        scratch.mkdir()
        variables = {"AMT_MAX_AUDIO_SECONDS": "5", "AMT_MAX_BODY_BYTES": "1500000"}
        variables["TMPDIR"] = str(scratch)
        with server(folder / "server.log", (str(script),), **variables) as running:
            _ask(running, json.dumps({"instances": [_instance(clips([1.0])[0])]}).encode())
            (folder / OPENED).write_text("")
            schema = _schemathesis(running, bodies // 2)
            statuses = _recordings(running, secret, bodies - bodies // 2)
            assert running.process.poll() is None, "the server ended"
        print(f"schemathesis: {schema}")
        print(f"recordings and addresses, by status: {dict(sorted(statuses.items()))}")
        print(f"foreign files and addresses opened: {_foreign(folder / OPENED, scratch) or 'none'}")


def _schemathesis(running: Server, examples: int) -> str:
    """The last lines of its report; ends the script if a response has a status of 500 or above."""
    address = f"http://127.0.0.1:{running.port}"
    words = ["run", f"{address}/openapi.json", "--checks", "not_a_server_error", "--seed", "1"]
    # Two operations take a body and get half each; the phases before fuzzing are extra.
    words += ["--include-method", "POST", "--max-examples", str(examples // 2), "--mode", "all"]
    words += ["--suppress-health-check", "all", "--continue-on-failure"]
    program = Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as scratch:  # It writes a folder to its working directory.
        done = subprocess.run(
            [program, *words], cwd=scratch, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(done.stdout[-6000:] + done.stderr)
    return " ".join(line.strip() for line in done.stdout.splitlines()[-12:] if line.strip())


def _recordings(running: Server, secret: Path, examples: int) -> Counter[int]:
    statuses: Counter[int] = Counter()

    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(_instances(secret), min_size=1, max_size=3), _parameters())
    def send(instances: list, parameters: object) -> None:
        body = json.dumps({"instances": instances, "parameters": parameters}).encode()
        status, answer = _ask(running, body)
        statuses[status] += 1
        assert status < 500, (status, answer[:500], body[:500])
        answers = json.loads(answer).get("predictions", [])
        assert len(answers) in (0, len(instances))
        for one in answers:
            assert one.get("status") != 500, (one, body[:500])
            assert abs(one.get("duration", 0) - SECRET_SECONDS) > 1e-3, body[:500]

    send()
    return statuses


def _ask(running: Server, body: bytes) -> tuple[int, bytes]:
    return post(running.connect(), body)


def _instance(data: bytes) -> dict:
    return {"audio": {"b64": base64.b64encode(data).decode()}}


def _instances(secret: Path) -> st.SearchStrategy:
    tricks = [
        str(secret),
        f"file://{secret}",
        f"gs://{secret}",
        f"gs://bucket/..{secret}",
        f"gs://bucket/%2e%2e{secret}",
        f"concat:{secret}",
        f"subfile,,start,0,end,0,,:{secret}",
        "gs://bucket@127.0.0.1/a.wav",
        "http://127.0.0.1:8080/metrics",
        "http://169.254.169.254/computeMetadata/v1/",
        "data:audio/wav;base64,AAAA",
        "gs://bucket/a\x00.wav",
        "gs://bücket/‮a",
    ]
    address = st.one_of(
        st.sampled_from(tricks), st.text(max_size=50), st.just("gs://" + "a" * 5000)
    )
    return st.one_of(
        _broken_recordings(secret).map(_instance),
        address.map(lambda uri: {"audio_uri": uri}),
        st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists, max_leaves=20),
    )


def _parameters() -> st.SearchStrategy:
    parameters = st.fixed_dictionaries(
        {},
        optional={
            "format": st.lists(st.sampled_from(["notes", "midi", "piano_roll", "png"]), max_size=4),
            "extend_sustain": st.booleans() | st.text(max_size=5),
            "onset_threshold": st.floats(allow_nan=False) | st.none(),
            "roll_rate": st.floats(allow_nan=False) | st.just(1000.0),
        },
    )
    return st.just({}) | parameters


def _broken_recordings(secret: Path) -> st.SearchStrategy[bytes]:
    whole = st.sampled_from(_recordings_of_all_kinds(secret))
    return st.one_of(
        whole,
        st.binary(max_size=300),
        st.builds(lambda data, part: data[: round(part * len(data))], whole, st.floats(0, 1)),
        st.builds(_overwritten, whole, st.floats(0, 1), st.binary(min_size=1, max_size=12)),
        st.builds(lambda head, data: head + data, st.binary(max_size=64), whole),
    )


def _overwritten(data: bytes, place: float, piece: bytes) -> bytes:
    """Overwrite some bytes, mostly in the header (length, sample rate, channels)."""
    start = round(place**4 * len(data))
    return data[:start] + piece + data[start + len(piece) :]


def _recordings_of_all_kinds(secret: Path) -> list[bytes]:
    noise = np.random.default_rng(0).standard_normal(6000) * 0.1
    files = [
        _file(noise, kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64")
    ]
    broken = noise.copy()
    broken[::100] = np.nan
    files.append(_file(broken, "WAV", subtype="FLOAT"))
    files.append(_file(np.full(600, np.inf), "WAV", subtype="DOUBLE"))
    files.append(_file(np.zeros((100, 64)), "WAV"))
    files.append(_file(noise, "WAV", rate=1))
    files.append(_file(noise, "WAV", rate=2_000_000_000))
    # 100 minutes of silence in a few kilobytes, an archive, and playlists that name a file.
    files.append(_file(np.zeros(8000 * 6000, dtype=np.int16), "FLAC", rate=8000))
    files.append(gzip.compress(bytes(10_000_000)))
    files.append(f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n".encode())
    files.append(f"ffconcat version 1.0\nfile '{secret}'\n".encode())
    files.append(f"[playlist]\nFile1={secret}\n".encode())
    files.append(
        f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{secret}">]><MPD/>'.encode()
    )
    return files


def _file(audio: np.ndarray, kind: str, rate: int = 16000, subtype: str | None = None) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, audio, rate, format=kind, subtype=subtype)
    return data.getvalue()


def _foreign(opened: Path, scratch: Path) -> list[str]:
    """Opened files and addresses other than those of Python, the package and the recordings."""
    package = Path(__file__).parents[2] / "amt"
    own = (sys.prefix, sys.base_prefix, str(package), str(scratch), "/proc/", "/dev/")
    lines = {line.strip("b'\"") for line in opened.read_text().splitlines()}
    lines -= {line for line in lines if line.startswith("subprocess.Popen") and "ffmpeg" in line}
    return sorted(line for line in lines if not line.startswith(own))


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
