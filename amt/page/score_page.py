"""The first page of the score of a piece, as part of an HTML page."""

from __future__ import annotations

from amt.score.notated import NoBeatsError, NotatedPiece
from amt.score.render import SCREENS, has_libraries, svg_pages

_MARKUP = """<figure class="score-page">
    <figcaption><h3>Score</h3>
    <p>{which}Beats, hands and note values are estimated. <code>amt score</code> writes it as PDF,
    and as MusicXML for notation programs.</p></figcaption>
    {picture}
  </figure>"""


def score_page(piece: NotatedPiece) -> str:
    """Markup of the first page; empty if the extra `score` is not installed, or without beats."""
    if not has_libraries(("svg",)):
        return ""
    try:
        pages = svg_pages(piece.musicxml, SCREENS["wide"])
    except NoBeatsError:
        return ""
    which = f"The first of {len(pages)} pages. " if len(pages) > 1 else ""
    label = 'role="img" aria-label="First page of the score"'
    return _MARKUP.format(which=which, picture=pages[0].replace("<svg ", f"<svg {label} ", 1))
