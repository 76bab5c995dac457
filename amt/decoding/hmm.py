"""Hidden Markov models of the keys, two states each, silent and sounding: posteriors to notes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from amt.decoding.peaks import Decoder, Ends, check_posteriors
from amt.notes import NUM_KEYS, Notes

# As sure as half precision can say, which posteriors are kept in.
SUREST = 1e-3
# How many frames before its key is found to sound a note may have been struck.
EARLY_FRAMES = 2
MIDDLING = 0.5


@dataclass(frozen=True)
class StateDecoder:
    """Smooths each key's frames by its hidden Markov model, then cuts them into notes.

    attack, release: the probability that a silent key sounds in the next frame, and that a sounding
    one is silent then; one number a key (88), as counted in training notes. threshold: the frame
    posterior that speaks for neither; evidence: the weight of its log-odds, since frames that
    overlap tell much the same. A note begins where its key begins to sound, and where it is struck
    again: at peaks of the onset posterior from `onset_threshold` on. min_interval, min_duration: as
    in `amt.decoding.peaks.Decoder`.

    Poliner and Ellis divide the posterior by the prior, half for SVMs that learn from as many
    frames with a key as without; `threshold` is that prior, tuned.
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
        """Notes in `posteriors`: frame and onset, each (T, 88) in 0..1; all of middling velocity.

        They end where their sound does, whatever `ends` says: nothing here tells key from pedal.
        Raises ValueError where a target is missing, has another shape or holds NaN.
        """
        frame = posteriors.get("frame", torch.zeros(0))
        stand_in = {"offset": torch.zeros_like(frame), "velocity": torch.full_like(frame, MIDDLING)}
        given = {**stand_in, **posteriors}
        check_posteriors(given)
        sounds = self.states(frame)
        strikes = self._strikes(posteriors["onset"].float(), sounds)
        cutter = Decoder(
            onset_threshold=self.onset_threshold,
            min_interval=self.min_interval,
            min_duration=self.min_duration,
        )
        return cutter.decode({**given, "onset": strikes, "frame": sounds.float()}, frame_rate)

    def states(self, frame: Tensor) -> Tensor:
        """Whether each key sounds, (T, 88) booleans, for the posterior (T, 88) that it does."""
        odds = frame.float().clamp(SUREST, 1 - SUREST).logit()
        evidence = self.evidence * (odds - math.log(self.threshold / (1 - self.threshold)))
        attack, release = (
            torch.tensor(values, device=frame.device) for values in (self.attack, self.release)
        )
        return most_likely_states(evidence, attack, release)

    def _strikes(self, onset: Tensor, sounds: Tensor) -> Tensor:
        """The onset posterior where keys sound, which is least doubtful where they begin to."""
        before = torch.cat([torch.zeros_like(sounds[:1]), sounds[:-1]])
        soon = sounds.clone()
        for early in range(1, EARLY_FRAMES + 1):
            soon[:-early] |= sounds[early:]
        begins = (sounds & ~before) * self.onset_threshold
        return torch.maximum(onset * soon, begins)


def most_likely_states(evidence: Tensor, attack: Tensor, release: Tensor) -> Tensor:
    """Viterbi paths of all keys at once: whether each key sounds, (T, 88) booleans.

    evidence: (T, 88), log p(frame | sounding) - log p(frame | silent). attack, release: (88,), the
    probability of a silent key to sound in the next frame, and of a sounding one to be silent then,
    each below 0.5. All keys are silent before the first frame.

    Of two states only the difference of their log-likelihoods matters. A frame adds to it and clips
    it, and one such step after another is such a step again, so that all frames are composed in
    log2(T) rounds.
    """
    stay_on, stay_off = torch.log1p(-release), torch.log1p(-attack)
    begin, end = attack.log(), release.log()
    difference = _composed(
        evidence + (stay_on - stay_off), evidence + (begin - stay_off), evidence + (stay_on - end)
    )
    # Backwards: where the difference leaves it open, a frame is as the next one.
    on, off = difference > stay_off - end, difference < begin - stay_on
    on[-1:], off[-1:] = difference[-1:] > 0, difference[-1:] <= 0
    frame = torch.arange(len(evidence), device=evidence.device)[:, None]
    decided = torch.where(on | off, frame, len(evidence)).flip(0).cummin(0).values.flip(0)
    return on.gather(0, decided)


def _composed(step: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """The value (T, 88) after each frame, from minus infinity on, if frame t makes of a value x
    clip(x + step[t], lowest[t], highest[t]).

    Each round composes every frame with what came before it, twice as far back as in the last,
    until no value depends on what came earlier still.
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
