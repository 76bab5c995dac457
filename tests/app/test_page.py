"""The page of the app in a browser, with recordings that the app transcribes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_server import app_server, write_recording
from chromium import PHONE, chromium, new_page, position, wait_for, wait_past
from page_of_app import (
    Library,
    drop,
    note_at,
    notes_of,
    place_of,
    upload,
    violations,
    wait_until_done,
)
from playwright.sync_api import Browser, Page, expect


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def recording(lake: Path) -> Path:
    return write_recording(lake.with_name("Study in B.wav"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(lake: Path, browser: Browser) -> Iterator[str]:
    with app_server(lake) as found:
        yield found


@pytest.fixture(scope="module")
def library(browser: Browser, address: str, recording: Path) -> Library:
    """A client that has a transcribed recording; tests that open it save nothing."""
    with new_page(browser) as page:
        upload(page, address, recording)
        return Library(page.context.storage_state(), page.url)


def test_from_upload_to_reload(browser: Browser, address: str, recording: Path) -> None:
    """Upload, notes, play, ask, edit, undo, redo, save, download, reload."""
    with new_page(browser, accept_downloads=True) as page:
        upload(page, address, recording)
        assert "notes" in (page.locator("#progress-text").text_content() or "")
        expect(page.locator("#facts")).to_contain_text("B major")
        expect(page.locator("#common-chords")).to_contain_text("G♯m")
        page.get_by_role("button", name="Play").click()
        wait_past(page, 0.5)
        page.get_by_role("button", name="Pause").click()
        ask(page, "What is the most common note?")
        before = notes_of(page)
        page.get_by_role("button", name="Correct notes").click()
        for key in (".", ".", "ArrowUp", "ArrowRight", "Shift+ArrowUp", "Shift+ArrowRight"):
            page.keyboard.press(key)
        changed = notes_of(page)
        assert len(changed) == len(before) and changed != before
        page.get_by_role("button", name="Delete note").click()
        assert len(notes_of(page)) == len(before) - 1
        page.get_by_role("button", name="Undo").click()
        assert notes_of(page) == changed
        page.get_by_role("button", name="Redo").click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("button", name="Save correction").click()
        expect(page.locator("#edit-status")).to_contain_text("Saved:")
        with page.expect_download() as download:
            page.get_by_role("link", name="JSON").click()
        assert download.value.suggested_filename.endswith(".json")
        saved = json.loads(download.value.path().read_text("utf-8"))
        assert len(saved["notes"]) == len(changed)
        page.reload()
        wait_until_done(page)
        assert notes_of(page) == changed
        expect(page.locator("#recordings")).to_contain_text("corrected")
        expect(page.locator("#answers")).to_contain_text("What is the most common note?")


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".answer .question").first).to_have_text(question)
    expect(page.locator(".answer.waiting")).to_have_count(0)


def test_times_in_answers_can_be_clicked(browser: Browser, library: Library) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        ask(page, "Where is it loudest?")
        time = page.locator(".answer .time").first
        time.click()
        minutes, seconds = time.inner_text().removesuffix(" s").rpartition(":")[::2]
        assert position(page) == pytest.approx(60 * int(minutes or 0) + float(seconds), abs=0.2)


def test_recording_from_the_microphone(browser: Browser, address: str) -> None:
    """The microphone of the browser beeps once a second."""
    with new_page(browser, permissions=["microphone"]) as page:
        page.goto(address)
        page.get_by_role("button", name="Record").click()
        wait_for(page, "document.getElementById('level').value > 0.1")
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
        page.get_by_role("button", name="Record").click()
        expect(page.locator("#recorder-time")).to_have_text("0:02")
        page.get_by_role("button", name="Stop and transcribe").click()
        wait_until_done(page)
        expect(page.locator("#title")).to_contain_text("Recording 20")
        expect(page.locator("#facts")).to_contain_text("0:02")


def test_notes_are_dragged_added_and_given_another_velocity(
    browser: Browser, library: Library
) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        page.get_by_role("button", name="Correct notes").click()
        page.locator("figure[data-plot=roll] .frame").scroll_into_view_if_needed()
        old = max(notes_of(page)[:30], key=lambda note: note["offset"] - note["onset"])
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


def test_by_keyboard_alone(browser: Browser, address: str, recording: Path) -> None:
    with new_page(browser) as page:
        upload(page, address, recording)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        page.keyboard.type("What key is it in?")
        page.keyboard.press("Enter")
        expect(page.locator("#answers")).to_contain_text("B major")
        page.keyboard.press("Tab")
        page.keyboard.press("e")
        count = len(notes_of(page))
        page.keyboard.press("i")
        assert len(notes_of(page)) == count + 1
        expect(page.locator("#edit-status")).to_contain_text("velocity")
        page.keyboard.press("Delete")
        assert len(notes_of(page)) == count
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+s")
        expect(page.locator("#edit-status")).to_contain_text("Saved: 1 added")
        page.keyboard.press("e")
        page.keyboard.press("End")
        assert position(page) > 1


def test_on_a_phone(browser: Browser, address: str, library: Library) -> None:
    with new_page(browser, **PHONE, storage_state=library.state) as page:
        page.goto(address)
        assert fits(page) and not small_targets(page)
        library.open(page)
        page.get_by_role("button", name="Correct notes").tap()
        page.get_by_role("button", name="Next note").tap()
        expect(page.locator("#edit-status")).to_contain_text("velocity")
        assert fits(page) and not small_targets(page)
        page.get_by_role("link", name="All recordings").tap()
        expect(page.locator("#recordings a").first).to_be_visible()


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def small_targets(page: Page) -> list[str]:
    """What can be touched but is smaller than 44 pixels."""
    return page.evaluate(
        """() => [...document.querySelectorAll('button, a:not(.skip), select, input, summary')]
          .filter((one) => one.offsetParent)
          .map((one) => [one.id || one.textContent, one.getBoundingClientRect()])
          .filter(([, { width, height }]) => width < 43.9 || height < 43.9)
          .map(([name, { width, height }]) => `${name}: ${width} x ${height}`)"""
    )


def test_nothing_is_inaccessible(
    browser: Browser, address: str, recording: Path, library: Library
) -> None:
    """In no state of the page axe finds a fault."""
    options = {"bypass_csp": True, "reduced_motion": "reduce", "storage_state": library.state}
    with new_page(browser, **options) as page:
        page.goto(address)
        expect(page.locator("body.ready")).to_be_attached()
        assert not violations(page), "empty"
        drop(page, "notes.txt", b"no recording")
        fault = page.locator("#failure")
        expect(fault).to_contain_text("could not be transcribed")
        assert "\n" not in fault.inner_text()
        assert not violations(page), "error"
        library.open(page)
        ask(page, "Summarise this piece")
        page.get_by_role("button", name="Correct notes").click()
        page.keyboard.press(".")
        assert not violations(page), "done and editing"
        page.keyboard.press("?")
        assert not violations(page), "keys"
        page.keyboard.press("Escape")
        page.route("**/api/recordings", lambda route: None)  # never answered
        page.locator("#files").set_input_files(recording)
        expect(page.get_by_role("button", name="Cancel the upload")).to_be_visible()
        assert not violations(page), "uploading"


def test_recordings_are_there_after_a_restart(
    browser: Browser, lake: Path, library: Library
) -> None:
    with app_server(lake) as other, new_page(browser, storage_state=library.state) as page:
        page.goto(other)
        page.locator("#recordings a", has_text="B major").click()
        wait_until_done(page)
        assert notes_of(page)


def test_a_lost_connection_is_said_and_made_again(browser: Browser, library: Library) -> None:
    with new_page(browser, silent=False, storage_state=library.state) as page:
        library.open(page)
        page.context.set_offline(True)
        page.get_by_label("Your question").fill("What key is it in?")
        page.keyboard.press("Enter")
        expect(page.locator("#connection")).to_contain_text("No connection")
        page.context.set_offline(False)
        expect(page.locator("#answers")).to_contain_text("B major")
        expect(page.locator("#connection")).not_to_contain_text("No connection")


def test_a_change_in_another_window_is_not_overwritten(
    browser: Browser, address: str, recording: Path
) -> None:
    with new_page(browser, silent=False) as page:
        upload(page, address, recording)
        other = page.context.new_page()
        other.goto(page.url)
        for window in (page, other):
            wait_until_done(window)
            for key in ("e", "i", "Control+s"):
                window.keyboard.press(key)
            expect(
                window.locator("#edit-status, #edit-fault").locator("visible=true")
            ).to_contain_text(["aved"])
        expect(other.locator("#edit-fault")).to_contain_text("another window")


def test_unsaved_changes_are_not_lost_by_a_click(browser: Browser, library: Library) -> None:
    with new_page(browser, storage_state=library.state) as page:
        library.open(page)
        page.keyboard.press("e")
        page.keyboard.press("i")
        changed = notes_of(page)
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("link", name="amt, start page").click()
        assert notes_of(page) == changed
        expect(page.locator("#title")).to_be_visible()


def test_several_recordings_are_listed_and_deleted(
    browser: Browser, address: str, recording: Path
) -> None:
    with new_page(browser) as page:
        page.goto(address)
        drop(page, "a.wav", recording.read_bytes(), "b.wav", recording.read_bytes())
        expect(page.locator("#recordings li")).to_have_count(2)
        page.on("dialog", lambda dialog: dialog.accept())
        for count in (1, 0):
            page.locator("#recordings button").first.click()
            expect(page.locator("#recordings li")).to_have_count(count)
        expect(page.locator("#intro")).to_be_visible()


def test_the_page_is_small(browser: Browser, address: str) -> None:
    with new_page(browser) as page:
        sizes: list[int] = []
        page.on("response", lambda response: sizes.append(len(response.body())))
        page.goto(address)
        expect(page.locator("body.ready")).to_be_attached()
        assert sum(sizes) < 300_000
