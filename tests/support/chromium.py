"""A headless Chromium to try pages in, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
# A busy machine starts a browser slowly.
PATIENCE_MS = 60_000
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--mute-audio",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser whose microphone hears a beep every second; skips where there is none."""
    with sync_playwright() as playwright:
        program = PROGRAM or playwright.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("Chromium is not installed: make browser")
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def new_page(browser: Browser, silent: bool = True, **options: Any) -> Iterator[Page]:
    """A page in a fresh profile.

    silent: fail at the end if the page logged anything or raised an error. options:
    of Playwright's `new_context`, such as viewport and color_scheme.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(text_of(message)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not (silent and complaints), complaints


def text_of(message: ConsoleMessage) -> str:
    """What a page logged, and where."""
    return f"{message.type}: {message.text} ({message.location.get('url')})"


def wait_for(page: Page, condition: str) -> None:
    """Wait until a condition in JavaScript holds; fail after PATIENCE_MS.

    Playwright's `wait_for_function` evaluates text in the page, which the pages' policy forbids.
    """
    page.evaluate(
        f"""() => new Promise((done, fail) => {{
          const end = performance.now() + {PATIENCE_MS};
          const look = () => {condition} ? done()
            : performance.now() > end ? fail(new Error('never: ' + {condition!r}))
            : setTimeout(look, 20);
          look();
        }})"""
    )


def position(page: Page) -> float:
    """Where the player is, in seconds."""
    return float(page.locator("#seek").input_value())


def wait_past(page: Page, seconds: float) -> None:
    """Wait until the player has passed a time."""
    wait_for(page, f"Number(document.getElementById('seek').value) > {seconds}")
