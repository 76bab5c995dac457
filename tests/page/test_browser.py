"""The page in a browser: it draws, plays, reacts to keys, and loads nothing, without errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import PROGRAM, Browser, browser
from descriptions import TITLE, sine_player, tune, with_recording

from amt.notes import Notes
from amt.page.describe import describe, write_description

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")

NOW = "Number(document.getElementById('seek').value)"
PLAYING = "document.getElementById('play').classList.contains('playing')"
AUDIO = "document.querySelector('input[name=audio]:checked').value"
PRESSED = "document.querySelectorAll('[aria-pressed=true]').length"
# Whether each plot has more than two colours.
PAINTED = """[...document.querySelectorAll('.frame canvas')].every((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size > 2;
})"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Path]]:
    folder = tmp_path_factory.mktemp("browser")
    with browser(folder / "profile") as chromium:
        yield chromium, folder


def settle(page: Browser) -> None:
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def wait_for(page: Browser, condition: str) -> None:
    """Wait until the condition holds; fail after a minute."""
    page.run(
        f"""new Promise((done, fail) => {{
          const end = performance.now() + 60000;
          const look = () => {condition} ? done()
            : performance.now() > end ? fail(new Error('never: ' + {condition!r}))
            : setTimeout(look, 20);
          look();
        }})"""
    )


def test_a_page_draws_plays_and_reacts_to_keys(opened: tuple[Browser, Path]) -> None:
    page, folder = opened
    write_description(folder / "tune.html", with_recording(tune(16)), TITLE)
    page.open(folder / "tune.html")
    settle(page)
    assert page.run("document.querySelector('h1').textContent") == TITLE
    assert page.run("document.querySelectorAll('.frame canvas').length") >= 9
    assert page.run(PAINTED)
    page.press("ArrowRight", 39)
    page.press("ArrowRight", 39)
    page.press("ArrowLeft", 37)
    assert page.run(NOW) == pytest.approx(5.0)
    page.press("s")
    assert page.run(AUDIO) == "transcription"
    page.press(" ", 32)
    wait_for(page, PLAYING)
    wait_for(page, f"{NOW} > 5.3")
    page.press("s")
    assert page.run(AUDIO) == "recording"
    wait_for(page, f"{NOW} > 5.6")
    page.press(" ", 32)
    wait_for(page, f"!{PLAYING}")
    page.press("n")
    page.run("document.querySelector('#melodic button').click()")
    assert page.run(PRESSED) == 1
    first = page.run(NOW)
    page.press("n")
    assert page.run(NOW) > first
    for key in "+-0":
        page.press(key)
    page.press("Escape", 27)
    assert page.run(PRESSED) == 0
    page.press("End", 35)
    assert page.run(NOW) == pytest.approx(page.run("Number(document.getElementById('seek').max)"))
    settle(page)
    assert page.complaints() == []
    assert {url.split(":")[0] for url in page.requests()} == {"file", "blob"}


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_scrolls_sideways(opened: tuple[Browser, Path], dark: bool) -> None:
    page, folder = opened
    write_description(
        folder / "tune.html", with_recording(tune(16)), "A tune with a rather long name" * 3
    )
    page.open(folder / "tune.html", 375, 700, dark)
    settle(page)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run(PAINTED)
    assert page.complaints() == []


@pytest.mark.parametrize("notes", [Notes.empty(), Notes([0], [0], [60], [64]), tune(1)])
@pytest.mark.parametrize("has_audio", [False, True])
def test_tiny_pieces_are_shown(opened: tuple[Browser, Path], notes: Notes, has_audio: bool) -> None:
    page, folder = opened
    audio = sine_player(notes)[:16000] if has_audio else None
    write_description(folder / "odd.html", describe(notes, audio, sine_player), "odd")
    page.open(folder / "odd.html")
    page.press(" ", 32)
    page.press("ArrowRight", 39)
    settle(page)
    sections = page.run("document.querySelectorAll('main section').length")
    assert sections == 3 * (len(notes) > 0) + has_audio
    assert page.complaints() == []
