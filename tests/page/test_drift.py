"""The page of `amt monitor report`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import PHONE, chromium, new_page
from recording_numbers import entries, profile, quieter, recordings

from amt.monitoring.windows import Drift, compare_windows
from amt.page.drift import drift_page, write_report


@pytest.fixture(scope="module")
def drift() -> Drift:
    found = recordings(60) + quieter(recordings(40, seed=2, tuning_cents=None), 14)
    return compare_windows(profile(), entries(found, rejected=2), 34)


def test_it_says_what_moved(drift: Drift) -> None:
    page = drift_page(drift)
    assert "Verdict: alarm" in page
    assert "level fell by 1" in page and "tuning: not known of 100%" in page
    for picture in page.split("<svg ")[1:]:
        ElementTree.fromstring(f"<svg {picture.split('</svg>')[0]}</svg>")
    assert "<script" not in page and " style=" not in page


def test_text_of_the_profile_cannot_become_markup(drift: Drift) -> None:
    evil = replace(drift.profile, model="<script>x</script>", origin="<img src=x>")
    page = drift_page(replace(drift, profile=evil))
    assert "<script" not in page and "<img" not in page


def test_it_is_accessible_in_both_schemes_and_fits_a_phone(drift: Drift, tmp_path: Path) -> None:
    write_report(tmp_path / "drift.html", drift)
    with chromium() as browser:
        for scheme, options in (("light", {}), ("dark", PHONE)):
            with new_page(browser, color_scheme=scheme, **options) as page:
                page.goto((tmp_path / "drift.html").as_uri())
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
                found = Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
