"""Draw the score of the first bars of Bach's prelude (prelude.py), as it is played there.

python experiments/demo/score_picture.py OUT.svg
The picture in README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from prelude import prelude

from amt.score.notated import Notation
from amt.score.render import Layout, svg_pages

SECONDS = 22.2
LAYOUT = Layout(2100, 2970, 60, titled=True)


def main(out: str) -> None:
    piece = Notation().of(prelude().crop(0, SECONDS), "Prelude in C major, BWV 846")
    page, *_ = svg_pages(piece.musicxml, LAYOUT)
    start = page.index(">") + 1
    # Readable on dark pages, too.
    paper = '<rect width="100%" height="100%" fill="#fff" stroke="none"/>'
    Path(out).write_text(f'{page[: start - 1]} color="#000">{paper}{page[start:]}', "utf-8")
    print(piece.summary)


if __name__ == "__main__":
    main(*sys.argv[1:])
