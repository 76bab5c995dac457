"""How many requests a client may send: token buckets, in memory.

slowapi and limits would be two more packages for these lines, and count by route decorators.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict

_MAX_BUCKETS = 20_000


class RateLimit:
    """A token bucket per key: `per_minute` requests a minute, as many at once."""

    def __init__(self, per_minute: float) -> None:
        self.capacity = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Count a request: 0, or the seconds to wait if it is one too many."""
        now = time.monotonic()
        tokens, since = self._buckets.pop(key, (self.capacity, now))
        tokens = min(self.capacity, tokens + (now - since) * self.capacity / 60)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        while len(self._buckets) > _MAX_BUCKETS:  # The longest unused, which are full again.
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - tokens) * 60 / self.capacity))
