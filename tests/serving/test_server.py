"""The server begins nothing where it cannot listen."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from amt.cli import main
from amt.serving.server import run
from amt.serving.settings import Settings


def not_created(_fail: Any) -> Any:
    pytest.fail("an application was created")


def test_a_port_in_use_is_an_error_before_anything_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="cannot listen there") as raised:
            run(not_created, Settings(port=port))
    assert raised.value.filename == f"127.0.0.1:{port}"


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="cannot listen there"):
        run(not_created, Settings(host="192.0.2.1", port=8080))


def test_the_commands_say_so_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert main(["serve", "--port", port]) == 1
        assert main(["app", "--port", port, "--lake", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"127.0.0.1:{port}"] * 2
