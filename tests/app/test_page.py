"""The page of the app in a browser, with recordings that the app transcribes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from app_server import app_server
from chromium import PHONE, new_page, position, wait_for, wait_past
from page_of_app import (
    Library,
    drop,
    notes_of,
    upload_and_wait,
    violations,
    wait_until_done,
)
from playwright.sync_api import Browser, Page, Route, expect


def still_transcribing(route: Route) -> None:
    """Answer as for a recording whose notes are still arriving: a fast machine may be done."""
    route.fulfill(json={**route.fetch().json(), "status": "transcribing"})


def test_from_upload_to_reload(browser: Browser, address: str, study: Path) -> None:
    """Upload, notes, play, ask, edit, undo, redo, save, download, reload."""
    with new_page(browser, accept_downloads=True) as page:
        page.route(re.compile(r"/api/recordings/[^/?]+$"), still_transcribing, times=1)
        upload_and_wait(page, address, study)
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
            page.get_by_text("Download", exact=True).click()
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


def test_by_keyboard_alone(browser: Browser, address: str, study: Path) -> None:
    with new_page(browser) as page:
        upload_and_wait(page, address, study)
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
    browser: Browser, address: str, study: Path, library: Library
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
        page.locator("#files").set_input_files(study)
        expect(page.get_by_role("button", name="Cancel the upload")).to_be_visible()
        assert not violations(page), "uploading"


def test_recordings_are_there_after_a_restart(
    browser: Browser, page_lake: Path, library: Library
) -> None:
    with app_server(page_lake) as other, new_page(browser, storage_state=library.state) as page:
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
    browser: Browser, address: str, study: Path
) -> None:
    with new_page(browser) as page:
        page.goto(address)
        drop(page, "a.wav", study.read_bytes(), "b.wav", study.read_bytes())
        expect(page.locator("#recordings li")).to_have_count(2)
        page.on("dialog", lambda dialog: dialog.accept())
        for count in (1, 0):
            page.locator("#recordings button").first.click()
            expect(page.locator("#recordings li")).to_have_count(count)
        expect(page.locator("#intro")).to_be_visible()


def test_what_is_no_recording_is_said_before_the_upload(browser: Browser, address: str) -> None:
    with new_page(browser) as page:
        page.goto(address)
        expect(page.locator("body.ready")).to_be_attached()
        drop(page, "song.mid", b"MThd\0\0\0\6", "nothing.wav", b"")
        fault = page.locator("#add-fault")
        expect(fault).to_contain_text("“song.mid” is a MIDI file, which has notes but no sound")
        expect(fault).to_contain_text("“nothing.wav” is empty")
        expect(page.locator("#recordings li")).to_have_count(0)


def test_names_are_shown_as_they_are(browser: Browser, address: str) -> None:
    """Browsers send the name of a file with %22 for a quote."""
    with new_page(browser) as page:
        page.goto(address)
        expect(page.locator("body.ready")).to_be_attached()
        drop(page, 'The "Moon" at 100%22.wav', b"no recording")
        expect(page.locator("#title")).to_have_text('The "Moon" at 100%22')


def test_what_an_upload_removed_is_said(browser: Browser, library: Library) -> None:
    """The open recording is to be kept; what made room is named."""
    with new_page(browser, silent=False, storage_state=library.state) as page:
        library.open(page)
        sent: list[bytes] = []

        def answer(route: Route) -> None:
            if route.request.method != "POST":
                return route.continue_()
            sent.append(route.request.post_data_buffer or b"")
            removed = [{"id": "x", "name": "Old_one.wav"}]
            document = {"id": "y", "name": "new.wav", "status": "waiting", "removed": removed}
            return route.fulfill(status=202, json=document)

        page.route("**/api/recordings", answer)
        drop(page, "new.wav", b"anything", "second.wav", b"anything")
        expect(page.locator("#add-status")).to_contain_text("“Old one” was removed")
        assert library.url.rpartition("/")[2].encode() in sent[0]


def test_accidentals_are_signs(browser: Browser, address: str) -> None:
    with new_page(browser) as page:
        page.goto(address)
        for text, expected in (
            ("Bb minor, then Ebm7b5 and F#m", "B♭ minor, then E♭m7♭5 and F♯m"),
            ("It is Db4 (10 times). About Abdim.", "It is D♭4 (10 times). About A♭dim."),
            ("Above Ab, F##3: Gbmaj7", "Above A♭, F♯♯3: G♭maj7"),
        ):
            script = "async (text) => (await import('./static/elements.js')).typeset(text)"
            assert page.evaluate(script, text) == expected


def test_the_page_is_small(browser: Browser, address: str) -> None:
    with new_page(browser) as page:
        sizes: list[int] = []
        page.on("response", lambda response: sizes.append(len(response.body())))
        page.goto(address)
        expect(page.locator("body.ready")).to_be_attached()
        assert sum(sizes) < 300_000
