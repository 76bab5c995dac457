"""What hostile clients send, and a server that records the foreign files and addresses it opens."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from local_server import Server, server

from amt.io.audio import save
from amt.io.midi import midi_bytes
from amt.notes import Notes

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


@dataclass(frozen=True)
class Audited:
    """A running server, a recording that it must not read, and the file with what it opened."""

    server: Server
    secret: Path
    opened: Path
    own: tuple[str, ...]

    def begin(self) -> None:
        """Forget what was opened so far: libraries, the model."""
        self.opened.write_text("")

    def foreign(self) -> list[str]:
        """Opened files and addresses other than those of Python, the package and the recordings."""
        lines = {line.strip("b'\"") for line in self.opened.read_text().splitlines()}
        lines -= {one for one in lines if one.startswith("subprocess.Popen") and "ffmpeg" in one}
        return sorted(line for line in lines if not line.startswith(self.own))


@contextmanager
def audited_server(folder: Path, command: str, **variables: str) -> Iterator[Audited]:
    """A server in a process with an audit hook. variables: added to the environment."""
    secret, script, scratch = (folder / name for name in ("secret.wav", "audited.py", "scratch"))
    save(secret, np.full(round(SECRET_SECONDS * 16000), 0.1, dtype=np.float32))
    script.write_text(AUDITED.format(path=str(folder / OPENED)))
    scratch.mkdir()
    package = Path(__file__).parents[2] / "amt"
    own = (sys.prefix, sys.base_prefix, str(package), str(scratch), "/proc/", "/dev/")
    variables["TMPDIR"] = str(scratch)
    log = folder / "server.log"
    with server(log, (str(script),), command, **variables) as running:
        try:
            yield Audited(running, secret, folder / OPENED, own)
        except BaseException:
            lines = [line for line in log.read_text().splitlines() if "traceback" in line]
            print("last errors in the log:", *lines[-3:], sep="\n")
            raise


def schemathesis(running: Server, examples: int, options: Sequence[str], operations: int) -> str:
    """The last lines of its report; ends the script if a response has a status of 500 or above.

    examples: requests in all, divided by the number of `operations` that `options` leave.
    """
    words = ["run", f"{running.address}/openapi.json", "--checks", "not_a_server_error"]
    words += ["--seed", "1", *options, "--max-examples", str(examples // operations)]
    words += ["--mode", "all", "--suppress-health-check", "all", "--continue-on-failure"]
    program = Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as scratch:  # It writes a folder to its working directory.
        done = subprocess.run(
            [program, *words], cwd=scratch, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(done.stdout[-6000:] + done.stderr)
    return " ".join(line.strip() for line in done.stdout.splitlines()[-12:] if line.strip())


def repeatable(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator for tests of hypothesis: so many examples, the same in every run."""
    chosen = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    return lambda function: seed(1)(chosen(function))


def addresses(secret: Path) -> st.SearchStrategy[str]:
    """Texts in place of the name or address of a recording."""
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
    return st.one_of(st.sampled_from(tricks), st.text(max_size=50), st.just("gs://" + "a" * 5000))


def broken_recordings(secret: Path) -> st.SearchStrategy[bytes]:
    """Contents of files: whole, cut, overwritten, hours long, highly compressed, no audio."""
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
    files.append(midi_bytes(Notes([0.0, 0.5], [0.4, 0.9], [60, 64], [80, 90])))
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
