"""Charts as SVG whose colours follow the page: light or dark.

Written here: SVG of matplotlib has fixed colours and is some tens of kilobytes a chart.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator

WIDTH, HEIGHT = 380, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 34
# Runs that have a colour of their own; others are grey.
COLOURS = 8
MOST_POINTS = 250
# From this ratio of the largest to the smallest value on, an axis is logarithmic if it may be.
LOG_RATIO = 20

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line through points. colour: 0 to COLOURS - 1, or more for grey."""

    name: str
    points: Sequence[Point]
    colour: int = 0
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` on pixels from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    @staticmethod
    def over(values: Sequence[float], start: float, stop: float, may_be_log: bool = False) -> Axis:
        """An axis that holds all values."""
        low, high = min(values), max(values)
        if may_be_log and low > 0 and high / low >= LOG_RATIO:
            return Axis(low, high, start, stop, log=True)
        if high == low:
            high, low = (low + abs(low) / 2, low - abs(low) / 2) if low else (1.0, 0.0)
        margin = 0.05 * (high - low)
        low = 0.0 if 0 <= low < 0.3 * high else low - margin
        return Axis(low, high + margin, start, stop)

    def __call__(self, value: float) -> float:
        scale: Callable[[float], float] = math.log if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low) or 1.0)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values on the axis."""
        locator = LogLocator(numticks=5) if self.log else MaxNLocator(5, steps=[1, 2, 5, 10])
        found = [float(v) for v in locator.tick_values(self.low, self.high)]
        inside = [value for value in found if self.low <= value <= self.high]
        return inside if len(inside) > 1 else [self.low, self.high]


def line_chart(
    title: str, series: Sequence[Series], x_label: str = "step", log: bool = False
) -> str:
    """Lines, with a mark where a line has few points. log: the y axis may be logarithmic."""
    drawn = [one for one in series if one.points]
    if not drawn:
        return ""
    x, y = _axes([point for one in drawn for point in one.points], log)
    parts = _frame(x, y, x_label)
    # The first run lies on top.
    for one in reversed(drawn):
        points = [(x(px), y(py)) for px, py in thinned(one.points)]
        kind = f"line c{min(one.colour, COLOURS)}" + (" dashed" if one.dashed else "")
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        last = f"{one.name}: {one.points[-1][1]:.4g}"
        parts.append(f'<polyline class="{kind}" points="{path}">{_tip(last)}</polyline>')
        if len(points) <= 30:
            parts += [
                _dot(px, py, one.colour, f"{one.name}, {x_label} {vx:g}: {vy:.4g}")
                for (px, py), (vx, vy) in zip(points, thinned(one.points), strict=True)
            ]
    return _figure(title, parts)


def scatter_chart(
    title: str, points: Sequence[tuple[str | float, float, int, str]], x_label: str
) -> str:
    """Points of (x, y, colour, text); x are all numbers or all names."""
    if not points:
        return ""
    names = sorted({str(p[0]) for p in points}) if _has_names([p[0] for p in points]) else []
    places = [names.index(str(p[0])) if names else float(p[0]) for p in points]
    y = Axis.over([p[1] for p in points], HEIGHT - BOTTOM, TOP)
    x = Axis.over(places, LEFT, WIDTH - RIGHT, may_be_log=not names)
    if names:
        x = Axis(-0.5, len(names) - 0.5, LEFT, WIDTH - RIGHT)
    labels = {float(index): name for index, name in enumerate(names)}
    parts = _frame(x, y, x_label, labels)
    for place, (_, value, colour, text) in zip(places, points, strict=True):
        parts.append(_dot(x(place), y(value), colour, text))
    return _figure(title, parts)


def bar_chart(title: str, rows: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    """Horizontal bars: a group for each row, in it a bar for each name."""
    if not rows:
        return ""
    most = max((value for values in rows.values() for value in values), default=0.0) or 1.0
    height, left = 14 * len(names) + 8, 170
    x = Axis(0.0, most, left, WIDTH - 40)
    parts = []
    for index, (label, values) in enumerate(rows.items()):
        top = TOP + index * height
        middle = top + height / 2
        parts.append(f'<text class="end" x="{left - 6}" y="{middle:.0f}">{_text(label)}</text>')
        for number, value in enumerate(values):
            y, wide = top + 4 + 14 * number, max(x(value) - left, 0.5)
            tip = _tip(f"{names[number]}, {label}: {value:.3g}")
            parts.append(
                f'<rect class="bar f{min(number, COLOURS)}" x="{left}" y="{y}" width="{wide:.1f}" '
                f'height="11">{tip}</rect><text x="{left + wide + 4:.1f}" y="{y + 9}">'
                f"{value:.2f}</text>"
            )
    return _figure(title, parts, TOP + height * len(rows) + 6)


def histogram_chart(title: str, edges: Sequence[float], counts: Sequence[Sequence[int]]) -> str:
    """Outlines of histograms over the same edges, each as shares of its sum."""
    series = []
    for number, found in enumerate(counts):
        whole = sum(found) or 1
        points: list[Point] = []
        for low, high, count in zip(edges, edges[1:], found, strict=False):
            points += [(low, count / whole), (high, count / whole)]
        series.append(Series(f"{number}", points, number))
    return line_chart(title, series, "ms")


def parallel_chart(
    title: str, axes: Sequence[str], rows: Sequence[tuple[Sequence[str | float], str]]
) -> str:
    """Parallel coordinates: a line for each row of (a value on each axis, text), the best first."""
    if len(axes) < 2 or not rows:
        return ""
    width = max(WIDTH, 130 * len(axes))
    places = [60 + index * (width - 120) / (len(axes) - 1) for index in range(len(axes))]
    scales = [_parallel_axis([row[0][index] for row in rows]) for index in range(len(axes))]
    parts, texts = [], []
    for place, name, (axis, labels) in zip(places, axes, scales, strict=True):
        parts.append(f'<line class="grid" x1="{place:.0f}" x2="{place:.0f}" y1="30" y2="220"/>')
        texts.append(f'<text class="mid strong" x="{place:.0f}" y="16">{_text(name)}</text>')
        marks = labels or {at: f"{at:g}" for at in axis.ticks()}
        texts += [
            f'<text class="over" x="{place + 4:.0f}" y="{axis(at) + 3:.0f}">{_text(label)}</text>'
            for at, label in marks.items()
        ]
    for number, (values, text) in reversed(list(enumerate(rows))):
        points = [
            (place, axis(_position(value, labels)))
            for place, value, (axis, labels) in zip(places, values, scales, strict=True)
        ]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        colour = number if number < 3 else COLOURS
        parts.append(f'<polyline class="line c{colour}" points="{path}">{_tip(text)}</polyline>')
    return _figure(title, [*parts, *texts], 232, width)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most MOST_POINTS points: means of neighbours."""
    if len(points) <= MOST_POINTS:
        return list(points)
    size = -(-len(points) // MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(g[-1][0], sum(value for _, value in g) / len(g)) for g in groups]


def _has_names(values: Sequence[str | float]) -> bool:
    return any(isinstance(value, str) for value in values)


def _parallel_axis(values: Sequence[str | float]) -> tuple[Axis, dict[float, str]]:
    """An axis from below to above, and the labels of its places where values are names."""
    if _has_names(values):
        names = sorted({str(value) for value in values})
        labels = {float(index): name for index, name in enumerate(names)}
        return Axis(-0.5, len(names) - 0.5, 220, 30), labels
    return Axis.over([float(value) for value in values], 220, 30, may_be_log=True), {}


def _position(value: str | float, labels: Mapping[float, str]) -> float:
    if not labels:
        return float(value)
    return next(place for place, name in labels.items() if name == str(value))


def _axes(points: Sequence[Point], log: bool) -> tuple[Axis, Axis]:
    x = Axis.over([px for px, _ in points], LEFT, WIDTH - RIGHT)
    x = Axis(min(px for px, _ in points), max(x.high, x.low + 1e-9), x.start, x.stop)
    return x, Axis.over([py for _, py in points], HEIGHT - BOTTOM, TOP, log)


def _frame(x: Axis, y: Axis, x_label: str, names: Mapping[float, str] | None = None) -> list[str]:
    """Grid lines and labels."""
    parts = []
    for value in y.ticks():
        at = f"{y(value):.1f}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="end" x="{LEFT - 6}" y="{y(value) + 3:.1f}">{value:.4g}</text>')
    bottom = HEIGHT - BOTTOM
    for value, label in (names or {value: f"{value:g}" for value in x.ticks()}).items():
        parts.append(
            f'<text class="mid" x="{x(value):.1f}" y="{bottom + 14}">{_text(label)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="mid" x="{middle}" y="{HEIGHT - 4}">{_text(x_label)}</text>')
    return parts


def _dot(x: float, y: float, colour: int, text: str) -> str:
    return (
        f'<circle class="dot f{min(colour, COLOURS)}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
        f"{_tip(text)}</circle>"
    )


def _tip(text: str) -> str:
    return f"<title>{_text(text)}</title>"


def _text(text: str) -> str:
    return html.escape(text if len(text) <= 60 else text[:59] + "…")


def _figure(title: str, parts: Sequence[str], height: float = HEIGHT, width: float = WIDTH) -> str:
    body = "".join(parts)
    return (
        f"<figure><figcaption>{html.escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{1.3 * width:.0f}px" '
        f'role="img" aria-label="{html.escape(title)}">{body}</svg></figure>'
    )
