"""The view of the score on the page of the app, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from chromium import PATIENCE_MS, PHONE, new_page, position, wait_for
from page_of_app import Library, violations
from playwright.sync_api import Browser, Page, expect
from steady_beats import steady_beats

# Heads of whole, half and shorter notes: their names in SMuFL.
HEADS = "#pages .note use[href*=-E0A]"


@pytest.fixture(autouse=True, scope="module")
def _beats() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        steady_beats(monkeypatch)
        yield


def show_score(page: Page) -> None:
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#pages .note").first).to_be_visible(timeout=PATIENCE_MS)


def test_notes_are_heard_found_and_followed(browser: Browser, library: Library) -> None:
    options = {"bypass_csp": True, "reduced_motion": "reduce", "accept_downloads": True}
    size = {"width": 1280, "height": 850}
    with new_page(browser, viewport=size, storage_state=library.state, **options) as page:
        library.open(page)
        top = "document.querySelector('figure[data-plot=roll] .frame').getBoundingClientRect().top"
        assert page.evaluate(f"{top} + 100 < document.getElementById('player').offsetTop")
        show_score(page)
        expect(page.locator("figure[data-plot=roll]")).to_be_hidden()
        page.locator(HEADS).nth(9).click()
        sounding = page.locator("#pages .sounding")
        expect(sounding.first).to_be_attached()
        expect(page.locator("#status")).to_contain_text(re.compile(r", bar \d+, quarter \d"))
        clicked = position(page)
        page.keyboard.press("ArrowRight")
        assert position(page) > clicked
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        assert position(page) < clicked
        marked = sounding.first.get_attribute("id")
        page.keyboard.press(" ")
        wait_for(page, f"document.querySelector('.sounding:not(#{marked})')")
        page.keyboard.press(" ")
        page.get_by_text("The score in words").click()
        expect(page.locator("#bars-in-words li").first).to_contain_text("Right hand: ")
        with page.expect_download() as download:
            page.get_by_role("link", name="MusicXML", exact=True).click()
        assert download.value.suggested_filename == "Study in B.musicxml"
        assert not violations(page)
        page.keyboard.press("v")
        expect(page.locator("figure[data-plot=roll]")).to_be_visible()
        expect(page.locator("#pages .note").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("v")
        expect(page.locator("figure[data-plot=roll]")).to_be_visible()


def test_on_a_phone_the_notes_are_large(browser: Browser, library: Library) -> None:
    """And why there is no score is said, where libraries are missing."""
    with new_page(browser, silent=False, **PHONE, storage_state=library.state) as page:
        library.open(page)
        text = "pages of sheet music need more libraries; install them: pip install 'amt[score]'"
        page.route("**/score.json", lambda route: route.fulfill(status=501, json={"error": text}))
        page.get_by_role("button", name="Score").tap()
        expect(page.locator("#score-fault")).to_have_text(f"There is no score: {text}")
        expect(page.locator("#pages")).to_be_hidden()
        page.unroute("**/score.json")
        with page.expect_request("**/score.svg?page=1&layout=narrow"):
            show_score(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        head = f"document.querySelector('{HEADS}').getBoundingClientRect().height"
        assert page.evaluate(head) > 6
        assert not violations(page)
