"""What is known of rhythm: how common each division of a beat is, and which of its places are used.

Counted in the scores of ASAP's training split (`experiments/score/score_counts.py`): the beats of
each hand by the smallest division that all its onsets fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# No place is used for certain, and none never.
LEAST = 0.015


@dataclass(frozen=True, eq=False)
class Rhythm:
    """Divisions of one kind of beat: their shares, and how often each of their places is used.

    shares: of all beats. after_note, after_none: of the beats of a division, those with an onset at
    each place, if the place before it has one, and if it has none; one number holds for all places.
    """

    shares: dict[int, float]
    after_note: dict[int, tuple[float, ...]]
    after_none: dict[int, tuple[float, ...]]

    def costs(self, division: int) -> np.ndarray:
        """Cost of two onsets in a row, a negative logarithm of probability: (D + 1, D + 1).

        Row 0 is for the first onset, row k + 1 for one after an onset at place k. The last column
        is for no further onset. What does not rise is infinite.
        """
        note, none = (
            np.clip(np.broadcast_to(np.array(own[division]), division), LEAST, 1 - LEAST)
            for own in (self.after_note, self.after_none)
        )
        passed = np.append(0.0, np.cumsum(-np.log(1 - none)))
        costs = np.full((division + 1, division + 1), np.inf)
        for row in range(division + 1):
            if row == division:
                costs[row, row] = 0.0
                continue
            following = none if row == 0 else note
            costs[row, row] = -np.log(following[row])
            left_out = -np.log(1 - following[row]) + passed[row + 1 :] - passed[row + 1]
            costs[row, row + 1 :] = left_out - np.append(np.log(none[row + 1 :]), 0.0)
        return costs


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
    after_note={
        1: (0.99,),
        2: (0.99,),
        3: (0.94, 0.98, 0.99),
        4: (0.91, 0.87, 0.93, 0.97),
        5: (0.91,),
        6: (0.85, 0.89, 0.98, 0.93, 0.96, 0.95),
        7: (0.75,),
        8: (0.82, 0.50, 0.98, 0.90, 0.97, 0.67, 0.98, 0.88),
        9: (0.60,),
        10: (0.80,),
        11: (0.80,),
        12: (0.78,),
        13: (0.80,),
        16: (0.59,),
        20: (0.50,),
        24: (0.32,),
        32: (0.40,),
    },
    after_none={
        1: (0.99,),
        2: (0.86, 0.99),
        3: (0.94, 0.87, 0.99),
        4: (0.91, 0.65, 0.57, 0.80),
        5: (0.80, 0.58, 0.58, 0.58, 0.58),
        6: (0.85, 0.52, 0.12, 0.90, 0.42, 0.43),
        7: (0.75,),
        8: (0.82, 0.43, 0.23, 0.35, 0.47, 0.09, 0.35, 0.80),
        9: (0.60,),
        10: (0.27,),
        11: (0.80,),
        12: (0.86, *[0.28] * 11),
        13: (0.80,),
        16: (0.66, *[0.27] * 15),
        20: (0.73, *[0.24] * 19),
        24: (0.95, *[0.32] * 23),
        32: (0.72, *[0.32] * 31),
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
    after_note={
        1: (0.99,),
        2: (0.99,),
        3: (0.88, 0.79, 0.96),
        4: (0.97,),
        5: (0.97,),
        6: (0.91, 0.77, 0.98, 0.94, 0.99, 0.85),
        7: (0.95,),
        9: (0.95,),
        12: (0.84, 0.62, 0.98, 0.89, 0.97, 0.63, 0.98, 0.77, 0.97, 0.63, 0.96, 0.88),
        24: (0.84,),
    },
    after_none={
        1: (0.99,),
        2: (0.90, 0.99),
        3: (0.88, 0.56, 0.99),
        4: (0.97,),
        5: (0.90,),
        6: (0.91, 0.36, 0.60, 0.79, 0.53, 0.74),
        7: (0.90, *[0.75] * 6),
        9: (0.94, *[0.33] * 8),
        12: (0.84, *[0.39] * 11),
        24: (0.95, *[0.10] * 23),
    },
)
DIVISIONS = tuple(sorted({*SIMPLE.shares, *COMPOUND.shares}))
