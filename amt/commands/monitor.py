"""`amt monitor`: whether recordings drift from those on which a model was validated."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.monitor_options import (
    DRIFTED,
    MODEL,
    add_comparison_options,
    add_inputs,
    add_model,
    add_output,
)

if TYPE_CHECKING:
    from amt.monitoring.entries import Entry
    from amt.monitoring.inputs import MeasuredFile, MeasuringModel
    from amt.monitoring.profile import Profile
    from amt.monitoring.windows import Drift


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the sub-command to the parser of `amt`."""
    parser = commands.add_parser(
        "monitor",
        help="do recordings drift from those on which a model was validated?",
        description="Numbers of recordings (level, noise, tuning, density, certainty ...; neither "
        "audio nor names), compared with the reference profile of a model.",
    )
    verbs = parser.add_subparsers(required=True, metavar="compare|report|measure|profile")
    _add_compare(verbs)
    _add_report(verbs)
    _add_measure(verbs)
    _add_profile(verbs)


def _add_compare(verbs: Any) -> None:
    about = "compare with the profile: one verdict, ok, watch or alarm, and what moved"
    parser = verbs.add_parser("compare", help=about, description=f"{about.capitalize()}.")
    add_comparison_options(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json", "log"),
        default="text",
        help="json: all results; log: one line of JSON for Cloud Logging (default: %(default)s)",
    )
    parser.set_defaults(run=_compare)


def _add_report(verbs: Any) -> None:
    about = "the same as a page with pictures"
    parser = verbs.add_parser("report", help=about, description=f"{about.capitalize()}.")
    add_comparison_options(parser)
    add_output(parser, "drift.html", "HTML file; it loads nothing else")
    parser.set_defaults(run=_report)


def _add_measure(verbs: Any) -> None:
    about = "measure recordings into a file of JSON lines"
    parser = verbs.add_parser("measure", help=about, description=f"{about.capitalize()}.")
    add_inputs(parser, "audio, films, folders of them, patterns, gs:// URIs")
    add_model(parser)
    add_output(parser, "numbers.jsonl", "file")
    parser.set_defaults(run=_measure)


def _add_profile(verbs: Any) -> None:
    about = "make a reference profile of a model"
    parser = verbs.add_parser(
        "profile",
        help=about,
        description=f"{about.capitalize()}, from recordings on which it does well, or from what a "
        "server logged while it did. Notes beside a recording (.mid, .tsv) calibrate the estimate "
        "of F1; without any, that of the model's own profile is taken.",
    )
    parser.add_argument("model", metavar="MODEL", help="its name, or a checkpoint; or gs://")
    add_inputs(parser, "recordings, or JSON lines of `amt monitor measure` or a server")
    add_output(parser, None, "file, for --profile")
    parser.add_argument("--origin", default="", metavar="TEXT", help="what they are, for readers")
    parser.add_argument(
        "--leave-out", nargs="+", default=[], metavar="NUMBER", help="numbers not to be compared"
    )
    parser.set_defaults(run=_profile)


def _compare(arguments: argparse.Namespace) -> int:
    drift = _drift(arguments)
    if arguments.format == "text":
        _print(drift)
    elif arguments.format == "json":
        print(json.dumps(_document(drift), indent=1))
    else:
        print(json.dumps(_log_line(drift)))
    return _alert(arguments, drift)


def _report(arguments: argparse.Namespace) -> int:
    from amt.page.drift import write_report

    drift = _drift(arguments)
    write_report(arguments.output, drift)
    _print(drift)
    print(f"-> {arguments.output}")
    return _alert(arguments, drift)


def _measure(arguments: argparse.Namespace) -> int:
    from amt.io.atomic import atomic_write
    from amt.monitoring.comparison import counts
    from amt.monitoring.entries import lines
    from amt.monitoring.inputs import measure_files

    entries = [found.entry for found in measure_files(_load(arguments.model), arguments.inputs)]
    with atomic_write(arguments.output) as part:
        part.write_bytes(lines(entries))
    rejected = sum(entry.numbers is None for entry in entries)
    print(f"{counts(len(entries) - rejected, rejected)} -> {arguments.output}")
    return 1 if rejected else 0


def _profile(arguments: argparse.Namespace) -> int:
    from amt.monitoring.comparison import counts
    from amt.monitoring.profile import make_profile, write_profile
    from amt.monitoring.vector import COMPARED

    if unknown := sorted(set(arguments.leave_out) - set(COMPARED)):
        expected = f"expected some of {', '.join(COMPARED)}"
        raise ValueError(f"--leave-out {' '.join(unknown)}: {expected}")
    model, files = _measured(arguments)
    accepted = [found for found in files if found.entry.numbers is not None]
    rejected = len(files) - len(accepted)
    profile = make_profile(
        [found.entry.numbers for found in accepted if found.entry.numbers],
        model,
        accepted[-1].entry.version if accepted else "",
        arguments.origin or f"{len(accepted)} recordings given to `amt monitor profile`",
        [found.f1 for found in accepted],
        rejected=rejected,
        leave_out=arguments.leave_out,
        f1_calibration=_own_calibration(arguments.model),
    )
    write_profile(arguments.output, profile)
    f1 = "F1 cannot be estimated: no notes beside the recordings"
    if profile.f1:
        f1 = f"F1 of a recording is estimated within {profile.f1.error:.3f} on average"
    print(f"{model}: {counts(len(accepted), rejected)}; {f1} -> {arguments.output}")
    return 0


