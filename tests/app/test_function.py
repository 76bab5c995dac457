"""The app as functions-framework runs it: from the source that is deployed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import clip, model_folder
from served_app import wait_for

from amt.cloud.run import ENTRY_POINT, AppDeployment, write_source


def test_functions_framework_runs_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aio = pytest.importorskip("functions_framework.aio")
    source = tmp_path / "source"
    source.mkdir()
    write_source(source, AppDeployment("p", "r", "gs://bucket/lake"))
    monkeypatch.setenv("AMT_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("AIP_STORAGE_URI", str(model_folder(tmp_path / "model")))
    monkeypatch.setattr(sys, "path", list(sys.path))  # The framework adds the source's folder.
    # Its handler would outlive the stdout of this test.
    monkeypatch.setattr("amt.app.function.log_to_stdout", lambda: None)
    app = aio.create_asgi_app(target=ENTRY_POINT, source=str(source / "main.py"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        wait_for(lambda: client.get("/health").status_code == 200)
        assert "<!doctype html>" in client.get("/").text
        files = {"file": ("a.wav", clip(1.0))}
        answer = client.post("/", data={"prompt": "How long is it?"}, files=files)
        assert answer.status_code == 200, answer.text
        assert "0:01" in answer.json()["response"]
        assert client.get("/nothing").status_code == 404
