"""What is known of rhythm: how common each division of a beat is, and which of its places are used.

Counted in the scores of ASAP's training split (`experiments/score/score_counts.py`): the beats of
each hand by the smallest division that all its onsets fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rhythm:
    """Divisions of one kind of beat: their shares, and how often each of their places is used.

    shares: of all beats. used: of the beats of a division, those with an onset at each place.
    """

    shares: dict[int, float]
    used: dict[int, tuple[float, ...]]

    def places(self, division: int) -> np.ndarray:
        """Probability of an onset at each place of a division: (division,)."""
        return np.broadcast_to(np.array(self.used[division]), division)


SIMPLE = Rhythm(
    shares={
        1: 0.278,
        2: 0.275,
        3: 0.071,
        4: 0.301,
        5: 0.0008,
        6: 0.033,
        7: 0.0004,
        8: 0.032,
        9: 0.0002,
        10: 0.0008,
        11: 0.0002,
        12: 0.0024,
        13: 0.0002,
        16: 0.0026,
        20: 0.0003,
        24: 0.0011,
        32: 0.0002,
    },
    used={
        1: (0.99,),
        2: (0.86, 0.99),
        3: (0.94, 0.96, 0.97),
        4: (0.90, 0.84, 0.88, 0.94),
        5: (0.86,),
        6: (0.84,),
        7: (0.75,),
        8: (0.80, 0.42, 0.52, 0.60, 0.74, 0.49, 0.62, 0.79),
        9: (0.60,),
        10: (0.60,),
        11: (0.80,),
        12: (0.52,),
        13: (0.80,),
        16: (0.33,),
        20: (0.60,),
        24: (0.32,),
        32: (0.40,),
    },
)
COMPOUND = Rhythm(
    shares={
        1: 0.194,
        2: 0.001,
        3: 0.554,
        4: 0.0064,
        5: 0.0004,
        6: 0.197,
        7: 0.0008,
        9: 0.022,
        12: 0.0123,
        24: 0.0027,
    },
    used={
        1: (0.99,),
        2: (0.90, 0.99),
        3: (0.86, 0.76, 0.96),
        4: (0.97,),
        5: (0.97,),
        6: (0.90, 0.73, 0.87, 0.91, 0.93, 0.82),
        7: (0.85,),
        9: (0.87,),
        12: (0.57,),
        24: (0.30,),
    },
)
DIVISIONS = tuple(sorted({*SIMPLE.shares, *COMPOUND.shares}))
