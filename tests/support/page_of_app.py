"""What the tests of the app's page do in it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, StorageState, expect

TRANSCRIBING_MS = 60_000
_PLACE = """async ({ onset, pitch }) => {
  const [{ timeline, pixelsPerSecond }, { pitchAt }] = await Promise.all(
    ['timeline', 'piano_roll'].map((name) => import(`./static/${name}.js`)));
  const { frame } = timeline.plots.get('roll');
  const box = frame.getBoundingClientRect();
  const second = pixelsPerSecond(frame);
  const heights = Array.from({ length: Math.floor(box.height) }, (_, y) => y);
  const rows = heights.filter((y) => pitchAt(y) === pitch);
  const right = box.right - frame.clientLeft - 8; // the plot ends 8 pixels before its frame
  const x = right - (timeline.stop - onset) * second;
  return [x, box.top + rows[rows.length >> 1], rows.length, second];
}"""
_DROP = """(files) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  for (const kind of ['dragover', 'drop']) {
    document.body.dispatchEvent(
      new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""


@dataclass(frozen=True)
class Library:
    """A client with one recording: what its browser keeps, and the address of the recording."""

    state: StorageState
    url: str

    def open(self, page: Page) -> None:
        """Show the recording; the page has been made with `state`."""
        page.goto(self.url)
        wait_until_done(page)


def upload_and_wait(page: Page, address: str, recording: Path) -> None:
    """Choose a file, and wait until it is transcribed and shown."""
    page.goto(address)
    expect(page.locator("body.ready")).to_be_attached()
    page.locator("#files").set_input_files(recording)
    wait_until_done(page)


def wait_until_done(page: Page) -> None:
    """Wait until everything that is known of the open recording is shown."""
    expect(page.locator("#ask")).to_be_visible(timeout=TRANSCRIBING_MS)


def notes_of(page: Page) -> list[dict[str, Any]]:
    """The notes that are shown."""
    return page.evaluate(
        """async () => (await import('./static/piece.js')).piece.notes.map(
          ({ onset, offset, pitch, velocity }) => ({ onset, offset, pitch, velocity }))"""
    )


def note_at(page: Page, onset: float, pitch: int) -> dict[str, Any]:
    """The note of a pitch whose onset is nearest to a time, at most 0.1 s away."""
    found = [note for note in notes_of(page) if note["pitch"] == pitch]
    nearest = min(found, key=lambda note: abs(note["onset"] - onset))
    assert abs(nearest["onset"] - onset) < 0.1
    return nearest


def place_of(page: Page, note: dict[str, Any]) -> list[float]:
    """Of a note in the piano roll: x of its onset and y, pixels of a semitone and of a second."""
    return page.evaluate(_PLACE, note)


def drop(page: Page, *files: str | bytes) -> None:
    """Drop files on the page: name, content, name, content, ..."""
    pairs = zip(files[::2], files[1::2], strict=True)
    page.evaluate(_DROP, [[name, base64.b64encode(content).decode()] for name, content in pairs])


# The colours of some buttons pass gradually from one scheme to the other.
SETTLED = """async () => {
    await new Promise(requestAnimationFrame);
    await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
}"""


def violations(page: Page) -> str:
    """What axe finds wrong with the page as it is, light and dark; empty if it finds nothing."""
    reports = []
    for scheme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        found = Axe().run(page, options=options)
        reports += [found.generate_report()] if found.violations_count else []
    return "\n".join(reports)
