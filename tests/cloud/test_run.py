"""Deploying the app to Cloud Run: the gcloud command, and the source of the function."""

from __future__ import annotations

import ast
import os
import shlex
import stat
import sys
from pathlib import Path

import pytest

import amt
from amt.cli import main
from amt.cloud.run import PACKAGES, AppDeployment, requirements, write_source
from amt.cloud.storage import StorageError

WORDS = [
    "deploy",
    "app",
    "--project",
    "p",
    "--region",
    "europe-west4",
    "--lake",
    "gs://bucket/lake",
]


def deployment(**changes: object) -> AppDeployment:
    return AppDeployment("p", "europe-west4", "gs://bucket/lake", **changes)  # type: ignore[arg-type]


def variables(command: list[str]) -> dict[str, str]:
    (text,) = [word.split("=^;^")[1] for word in command if word.startswith("--set-env-vars")]
    return dict(pair.split("=", 1) for pair in text.split(";"))


def test_a_function_is_built_from_source() -> None:
    command = deployment(gemini=True, allowed_uris=("gs://one/x", "gs://two")).command(
        Path("source")
    )
    assert command[:5] == ["gcloud", "functions", "deploy", "amt", "--gen2"]
    assert {"--source=source", "--entry-point=ask", "--no-allow-unauthenticated"} <= set(command)
    given = variables(command)
    assert given["AMT_LAKE"] == "gs://bucket/lake"
    assert given["AMT_ALLOWED_URIS"] == "gs://one/x,gs://two"
    assert given["GOOGLE_CLOUD_LOCATION"] == "europe-west4"


def test_a_container_runs_the_app() -> None:
    command = deployment(image="host/p/amt", public=True, endpoint="e").command(Path("unused"))
    assert command[:4] == ["gcloud", "run", "deploy", "amt"]
    assert {"--image=host/p/amt", "--command=amt", "--args=app"} <= set(command)
    assert "--allow-unauthenticated" in command
    assert variables(command)["AMT_VERTEX_ENDPOINT"] == "e"


@pytest.mark.parametrize("changes", [{"cpu": 0}, {"instances": 0}, {"allowed_uris": ("x",)}])
def test_invalid_settings_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        deployment(**changes)


def test_the_lake_must_be_in_cloud_storage() -> None:
    with pytest.raises(StorageError, match="expected gs://"):
        AppDeployment("p", "r", "folder")


def test_the_source_holds_entry_point_requirements_and_package(tmp_path: Path) -> None:
    write_source(tmp_path, deployment(torch_index="scheme://index"))
    tree = ast.parse((tmp_path / "main.py").read_text("utf-8"))
    assert any(isinstance(n, ast.ImportFrom) and n.module == "amt.app.function" for n in tree.body)
    assert (tmp_path / "requirements.txt").read_text("utf-8").startswith("--extra-index-url scheme")
    ours = {path.name for path in Path(amt.__file__).parent.iterdir()} - {"__pycache__"}
    assert {path.name for path in (tmp_path / "amt").iterdir()} == ours


def test_the_requirements_are_those_of_the_package() -> None:
    lines = requirements(None).splitlines()
    assert len(lines) == len(PACKAGES)
    assert "torch<2.15,>=2.6" in lines


def test_a_dry_run_prints_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert shlex.split(lines[-1])[:3] == ["gcloud", "functions", "deploy"]


@pytest.mark.skipif(sys.platform == "win32", reason="gcloud is replaced by a shell script")
@pytest.mark.parametrize("code", [0, 3])
def test_gcloud_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], code: int
) -> None:
    program = tmp_path / "gcloud"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\nexit {code}\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert main([*WORDS, "--image", "host/p/amt"]) == (1 if code else 0)
    assert (tmp_path / "words").read_text("utf-8").startswith("run deploy amt --image=host/p/amt")
    out, err = capfd.readouterr()
    assert ("exit code 3" in err) if code else ("gcloud run services delete amt" in out)


def test_several_instances_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--dry-run", "--instances", "5"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("amt: --instances 5: warning:") and error.count("\n") == 1
    assert main([*WORDS, "--dry-run"]) == 0
    assert capsys.readouterr().err == ""


def test_a_package_index_is_refused_for_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--dry-run", "--image", "host/p/amt", "--torch-index", "https://x"]
    assert main([*WORDS, *words]) == 1
    assert capsys.readouterr().err.startswith("amt: --torch-index is for a function")


def test_without_gcloud_nothing_is_deployed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(WORDS) == 1
    assert "install the Google Cloud CLI" in capsys.readouterr().err
