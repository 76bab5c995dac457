"""The last steps of a run: register the new model, give it part of the traffic, then all."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from amt.cloud.registry import EXPORT_FOLDER, label
from amt.cloud.vertex_metrics import Counted
from amt.cloud.vertex_versions import Answer, Release, VersionedEndpoint, VertexTarget
from amt.inference.model_card import ModelInfo
from amt.io.note_tables import notes_of
from amt.models.checkpoint import read_settings
from amt.monitoring.entries import Entry
from amt.retraining.comparing import Observed, fastest, reasons_against
from amt.retraining.context import StepInput
from amt.retraining.files import fetch_version
from amt.retraining.learning import NUMBERS_FILE, mean_scores
from amt.retraining.register import BY, NewVersion, card, register
from amt.retraining.runs import Result
from amt.training.code_version import code_version

_NO_PROFILE = (
    "no reference profile for `amt monitor`: the fixed sets have too few recordings, 30 are needed"
)
# Between two looks at whether the time of the comparison has come.
_WAIT_SECONDS = 15.0


def register_new(step: StepInput) -> Result:
    """Register the new model: exported, with card, profile, lineage and scores. It serves nothing.

    The number of its version is the next one; again after an interruption the same.
    """
    registry = step.registry
    registered = registry.versions()
    for version in reversed(registered):
        if registry.read(version).get("run") == step.run.id:
            return {"version": version}
    version = max(registered, default=-1) + 1
    new = _new_version(step, version)
    if new.profile is None:
        step.context.report(f"{step.run.id}: {_NO_PROFILE}")
    register(registry, version, new, step.context.tools)
    return {"version": version}


def _new_version(step: StepInput, version: int) -> NewVersion:
    weights, about = step.new_weights(), _about(step)
    licence = str(read_settings(weights)["licence"])
    lines = [verdict["line"] for verdict in step.results["gate"]["verdicts"]]
    metric, scores = step.settings.metric, about["scores"]
    metrics = {name: {metric: both["new"]} for name, both in scores.items() if both["pieces"]}
    data = f"version {step.parent}, fine-tuned on {len(about['pairs'])} corrected recordings"
    text = card(step.registry, version, licence, about, lines)
    info = ModelInfo(label(step.settings.model, version), data, licence, metrics, text)
    return NewVersion(weights, _profile(step, version), info, about)


def _profile(step: StepInput, version: int) -> Path | None:
    """The reference profile of the new version, None if the fixed sets are too small for one."""
    measured = json.loads(step.run.lake.read(step.run.name(NUMBERS_FILE)))
    made = step.context.tools.profile(measured, step.settings.model, version)
    path = step.folder / "profile.json"
    if made is not None:
        path.write_bytes(made)
    return path if made is not None else None


def _about(step: StepInput) -> dict[str, Any]:
    """Lineage and scores, for version.json."""
    trained = step.results["train"]
    return {
        "run": step.run.id,
        "parent": step.parent,
        "registered": step.context.now().isoformat(timespec="seconds"),
        "code": code_version(),
        "seed": step.settings.seed,
        "pairs": step.results["prepare"]["pairs"],
        "settings": step.results["collect"]["settings"],
        "command": trained["command"],
        "recipe": trained["recipe"],
        "scores": mean_scores(step.results["evaluate"]["rows"], step.settings.metric),
        "gate": step.results["gate"],
    }


def release(step: StepInput, version: int) -> Release:
    """A version as Vertex AI gets it: its export in the lake."""
    place = step.run.lake.object_uri(step.registry.path(version, EXPORT_FOLDER))
    return Release(step.settings.model, version, place)


def deploy(step: StepInput) -> Result:
    """On Vertex AI: deploy the new version beside the current one, with part of the traffic."""
    target, version = step.settings.vertex, _new(step)
    begun = step.context.now().isoformat(timespec="seconds")
    if target is None:
        return {"endpoint": None, "deployed": None, "since": begun}
    endpoint = step.context.tools.endpoint(target)
    deployed = endpoint.deploy(release(step, version), target.traffic_percent)
    return {"endpoint": endpoint.id, "deployed": deployed, "since": begun}


def compare(step: StepInput) -> Result:
    """Both versions on the same recordings; on Vertex AI also what it counted for all traffic."""
    settings = step.settings.compare
    recordings = step.context.tools.recordings(settings.recordings)
    if step.settings.vertex is None:
        current, new = _observe_here(step, recordings)
    else:
        _wait(step)
        current, new = _observe_endpoint(step, step.settings.vertex, recordings)
    reasons = reasons_against(settings, current, new)
    return {"reasons": reasons, "current": current.numbers(), "new": new.numbers()}


def promote(step: StepInput) -> Result:
    """Let the new version serve, if nothing speaks against it; else take it back."""
    reasons, version = list(step.results["compare"]["reasons"]), _new(step)
    serving = step.registry.current()
    if serving not in (step.parent, version):
        reasons.append(f"version {serving} serves now, but was compared with {step.parent}")
    target = step.settings.vertex
    if target is not None:
        endpoint = step.context.tools.endpoint(target)
        if reasons:
            endpoint.take_back(release(step, version))
        else:
            endpoint.keep(endpoint.deploy(release(step, version), target.traffic_percent))
    if not reasons:
        reason = f"run {step.run.id}: passed the gate and the comparison"
        step.registry.serve(version, BY, reason, step.context.now())
    return {"promoted": not reasons, "reasons": reasons, "version": version}


def _new(step: StepInput) -> int:
    return int(step.results["register"]["version"])


def _wait(step: StepInput) -> None:
    """Until the new version had traffic for the time that the settings say."""
    minutes = step.settings.compare.wait_minutes
    since = datetime.fromisoformat(step.results["deploy"]["since"])
    while step.context.now() < since + timedelta(minutes=minutes):
        time.sleep(min(_WAIT_SECONDS, minutes * 60))


def _observe_here(step: StepInput, recordings: Sequence[bytes]) -> tuple[Observed, Observed]:
    """What both versions do on this machine; in turns, since other programs may slow down one."""
    folder, observe = step.context.versions(), step.context.tools.observe
    weights = [fetch_version(step.registry, one, folder) for one in (step.parent, _new(step))]
    first, second = ([observe(path, recordings) for path in weights] for _ in range(2))
    return fastest(first[0], second[0]), fastest(first[1], second[1])


def _observe_endpoint(
    step: StepInput, target: VertexTarget, recordings: Sequence[bytes]
) -> tuple[Observed, Observed]:
    """What the other deployed models did, as the current version, and what the new one did."""
    endpoint, deployed = step.context.tools.endpoint(target), step.results["deploy"]["deployed"]
    answers = _ask(endpoint, deployed, recordings, step)
    since = datetime.fromisoformat(step.results["deploy"]["since"])
    counted = step.context.tools.counts(target.project, endpoint.id, since)
    theirs = [one for one in answers if one[1].deployed not in ("", deployed)]
    own = [one for one in answers if one[1].deployed == deployed]
    current = _observed(theirs, [number for key, number in counted.items() if key != deployed])
    new = _observed(own, [number for key, number in counted.items() if key == deployed])
    entries = step.context.tools.entries(step.run.lake.uri, since)
    return (
        replace(current, certainty=_certainty(step, step.parent, entries)),
        replace(new, certainty=_certainty(step, _new(step), entries)),
    )


def _certainty(step: StepInput, version: int, entries: Sequence[Entry]) -> float | None:
    """The mean certainty of the notes that a version's servers logged (`amt.monitoring`).

    None where they logged too few recordings in this lake, or none.
    """
    name = label(step.settings.model, version)
    logged = [entry.numbers for entry in entries if entry.model == name and entry.numbers]
    values = [one.onset_certainty for one in logged if one.onset_certainty is not None]
    return fmean(values) if len(values) >= step.settings.compare.answers else None


def _ask(
    endpoint: VersionedEndpoint, deployed: str, recordings: Sequence[bytes], step: StepInput
) -> list[tuple[int, Answer]]:
    """Answers with the numbers of their recordings, until each side has given enough of them.

    The traffic split of the endpoint decides which model answers.
    """
    settings, found = step.settings.compare, []
    by_side: dict[bool, int] = defaultdict(int)
    for request in range(settings.requests):
        number = request % len(recordings)
        answer = endpoint.ask(recordings[number])
        found.append((number, answer))
        if answer.deployed:
            by_side[answer.deployed == deployed] += 1
        if min(by_side[True], by_side[False]) >= settings.answers:
            break
    return found


def _observed(answers: Sequence[tuple[int, Answer]], counted: Sequence[Counted]) -> Observed:
    """Our own requests, and what Vertex AI counted; these include ours, with some delay."""
    failed = [bool(answer.prediction.get("error")) for _, answer in answers]
    good = [one for one, bad in zip(answers, failed, strict=True) if not bad]
    errors = max(sum(failed), sum(one.errors for one in counted))
    requests = max(len(answers), sum(one.errors + one.predictions for one in counted))
    return Observed(
        requests=requests,
        errors=errors,
        seconds=tuple(answer.seconds for _, answer in good),
        notes={number: notes_of(answer.prediction) for number, answer in good},
    )
