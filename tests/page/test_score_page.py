"""The first page of the score on a page of `amt describe`."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from generated_pieces import piece
from steady_beats import steady_beats

from amt.notes import Notes
from amt.page.html import page
from amt.page.score_page import score_page
from amt.score.notated import Notation


def test_the_first_page_is_a_picture_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)
    found = score_page(Notation().of(piece(bars=40, bpm=120, jitter=0)))
    figure = ElementTree.fromstring(found)
    picture = next(one for one in figure if one.tag.endswith("svg"))
    assert picture.attrib["role"] == "img" and "score" in picture.attrib["aria-label"]
    assert "The first of " in found and found.count("<svg") == 1
    assert found in page("title", {"seconds": 1.0, "notes": []}, {}, found)


def test_without_libraries_or_beats_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)
    assert score_page(Notation().of(Notes.empty())) == ""
    monkeypatch.setattr("amt.score.render.find_spec", lambda name: None)
    assert score_page(Notation().of(piece(bars=2))) == ""
