"""Let another version of a model serve: one that served before, or any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from amt.cloud.registry import EXPORT_FOLDER, Registry, Served
from amt.cloud.vertex import call_line
from amt.cloud.vertex_versions import Release, VertexTarget, planned_release
from amt.retraining.context import Context
from amt.retraining.lock import retraining_lock
from amt.retraining.settings import Settings


@dataclass(frozen=True)
class Change:
    """From now on `version` shall serve. by, reason: for the history."""

    version: int
    by: str
    reason: str


def let_serve(context: Context, settings: Settings, change: Change) -> Served:
    """Let a version serve: at the endpoint of the settings, if there is one, then in the registry.

    At an endpoint it gets all traffic, and the others are undeployed. Raises RegistryError,
    LockedError, DeployError, StorageError.
    """
    registry = context.registry(settings)
    with retraining_lock(context.lake):
        registry.read(change.version)
        if settings.vertex is not None:
            endpoint = context.tools.endpoint(settings.vertex)
            release = _release(registry, change.version)
            endpoint.keep(endpoint.deploy(release, settings.vertex.traffic_percent))
        return registry.serve(change.version, change.by, change.reason, context.now())


def planned_change(registry: Registry, target: VertexTarget | None, version: int) -> Iterator[str]:
    """What `let_serve` would do, one line each; does nothing."""
    if target is not None:
        yield from list(planned_release(target, _release(registry, version)))[:4]
        yield call_line("endpoint.update", {"traffic_split": "{NEW: 100}"})
        yield call_line("endpoint.undeploy", {"deployed_model_id": "OLD"})
    yield f"{registry.lake.uri}/models/{registry.name}/history.json: append version {version}"


def _release(registry: Registry, version: int) -> Release:
    place = registry.lake.object_uri(registry.path(version, EXPORT_FOLDER))
    return Release(registry.name, version, place)
