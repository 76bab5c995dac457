"""Correcting notes on the page of the app, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chromium import PHONE, new_page
from page_of_app import (
    Library,
    note_at,
    notes_of,
    place_of,
    upload_and_wait,
    wait_until_done,
)
from playwright.sync_api import Browser, Page, Route, expect

STATUS, FAULT = "#edit-status", "#edit-fault"


def press(page: Page, *keys: str) -> list[dict[str, Any]]:
    """The notes after these keys."""
    for key in keys:
        page.keyboard.press(key)
    return notes_of(page)


def test_notes_are_dragged_added_and_given_another_velocity(
    browser: Browser, library: Library
) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        page.get_by_role("button", name="Correct notes").click()
        page.locator("figure[data-plot=roll] .frame").scroll_into_view_if_needed()
        # A long one whose end is in view.
        lengths = [(note["offset"] - note["onset"], note) for note in notes_of(page)[:30]]
        old = max((one for one in lengths if one[0] < 1), key=lambda one: one[0])[1]
        x, y, row, second = place_of(page, old)
        page.mouse.move(x + 1, y)
        page.mouse.down()
        page.mouse.move(x + 1 + 0.5 * second, y - 2 * row, steps=5)
        page.mouse.up()
        moved = note_at(page, old["onset"] + 0.5, old["pitch"] + 2)
        length = old["offset"] - old["onset"]
        assert moved["offset"] - moved["onset"] == pytest.approx(length, abs=0.002)
        x, y, row, second = place_of(page, moved)
        end = x + (moved["offset"] - moved["onset"]) * second
        page.mouse.move(end - 1, y)
        page.mouse.down()
        page.mouse.move(end - 1 + 0.4 * second, y, steps=5)
        page.mouse.up()
        longer = note_at(page, moved["onset"], moved["pitch"])
        assert longer["offset"] - moved["offset"] == pytest.approx(0.4, abs=0.05)
        page.locator("#note-velocity").fill("99")
        assert note_at(page, longer["onset"], longer["pitch"])["velocity"] == 99
        count = len(notes_of(page))
        page.mouse.dblclick(x, y - 4 * row)
        assert len(notes_of(page)) == count + 1
        for _ in range(4):
            page.keyboard.press("Control+z")
        assert old in notes_of(page)
        expect(page.get_by_role("button", name="Save correction")).to_be_disabled()


def test_undo_goes_on_after_a_save(browser: Browser, library: Library) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        before = notes_of(page)
        save = page.get_by_role("button", name="Save correction")
        changed = press(page, "e", ".", "ArrowUp")
        assert press(page, "Control+s") == changed
        expect(page.locator(STATUS)).to_contain_text("Saved: ")
        expect(save).to_be_disabled()
        expect(page.locator("#note-pitch")).to_be_enabled()
        assert press(page, "Control+z") == before
        expect(save).to_be_enabled()
        assert press(page, "Control+y") == changed
        expect(save).to_be_disabled()
        assert press(page, "Control+z", "Control+s") == before
        expect(page.locator(STATUS)).to_contain_text("Saved: ")
        page.reload()
        wait_until_done(page)
        assert notes_of(page) == before


def test_a_change_during_a_save_stays(browser: Browser, library: Library) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        before = notes_of(page)
        press(page, "e", ".", "ArrowUp", "Control+s")
        during = press(page, "ArrowUp", "Control+s")
        expect(page.locator(STATUS)).to_contain_text("Saved: ")
        assert notes_of(page) == during
        assert press(page, "Control+z", "Control+z", "Control+s") == before
        expect(page.locator(STATUS)).to_contain_text("Saved: ")


def test_what_is_taken_back_needs_no_save(browser: Browser, library: Library) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        press(page, "e", ".", "ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft")
        expect(page.get_by_role("button", name="Save correction")).to_be_disabled()
        press(page, "Control+s")
        expect(page.locator(STATUS)).to_contain_text("nothing to save")
        changed = press(page, "ArrowUp")
        page.get_by_role("button", name="Discard changes").click()
        assert notes_of(page) != changed
        assert press(page, "Control+z") == changed


def test_fields_take_only_what_is_possible(browser: Browser, library: Library) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        before = press(page, "e", ".", ".")
        for label, text in (("Length", "1e9"), ("Length", "0"), ("Start", ""), ("Start", "-1")):
            field = page.get_by_label(f"{label} (s)")
            shown = field.input_value()
            field.fill(text)
            field.press("Enter")
            expect(page.locator("#note-fault")).to_contain_text(f"the {label.lower()} must be")
            assert notes_of(page) == before and field.input_value() == shown
        page.get_by_label("Length (s)").fill("0.5")
        page.keyboard.press("Enter")
        expect(page.locator("#note-fault")).to_be_hidden()
        assert notes_of(page) != before


def test_a_doubled_note_is_refused_by_its_name(browser: Browser, library: Library) -> None:
    with new_page(browser, silent=False, storage_state=library.state) as page:
        library.open(page)
        press(page, "e", "i", "ArrowUp", "Escape", "i", "ArrowUp", "Control+s")
        expect(page.locator(FAULT)).to_contain_text("Not saved: C♯4 at 0:00.00 is there twice")


VISIBLE = """() => {
  const frame = document.querySelector('figure[data-plot=roll] .frame').getBoundingClientRect();
  const above = getComputedStyle(document.getElementById('editor')).position === 'sticky'
    ? document.getElementById('editor').getBoundingClientRect().bottom : 0;
  const below = document.getElementById('player').getBoundingClientRect().top;
  return (Math.min(frame.bottom, below) - Math.max(frame.top, above)) / frame.height;
}"""
COVERED = """() => [...document.querySelectorAll('#edit-tools button, #edit-tools input, #edit')]
  .filter((one) => one.offsetParent)
  .filter((one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    return [0.1, 0.9].some((share) => {
      const found = document.elementFromPoint(x + width / 2, y + share * height);
      return !found || !(one === found || one.parentElement === found || found.closest('fieldset'));
    });
  }).map(({ id }) => id)"""


@pytest.mark.parametrize("window", [{"viewport": {"width": 1280, "height": 850}}, PHONE])
def test_piano_roll_and_tools_are_visible_at_once(
    browser: Browser, library: Library, window: dict[str, Any]
) -> None:
    with new_page(browser, **window, storage_state=library.state) as page:
        library.open(page)
        page.get_by_role("button", name="Correct notes").click()
        page.get_by_role("button", name="Next note").click()
        expect(page.locator(STATUS)).to_contain_text("velocity")
        assert page.evaluate(VISIBLE) > 0.95 and not page.evaluate(COVERED)
        page.evaluate("scrollBy(0, 150)")
        assert page.evaluate(VISIBLE) > 0.5


def test_a_change_in_another_window_is_not_overwritten(
    browser: Browser, address: str, study: Path
) -> None:
    """Notes of both windows stay within reach, whichever is saved."""
    with new_page(browser, silent=False) as page:
        upload_and_wait(page, address, study)
        other = page.context.new_page()
        other.goto(page.url)
        wait_until_done(other)
        theirs = press(page, "e", "i", "Control+s")
        expect(page.locator(STATUS)).to_contain_text("Saved: 1 added")
        mine = press(other, "e", "i", "ArrowUp", "Control+s")
        expect(other.locator(FAULT)).to_contain_text("another window")
        other.get_by_role("button", name="Show the newer notes").click()
        assert notes_of(other) == theirs
        expect(other.locator(FAULT)).to_be_hidden()
        other.on("dialog", lambda dialog: dialog.dismiss())
        other.get_by_role("link", name="amt, start page").click()
        expect(other.locator("#title")).to_be_visible()
        assert press(other, "Control+z", "Control+s") == mine
        expect(other.locator(STATUS)).to_contain_text("Saved: ")
        press(page, "ArrowUp", "ArrowUp", "Control+s")
        expect(page.locator(FAULT)).to_contain_text("another window")
        over = notes_of(page)
        page.get_by_role("button", name="Save mine over them").click()
        expect(page.locator(STATUS)).to_contain_text("Saved: ")
        assert notes_of(page) == over and press(page, "Control+y") == mine


def test_a_save_whose_answer_was_lost_is_no_conflict(browser: Browser, library: Library) -> None:
    with new_page(browser, silent=False, storage_state=library.state) as page:
        library.open(page)
        lost: list[bool] = []

        def lose_first(route: Route) -> None:
            response = route.fetch()
            if lost:
                return route.fulfill(response=response)
            lost.append(True)
            return route.abort()

        page.route("**/notes", lose_first)
        changed = press(page, "e", ".", "ArrowDown", "Control+s")
        expect(page.locator(STATUS)).to_contain_text("Saved.")
        assert lost and notes_of(page) == changed
