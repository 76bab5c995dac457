"""Which hand plays each note."""

from __future__ import annotations

import numpy as np

from amt.analysis.symbolic.metrical import DEFAULT_WEIGHTS, WEIGHTS
from amt.notes import Notes
from amt.score.hand_division import divided


def right_hand(notes: Notes, weights: str = DEFAULT_WEIGHTS) -> np.ndarray:
    """Whether each note is of the right hand: (N,). Its offsets are where keys are released.

    weights: "asap": the network `amt.score.hand_network`, trained on ASAP (CC BY-NC-SA 4.0);
    "open": the dividing pitch of `amt.score.hand_division`. The names are those of the networks for
    beats, so that one choice holds for all. Raises ValueError for others.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"no hands are called {weights!r}; use one of {', '.join(WEIGHTS)}")
    if weights == "open" or not len(notes):
        return divided(notes)
    # Imported here, since torch takes a second that a score without the network need not wait for.
    from amt.score.hand_posteriors import hand_logits, load_hand_network

    return hand_logits(notes, load_hand_network(weights)) > 0
