"""The page as text: one file that loads nothing, in which data cannot become markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest
from descriptions import TITLE

from amt.page.html import embedded, page


class Elements(HTMLParser):
    """All elements with their attributes and texts, as a browser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}, ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def all(self, tag: str) -> list[tuple[dict[str, Any], str]]:
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


HOSTILE = {"origin": "</script><script>alert(1)</script>", "notes": ["<!--", "&amp;", "é\u2028"]}
MADE = Elements(page(TITLE, HOSTILE, {"recording": b"\xff\xfbsound"}))


def test_a_hostile_name_stays_text() -> None:
    (_, title), (_, heading) = *MADE.all("title"), *MADE.all("h1")
    assert title == heading == TITLE
    assert not MADE.all("img")


def test_data_cannot_end_their_element() -> None:
    data, audio, code = MADE.all("script")
    assert json.loads(data[1]) == HOSTILE
    assert audio[0]["id"] == "recording" and base64.b64decode(audio[1]) == b"\xff\xfbsound"
    assert code[0] == {"type": "module"}


def test_the_page_loads_nothing() -> None:
    policy = next(a["content"] for a, _ in MADE.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    for _, attributes, _ in MADE.found:
        assert not {"src", "srcset", "style", "action"} & set(attributes)
        assert attributes.get("href", "#")[0] in "#d"
    assert not re.search(r"url\(|@import", MADE.all("style")[0][1])
    for word in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon", "innerHTML"):
        assert word not in MADE.all("script")[-1][1]


def test_the_policy_has_the_digests_of_script_and_style() -> None:
    policy = next(a["content"] for a, _ in MADE.all("meta") if "http-equiv" in a)
    for text in (MADE.all("style")[0][1], MADE.all("script")[-1][1]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_all_scripts_are_used_and_short() -> None:
    script = MADE.all("script")[-1][1]
    for path in resources.files("amt.page").joinpath("assets").iterdir():
        if path.name.endswith(".js"):
            text = path.read_text("utf-8")
            assert text.splitlines()[0] in script, f"{path.name} is not imported"
            assert len(text.splitlines()) < 300


def test_the_modules_become_one_script() -> None:
    """Each name is defined once, and before it is used at the top level."""
    script = MADE.all("script")[-1][1]
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    defined = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script, re.MULTILINE)
    assert len(defined) == len(set(defined)) > 100
    assert script.index("export const piece".removeprefix("export ")) < script.index("startPage();")


def test_ids_in_the_script_exist_once() -> None:
    ids = [attributes["id"] for _, attributes, _ in MADE.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    asked = set(re.findall(r'byId\("([\w-]+)"\)', MADE.all("script")[-1][1]))
    assert asked <= set(ids)


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError):
        embedded({"seconds": float("nan")})
