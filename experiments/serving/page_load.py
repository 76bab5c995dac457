"""Measure the page of the app in a headless Chromium: seconds until it can be used, and its size.

python experiments/serving/page_load.py --rounds 11

Each round is a browser profile of its own, with nothing cached. Needs Playwright and Chromium
(make browser). Beside it, as the reference: an empty page of the same server.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from local_server import Server, server
from playwright.sync_api import Browser, sync_playwright

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
READY, EMPTY = "body.ready", "body"
SIZES = """() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
  .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)"""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args(words).rounds
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        lake = str(Path(folder) / "lake")
        with server(Path(folder) / "app.log", command="app", AMT_LAKE=lake) as running:
            page = [opened(browser, running, "/", READY) for _ in range(rounds + 1)][1:]
            empty = [opened(browser, running, "/health", EMPTY) for _ in range(rounds + 1)][1:]
    seconds = np.array([taken for taken, _ in page])
    print(f"page ready after p50 {np.median(seconds):.2f} s, slowest {seconds.max():.2f} s")
    print(f"an empty page of the same server p50 {np.median([taken for taken, _ in empty]):.2f} s")
    print(f"transferred {page[0][1] / 1000:.0f} kB")


def opened(browser: Browser, running: Server, path: str, ready: str) -> tuple[float, int]:
    """Seconds from a new profile to an element, and the bytes of all files as transferred."""
    context = browser.new_context()
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(f"http://127.0.0.1:{running.port}{path}")
    page.wait_for_selector(ready, state="attached")
    taken = time.perf_counter() - begin
    size = page.evaluate(SIZES)
    context.close()
    return taken, size


if __name__ == "__main__":
    main()
