"""The rule that AWS documents for its Managed Service for Apache Flink: double after a quarter of an hour of high load,
halve after six hours of low load."""

import math
from dataclasses import dataclass
from typing import Optional

MINUTE = 60_000
"""In milliseconds."""

DEFAULTS = {
    "threshold.high": 0.75,
    "threshold.high-minutes": 15,
    "threshold.low": 0.10,
    "threshold.low-minutes": 360,
    "threshold.min-parallelism": 1,
    "threshold.max-parallelism": 256,
}


@dataclass(frozen=True)
class Memory:
    """Since when the load has been high, or low, without a break: milliseconds since 1970."""

    high_since: Optional[int] = None
    low_since: Optional[int] = None


def remember(memory: Memory, load: float, now: int, options: dict[str, float]) -> Memory:
    """What is to be remembered after a load: where it is not known, everything stays."""
    if math.isnan(load):
        return memory
    high = now if memory.high_since is None else memory.high_since
    low = now if memory.low_since is None else memory.low_since
    return Memory(
        high if load >= options["threshold.high"] else None,
        low if load < options["threshold.low"] else None,
    )


def factor(memory: Memory, now: int, options: dict[str, float]) -> float:
    """By what the parallelism is to be multiplied."""
    if memory.high_since is not None and now - memory.high_since >= options["threshold.high-minutes"] * MINUTE:
        return 2
    if memory.low_since is not None and now - memory.low_since >= options["threshold.low-minutes"] * MINUTE:
        return 0.5
    return 1


def target(parallelism: int, most: int, by: float, options: dict[str, float]) -> int:
    """The parallelism of one vertex: never below the least that is configured, never beyond what it can take."""
    least = math.ceil(options["threshold.min-parallelism"])
    return min(max(math.ceil(parallelism * by), least), int(options["threshold.max-parallelism"]), most)
