"""Tune a decoder's thresholds for the best scores on validation pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Literal, TypeVar, get_args

import numpy as np
from torch import Tensor
from tqdm import tqdm

from amt.decoding.hmm import HmmDecoder
from amt.decoding.peaks import NO_OFFSET_PEAKS, Decoder
from amt.evaluation.evaluate import References, TranscriberLike
from amt.evaluation.metrics import OFFSET_RATIO, frame_scores, note_f1, pedal_scores
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes

ONSET_GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
END_GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
STEPS = (0.1, 0.05, 0.02, 0.01)
INTERVALS = (0.03, 0.05, 0.07)
EVIDENCE_GRID = (0.3, 0.5, 0.8, 1.2)
FRAME_GRID = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
HMM_ONSET_GRID = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)

# What is tuned: the thresholds of onsets, of the ends of sounds, of the pedal and key releases.
Part = Literal["onsets", "ends", "pedal"]
PARTS: tuple[Part, ...] = get_args(Part)
# Posteriors and reference notes of one piece.
Example = tuple[Mapping[str, Tensor], References]
# A decoder's `decode` without its frame rate: posteriors to notes.
Decode = Callable[..., Notes]
DecoderT = TypeVar("DecoderT", Decoder, HmmDecoder)
# The score of one piece, given its posteriors, its references and `Decode`.
Metric = Callable[[Mapping[str, Tensor], References, Decode], float]


def tuning_examples(
    transcriber: TranscriberLike,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    first_seconds: float | None = None,
    extend_sustain: bool = True,
) -> list[Example]:
    """The posteriors (on the CPU) and references of each recording, for `tune`.

    The arguments are those of `evaluate`.
    """
    examples: list[Example] = []
    for _, audio, reference in tqdm(recordings, desc="posteriors", unit="piece"):
        if first_seconds is not None:
            audio = audio[: round(first_seconds * SAMPLE_RATE)]
        posteriors = transcriber.posteriors(audio)
        on_cpu = {name: values.cpu() for name, values in posteriors.items()}
        examples.append((on_cpu, References.of(reference, first_seconds, extend_sustain)))
    return examples


def tune(
    examples: Sequence[Example],
    decoder: Decoder | HmmDecoder,
    frame_rate: float,
    parts: Sequence[Part] = PARTS,
) -> Decoder | HmmDecoder:
    """`decoder` with the thresholds that give the best scores on `examples` of `tuning_examples`.

    A search in stages, since a grid over all thresholds would take too long. Each stage maximises
    one score, averaged by piece:

    onsets    onset_threshold, min_interval        note_f1
    ends      frame_threshold, offset_threshold    note_offset_f1
    pedal     pedal_threshold                      pedal_f1
              release_threshold                    note_release_f1

    parts: those to tune; the pedal's only if the network has these outputs and some references
    contain the pedal. Of a `HmmDecoder`, always all: evidence and threshold on frame_f1, then
    onset_threshold on note_f1. Report final scores on other pieces than these. Raises ValueError
    without examples, and for parts that cannot be tuned alone or at all.
    """
    if not examples:
        raise ValueError("no examples to tune the decoder on; give at least one validation piece")
    with tqdm(desc="tune", unit="trial") as bar:
        if isinstance(decoder, HmmDecoder):
            if set(parts) != set(PARTS):
                raise ValueError("of a HmmDecoder all thresholds are tuned together; omit parts")
            return _tune_hmm(examples, decoder, frame_rate, bar)
        if "onsets" in parts:
            decoder = _tune_onsets(examples, decoder, frame_rate, bar)
        if "ends" in parts:
            decoder = _tune_ends(examples, decoder, frame_rate, bar)
        with_pedal = [e for e in examples if "pedal" in e[0] and e[1].key is not None]
        if not with_pedal and "pedal" in parts and set(parts) != set(PARTS):
            raise ValueError("parts=pedal: no example has a pedal in posteriors and reference")
        if with_pedal and "pedal" in parts:
            decoder = _tune_pedal(with_pedal, decoder, frame_rate, bar)
    return decoder


def _tune_onsets(
    examples: Sequence[Example], decoder: Decoder, frame_rate: float, bar: tqdm
) -> Decoder:
    onsets = _Search(examples, frame_rate, _note_f1, bar)
    decoder = onsets.best([replace(decoder, onset_threshold=value) for value in ONSET_GRID])
    for step in STEPS[1:]:
        decoder = onsets.around(decoder, "onset_threshold", step)
    return onsets.best([replace(decoder, min_interval=value) for value in INTERVALS])


def _tune_ends(
    examples: Sequence[Example], decoder: Decoder, frame_rate: float, bar: tqdm
) -> Decoder:
    ends = _Search(examples, frame_rate, _note_offset_f1, bar)
    decoder = ends.best(
        [
            replace(decoder, frame_threshold=frame, offset_threshold=offset)
            for frame, offset in product(END_GRID, (*END_GRID, NO_OFFSET_PEAKS))
        ]
    )
    for step in STEPS:
        for name in ("frame_threshold", "offset_threshold"):
            decoder = ends.around(decoder, name, step)
    return decoder


def _tune_pedal(
    examples: Sequence[Example], decoder: Decoder, frame_rate: float, bar: tqdm
) -> Decoder:
    metrics = {"pedal_threshold": _pedal_f1, "release_threshold": _note_release_f1}
    for name, metric in metrics.items():
        search = _Search(examples, frame_rate, metric, bar)
        decoder = search.best([replace(decoder, **{name: value}) for value in ONSET_GRID])
        for step in STEPS[1:]:
            decoder = search.around(decoder, name, step)
    return decoder


def _tune_hmm(
    examples: Sequence[Example], decoder: HmmDecoder, frame_rate: float, bar: tqdm
) -> HmmDecoder:
    states = _Search(examples, frame_rate, _frame_f1, bar)
    pairs = product(EVIDENCE_GRID, FRAME_GRID)
    decoder = states.best([replace(decoder, evidence=e, threshold=t) for e, t in pairs])
    onsets = _Search(examples, frame_rate, _note_f1, bar)
    return onsets.best([replace(decoder, onset_threshold=value) for value in HMM_ONSET_GRID])


def _frame_f1(posteriors: Mapping[str, Tensor], references: References, decode: Decode) -> float:
    return frame_scores(references.sound, decode(posteriors))["frame_f1"]


def _note_f1(posteriors: Mapping[str, Tensor], references: References, decode: Decode) -> float:
    return note_f1(references.sound, decode(posteriors))


def _note_offset_f1(
    posteriors: Mapping[str, Tensor], references: References, decode: Decode
) -> float:
    return note_f1(references.sound, decode(posteriors), OFFSET_RATIO)


def _pedal_f1(posteriors: Mapping[str, Tensor], references: References, decode: Decode) -> float:
    assert references.key is not None
    return pedal_scores(references.key, decode(posteriors, ends="key")).get("pedal_f1", 0.0)


def _note_release_f1(
    posteriors: Mapping[str, Tensor], references: References, decode: Decode
) -> float:
    assert references.key is not None
    return note_f1(references.key, decode(posteriors, ends="key"), OFFSET_RATIO)


@dataclass(frozen=True)
class _Search:
    """Finds the decoder with the highest mean of `metric` over the examples."""

    examples: Sequence[Example]
    frame_rate: float
    metric: Metric
    bar: tqdm

    def best(self, candidates: Sequence[DecoderT]) -> DecoderT:
        """The best of `candidates`; of several with the same score the middle one.

        The middle of a range of equal scores is the least likely to fail on other pieces.
        """
        scores = np.array([self._score(candidate) for candidate in candidates])
        winners = np.flatnonzero(scores == scores.max())
        self.bar.set_postfix(f1=f"{scores.max():.4f}")
        return candidates[winners[len(winners) // 2]]

    def around(self, decoder: Decoder, name: str, step: float) -> Decoder:
        """The best of `decoder` and two others, with threshold `name` one step lower and higher."""
        value = getattr(decoder, name)
        near = (round(value + change, 4) for change in (-step, 0, step))
        steps = (min(max(one, 0.01), NO_OFFSET_PEAKS) for one in near)
        return self.best([replace(decoder, **{name: changed}) for changed in steps])

    def _score(self, decoder: Decoder | HmmDecoder) -> float:
        self.bar.update()
        decode = partial(decoder.decode, frame_rate=self.frame_rate)
        return float(np.mean([self.metric(*example, decode) for example in self.examples]))
