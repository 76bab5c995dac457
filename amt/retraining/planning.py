"""What `amt retrain` would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator

from amt.cloud.registry import EXPORT_FOLDER
from amt.cloud.vertex_versions import Release, planned_release
from amt.data.manifest import MANIFEST
from amt.feedback.pairs import list_pairs
from amt.retraining.context import Context
from amt.retraining.learning import trained_pairs
from amt.retraining.runs import next_step, open_run
from amt.retraining.scripts import EVALUATE, TRAIN, command_line, set_overrides
from amt.retraining.settings import Settings


def planned(context: Context, settings: Settings, force: bool = False) -> Iterator[str]:
    """The steps and their commands, one line each; reads the lake and writes nothing.

    force: as of `retrain`.
    """
    run = open_run(context.lake)
    if run is not None:
        yield f"{run.id} goes on at: {next_step(run.results())}"
    usable = [pair for pair in list_pairs(context.lake) if pair.status != "rejected"]
    known = trained_pairs(context, settings.model)
    new = [pair for pair in usable if pair.id not in known and pair.status != "review"]
    yield f"collect: {len(new)} new pairs (at least {settings.min_new_pairs} needed)"
    if run is None and len(new) < settings.min_new_pairs and not force:
        yield "nothing else would be done (--force trains nevertheless)"
        return
    yield "validate: amt feedback check"
    yield "prepare: amt feedback export PAIRS"
    if not any(pair.decision and pair.decision.split == "test" for pair in usable):
        yield "so far no pair is in the test share: the gate rejects a model without one"
    yield f"train: {command_line(TRAIN, _train_words(settings))}"
    for name, fixed in settings.gate.sets.items():
        words = ["ckpt=MODEL", f"split={fixed.split}", *set_overrides(fixed, MANIFEST)]
        yield f"evaluate {name}: {command_line(EVALUATE, words)}"
    yield f"gate: at level {settings.gate.alpha:g}, by {settings.metric}"
    registry = context.registry(settings)
    version = max(registry.versions(), default=0) + 1
    yield f"register: {context.lake.uri}/models/{settings.model}/{version}"
    yield from _planned_deployment(context, settings, version)


def _train_words(settings: Settings) -> list[str]:
    given = ["experiment=finetune", "init=CURRENT", "paths.corrections=PAIRS"]
    return [*given, f"seed={settings.seed}", "logger=csv", *settings.train.overrides]


def _planned_deployment(context: Context, settings: Settings, version: int) -> Iterator[str]:
    registry = context.registry(settings)
    if settings.vertex is None:
        yield f"compare: both versions on {settings.compare.recordings} recordings, on this machine"
    else:
        place = context.lake.object_uri(registry.path(version, EXPORT_FOLDER))
        release = Release(settings.model, version, place)
        yield from (f"deploy: {call}" for call in planned_release(settings.vertex, release))
    yield f"promote: {context.lake.uri}/models/{settings.model}/history.json"
