"""The rule: a vertex that is busy for too much or too little of the time gets as many subtasks as bring it to a target."""

import math
import re
from dataclasses import dataclass

from columns import Vertex, mean

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Bounds:
    """Between which loads a vertex is left alone, and where it is brought to."""

    target: float
    low: float
    high: float


@dataclass(frozen=True)
class Answer:
    """What comes of a vertex."""

    mean: float
    """The mean load; NaN where it is not known."""
    wanted: int
    """The parallelism that would bring it to the target; 0 where the load is not known."""
    is_outside: bool
    """Whether the load is outside of its bounds."""

    def target(self, vertex: Vertex) -> int:
        """The parallelism that the vertex is to have: that of now, unless its load is outside of its bounds."""
        return self.wanted if self.is_outside else vertex.parallelism


def read(options: list[tuple[str, str]]) -> tuple[Bounds, list[str]]:
    """What a job's options say, and what is wrong with them: a default stands for each that is."""
    texts, wrong = dict(options), []

    def number(key: str, default: float) -> float:
        text = texts.get(key)
        if text is None:
            return default
        value = float(text) if NUMBER.fullmatch(text.strip()) else math.nan
        if math.isfinite(value) and value > 0:
            return value
        wrong.append(f"`{key}` must be a positive number, not `{text}`")
        return default

    return Bounds(number("rule.target-load", 0.7), number("rule.low", 0.5), number("rule.high", 0.9)), wrong


def judge(vertex: Vertex, loads: list[float], bounds: Bounds) -> Answer:
    """Judges one vertex by its loads over the window, oldest first."""
    load = mean(loads)
    if vertex.excluded or math.isnan(load):
        return Answer(math.nan, 0, False)
    wanted = math.ceil(min(max(vertex.parallelism * load / bounds.target, 1), vertex.max_parallelism))
    return Answer(load, wanted, load < bounds.low or load > bounds.high)
