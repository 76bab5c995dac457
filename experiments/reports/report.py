"""One HTML page of the curves, scores, mistakes and settings of runs, made from their files.

python experiments/reports/report.py RUN... [--output report.html]

RUN: the folder of a run, of a sweep (its runs are compared), or of an evaluation. It shows what the
dashboards of W&B show and needs neither network nor account; the page is one file without scripts.
"""

from __future__ import annotations

import argparse
import html
import sys
from collections.abc import Sequence
from pathlib import Path

from report_sections import sections
from run_files import Run, RunError, ranking_metric, read_runs

from amt import __version__
from amt.io.atomic import atomic_write

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"))
    options = parser.parse_args(arguments)
    try:
        runs = read_runs(options.runs)
        with atomic_write(options.output) as temporary:
            temporary.write_text(page(runs), encoding="utf-8")
    except (RunError, OSError) as error:
        sys.exit(f"report.py: {error}")
    for run in runs:
        for fault in run.faults:
            print(f"report.py: {run.name}: {fault}", file=sys.stderr)
    print(f"{options.output}: {len(runs)} {'run' if len(runs) == 1 else 'runs'}")


def page(runs: Sequence[Run]) -> str:
    """The page as HTML."""
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    ranked = ranking_metric(runs)
    order = f", the best first by {ranked}" if ranked and len(runs) > 1 else ""
    body = "".join(f"<section><h2>{name}</h2>{text}</section>" for name, text in sections(runs))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body>"
        f"<h1>{html.escape(title)}</h1>"
        f'<p class="soft">amt {__version__}{html.escape(order)}. Colours are those of the table; '
        "hold the pointer over a line or a mark to read it.</p>"
        f"<main>{body}</main></body></html>\n"
    )


if __name__ == "__main__":
    main()
