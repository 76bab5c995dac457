"""`amt feedback`: corrections that users of `amt app` saved, as training pairs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.lake_option import add_lake_option, open_given_lake
from amt.commands.options import file_or_folder

if TYPE_CHECKING:
    from amt.feedback.decision import Verdict
    from amt.feedback.pairs import Content, Pair

_NO_TEST = (
    "no pair is in the test share: whether a model got better on corrections cannot be measured, "
    "and `amt retrain` rejects it; correct more recordings, each new one may fall into that share"
)
_STATUSES = ("new", "changed", "review", "accepted", "rejected")


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "feedback",
        help="corrections saved on the page: check, accept, export them for training",
        description="Corrections that users of `amt app` saved are training pairs in the lake: a "
        "recording and its corrected notes. `check` decides on new ones, `export` writes the "
        "accepted ones into a folder, and `python train.py experiment=finetune "
        "paths.corrections=FOLDER` learns from them.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_list(verbs)
    _add_show(verbs)
    _add_check(verbs)
    _add_decisions(verbs)
    _add_export(verbs)


def _add_verb(verbs: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    add_lake_option(parser)
    parser.set_defaults(run=run)
    return parser


def _add_list(verbs: Any) -> None:
    parser = _add_verb(verbs, "list", _list, "show all pairs, a line each, the oldest first")
    option = parser.add_argument
    option("--only", choices=_STATUSES, help="pairs of this decision; new: not decided yet")


def _add_show(verbs: Any) -> None:
    about = "show one pair: what was found, and each note that was added, removed or changed"
    parser = _add_verb(verbs, "show", _show, about)
    _add_pair(parser)
    parser.add_argument(
        "--output",
        type=file_or_folder,
        metavar="DIR",
        help="also write pages with the recording and the notes, as transcribed and as corrected",
    )


def _add_check(verbs: Any) -> None:
    about = (
        "decide on all pairs: reject clear faults, accept where nothing is found, leave the rest "
        "for review; what you decided stays"
    )
    parser = _add_verb(verbs, "check", _check, about)
    option = parser.add_argument
    option("--again", action="store_true", help="check pairs that were checked before, too")
    for name, share in (("test", 0.2), ("validation", 0.1)):
        help = f"fraction of new recordings kept for {name}, never trained on (default: {share})"
        option(f"--{name}", type=_fraction, default=share, metavar="SHARE", help=help)


def _add_decisions(verbs: Any) -> None:
    for name, about in (
        ("accept", "accept pairs for training, whatever the check found"),
        ("reject", "leave pairs out of training, whatever the check found"),
        ("reset", "take back what you decided; the decision of the check counts again"),
    ):
        parser = _add_verb(verbs, name, _decide, about)
        _add_pair(parser, several=True)
        parser.set_defaults(verb=name)
        if name != "reset":
            parser.add_argument("--reason", default="", metavar="TEXT", help="why, for others")


def _add_export(verbs: Any) -> None:
    about = "write the accepted pairs into a folder for train.py; an earlier export is replaced"
    parser = _add_verb(verbs, "export", _export, about)
    parser.add_argument("folder", type=file_or_folder, metavar="FOLDER")


def _add_pair(parser: argparse.ArgumentParser, several: bool = False) -> None:
    text = "id of a pair, or its beginning"
    parser.add_argument("pairs", nargs="+" if several else 1, metavar="PAIR", help=text)


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a fraction, 0 to below 1")
    return value


def _list(arguments: argparse.Namespace) -> int:
    from amt.feedback.pairs import list_pairs
    from amt.feedback.tables import pair_table

    lake = open_given_lake(arguments)
    pairs = [one for one in list_pairs(lake) if arguments.only in (None, one.status)]
    if not pairs:
        what = f"no pair is {arguments.only}" if arguments.only else "no corrections yet"
        print(f"{lake.uri}: {what}")
        return 0
    print(*pair_table(pairs), sep="\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from amt.feedback.changes import compare_notes
    from amt.feedback.pairs import find_pair, read_pair
    from amt.feedback.tables import change_table, pair_text, unknown_changes

    lake = open_given_lake(arguments)
    pair = find_pair(lake, arguments.pairs[0])
    content = read_pair(lake, pair)
    # Before anything is printed, since `| head` closes the output.
    pages = _write_pages(arguments.output, pair, content) if arguments.output else []
    print(*pair_text(pair), sep="\n")
    if content.before is None:
        print(unknown_changes(content))
    else:
        print(*change_table(compare_notes(content.before, content.notes)), sep="\n")
    if pages:
        print(*pages, sep="\n")
    return 0


def _write_pages(folder: Path, pair: Pair, content: Content) -> list[Path]:
    """Write a page each of the notes as transcribed and as corrected, with the recording."""
    from amt.commands.options import make_output_folder
    from amt.inference.writers import load_player
    from amt.io.audio import load_bytes
    from amt.page.describe import describe, write_description
    from amt.score.notated import Notation

    make_output_folder(folder)
    pages, audio, player = [], load_bytes(content.audio), load_player(None)
    notation = Notation.beside(pair.model.get("name", ""))
    for kind, notes in (("transcribed", content.before), ("corrected", content.notes)):
        if notes is not None:
            path = folder / f"{pair.id}-{kind}.html"
            description = describe(notes, audio, player, f"notes as {kind}", notation)
            write_description(path, description, f"{pair.recording}, {kind}")
            pages.append(path)
    return pages


def _check(arguments: argparse.Namespace) -> int:
    from amt.feedback.check import Shares, check_pairs

    shares = Shares(arguments.test, arguments.validation)
    counts = dict.fromkeys(("accepted", "rejected", "review"), 0)
    for pair, decision in check_pairs(open_given_lake(arguments), None, shares, arguments.again):
        counts[decision.decision] += 1
        by = "" if decision.by == "check" else " by you"
        print(f"{pair.id}: {decision.decision}{by}: {decision.reason}")
        if decision.by == "user":
            for finding in decision.findings:
                print(f"{pair.id}: found: {finding.text}")
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    if counts["review"]:
        print("next: amt feedback show PAIR, then accept or reject it")
    return 0


def _decide(arguments: argparse.Namespace) -> int:
    from amt.feedback.check import decide, take_back

    lake = open_given_lake(arguments)
    for pair in arguments.pairs:
        if arguments.verb == "reset":
            done = take_back(lake, pair)
        else:
            verdict: Verdict = "accepted" if arguments.verb == "accept" else "rejected"
            done = decide(lake, pair, verdict, arguments.reason or "your decision")
        print(f"{done.pair}: {done.decision}: {done.reason}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from amt.feedback.export import export_pairs

    snapshot = export_pairs(open_given_lake(arguments), arguments.folder)
    print(snapshot)
    if not any(pair.split == "test" for pair in snapshot.pairs):
        print(_NO_TEST)
    given = f"init=base paths.corrections={arguments.folder} data=corrections_synthetic"
    print(f"next: python train.py experiment=finetune {given}")
    return 0
