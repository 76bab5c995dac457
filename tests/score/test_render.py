"""Scores drawn as SVG and PDF."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from small_score import TITLE, small_score

from amt.score.render import (
    PAPER,
    SCREENS,
    MissingLibraryError,
    RenderError,
    check_libraries,
    pdf_bytes,
    svg_pages,
)
from amt.score.render_apart import render_apart
from amt.score.svg import stacked


@pytest.mark.parametrize("layout", [PAPER, *SCREENS.values()], ids=["paper", *SCREENS])
def test_pages_need_no_styles_and_keep_the_ids_of_notes(layout: object) -> None:
    (page,) = svg_pages(small_score(), layout)  # type: ignore[arg-type]
    root = ElementTree.fromstring(page)
    notes = {one.attrib["id"] for one in root.iter() if one.attrib.get("class") == "note"}
    assert notes == {"n0", "n1", "n1-2", "n2", "n3", "n4", "n5", "n5-2", "n6", "n7"}
    assert not re.search(r"<style|<script| style=|@font-face|http(?!://www.w3.org/2000/svg)", page)
    glyphs = {one.attrib["href"] for one in root.iter() if "href" in one.attrib}
    assert glyphs and all(f'id="{name[1:]}"' in page for name in glyphs)


def test_texts_are_readable_without_a_music_font() -> None:
    (page,) = svg_pages(small_score())
    words = [one.text.strip() for one in ElementTree.fromstring(page).iter() if one.text]
    assert TITLE in words and "♩" in words and "3" in words
    assert not re.search("[\ue000-\uf8ff]", page)


def test_long_scores_have_pages_with_distinct_ids() -> None:
    pages = svg_pages(small_score(60), SCREENS["narrow"])
    ids = [name for page in pages for name in re.findall(r'id="([^"]*)"', page)]
    assert len(pages) > 1 and len(ids) == len(set(ids))
    whole = ElementTree.fromstring(stacked(pages))
    heights = [int(ElementTree.fromstring(page).attrib["viewBox"].split()[3]) for page in pages]
    assert int(whole.attrib["viewBox"].split()[3]) == sum(heights)


def test_the_same_score_gives_the_same_pages() -> None:
    assert svg_pages(small_score()) == svg_pages(small_score())
    assert pdf_bytes(small_score(), TITLE) == pdf_bytes(small_score(), TITLE)


def test_a_pdf_has_all_pages_and_the_title() -> None:
    data = pdf_bytes(small_score(60), "Elise")
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) == len(svg_pages(small_score(60))) > 1
    assert b"Elise" in data


def test_a_process_of_its_own_draws_the_same() -> None:
    assert render_apart(small_score(), "pdf", TITLE) == pdf_bytes(small_score(), TITLE)
    with pytest.raises(RenderError, match="cannot be read"):
        render_apart(b"no score", "wide")


def test_missing_libraries_are_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amt.score.render.find_spec", lambda name: None)
    check_libraries(["mid", "json", "musicxml"])
    with pytest.raises(MissingLibraryError, match=r"pip install 'amt\[score\]'"):
        check_libraries(["mid", "pdf"])
