"""Pages of a score: MusicXML engraved as SVG by Verovio, and as PDF by Typst.

Both are in the extra `score` (LGPL-3.0 and Apache-2.0). Their fonts are in their own packages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from amt.score.svg import plain_svg

# What is imported for each format; others need nothing.
_LIBRARIES = {"svg": ("verovio",), "pdf": ("verovio", "typst")}
# Verovio's random names of elements are the same for the same score.
_SEED = 1


class RenderError(ValueError):
    """A score cannot be drawn; the message is one line."""


class MissingLibraryError(RenderError):
    """A library of the extra `score` is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "pages of sheet music need more libraries; install them: pip install 'amt[score]'"
        )


@dataclass(frozen=True)
class Layout:
    """The size of a page and its margin in tenths of a millimetre; a staff is 7.2 mm high.

    titled: with title and page numbers. fitted: pages end below their last staff. line: width of
    the staff lines in half staff spaces.
    """

    width: int
    height: int
    margin: int
    titled: bool = False
    fitted: bool = True
    line: float = 0.2


PAPER = Layout(2100, 2970, 150, titled=True, fitted=False, line=0.15)
# To be shown on screens one page below the other, on narrow ones with larger notes.
SCREENS = {"wide": Layout(2100, 2400, 40), "narrow": Layout(1000, 2400, 20)}


def svg_pages(musicxml: bytes, layout: Layout = PAPER) -> list[str]:
    """An SVG document for each page.

    The notes of the MusicXML are groups of class `note` with the ids that they have there. The
    colour is that of the text around (`currentColor`); styles and scripts are not needed. Raises
    RenderError if the score cannot be read, MissingLibraryError without Verovio.
    """
    check_libraries(["svg"])
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_options(layout))
    if not toolkit.loadData(musicxml.decode("utf-8")):
        raise RenderError("the MusicXML cannot be read")
    pages = range(1, toolkit.getPageCount() + 1)
    return [plain_svg(toolkit.renderToSVG(page), f"p{page}-") for page in pages]


def pdf_bytes(musicxml: bytes, title: str = "") -> bytes:
    """A PDF of all pages on A4. title: of the document. Raises as `svg_pages` does."""
    check_libraries(["pdf"])
    import typst

    pages = svg_pages(musicxml)
    given = {f"page{number}": page for number, page in enumerate(pages, start=1)}
    given |= {"title": title, "pages": str(len(pages))}
    return typst.compile(_DOCUMENT.encode(), sys_inputs=given)


def has_libraries(formats: Iterable[str]) -> bool:
    """Whether all libraries are installed that these formats need."""
    needed = {name for one in formats for name in _LIBRARIES.get(one, ())}
    return all(find_spec(name) is not None for name in needed)


def check_libraries(formats: Iterable[str]) -> None:
    """Raises MissingLibraryError if libraries are missing that some of the formats need."""
    if not has_libraries(formats):
        raise MissingLibraryError


def _options(layout: Layout) -> dict[str, Any]:
    return {
        "adjustPageHeight": layout.fitted,
        "breaks": "auto",
        "footer": "none",
        "header": "auto" if layout.titled else "none",
        "pageHeight": layout.height,
        "pageMarginBottom": layout.margin,
        "pageMarginLeft": layout.margin,
        "pageMarginRight": layout.margin,
        "pageMarginTop": layout.margin,
        "pageWidth": layout.width,
        "staffLineWidth": layout.line,
        "smuflTextFont": "none",
        "svgFormatRaw": True,
        "svgRemoveXlink": True,
        "svgViewBox": True,
        "xmlIdSeed": _SEED,
    }


# Each page is a picture that fills it; a reader that speaks says which page it is. Without a date
# the same score gives the same file.
_DOCUMENT = """
#set document(title: sys.inputs.title, date: none)
#set page(paper: "a4", margin: 0pt)
#for number in range(1, int(sys.inputs.pages) + 1) {
  if number > 1 { pagebreak() }
  image(
    bytes(sys.inputs.at("page" + str(number))),
    format: "svg",
    width: 100%,
    alt: "Page " + str(number) + " of " + sys.inputs.pages + " of the score",
  )
}
"""
