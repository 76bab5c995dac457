"""The page in a browser: it draws, plays, reacts to keys, and loads nothing, without errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import (
    PHONE,
    chromium,
    new_page,
    position,
    wait_for,
    wait_past,
)
from descriptions import TITLE, sine_player, tune, with_recording
from playwright.sync_api import Browser, expect

from amt.notes import Notes
from amt.page.describe import describe, write_description

# Whether each plot has more than two colours.
PAINTED = """() => [...document.querySelectorAll('.frame canvas')].every((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size > 2;
})"""
TWO_FRAMES = "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
IS_NARROW = "() => document.documentElement.scrollWidth <= innerWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "tune.html"
    write_description(path, with_recording(tune(16)), TITLE)
    return path


def test_a_page_draws_plays_and_reacts_to_keys(browser: Browser, written: Path) -> None:
    with new_page(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(written.as_uri())
        page.evaluate(TWO_FRAMES)
        assert page.locator("h1").inner_text() == TITLE
        assert page.locator(".frame canvas").count() >= 9
        assert page.evaluate(PAINTED)
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
        assert position(page) == pytest.approx(5.0)
        page.keyboard.press("s")
        expect(page.locator("#only-transcription")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press(" ")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        wait_past(page, 5.3)
        page.keyboard.press("s")
        wait_past(page, 5.6)
        page.keyboard.press(" ")
        expect(page.get_by_role("button", name="Play")).to_be_visible()
        page.keyboard.press("n")
        page.locator("#melodic button").first.click()
        pressed = page.locator(".motifs [aria-pressed=true]")
        expect(pressed).to_have_count(1)
        first = position(page)
        page.keyboard.press("n")
        assert position(page) > first
        for key in ("+", "-", "0", "Escape"):
            page.keyboard.press(key)
        expect(pressed).to_have_count(0)
        page.keyboard.press("End")
        assert position(page) == pytest.approx(
            float(page.locator("#seek").get_attribute("max") or 0)
        )
        page.evaluate(TWO_FRAMES)
        assert {url.split(":")[0] for url in asked} == {"file", "blob"}


def test_recording_and_transcription_are_mixed_slowed_and_repeated(
    browser: Browser, written: Path
) -> None:
    with new_page(browser) as page:
        page.goto(written.as_uri())
        page.locator("#crossfade").fill("50")
        page.locator("#speed").select_option("0.5")
        page.locator("h1").click()  # a focused control keeps its own keys
        for key in ("0", "ArrowRight", "["):
            page.keyboard.press(key)
        page.evaluate("document.getElementById('seek').value = 5.5")
        page.locator("#seek").dispatch_event("input")
        page.keyboard.press("]")
        expect(page.locator("#loop-range")).to_have_text("0:05.0 to 0:05.5")
        page.locator("#play").click()
        wait_past(page, 5.4)
        wait_for(page, "Number(document.getElementById('seek').value) < 5.2")
        page.locator("#loop").click()
        expect(page.locator("#loop-ends")).to_be_hidden()
        wait_past(page, 5.6)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_scrolls_sideways(browser: Browser, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "tune.html"
    write_description(path, with_recording(tune(16)), "A tune with a rather long name" * 3)
    with new_page(browser, color_scheme=scheme, **PHONE) as page:
        page.goto(path.as_uri())
        page.evaluate(TWO_FRAMES)
        assert page.evaluate(IS_NARROW)
        assert page.evaluate(PAINTED)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible(browser: Browser, written: Path, scheme: str) -> None:
    with new_page(browser, color_scheme=scheme, bypass_csp=True) as page:
        page.goto(written.as_uri())
        found = Axe().run(page)
        assert not found.violations_count, found.generate_report()


@pytest.mark.parametrize("notes", [Notes.empty(), Notes([0], [0], [60], [64]), tune(1)])
@pytest.mark.parametrize("has_audio", [False, True])
def test_tiny_pieces_are_shown(
    browser: Browser, notes: Notes, has_audio: bool, tmp_path: Path
) -> None:
    audio = sine_player(notes)[:16000] if has_audio else None
    write_description(tmp_path / "odd.html", describe(notes, audio, sine_player), "odd")
    with new_page(browser) as page:
        page.goto((tmp_path / "odd.html").as_uri())
        page.keyboard.press(" ")
        page.keyboard.press("ArrowRight")
        page.evaluate(TWO_FRAMES)
        has_notes = len(notes) > 0
        expected = 3 * has_notes + (has_notes or has_audio) + has_audio
        assert page.locator("main section:visible").count() == expected
