"""The view's columns by vertex: what a policy usually asks for, with names and types."""

import math
from dataclasses import dataclass
from typing import Optional

from wit_world.imports.observation import View


@dataclass(frozen=True)
class Vertex:
    """One vertex of the job."""

    id: str
    """Flink's id of it."""
    name: str
    """Its name as Flink shows it."""
    parallelism: int
    """What it has now, at least 1."""
    max_parallelism: int
    """The most that it can have: its number of key groups."""
    source_partitions: int
    """Partitions that it reads; 0 where there are none or they are not known."""
    slot_sharing_group: Optional[str]
    """`None` where the cluster does not tell."""
    excluded: bool
    """Whether it must stay as it is."""


def vertices(view: View) -> list[Vertex]:
    """Every vertex, each after its inputs."""
    columns = (
        view.vertices(),
        view.names(),
        view.parallelism(),
        view.max_parallelism(),
        view.source_partitions(),
        view.slot_sharing_groups(),
        view.excluded(),
    )
    return [Vertex(*row) for row in zip(*columns)]


def samples(view: View, metric: str) -> list[list[float]]:
    """A metric by vertex, in the order of `vertices`: its samples over the window, oldest first.

    NaN where there is no value; no samples at all of a metric that the host does not collect.
    """
    values = view.metric(metric) or []
    count = len(view.vertices())
    return [values[index::count] for index in range(count)]


def known(values: list[float]) -> list[float]:
    """The values that are there."""
    return [value for value in values if not math.isnan(value)]


def mean(values: list[float]) -> float:
    """The mean of the values that are there, summed in their order; NaN where there are none."""
    total, count = 0.0, 0
    for value in known(values):
        total += value
        count += 1
    return total / count if count else math.nan
