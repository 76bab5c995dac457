"""Alerts: gauges, the example rules, the webhook."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from recording_numbers import entries, profile, quieter, recordings

from amt.monitoring.prometheus import write_gauges
from amt.monitoring.webhook import message, send
from amt.monitoring.windows import compare_windows
from amt.serving.metrics import Metrics

DRIFT = compare_windows(profile(), entries(quieter(recordings(40), 14), rejected=2), 42)


@contextmanager
def hook(*statuses: int) -> Iterator[tuple[str, list[dict]]]:
    """A server that answers with these statuses; its address, and what it received."""
    received: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(json.loads(body))
            self.send_response(statuses[min(len(received), len(statuses)) - 1])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret?token=secret", received
        server.shutdown()
        thread.join()


def gauges(path: Path) -> dict[str, float]:
    """Values without labels, or those of the level."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(path.read_text("utf-8"))
        for sample in family.samples
        if sample.labels.get("number", "level_db") == "level_db"
    }


def test_gauges(tmp_path: Path) -> None:
    write_gauges(tmp_path / "node" / "amt.prom", DRIFT)
    found = gauges(tmp_path / "node" / "amt.prom")
    assert found["amt_drift_verdict"] == 2
    assert found["amt_drift_psi"] > 1
    assert found["amt_drift_p_value"] < 1e-6
    assert found["amt_drift_window_recordings"] == 42
    assert found["amt_drift_rejected_share"] == pytest.approx(2 / 42)
    assert found["amt_drift_window_end_seconds"] == DRIFT.newest.end.timestamp()
    assert 0 < found["amt_drift_estimated_f1"] < 1


def test_the_example_rules_use_metrics_that_exist(tmp_path: Path) -> None:
    text = resources.files("amt.monitoring").joinpath("alerts.yaml").read_text("utf-8")
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    assert len(rules) >= 5
    write_gauges(tmp_path / "amt.prom", DRIFT)
    served = generate_latest(Metrics().registry).decode()
    known = set(gauges(tmp_path / "amt.prom")) | set(re.findall(r"^(\w+)", served, re.MULTILINE))
    for rule in rules:
        names = set(re.findall(r"\bamt_\w+", rule["expr"]))
        assert names and names <= known, rule["alert"]
        assert rule["annotations"]["summary"]


def test_the_webhook_is_tried_again() -> None:
    with hook(500, 503, 200) as (url, received):
        send(url, message(DRIFT), backoff_seconds=0.0)
    assert len(received) == 3
    assert received[2]["verdict"] == "alarm"
    assert received[2]["text"].startswith("amt monitor: base: alarm: ")
    assert "level fell by 1" in received[2]["text"]


@pytest.mark.parametrize("statuses", [(500,), (404,), (302,)])
def test_a_failing_webhook_is_told_without_its_secret(statuses: tuple[int, ...]) -> None:
    with hook(*statuses) as (url, _), pytest.raises(ValueError, match="webhook at 127") as error:
        send(url, message(DRIFT), backoff_seconds=0.0)
    assert "secret" not in str(error.value)


def test_an_unreachable_webhook() -> None:
    with hook(200) as (url, _):
        pass
    with pytest.raises(ValueError, match="not sent") as error:
        send(url, {}, backoff_seconds=0.0)
    assert "secret" not in str(error.value)
    with pytest.raises(ValueError, match="expected https://HOST"):
        send("ftp://a/secret", {})
