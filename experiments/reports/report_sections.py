"""The sections of a report of runs: overview, curves, scores, mistakes, thresholds, sweep."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from html_parts import colour_mark, score_cell, table_html
from report_scores import SCORES, scores_of
from run_files import Run, number, ranking_metric, ranking_score
from svg_charts import (
    Series,
    line_chart,
    parallel_chart,
    scatter_chart,
)

# Charts of metrics, in order: section, title, pattern of the key, whether the axis may be
# logarithmic. Keys with the same title share a chart: those of training are dashed.
CURVES = (
    ("Loss", "loss", r"(train|val)/(loss|total)", True),
    ("Loss", "loss: {1}", r"(train|val)/loss_(\w+)", True),
    ("Loss", "loss: {2} (set {1})", r"(val)/([\w-]+)/(loss\w*)", True),
    ("Validation", "{1}", r"(val)/(\w+)", False),
    ("Validation", "{2} (set {1})", r"(val)/(.+)/(\w+)", False),
    ("Training", "learning rate", r"train/learning_rate|lr-.+", False),
    ("Training", "gradient norm before clipping", r"train/grad_norm", True),
    ("Training", "gradient norm, largest", r"train/grad_norm_max", True),
    ("Speed", "steps a second", r"time/steps_per_second", False),
    ("Speed", "seconds of audio a second", r"time/audio_per_second", False),
    ("Speed", "share of time waiting for data", r"time/waiting", False),
    ("Speed", "memory of the GPU (GB)", r"time/memory_gb", False),
    ("Other", "{0}", r"(?!test/|validation/|threshold/|hp_metric)(.+)", False),
)
Section = tuple[str, str]


def sections(runs: Sequence[Run]) -> Iterator[Section]:
    """Title and HTML of each section that has something to show."""
    yield "Runs", _overview(runs)
    if len(runs) > 2 and (sweep := _sweep(runs)):
        yield "Parameters", sweep
    for title in dict.fromkeys(section for section, *_ in CURVES):
        if charts := _curves(runs, title):
            note = '<p class="soft">Training is dashed, validation solid.</p>' * (title == "Loss")
            yield title, f'{note}<div class="charts">{"".join(charts)}</div>'
    for split in dict.fromkeys(split for run in runs for split in run.evaluations):
        scored = [
            (i, run, run.evaluations[split])
            for i, run in enumerate(runs)
            if split in run.evaluations
        ]
        yield f"Scores: {split}", scores_of(scored)
    if charts := _thresholds(runs):
        yield "Thresholds", charts


def _overview(runs: Sequence[Run]) -> str:
    ranked = ranking_metric(runs)
    metrics = list(dict.fromkeys(filter(None, (ranked, "val/loss", "test/note_f1"))))
    changed = _changed(runs)
    head = ["run", "steps", *(f"{m} (best)" if "val/" in m else m for m in metrics), *changed]
    rows = [
        [
            colour_mark(index) + html.escape(run.name),
            str(run.steps),
            *(score_cell(run.best(metric)) for metric in metrics),
            *(html.escape(run.overrides.get(key, "")) for key in changed),
        ]
        for index, run in enumerate(runs)
    ]
    faults = [
        f'<p class="fault">{html.escape(run.name)}: {html.escape(fault)}</p>'
        for run in runs
        for fault in run.faults
    ]
    return table_html(head, rows) + "".join(faults)


def _changed(runs: Sequence[Run]) -> list[str]:
    """The overrides in which the runs differ."""
    keys = dict.fromkeys(key for run in runs for key in run.overrides)
    return [
        key
        for key in keys
        if not key.startswith("hydra.") and len({run.overrides.get(key) for run in runs}) > 1
    ]


def _sweep(runs: Sequence[Run]) -> str:
    """How the score depends on what differs: parallel coordinates, and a chart for each setting."""
    metric, changed = ranking_metric(runs), _changed(runs)
    scored = [
        (i, run, score)
        for i, run in enumerate(runs)
        if (score := ranking_score(run, runs)) is not None
    ]
    if not (metric and changed and len(scored) > 1):
        return ""
    values = {key: _typed([run.overrides.get(key, "") for _, run, _ in scored]) for key in changed}
    lines = [
        ([*(values[key][row] for key in changed), score], f"{run.name}: {metric} {score:.4f}")
        for row, (_, run, score) in enumerate(scored)
    ]
    charts = [
        scatter_chart(
            f"{metric} against {key}",
            [
                (values[key][row], score, i, f"{run.name}: {score:.4f}")
                for row, (i, run, score) in enumerate(scored)
            ],
            key,
        )
        for key in changed
    ]
    title = f"All settings and {metric}; the best three are coloured"
    parallel = parallel_chart(title, [*changed, metric], lines)
    return f'<div class="wide">{parallel}</div><div class="charts">{"".join(charts)}</div>'


def _typed(texts: Sequence[str]) -> list[str | float]:
    """All as numbers, if all are."""
    numbers = [number(text) for text in texts]
    if all(value is not None for value in numbers):
        return [value for value in numbers if value is not None]
    return list(texts)


def _curves(runs: Sequence[Run], section: str) -> list[str]:
    """The charts of a section; a metric belongs to the first pattern of CURVES that fits it."""
    charts: dict[str, list[Series]] = {}
    logarithmic = {}
    keys = dict.fromkeys(key for run in runs for key in sorted(run.curves, key=_order))
    for key in keys:
        place, title, log = _chart_of(key)
        if place != section:
            continue
        logarithmic[title] = log
        both = any(_chart_of(other)[1] == title for other in keys if other != key)
        for index, run in enumerate(runs):
            if points := run.curves.get(key):
                name = f"{run.name}, {key.partition('/')[0]}" if both else run.name
                dashed = both and key.startswith("train/")
                charts.setdefault(title, []).append(Series(name, points, index, dashed))
    return [line_chart(t, found, log=logarithmic[t]) for t, found in charts.items()]


def _order(key: str) -> tuple[int, str]:
    score = key.rpartition("/")[2]
    return (SCORES.index(score) if score in SCORES else len(SCORES), key)


def _chart_of(key: str) -> tuple[str, str, bool]:
    """Section, title of the chart, and whether its axis may be logarithmic."""
    for section, title, pattern, log in CURVES:
        if found := re.fullmatch(pattern, key):
            return section, title.format(*found.groups()), log
    return "", key, False


def _thresholds(runs: Sequence[Run]) -> str:
    tuned = [(index, run) for index, run in enumerate(runs) if run.thresholds.get("thresholds")]
    if not tuned:
        return ""
    names = list(dict.fromkeys(name for _, run in tuned for name in run.thresholds["thresholds"]))
    rows = [
        [
            colour_mark(index) + html.escape(run.name),
            *(_change(run.thresholds["thresholds"].get(name)) for name in names),
            _change(run.thresholds.get("note_f1")),
        ]
        for index, run in tuned
    ]
    charts = [
        line_chart(f"{score} against the onset threshold", _curve(tuned, score), "onset threshold")
        for score in ("note_f1", "note_precision", "note_recall")
    ]
    table = table_html(["before → after tuning", *names, "note F1, validation"], rows)
    return f'{table}<div class="charts">{"".join(charts)}</div>'


def _curve(tuned: Sequence[tuple[int, Run]], score: str) -> list[Series]:
    get: Callable[[Mapping[str, float]], tuple[float, float]] = lambda point: (  # noqa: E731
        point["onset_threshold"],
        point[score],
    )
    return [
        Series(run.name, [get(point) for point in run.thresholds.get("curve", [])], index)
        for index, run in tuned
    ]


def _change(pair: Sequence[float] | None) -> str:
    if not pair:
        return "-"
    before, after = pair
    return f"{before:.3g}" if before == after else f"{before:.3g} → <b>{after:.3g}</b>"
