"""The page of `amt monitor report`: reference and window, and windows over time, in one file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from string import Template

from amt import __version__
from amt.io.atomic import atomic_write
from amt.monitoring.comparison import Comparison, Shift
from amt.monitoring.profile import Profile
from amt.monitoring.vector import COMPARED
from amt.monitoring.windows import Drift
from amt.page.drift_pictures import histogram, shift_picture, timeline
from amt.page.html import asset, digest


def write_report(path: Path, drift: Drift) -> None:
    """Write the page, atomically."""
    with atomic_write(path) as part:
        part.write_text(drift_page(drift), "utf-8")


def drift_page(drift: Drift) -> str:
    """The HTML text of the page. It has no script; its policy allows its own style only."""
    newest, profile = drift.newest, drift.profile
    style = asset("page.css") + asset("drift.css")
    policy = f"default-src 'none'; style-src {digest(style)}; img-src data:; base-uri 'none'"
    names = [shift.name for shift in newest.comparison.shifts]
    return Template(asset("drift.html")).substitute(
        policy=html.escape(f"{policy}; form-action 'none'"),
        style=style,
        version=html.escape(__version__),
        model=html.escape(profile.model),
        verdict=drift.verdict,
        period=f"{newest.begin:%d %b %Y %H:%M} to {newest.end:%d %b %Y %H:%M} UTC",
        facts=_facts(newest.comparison, len(drift.windows)),
        reasons=_reasons(newest.comparison),
        timeline=timeline(drift.windows, names),
        charts="".join(_chart(shift, profile) for shift in newest.comparison.shifts),
        notes=_notes(newest.comparison, profile),
        table=_table(newest.comparison.shifts),
        reference=html.escape(
            f"{profile.recordings} recordings, {profile.made}: {profile.origin.rstrip('.')}."
        ),
    )


def _facts(comparison: Comparison, windows: int) -> str:
    f1 = ("not known", "the profile has no calibration")
    if comparison.f1 is not None:
        error = f"one recording: ± {comparison.f1_error:.2f}" if comparison.f1_error else ""
        f1 = (f"{comparison.f1:.2f}", error)
    facts = [
        (
            "Recordings in the window",
            f"{comparison.recordings}",
            f"the newest of {windows} windows",
        ),
        ("Rejected inputs", f"{comparison.rejected}", ""),
        ("Estimated note F1", *f1),
        ("Domain classifier", f"AUC {comparison.auc:.2f}", "0.5: like the reference"),
    ]
    cells = (
        f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd><dd>{html.escape(more)}</dd></div>"
        for name, value, more in facts
    )
    return "".join(cells)


def _reasons(comparison: Comparison) -> str:
    if not comparison.reasons:
        return '<p class="lead">Nothing: the recordings are like those of the reference.</p>'
    items = (f'<li class="{comparison.verdict}">{html.escape(r)}</li>' for r in comparison.reasons)
    return f'<ul class="reasons">{"".join(items)}</ul>'


def _chart(shift: Shift, profile: Profile) -> str:
    picture = shift_picture(shift, profile.edges[shift.name], profile.shares[shift.name])
    label = COMPARED[shift.name].label
    unit = f", {COMPARED[shift.name].unit}" if COMPARED[shift.name].unit else ""
    head = f"<h3>{label}{unit} <small>PSI {shift.psi:.2f}</small></h3>"
    words = shift.text if shift.verdict != "ok" else "no significant change"
    caption = f"<figcaption>{head}<p>{html.escape(words)}</p></figcaption>"
    return f'<figure class="{shift.verdict}">{caption}{picture}</figure>'


def _notes(comparison: Comparison, profile: Profile) -> str:
    parts = []
    for name, label in (("pitches", "Pitches of all notes"), ("velocities", "Velocities")):
        window = getattr(comparison, name) or (0.0,) * len(getattr(profile, name))
        picture = histogram(window, getattr(profile, name), label, name)
        parts.append(f"<figure><figcaption><h3>{label}</h3></figcaption>{picture}</figure>")
    return "".join(parts)


def _table(shifts: Sequence[Shift]) -> str:
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("number", "reference", "window", "PSI", "KS", "p", "verdict")
    )
    rows = "".join(map(_row, shifts))
    return f'<table class="numbers"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(shift: Shift) -> str:
    compared = COMPARED[shift.name]
    unit = f" {compared.unit}" if compared.unit else ""
    middle = [
        "-" if value is None else f"{value:.{compared.digits}f}{unit}"
        for value in (shift.reference, shift.window)
    ]
    cells = [*middle, f"{shift.psi:.2f}", f"{shift.ks:.2f}", f"{shift.p:.2g}"]
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    verdict = f'<td class="{shift.verdict}">{shift.verdict}</td>'
    return f'<tr><th scope="row">{compared.label}</th>{body}{verdict}</tr>'
