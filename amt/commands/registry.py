"""`amt registry`: versions of a model in the lake, which of them serves, and the way back."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.lake_option import add_lake_option, open_given_lake

if TYPE_CHECKING:
    from amt.cloud.registry import Registry


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "registry",
        help="versions of a model, and the way back to an earlier one",
        description="Versions of models in the lake, as `amt retrain` makes them. A local server "
        "uses the current one: amt serve --ckpt LAKE/models/NAME; it is read when the server "
        "starts.",
    )
    verbs = parser.add_subparsers(required=True, metavar="list|show|rollback")
    listing = _add_verb(verbs, "list", _list, "show all versions, a line each")
    listing.add_argument("name", nargs="?", metavar="NAME", help="model (default: all)")
    show = _add_verb(verbs, "show", _show, "show one version: model card, then version.json")
    _add_name(show)
    show.add_argument(
        "version", nargs="?", type=int, metavar="VERSION", help="default: the current one"
    )
    show.add_argument("--json", action="store_true", help="print version.json only")
    _add_rollback(verbs)


def _add_verb(verbs: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    add_lake_option(parser)
    parser.set_defaults(run=run)
    return parser


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="base", metavar="NAME", help="default: base")


def _add_rollback(verbs: Any) -> None:
    about = "let the version that served before serve again, or another one"
    parser = _add_verb(verbs, "rollback", _rollback, about)
    _add_name(parser)
    option = parser.add_argument
    option("--to", type=int, metavar="VERSION", help="default: the one that served before")
    option("--reason", default="rolled back", metavar="TEXT", help="for the history")
    option(
        "--settings",
        type=Path,
        metavar="FILE",
        help="of `amt retrain`: they name the endpoint on Vertex AI, if there is one (default: "
        "LAKE/retraining/settings.yaml, if it is there)",
    )
    option("--dry-run", action="store_true", help="print what would be done, each call of Vertex")


def _list(arguments: argparse.Namespace) -> int:
    from amt.cloud.registry import Registry, model_names

    lake = open_given_lake(arguments)
    names = [arguments.name] if arguments.name else model_names(lake)
    for name in names:
        print(*_version_lines(Registry(lake, name)), sep="\n")
    if not names:
        print(f"{lake.uri}: no models yet; `amt retrain` registers the first one")
    return 0


def _version_lines(registry: Registry) -> list[str]:
    """A line for each version, and what the history says of it."""
    history = registry.history()
    current = history[-1].version if history else None
    lines = []
    for version in registry.versions():
        about = registry.read(version)
        served = [one for one in history if one.version == version][-1:]
        since = f"; serves since {served[0].since}" if version == current else ""
        since = since or (f"; served from {served[0].since}" if served else "; never served")
        parent = "" if about["parent"] is None else f", from version {about['parent']}"
        lines.append(f"{registry.name} {version}: {about['registered']}{parent}{since}")
    return lines or [f"{registry.name}: no versions in {registry.lake.uri}"]


def _show(arguments: argparse.Namespace) -> int:
    from amt.cloud.registry import CARD_FILE, Registry

    registry = Registry(open_given_lake(arguments), arguments.name)
    version = registry.current() if arguments.version is None else arguments.version
    if version is None:
        raise ValueError(f"{registry.name}: no version serves in {registry.lake.uri}")
    about = registry.read(version)
    if not arguments.json:
        print(registry.lake.read(registry.path(version, CARD_FILE)).decode())
    print(json.dumps(about, indent=1))
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from amt.cloud.registry import Registry
    from amt.retraining.context import Context
    from amt.retraining.rollback import Change, let_serve, planned_change
    from amt.retraining.settings import read_settings

    lake = open_given_lake(arguments)
    registry = Registry(lake, arguments.name)
    version = registry.previous() if arguments.to is None else arguments.to
    settings = read_settings(lake, arguments.settings)
    # An endpoint serves the model of the settings.
    target = settings.vertex if settings.model == arguments.name else None
    if arguments.dry_run:
        print(*planned_change(registry, target, version), sep="\n")
        return 0
    settings = replace(settings, model=arguments.name, vertex=target)
    change = Change(version, getpass.getuser(), arguments.reason)
    served = let_serve(Context(lake, Path()), settings, change)
    print(f"{registry.name}: version {served.version} serves since {served.since}")
    if target is None:
        print("local servers use it after a restart")
    return 0
