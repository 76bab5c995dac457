"""A headless Chromium to try pages in, driven over a pipe by the DevTools protocol."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
# A busy machine starts a browser slowly.
PATIENCE_SECONDS = 300.0


class Browser:
    """One page of a browser: commands are answered in order, events are kept."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer, self._rest, self._number = reader, writer, b"", 0
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file on a screen of this size and light, and listen to its console and network."""
        self._session, self.events = None, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.screen(width, height, dark)
        self.send("Page.navigate", url=path.resolve().as_uri())
        self._until("Page.loadEventFired")

    def screen(self, width: int, height: int, dark: bool = False) -> None:
        """A screen of another size or light."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        light = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[light])

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited; raises RuntimeError where it throws."""
        done = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"]))
        return done["result"].get("value")

    def press(self, key: str, code: int = 0, shift: bool = False) -> None:
        """Press and release a key, as fingers do."""
        text = {"text": key} if len(key) == 1 else {}
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift}
        self.send("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, **place)

    def picture(self, **options: Any) -> str:
        """The window as PNG in base64."""
        return self.send("Page.captureScreenshot", format="png", **options)["data"]

    def complaints(self) -> list[str]:
        """Console messages, log entries and exceptions of the page."""
        methods = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        return [json.dumps(event) for event in self.events if event["method"] in methods]

    def requests(self) -> list[str]:
        """The addresses that were asked for."""
        sent = [e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command; raises RuntimeError where the browser refuses it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _until(self, method: str) -> None:
        while not any(event["method"] == method for event in self.events):
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reader], [], [], deadline - time.monotonic())
            data = os.read(self._reader, 1 << 16) if ready else b""
            if not data:
                raise RuntimeError("the browser does not answer")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A fresh headless browser whose profile lies in a folder; it is gone after the block."""
    to_browser, writer = os.pipe()
    reader, from_browser = os.pipe()
    assert PROGRAM, "no Chromium is installed"
    options = (
        "--headless=new --no-sandbox --disable-gpu --no-first-run --mute-audio --hide-scrollbars "
        f"--remote-debugging-pipe --user-data-dir={profile}"
    ).split()

    def as_the_protocol_wants() -> None:
        """Descriptor 3 to read from, 4 to write to; neither may be lost while the other is set."""
        pair = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        for end, number in zip(pair, (3, 4), strict=True):
            os.dup2(end, number)
            os.close(end)

    process = subprocess.Popen(
        [PROGRAM, *options],
        preexec_fn=as_the_protocol_wants,
        close_fds=False,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Browser(reader, writer)
    finally:
        process.terminate()
        process.wait()
        os.close(reader)
        os.close(writer)
