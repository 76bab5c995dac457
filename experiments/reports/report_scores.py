"""The section of scores: means, mistakes, and the worst pieces with pictures and sound."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from html_parts import colour_mark, data_uri, score_cell, table_html
from run_files import Evaluation, Run, number
from svg_charts import COLOURS, Series, bar_chart, histogram_chart, line_chart

SCORES = (
    "note_f1", "note_precision", "note_recall", "note_100ms_f1", "note_offset_f1",
    "note_velocity_f1", "note_offset_velocity_f1", "note_release_f1", "pedal_f1", "frame_f1",
    "accuracy", "weighted_f1",
)  # fmt: skip
SHOWN_PIECES = 12
# Sounds of a worst piece that are embedded, and what they are.
SOUNDS = {
    "recording": "recording",
    "estimate": "estimate",
    "both": "left: recording, right: estimate",
}


def scores_of(scored: Sequence[tuple[int, Run, Evaluation]]) -> str:
    """The scores of a split: of each run and its number, the best first."""
    rows, columns = [], _columns([e for _, _, e in scored])
    for index, run, evaluation in scored:
        groups = {
            "": evaluation.document.get("means", {}),
            **evaluation.document.get("group_means", {}),
        }
        for group, means in groups.items():
            name = colour_mark(index) + html.escape(f"{run.name} {group}".strip())
            rows.append([name, *(score_cell(means.get(column)) for column in columns)])
    parts = [table_html(["mean", *columns], rows)]
    detailed = [(index, run, e) for index, run, e in scored if e.details][:COLOURS]
    if detailed:
        parts.append(f'<div class="charts">{"".join(_details(detailed))}</div>')
    _, best, evaluation = scored[0]
    parts.append(f"<h3>Pieces of {html.escape(best.name)}, the worst first</h3>")
    parts.append(_pieces(evaluation, columns))
    parts.append(_worst(evaluation))
    return "".join(parts)


def _columns(evaluations: Sequence[Evaluation]) -> list[str]:
    names = {name for e in evaluations for row in e.rows for name in row}
    return [score for score in SCORES if score in names]


def _details(detailed: Sequence[tuple[int, Run, Evaluation]]) -> list[str]:
    names = [run.name for _, run, _ in detailed]
    found = [evaluation.details for _, _, evaluation in detailed]
    kinds = {
        kind: [d["mistakes_per_hundred"].get(kind, 0.0) for d in found]
        for kind in found[0]["mistakes_per_hundred"]
    }
    pitches = [
        Series(name, sorted((float(p), f1) for p, f1 in d["note_f1_by_pitch"].items()), index)
        for index, (name, d) in enumerate(zip(names, found, strict=True))
    ]
    return [
        bar_chart("Mistakes per 100 notes of the reference", kinds, names),
        histogram_chart(
            "Onset errors: share of matched notes",
            found[0]["onset_error_edges_ms"],
            [d["onset_errors"] for d in found],
        ),
        line_chart("Note F1 by MIDI pitch", pitches, "pitch"),
    ]


def _pieces(evaluation: Evaluation, columns: Sequence[str]) -> str:
    extra = [name for name in ("set", "piano") if any(row.get(name) for row in evaluation.rows)]
    rows = [
        [
            html.escape(row.get("name", "")),
            *(html.escape(row.get(name, "")) for name in extra),
            *(score_cell(number(row.get(column))) for column in columns),
        ]
        for row in evaluation.rows[:SHOWN_PIECES]
    ]
    more = len(evaluation.rows) - SHOWN_PIECES
    note = f'<p class="soft">and {more} better ones</p>' if more > 0 else ""
    return table_html(["piece", *extra, *columns], rows) + note


def _worst(evaluation: Evaluation) -> str:
    """Pictures and sounds of the worst pieces."""
    pictures = [_picture(path) for path in evaluation.media if path.suffix == ".png"]
    return f'<div class="worst">{"".join(pictures)}</div>' if pictures else ""


def _picture(picture: Path) -> str:
    """A picture, and the sounds beside it."""
    name = html.escape(picture.stem)
    what = f"{name}: spectrogram, onset posteriors, reference, estimate"
    parts = [f'<img loading="lazy" alt="{what}" src="{data_uri(picture, "image/png")}">']
    for sound, text in SOUNDS.items():
        path = picture.with_name(f"{picture.stem}_{sound}.mp3")
        if path.is_file():
            source = data_uri(path, "audio/mpeg")
            parts.append(
                f'<label><span>{text}</span><audio controls src="{source}"></audio></label>'
            )
    return f"<figure><figcaption>{name}</figcaption>{''.join(parts)}</figure>"
