"""Threshold tuning: the decoder settings with the best scores on validation pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TypeVar

import numpy as np
from torch import Tensor
from tqdm import tqdm

from amt.decoding.hmm import StateDecoder
from amt.decoding.peaks import Decoder
from amt.evaluation.evaluate import References, TranscriberLike
from amt.evaluation.metrics import OFFSET_RATIO, frame_scores, note_f1, pedal_scores
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes

ONSET_GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
END_GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
STEPS = (0.1, 0.05, 0.02, 0.01)
INTERVALS = (0.03, 0.05, 0.07)
EVIDENCE_GRID = (0.3, 0.5, 0.8, 1.2)
STATE_GRID = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
STRIKE_GRID = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
NO_OFFSET_PEAKS = 1.1

# Posteriors and references of a recording; posteriors to notes; a score of both.
Example = tuple[Mapping[str, Tensor], References]
Decoding = Callable[..., Notes]
AnyDecoder = TypeVar("AnyDecoder", Decoder, StateDecoder)
Measure = Callable[[Mapping[str, Tensor], References, Decoding], float]


def tuning_examples(
    transcriber: TranscriberLike,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    first_seconds: float | None = None,
    extend_sustain: bool = True,
) -> list[Example]:
    """What `tune` needs of each recording: its posteriors, on the CPU, and its references."""
    found: list[Example] = []
    for _, audio, reference in tqdm(recordings, desc="posteriors", unit="piece"):
        if first_seconds is not None:
            audio = audio[: round(first_seconds * SAMPLE_RATE)]
        posteriors = transcriber.posteriors(audio)
        on_cpu = {name: values.cpu() for name, values in posteriors.items()}
        found.append((on_cpu, References.of(reference, first_seconds, extend_sustain)))
    return found


def tune(
    examples: Sequence[Example], decoder: Decoder | StateDecoder, frame_rate: float
) -> Decoder | StateDecoder:
    """`decoder` with the thresholds that suit `examples` of `tuning_examples` best.

    In stages, each on a mean by piece: what decides about onsets on note_f1, then the two ways in
    which a note's sound ends on note_offset_f1; then, where some examples hold pedal movements and
    the network hears them, the pedal on pedal_f1 and the keys on note_release_f1. Of a decoder of
    states, what decides about these on frame_f1, then onsets on note_f1. Final scores must come
    from other pieces.
    """
    if not examples:
        raise ValueError("no examples to tune the decoder on; give at least one validation piece")
    with tqdm(desc="tune", unit="trial") as bar:
        if isinstance(decoder, StateDecoder):
            return _tune_states(examples, decoder, frame_rate, bar)
        decoder = _tune_notes(examples, decoder, frame_rate, bar)
        pedalled = [e for e in examples if "pedal" in e[0] and e[1].key is not None]
        if pedalled:
            for name, measure in (("pedal_threshold", _pedal), ("release_threshold", _release)):
                search = _Search(pedalled, frame_rate, measure, bar)
                decoder = search.best([replace(decoder, **{name: v}) for v in ONSET_GRID])
                for step in STEPS[1:]:
                    decoder = search.around(decoder, name, step)
    return decoder


def _tune_notes(
    examples: Sequence[Example], decoder: Decoder, frame_rate: float, bar: tqdm
) -> Decoder:
    onsets = _Search(examples, frame_rate, _note, bar)
    decoder = onsets.best([replace(decoder, onset_threshold=value) for value in ONSET_GRID])
    for step in STEPS[1:]:
        decoder = onsets.around(decoder, "onset_threshold", step)
    decoder = onsets.best([replace(decoder, min_interval=value) for value in INTERVALS])
    ends = _Search(examples, frame_rate, _note_offset, bar)
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


def _tune_states(
    examples: Sequence[Example], decoder: StateDecoder, frame_rate: float, bar: tqdm
) -> StateDecoder:
    states = _Search(examples, frame_rate, _frame, bar)
    pairs = product(EVIDENCE_GRID, STATE_GRID)
    decoder = states.best([replace(decoder, evidence=e, threshold=t) for e, t in pairs])
    onsets = _Search(examples, frame_rate, _note, bar)
    return onsets.best([replace(decoder, onset_threshold=value) for value in STRIKE_GRID])


def _frame(posteriors: Mapping[str, Tensor], references: References, how: Decoding) -> float:
    return frame_scores(references.sound, how(posteriors))["frame_f1"]


def _note(posteriors: Mapping[str, Tensor], references: References, how: Decoding) -> float:
    return note_f1(references.sound, how(posteriors))


def _note_offset(posteriors: Mapping[str, Tensor], references: References, how: Decoding) -> float:
    return note_f1(references.sound, how(posteriors), OFFSET_RATIO)


def _pedal(posteriors: Mapping[str, Tensor], references: References, how: Decoding) -> float:
    assert references.key is not None
    return pedal_scores(references.key, how(posteriors, ends="key")).get("pedal_f1", 0.0)


def _release(posteriors: Mapping[str, Tensor], references: References, how: Decoding) -> float:
    assert references.key is not None
    return note_f1(references.key, how(posteriors, ends="key"), OFFSET_RATIO)


@dataclass(frozen=True)
class _Search:
    """Looks for the decoder with the best mean of `measure` over the examples."""

    examples: Sequence[Example]
    frame_rate: float
    measure: Measure
    bar: tqdm

    def best(self, candidates: Sequence[AnyDecoder]) -> AnyDecoder:
        """The best of `candidates`; of several equally good ones the middle, as the safest."""
        scores = np.array([self._score(candidate) for candidate in candidates])
        winners = np.flatnonzero(scores == scores.max())
        self.bar.set_postfix(f1=f"{scores.max():.4f}")
        return candidates[winners[len(winners) // 2]]

    def around(self, decoder: Decoder, name: str, step: float) -> Decoder:
        """The best of `decoder` and the two whose threshold `name` is one step lower or higher."""
        value = getattr(decoder, name)
        steps = (max(round(value + change, 4), 0.01) for change in (-step, 0, step))
        return self.best([replace(decoder, **{name: changed}) for changed in steps])

    def _score(self, decoder: Decoder | StateDecoder) -> float:
        self.bar.update()
        how = partial(decoder.decode, frame_rate=self.frame_rate)
        return float(np.mean([self.measure(*example, how) for example in self.examples]))
