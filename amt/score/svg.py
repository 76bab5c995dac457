"""Verovio's SVG without what a page that allows no inline styles, or a PDF, cannot use.

Verovio styles its documents by CSS and writes note values in texts with a font of its own. Here
both become attributes and characters that every font has. Elements that draw nothing are left out,
which halves the size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

SVG = "http://www.w3.org/2000/svg"
# Ids of performed notes: amt/score/musicxml.py.
_NOTE_ID = re.compile(r"n\d+(-\d+)?")
# What Verovio's CSS says of groups of a class, as attributes.
_STYLES = {
    "ending": {"font-weight": "bold"},
    "fing": {"font-weight": "bold"},
    "reh": {"font-weight": "bold"},
    "tempo": {"font-weight": "bold"},
    "dir": {"font-style": "italic"},
    "dynam": {"font-style": "italic"},
    "mNum": {"font-style": "italic"},
    "label": {"font-weight": "normal"},
}
_KEPT_CLASSES = {"system", "measure", "note"}
_WITHOUT = {f"{{{SVG}}}{name}" for name in ("desc", "style", "title")}
# Note values in tempo marks, of the font's private characters: half, quarter, eighth, 16th, dot. In
# other fonts they are as high as letters.
_CHARACTERS = str.maketrans(
    {"\ueca3": "𝅗𝅥", "\ueca5": "♩", "\ueca7": "♪", "\ueca9": "♬", "\uecb7": "."}
)
_HEIGHT = 0.5625

ElementTree.register_namespace("", SVG)


def plain_svg(text: str, prefix: str) -> str:
    """A document of Verovio without styles; `prefix` makes the ids of its glyphs distinct."""
    root = ElementTree.fromstring(text)
    inner = root.find(f"{{{SVG}}}svg")
    definitions = root.find(f"{{{SVG}}}defs")
    if inner is None or definitions is None:
        raise ValueError("expected a document of Verovio")
    page = ElementTree.Element(
        f"{{{SVG}}}svg",
        {
            "viewBox": inner.attrib["viewBox"],
            "fill": "currentColor",
            "stroke": "currentColor",
            "font-family": inner.attrib["font-family"],
        },
    )
    page.extend([_glyphs(definitions, prefix), *inner])
    for element in list(inner):
        _simplify(element, prefix)
    return ElementTree.tostring(page, encoding="unicode")


def stacked(pages: Sequence[str]) -> str:
    """Pages of `plain_svg` as one document, each below the one before."""
    if len(pages) == 1:
        return pages[0]
    whole = ElementTree.Element(f"{{{SVG}}}svg")
    width = height = 0
    for text in pages:
        page = ElementTree.fromstring(text)
        width, own = (int(number) for number in page.attrib["viewBox"].split()[2:])
        page.attrib.update({"y": str(height), "width": str(width), "height": str(own)})
        whole.append(page)
        height += own
    whole.attrib["viewBox"] = f"0 0 {width} {height}"
    return ElementTree.tostring(whole, encoding="unicode")


def _glyphs(definitions: ElementTree.Element, prefix: str) -> ElementTree.Element:
    """The shapes of the glyphs; lines around them would make them bolder."""
    for glyph in definitions:
        glyph.attrib["id"] = _glyph_id(glyph.attrib["id"], prefix)
        for shape in glyph:
            shape.attrib["stroke"] = "none"
    return definitions


def _glyph_id(name: str, prefix: str) -> str:
    """E050-NAME, where NAME is that of the document, as PREFIX-E050."""
    return prefix + name.partition("-")[0]


def _simplify(element: ElementTree.Element, prefix: str) -> None:
    """Change an element and all in it as the module says."""
    attributes = element.attrib
    classes = set(attributes.pop("class", "").split())
    for name in classes & set(_STYLES):
        attributes.update(_STYLES[name])
    if kept := sorted(classes & _KEPT_CLASSES):
        attributes["class"] = " ".join(kept)
    if not _NOTE_ID.fullmatch(attributes.get("id", "")):
        attributes.pop("id", None)
    if "href" in attributes:
        attributes["href"] = f"#{_glyph_id(attributes['href'][1:], prefix)}"
    _simplify_text(element)
    for child in list(element):
        if child.tag in _WITHOUT or "placeholder" in child.attrib.get("class", "").split():
            element.remove(child)
            continue
        _simplify(child, prefix)
        if child.tag == f"{{{SVG}}}g" and not len(child):
            element.remove(child)


def _simplify_text(element: ElementTree.Element) -> None:
    if element.tag == f"{{{SVG}}}text":
        element.attrib["stroke"] = "none"
    if element.text and element.attrib.get("font-family") == "Leipzig":
        del element.attrib["font-family"]
        size = float(element.attrib["font-size"].removesuffix("px"))
        element.attrib["font-size"] = f"{_HEIGHT * size:g}px"
        element.text = element.text.translate(_CHARACTERS)
