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
import json
import os
import tempfile
from collections import Counter
from pathlib import Path

from hostile import (
    SECRET_SECONDS,
    addresses,
    audited_server,
    broken_recordings,
    repeatable,
    schemathesis,
)
from hypothesis import given
from hypothesis import strategies as st
from local_server import Server, clips, post


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bodies", type=int, default=10_000)
    bodies = parser.parse_args().bodies
    variables = {"AMT_MAX_AUDIO_SECONDS": "5", "AMT_MAX_BODY_BYTES": "1500000"}
    with (
        tempfile.TemporaryDirectory() as name,
        audited_server(Path(name), "serve", **variables) as audited,
    ):
        running = audited.server
        _ask(running, json.dumps({"instances": [_instance(clips([1.0])[0])]}).encode())
        audited.begin()
        schema = schemathesis(running, bodies // 2, ("--include-method", "POST"), operations=2)
        statuses = _recordings(running, audited.secret, bodies - bodies // 2)
        assert running.process.poll() is None, "the server ended"
        print(f"schemathesis: {schema}")
        print(f"recordings and addresses, by status: {dict(sorted(statuses.items()))}")
        print(f"foreign files and addresses opened: {audited.foreign() or 'none'}")


def _recordings(running: Server, secret: Path, examples: int) -> Counter[int]:
    statuses: Counter[int] = Counter()

    @repeatable(examples)
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
    return st.one_of(
        broken_recordings(secret).map(_instance),
        addresses(secret).map(lambda uri: {"audio_uri": uri}),
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


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
