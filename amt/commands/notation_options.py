"""Command-line options for beats: the tempo of MIDI files, straight notes, the network."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from amt.score.notated import Notation

# Beats a minute that --tempo takes.
SLOWEST, FASTEST = 10.0, 500.0


def add_notation_options(parser: argparse.ArgumentParser, usual: str) -> None:
    """Add --tempo, --quantize and --beats. usual: what --tempo is without --quantize."""
    from amt.analysis.symbolic.metrical import WEIGHTS

    add = parser.add_argument
    add(
        "--tempo",
        type=tempo_or_map,
        metavar="map|BPM",
        help="tempo of MIDI files, in which every note keeps its time: map follows the beats that "
        "are found, so that bars line up; a number is one tempo for all (default: "
        f"{usual})",
    )
    add(
        "--quantize",
        action="store_true",
        help="MIDI files with straight notes on the grid of the beats, at one steady tempo; of "
        "amt transcribe tables, piano rolls and audio, too",
    )
    add(
        "--beats",
        choices=WEIGHTS,
        help="how beats and hands are found: asap, by networks trained on performances "
        "(non-commercial, CC BY-NC-SA), or open, without them: a network for beats trained on "
        "invented pieces, a pitch that divides the hands (default: open with --model open and with "
        "checkpoints, or else asap)",
    )


def tempo_or_map(text: str) -> float | Literal["map"]:
    """Parse `map` or beats a minute."""
    if text == "map":
        return "map"
    try:
        tempo = float(text)
    except ValueError:
        tempo = 0.0
    if not SLOWEST <= tempo <= FASTEST:
        between = f"{SLOWEST:g} to {FASTEST:g} beats a minute"
        raise argparse.ArgumentTypeError(f"expected map or {between}, got {text!r}")
    return tempo


def check_notation_has_effect(arguments: argparse.Namespace, quantized: Collection[str]) -> None:
    """Raise ValueError for an option of MIDI files where no file that is asked for follows it.

    quantized: formats whose notes --quantize moves; only these and mid can follow --tempo.
    """
    with_tempo = quantized if arguments.quantize else ("mid",)
    for name, formats in (("quantize", quantized), ("tempo", with_tempo)):
        if getattr(arguments, name) and set(formats).isdisjoint(arguments.format):
            asked = ",".join(arguments.format)
            raise ValueError(f"--{name}: has no effect on {asked}; add mid to --format")


def chosen_notation(arguments: argparse.Namespace, usual: Literal["map", "certain"]) -> Notation:
    """How notes are written, by the options. Raises ValueError where they exclude each other.

    usual: the tempo where none is given and notes are not moved.
    """
    from amt.analysis.symbolic.metrical import weights_beside
    from amt.score.notated import Notation

    if arguments.quantize and arguments.tempo == "map":
        raise ValueError("--quantize: has one steady tempo; leave out --tempo map")
    # Nothing is known of the licence of a checkpoint: it is joined by what anyone may use.
    model = "open" if getattr(arguments, "ckpt", None) else getattr(arguments, "model", None)
    weights = arguments.beats or weights_beside(model)
    tempo = arguments.tempo or (None if arguments.quantize else usual)
    return Notation(tempo, arguments.quantize, weights)
