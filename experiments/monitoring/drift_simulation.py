"""How soon drift is seen, how often it is seen where there is none, and how well F1 is estimated.

python experiments/monitoring/drift_simulation.py MIDI_FOLDER --pianos FOLDER ... --rooms FILE ...
    --hall FILE --voices FILE ... --real FOLDER --cache DIR

Excerpts of 15 to 60 s are rendered and transcribed once (`excerpts.py`; hours of audio: minutes on
two cores) and their numbers kept in DIR. Half of the pieces make the profile, the others are what
comes in. Windows are drawn from them with replacement, 10,000 recordings without a change for each
size of window, and TRIALS windows of every drift.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from drifts import Drift, detuned, everyday, hall, noisy, organ, quieter, speech_like
from excerpts import Excerpt, Studio, made_up_excerpts, real_excerpts, rendered_excerpts
from measured import Measured, measure_excerpts
from sklearn.isotonic import IsotonicRegression

from amt.inference.transcriber import Transcriber
from amt.monitoring.comparison import compare
from amt.monitoring.profile import Profile, make_profile

EACH, EACH_REAL, EACH_DRIFTED, MADE_UP = 8, 3, 2, 40
SIZES = (25, 50, 100, 200)
RECORDINGS = 10_000
TRIALS = 20
WINDOWS = 10  # compared in one report: p-values are adjusted for all of them


def main(words: Sequence[str]) -> None:
    options = _parser().parse_args(words)
    torch.set_num_threads(options.threads)
    reference, incoming, drifted = measured_sets(options)
    numbers = [one.numbers for one in reference]
    profile = make_profile(
        numbers,
        options.model,
        "",
        "half of the pieces",
        [one.f1 for one in reference],
        leave_out=("seconds",),
        pieces=[one.piece for one in reference],
    )
    pieces = [len({one.piece for one in group}) for group in (reference, incoming)]
    print(f"profile: {len(reference)} excerpts of {pieces[0]} pieces; ", end="")
    print(f"incoming: {len(incoming)} of {pieces[1]} others")
    rng = np.random.default_rng(0)
    false_alarms(profile, incoming, rng)
    detections(profile, drifted, rng)
    f1_errors(profile, reference, {"no drift": incoming, **drifted})


def measured_sets(
    options: argparse.Namespace,
) -> tuple[list[Measured], list[Measured], dict[str, list[Measured]]]:
    """What makes the profile, what comes in, and what comes in under each drift."""
    transcriber = Transcriber.from_pretrained(options.model)
    paths = sorted(options.performances.rglob("*.mid*"))
    studio = cache(lambda: Studio.load(options.pianos, options.rooms))
    options.cache.mkdir(parents=True, exist_ok=True)

    def measured(name: str, make: Callable[[], Iterable[Excerpt]]) -> list[Measured]:
        path = options.cache / f"{options.model}_{name}.jsonl"
        return measure_excerpts(transcriber, make, path)

    reference = measured("valA", lambda: rendered_excerpts(paths[::2], EACH, studio(), 0))
    incoming = measured("valB", lambda: rendered_excerpts(paths[1::2], EACH, studio(), 0))
    if options.real:
        real = measured("real", lambda: real_excerpts(options.real, EACH_REAL, 0))
        half = sorted({one.piece for one in real})[::2]
        reference += [one for one in real if one.piece in half]
        incoming += [one for one in real if one.piece not in half]
    drifted = {
        name: measured(f"drift_{name}", partial(_changed, drift, paths[1::2], studio))
        for name, drift in _drifts(options).items()
    }
    drifted["madeup"] = measured("drift_madeup", lambda: made_up_excerpts(MADE_UP, studio(), 3))
    return reference, incoming, drifted


def _drifts(options: argparse.Namespace) -> dict[str, Drift]:
    drifts: dict[str, Drift] = {"quieter14": quieter(14), "hall": hall(options.hall)}
    drifts |= {"flat40": detuned(-40), "organ": organ, "noise10": noisy(10), "speech": speech_like}
    return drifts | ({"voices": everyday(options.voices)} if options.voices else {})


def _changed(
    drift: Drift, paths: Sequence[Path], studio: Callable[[], Studio]
) -> Iterator[Excerpt]:
    for number, excerpt in enumerate(rendered_excerpts(paths, EACH_DRIFTED, studio(), 3)):
        yield drift(excerpt, np.random.default_rng(number))


def false_alarms(profile: Profile, incoming: Sequence[Measured], rng: np.random.Generator) -> None:
    """Verdicts of successive windows of RECORDINGS recordings without a change."""
    print(f"\nno drift, {RECORDINGS} recordings\nwindow  windows  watch  alarm  largest AUC")
    for size in SIZES:
        found = [
            compare(profile, _draw(incoming, size, rng), windows=WINDOWS)
            for _ in range(RECORDINGS // size)
        ]
        verdicts = [one.verdict for one in found]
        highest = max(one.auc for one in found)
        counts = f"{verdicts.count('watch'):7}{verdicts.count('alarm'):7}"
        print(f"{size:6}{len(found):9}{counts}{highest:13.2f}")
        _print_reasons([reason for one in found for reason in one.reasons])


def _print_reasons(reasons: Sequence[str]) -> None:
    heads = [" ".join(reason.split(" by ")[0].split()[:6]) for reason in reasons]
    for head in sorted(set(heads), key=heads.count, reverse=True)[:4]:
        print(f"          {heads.count(head)} x {head}")


def detections(
    profile: Profile, drifted: dict[str, list[Measured]], rng: np.random.Generator
) -> None:
    """In how many of TRIALS windows each drift is seen, and what moved most."""
    head = "".join(f"{size:>8}" for size in SIZES)
    print(f"\nalarms (watch or alarm) in % of {TRIALS} windows of\n{'':18}{head}  moved most")
    for name, found in drifted.items():
        cells, words = "", ""
        for size in SIZES:
            one = [compare(profile, _draw(found, size, rng), 0, WINDOWS) for _ in range(TRIALS)]
            alarm = np.mean([c.verdict == "alarm" for c in one])
            either = np.mean([c.verdict != "ok" for c in one])
            cells += f"{f'{100 * alarm:.0f} ({100 * either:.0f})':>10}"
            words = "; ".join(shift.text for shift in one[-1].shifts[:3])
        print(f"{name:18}{cells}  {words}")


def f1_errors(
    profile: Profile, reference: Sequence[Measured], sets: dict[str, list[Measured]]
) -> None:
    """Estimated against true note F1: means of the sets, and mean absolute error of a recording."""
    calibration = profile.f1
    assert calibration
    known = [(one.numbers.expected_f1, one.f1) for one in reference if one.f1 is not None]
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(*zip(*known, strict=True))
    print(f"\nerror in cross-validation: {calibration.error:.3f}")
    print(f"{'F1':18}   true  estimated  error  isotonic  error")
    for name, found in sets.items():
        pairs = [
            (one.f1, calibration.estimate(one.numbers), one.numbers.expected_f1)
            for one in found
            if one.f1 is not None and one.numbers.expected_f1 is not None
        ]
        if not pairs:
            print(f"{name:18}      -   {_estimate_without_notes(profile, found)}")
            continue
        true, linear, expected = (
            np.array(column, dtype=float) for column in zip(*pairs, strict=True)
        )
        other = isotonic.predict(expected)
        errors = [np.abs(guess - true).mean() for guess in (linear, other)]
        print(
            f"{name:18}{true.mean():7.3f}{linear.mean():11.3f}{errors[0]:7.3f}"
            f"{other.mean():10.3f}{errors[1]:7.3f}"
        )


def _estimate_without_notes(profile: Profile, found: Sequence[Measured]) -> str:
    assert profile.f1
    known = [v for one in found if (v := profile.f1.estimate(one.numbers)) is not None]
    return f"estimated {np.mean(known):.3f}" if known else "none estimated"


def _draw(found: Sequence[Measured], size: int, rng: np.random.Generator) -> list:
    """Recordings with replacement; without, where there are enough."""
    chosen = rng.choice(len(found), size, replace=size > len(found))
    return [found[index].numbers for index in chosen]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("performances", type=Path, help="folder of MIDI files on which the model was not trained")
    add("--pianos", type=Path, nargs="+", required=True, help="folders of sampled pianos")
    add("--rooms", type=Path, nargs="*", default=[], help="impulse responses of usual rooms")
    add("--hall", type=Path, required=True, help="impulse response of a hall")
    add("--voices", type=Path, nargs="*", default=[], help="sounds of voices")
    add("--real", type=Path, help="folder of real recordings with note tables")
    add("--model", default="fast")
    add("--cache", type=Path, default=Path("monitoring"), help="folder for the numbers")
    add("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
