"""Decides how a promised moment looks: how full its ring is and which tone it has, from the moment alone."""

from dataclasses import dataclass
from datetime import datetime

WHOLE_RING_SECONDS = 4 * 3600
WARN_SECONDS = 2 * 3600
DANGER_SECONDS = 48 * 60  # a fifth of the ring, as the design's ring turns red under 20 %


@dataclass(frozen=True)
class Promise:
    """`share`: 0 to 100, how much of the ring is left; `tone`: ok, warn, danger, over or paused."""

    share: int
    tone: str


def promise_of(when: datetime | None, *, now: datetime, paused: bool = False) -> Promise | None:
    """Return how the ring of a promised moment looks; None without a promise."""
    if when is None:
        return None
    left = (when - now).total_seconds()
    share = max(0, min(100, round(100 * left / WHOLE_RING_SECONDS)))
    if paused:
        return Promise(0, "paused")
    if left < 0:
        return Promise(100, "over")
    return Promise(share, "danger" if left < DANGER_SECONDS else "warn" if left < WARN_SECONDS else "ok")
