"""Posteriors to notes with a hidden Markov model per key, with two states: silent and sounding.

After Poliner and Ellis 2007, "A Discriminative Model for Polyphonic Piano Transcription". Written
by hand because hmmlearn learns emission models and takes one sequence at a time; here the emissions
are posteriors of a classifier, and the Viterbi paths of 88 keys are computed together in torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from amt.decoding.peaks import Decoder, Ends, check_posteriors
from amt.notes import NUM_KEYS, Notes

# Posteriors are limited to 0.001..0.999, about the resolution of half precision near 1, in which
# they are stored; the logit of 0 or 1 would be infinite.
MIN_PROBABILITY = 1e-3
# An onset may lie this many frames before the key's state changes to sounding.
ONSET_LEAD_FRAMES = 2
# These classifiers do not estimate velocity: all notes get 64.
NEUTRAL_VELOCITY = 0.5


@dataclass(frozen=True)
class HmmDecoder:
    """Smooths the frame posteriors of each key with an HMM, then divides them into notes.

    attack, release: transition probabilities from silent to sounding and from sounding to silent
    between two frames, one per key (88), counted in the training notes.
    threshold: the frame posterior that is no evidence for either state.
    evidence: factor on the log-odds of the frame posterior. Below 1, since analysis windows of
    successive frames overlap, so that frames are not the independent observations of an HMM.
    onset_threshold: a note begins where the state changes to sounding, and at peaks of the onset
    posterior of at least this height, which divide repeated notes.
    min_interval, min_duration: as in `amt.decoding.peaks.Decoder`.

    An HMM needs likelihoods p(frame | state). Poliner and Ellis get them by dividing the posterior
    by the prior, 0.5 for SVMs trained on as many frames with a note as without. Here `threshold`
    has the part of that prior and is tuned on validation pieces.
    """

    attack: Sequence[float]
    release: Sequence[float]
    threshold: float = 0.25
    evidence: float = 0.8
    onset_threshold: float = 0.2
    min_interval: float = 0.07
    min_duration: float = 0.03

    def __post_init__(self) -> None:
        for name, values in (("attack", self.attack), ("release", self.release)):
            if len(values) != NUM_KEYS or not all(0 < value < 0.5 for value in values):
                raise ValueError(f"{name}: expected {NUM_KEYS} probabilities between 0 and 0.5")

    def decode(
        self, posteriors: Mapping[str, Tensor], frame_rate: float, ends: Ends = "sound"
    ) -> Notes:
        """Notes in `posteriors` (frame and onset, each (T, 88) in 0..1), all of velocity 64.

        They end where their sound ends, also with ends="key", since these posteriors do not tell
        the pedal from held keys. Raises ValueError if one is missing, has another shape or contains
        NaN.
        """
        frame = posteriors.get("frame", torch.zeros(0))
        defaults = {
            "offset": torch.zeros_like(frame),
            "velocity": torch.full_like(frame, NEUTRAL_VELOCITY),
        }
        complete = {**defaults, **posteriors}
        check_posteriors(complete)
        sounding = self.states(frame)
        onset = self._onsets(posteriors["onset"].float(), sounding)
        peak_decoder = Decoder(
            onset_threshold=self.onset_threshold,
            min_interval=self.min_interval,
            min_duration=self.min_duration,
        )
        smoothed = {**complete, "onset": onset, "frame": sounding.float()}
        return peak_decoder.decode(smoothed, frame_rate)

    def states(self, frame: Tensor) -> Tensor:
        """Whether each key sounds, (T, 88) booleans, given its frame posteriors (T, 88)."""
        odds = frame.float().clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY).logit()
        evidence = self.evidence * (odds - math.log(self.threshold / (1 - self.threshold)))
        attack, release = (
            torch.tensor(values, device=frame.device) for values in (self.attack, self.release)
        )
        return most_likely_states(evidence, attack, release)

    def _onsets(self, onset: Tensor, sounding: Tensor) -> Tensor:
        """The onset posterior (T, 88), zero where the key does not sound now or within
        `ONSET_LEAD_FRAMES`, and at least `onset_threshold` where it begins to sound."""
        previous = torch.cat([torch.zeros_like(sounding[:1]), sounding[:-1]])
        allowed = sounding.clone()
        for lead in range(1, ONSET_LEAD_FRAMES + 1):
            allowed[:-lead] |= sounding[lead:]
        begins = (sounding & ~previous) * self.onset_threshold
        return torch.maximum(onset * allowed, begins)


def most_likely_states(evidence: Tensor, attack: Tensor, release: Tensor) -> Tensor:
    """Viterbi paths of all keys at once: whether each key sounds, (T, 88) booleans.

    evidence: (T, 88), log p(frame | sounding) - log p(frame | silent). attack, release: (88,),
    transition probabilities, each below 0.5. All keys are silent before the first frame.

    With two states, Viterbi's algorithm only needs the difference d of the log-likelihoods of the
    best paths that end in either state. The step to the next frame,

        d' = evidence + max(d + log(1 - release), log attack)
                      - max(d + log release, log(1 - attack)),

    adds a constant to d and clips the sum to an interval. Two such steps in succession again add
    and clip. So all steps can be composed in log2(T) rounds instead of T, as in a parallel prefix
    sum, which takes a fraction of the time in torch.
    """
    stay_on, stay_off = torch.log1p(-release), torch.log1p(-attack)
    begin, end = attack.log(), release.log()
    difference = _composed(
        evidence + (stay_on - stay_off), evidence + (begin - stay_off), evidence + (stay_on - end)
    )
    # Tracing back: a frame is sounding (or silent) if that is the better predecessor of both states
    # of the next frame; otherwise it is in the same state as the next frame.
    on, off = difference > stay_off - end, difference < begin - stay_on
    on[-1:], off[-1:] = difference[-1:] > 0, difference[-1:] <= 0
    frame = torch.arange(len(evidence), device=evidence.device)[:, None]
    decided = torch.where(on | off, frame, len(evidence)).flip(0).cummin(0).values.flip(0)
    return on.gather(0, decided)


def _composed(step: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """The values x[t] (T, 88) of x[t] = clip(x[t - 1] + step[t], lowest[t], highest[t]), where
    x[-1] is minus infinity.

    Each round composes the steps of a frame with those that precede them, over twice the distance
    of the last round, until no value depends on earlier frames (lowest equals highest).
    """
    distance = 1
    while distance < len(step) and bool((lowest < highest).any()):
        add, low, high = step[distance:], lowest[distance:], highest[distance:]
        step, lowest, highest = (
            torch.cat([step[:distance], step[:-distance] + add]),
            torch.cat([lowest[:distance], (lowest[:-distance] + add).clamp(low, high)]),
            torch.cat([highest[:distance], (highest[:-distance] + add).clamp(low, high)]),
        )
        distance *= 2
    return lowest
