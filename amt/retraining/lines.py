"""What is printed of a run: a line for each step, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from amt.retraining.runs import Result, Run, outcome


def step_line(run: Run, step: str, result: Result) -> str:
    """What a step did, one line; of the gate one for each set."""
    return f"{run.id}: {step}: {_LINES[step](result)}"


def ended_line(run: Run, results: Mapping[str, Result]) -> str:
    """How a run ended, and why."""
    ended = outcome(dict(results))
    if ended == "skipped":
        found = results["validate"]
        why = f"{len(found['accepted'])} new pairs accepted, {found['to_train']} pairs to train on"
        return f"{run.id}: skipped: {why}"
    if ended == "rejected":
        failed = [one["set"] for one in results["gate"]["verdicts"] if not one["passed"]]
        stays = f"version {results['collect']['parent']} stays"
        return f"{run.id}: rejected by the gate ({', '.join(failed)}); {stays}"
    version = results["promote"]["version"]
    if ended == "back":
        reasons = "; ".join(results["promote"]["reasons"])
        stays = f"version {results['collect']['parent']} stays"
        return f"{run.id}: version {version} was taken back: {reasons}; {stays}"
    return f"{run.id}: version {version} serves now"


def run_line(run: Run, results: Mapping[str, Result]) -> str:
    """A run in one line, for a list."""
    over = outcome(dict(results))
    state = ended_line(run, results) if over else f"{run.id}: not over, {list(results)[-1]} is done"
    return f"{state} ({results['collect']['settings']['model']})"


def _collected(result: Result) -> str:
    return (
        f"{len(result['new'])} new pairs, {len(result['known'])} of runs before; the current "
        f"version is {result['parent']}"
    )


def _validated(result: Result) -> str:
    others = Counter(result["others"].values())
    rest = "".join(f", {count} {status}" for status, count in sorted(others.items()))
    return f"{len(result['accepted'])} new pairs accepted{rest}"


def _prepared(result: Result) -> str:
    seconds: Counter[str] = Counter()
    for pair in result["pairs"]:
        seconds[pair["split"]] += pair["seconds"]
    minutes = ", ".join(f"{value / 60:.1f} {split}" for split, value in seconds.items())
    return f"{len(result['pairs'])} pairs, minutes: {minutes}"


def _trained(result: Result) -> str:
    return f"{result['seconds']:.0f} s"


def _evaluated(result: Result) -> str:
    return ", ".join(f"{name} {len(both['new'])} pieces" for name, both in result["rows"].items())


def _judged(result: Result) -> str:
    lines = [verdict["line"] for verdict in result["verdicts"]]
    return "\n".join([f"{'passed' if result['passed'] else 'FAILED'}", *(f"  {x}" for x in lines)])


def _registered(result: Result) -> str:
    return f"version {result['version']}"


def _deployed(result: Result) -> str:
    if result["endpoint"] is None:
        return "no endpoint in the settings: the registry's current version is what serves"
    return f"deployed model {result['deployed']} on endpoint {result['endpoint']}"


def _compared(result: Result) -> str:
    if result["reasons"]:
        return f"against the new version: {'; '.join(result['reasons'])}"
    both = f"{_numbers(result['current'])} -> {_numbers(result['new'])}"
    return f"nothing against the new version: {both}"


def _numbers(observed: Result) -> str:
    certain = observed["certainty"]
    certainty = "" if certain is None else f", certainty {certain:.3f}"
    errors = f"{observed['errors']} of {observed['requests']} failed"
    return f"({errors}, median {observed['median_seconds']:.2f} s{certainty})"


def _promoted(result: Result) -> str:
    return f"version {result['version']} {'serves' if result['promoted'] else 'was taken back'}"


_LINES: Mapping[str, Callable[[Result], str]] = {
    "collect": _collected,
    "validate": _validated,
    "prepare": _prepared,
    "train": _trained,
    "evaluate": _evaluated,
    "gate": _judged,
    "register": _registered,
    "deploy": _deployed,
    "compare": _compared,
    "promote": _promoted,
}