def _drift(arguments: argparse.Namespace) -> Drift:
    from amt.monitoring.windows import compare_windows

    profile = _read_profile(arguments)
    return compare_windows(profile, _entries(arguments, profile.model), arguments.window)


def _read_profile(arguments: argparse.Namespace) -> Profile:
    from amt.monitoring.profile import profile_of, read_profile

    if not arguments.profile:
        return profile_of(arguments.model or MODEL)
    profile = read_profile(arguments.profile)
    if arguments.model and profile.model != _name(arguments.model):
        found = f"{arguments.profile} is the profile of {profile.model}"
        raise ValueError(f"{found}, not of {arguments.model}; expected --model of this name")
    return profile


def _entries(arguments: argparse.Namespace, model: str) -> list[Entry]:
    """Those of the inputs, by time; says in a line what of other models was left out."""
    from amt.monitoring.inputs import is_log, measure_files, parse_since, read_logs

    since = parse_since(arguments.since) if arguments.since else None
    logs = [given for given in arguments.inputs if is_log(given)]
    recordings = [given for given in arguments.inputs if given not in logs]
    entries, others = read_logs(logs, model, since)
    if others:
        counted = ", ".join(f"{count} of {name}" for name, count in sorted(others.items()))
        left = f"inputs of other models than {model} left out: {counted}"
        print(f"amt: {left}; --model chooses the model", file=sys.stderr)
    if recordings:
        measured = measure_files(_load(arguments.model or model), recordings)
        found = [one.entry for one in measured]
        entries += [entry for entry in found if not since or entry.time >= since]
    if recordings and all(entry.numbers is None for entry in entries):
        raise ValueError("no recording could be measured: there is nothing to compare")
    return sorted(entries, key=lambda entry: entry.time)


def _measured(arguments: argparse.Namespace) -> tuple[str, list[MeasuredFile]]:
    """The name of the model, and all inputs of `profile`, logged or measured now."""
    from amt.monitoring.inputs import MeasuredFile, is_log, measure_files, read_logs

    logs = [given for given in arguments.inputs if is_log(given)]
    name = _name(arguments.model)
    files = [MeasuredFile(entry) for entry in read_logs(logs, name)[0]]
    if recordings := [given for given in arguments.inputs if given not in logs]:
        files += measure_files(_load(arguments.model), recordings)
    return name, files


def _own_calibration(model: str) -> Any:
    from amt.monitoring.profile import profile_of

    try:
        return profile_of(model).f1
    except ValueError:
        return None  # It has no profile yet.


def _name(model: str) -> str:
    """The name of a model in its log lines."""
    from amt.cloud.registry import current_version_of

    version = current_version_of(model)
    return version.label if version else Path(model).stem


def _load(model: str) -> MeasuringModel:
    from amt.cloud.registry import current_version_of
    from amt.inference.pretrained import find_checkpoint
    from amt.inference.transcriber import Transcriber
    from amt.monitoring.inputs import MeasuringModel

    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        version = current_version_of(model)
        path = version.download(Path(folder)) if version else find_checkpoint(model)
        return MeasuringModel.load(Transcriber.load(path), path)


def _print(drift: Drift) -> None:
    """The windows, a line each, then what moved in the newest one."""
    for window in drift.windows:
        comparison = window.comparison
        f1 = "" if comparison.f1 is None else f", estimated F1 {comparison.f1:.2f}"
        moved = sum(shift.verdict != "ok" for shift in comparison.shifts)
        numbers = "1 number" if moved == 1 else f"{moved} numbers"
        print(
            f"{window.begin:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M}: "
            f"{comparison.verdict:5} {comparison.counts}, {numbers} moved{f1}"
        )
    for reason in drift.newest.comparison.reasons:
        print(f"  {reason}")
    print(f"verdict: {drift.verdict}")


def _log_line(drift: Drift) -> dict[str, Any]:
    from amt.monitoring.webhook import message

    severity = {"ok": "INFO", "watch": "WARNING", "alarm": "ERROR"}[drift.verdict]
    document = message(drift)
    return {"severity": severity, "message": document.pop("text"), **document}


def _document(drift: Drift) -> dict[str, Any]:
    windows = [
        {"begin": w.begin.isoformat(), "end": w.end.isoformat(), **asdict(w.comparison)}
        for w in drift.windows
    ]
    return {"model": drift.profile.model, "verdict": drift.verdict, "windows": windows}


def _alert(arguments: argparse.Namespace, drift: Drift) -> int:
    """Gauges, webhook and exit code."""
    from amt.monitoring.comparison import VERDICTS
    from amt.monitoring.prometheus import write_gauges
    from amt.monitoring.webhook import message, send

    if arguments.prometheus:
        write_gauges(arguments.prometheus, drift)
    least = arguments.fail_on
    if least == "never" or VERDICTS.index(drift.verdict) < VERDICTS.index(least):
        return 0
    if arguments.webhook:
        send(arguments.webhook, message(drift))
    return DRIFTED
