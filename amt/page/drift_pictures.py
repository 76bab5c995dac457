"""Pictures of the drift page as SVG: its colours come from the style of the page.

matplotlib is not used: its pictures would have one colour scheme, and text that is no text.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from amt.monitoring.comparison import ALARM_PSI, MEDIAN, Shift
from amt.monitoring.vector import COMPARED
from amt.monitoring.windows import Window
from amt.notes import MIN_PITCH

WIDTH = 320
BOX_HEIGHT, BAR_HEIGHT, GAP = 14, 72, 8
ROW, LABELS, MIN_CELL, MAX_CELL = 15, 190, 9, 40
F1_HEIGHT = 70
C4 = 60


def svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """An image with a text alternative."""
    box = f"0 0 {width:g} {height:g}"
    inner = "".join(parts)
    return f'<svg viewBox="{box}" role="img" aria-label="{html.escape(label)}">{inner}</svg>'


def rect(x: float, y: float, width: float, height: float, css: str, more: str = "") -> str:
    """A rectangle. more: further attributes, or its tooltip as an element."""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect class="{css}" {size} {more}/>'


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Text in the small grey type of all pictures."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def shift_picture(shift: Shift, edges: Sequence[float], reference: Sequence[float]) -> str:
    """A number: ranges of reference and window, and below the window in the reference's tenths.

    edges: inner edges of the bins. reference: shares of the reference in them.
    """
    digits = COMPARED[shift.name].digits
    parts = _ranges(shift, digits)
    top = 2 * BOX_HEIGHT + GAP + 14
    parts += _bars(shift.shares[:-1], reference[:-1], top)
    if len(edges):
        step = WIDTH / (len(edges) + 1)
        parts.append(text(step, top + BAR_HEIGHT + 12, f"{edges[0]:.{digits}f}", "middle"))
        right = text(WIDTH - step, top + BAR_HEIGHT + 12, f"{edges[-1]:.{digits}f}", "middle")
        parts += [right] if len(edges) > 1 else []
    return svg(WIDTH, top + BAR_HEIGHT + 16, shift.text, parts)


def _ranges(shift: Shift, digits: int) -> list[str]:
    both = [shift.reference_range, shift.window_range]
    values = [value for one in both for value in one]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    scale = (WIDTH - 20) / (high - low or 1.0)
    parts = []
    for row, (one, css) in enumerate(zip(both, ("reference", "window"), strict=True)):
        y = row * BOX_HEIGHT + BOX_HEIGHT / 2
        if one:
            x = [10 + (value - low) * scale for value in one]
            parts.append(rect(x[0], y - 1, x[-1] - x[0], 2, css))
            parts.append(rect(x[1], y - 4, x[3] - x[1], 8, css))
            parts.append(line(x[MEDIAN], y - 6, x[MEDIAN], y + 6, "outline"))
    y = 2 * BOX_HEIGHT + 9
    parts += [text(10, y, f"{low:.{digits}f}"), text(WIDTH - 10, y, f"{high:.{digits}f}", "end")]
    return parts


def _bars(window: Sequence[float], reference: Sequence[float], top: float) -> list[str]:
    """Shares of the window as bars, of the reference as a dashed line."""
    step = WIDTH / max(len(window), 1)
    scale = BAR_HEIGHT / max(*window, *reference, 0.25)
    bottom = top + BAR_HEIGHT
    parts = [
        rect(number * step + 1, bottom - share * scale, step - 2, share * scale, "window")
        for number, share in enumerate(window)
    ]
    steps = [
        f"{number * step:.1f} {bottom - share * scale:.1f}H{(number + 1) * step:.1f}"
        for number, share in enumerate(reference)
    ]
    path = "M" + "L".join(steps)
    return [*parts, f'<path class="level" d="{path}"/>', line(0, bottom, WIDTH, bottom, "axis")]


def histogram(window: Sequence[float], reference: Sequence[float], label: str, kind: str) -> str:
    """Shares of all notes by pitch or velocity: bars of the window, line of the reference."""
    parts = _bars(window, reference, 4)
    step = WIDTH / max(len(window), 1)
    marks = [(C4 + 12 * k - MIN_PITCH, f"C{4 + k}") for k in range(-3, 5)]
    if kind == "velocities":
        marks = [(k, str(8 * k)) for k in range(0, 16, 4)]
    parts += [text((k + 0.5) * step, BAR_HEIGHT + 17, name, "middle") for k, name in marks]
    return svg(WIDTH, BAR_HEIGHT + 22, label, parts)


def timeline(windows: Sequence[Window], names: Sequence[str]) -> str:
    """Windows as columns: verdict, estimated F1, and the PSI of each number."""
    cell = float(np.clip((WIDTH * 2.4 - LABELS) / len(windows), MIN_CELL, MAX_CELL))
    width = LABELS + cell * len(windows) + 44
    parts = [text(0, 11, "verdict")]
    for column, window in enumerate(windows):
        css = {"ok": "ok", "watch": "watch-box", "alarm": "moved"}[window.comparison.verdict]
        tip = f"{window.end:%Y-%m-%d %H:%M}: {window.comparison.verdict}"
        parts.append(_tipped(rect(LABELS + column * cell, 1, cell - 2, 12, css), tip))
    parts += _f1_curve(windows, cell)
    top = F1_HEIGHT + 34
    for row, name in enumerate(names):
        parts.append(text(0, top + row * ROW + 11, COMPARED[name].label))
        parts += _cells(windows, name, cell, top + row * ROW)
    bottom = top + len(names) * ROW + 14
    parts.append(text(LABELS, bottom, f"{windows[0].begin:%Y-%m-%d}"))
    if len(windows) * cell > 140:
        end = LABELS + len(windows) * cell
        parts.append(text(end, bottom, f"{windows[-1].end:%Y-%m-%d}", "end"))
    label = f"{len(windows)} windows; the newest: {windows[-1].comparison.verdict}"
    return svg(width, bottom + 6, label, parts)


def _f1_curve(windows: Sequence[Window], cell: float) -> list[str]:
    """The estimated F1 of each window between 0 and 1."""
    top, known = 24, []
    for column, window in enumerate(windows):
        if window.comparison.f1 is not None:
            y = top + F1_HEIGHT * (1 - window.comparison.f1)
            known.append((LABELS + (column + 0.5) * cell - 1, y, window.comparison.f1))
    right = LABELS + len(windows) * cell
    parts = [text(0, top + 11, "estimated note F1")]
    for value in (0.0, 0.5, 1.0):
        y = top + F1_HEIGHT * (1 - value)
        parts += [line(LABELS, y, right, y, "axis"), text(right + 6, y + 4, f"{value:.1f}")]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in known)
    parts.append(f'<polyline class="curve" points="{points}"/>')
    parts += [
        _tipped(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>', f"F1 {value:.2f}")
        for x, y, value in known
    ]
    return parts


def _cells(windows: Sequence[Window], name: str, cell: float, y: float) -> list[str]:
    parts = []
    for column, window in enumerate(windows):
        shift = next(one for one in window.comparison.shifts if one.name == name)
        x, height = LABELS + column * cell, ROW - 2
        parts.append(rect(x, y, cell - 2, height, "cell"))
        strength = float(np.clip(shift.psi / (4 * ALARM_PSI), 0, 1))
        if strength > 0.02:
            css = "window" if shift.verdict == "ok" else "moved"
            shape = rect(
                x, y, cell - 2, height, css, f'fill-opacity="{0.15 + 0.85 * strength:.2f}"'
            )
            parts.append(_tipped(shape, f"{shift.text}; PSI {shift.psi:.2f}"))
    return parts


def _tipped(shape: str, tip: str) -> str:
    return f"<g><title>{html.escape(tip)}</title>{shape}</g>"
