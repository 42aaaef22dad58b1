"""A policy for tidegate that doubles and halves: this file speaks with the host, `rule` decides."""

import math

import columns
import rule
from rule import Memory
from wit_world import exports
from wit_world.exports.scaling import Decision, Description, Scalar, Target, Verdict_Hold, Verdict_Scale


class Scaling(exports.Scaling):
    def describe(self):
        summary = "doubles a job's parallelism after 15 minutes of high load, halves it after 6 hours of low load"
        return Description("python-threshold-policy", "0.1.0", summary)

    def check_options(self, options):
        return read(options)[1]

    def decide(self, view):
        options, _ = read(view.options(["threshold."]))
        vertices = columns.vertices(view)
        now = view.now()
        load = latest_load(view)
        memory = rule.remember(recall(view), load, now, options)
        by = rule.factor(memory, now, options)
        targets = [
            vertex.parallelism
            if vertex.excluded or by == 1
            else rule.target(vertex.parallelism, vertex.max_parallelism, by, options)
            for vertex in vertices
        ]

        if now < view.window_full_at():
            verdict = Verdict_Hold("the window is not full yet")
        elif by == 1:
            verdict = Verdict_Hold("the load has not been high or low for long enough")
        elif all(target == vertex.parallelism for target, vertex in zip(targets, vertices)):
            verdict = Verdict_Hold("every vertex has the most, or the least, that it can have")
        else:
            verdict = Verdict_Scale([Target(vertex.id, target) for vertex, target in zip(vertices, targets)])
            # The new parallelism has the whole time to show what it does.
            memory = Memory()

        return Decision(
            verdict=verdict,
            recommended=targets,
            evaluated=[],
            evaluated_global=[Scalar("LOAD", load, load)],
            events=[],
            state=[("highSince", text(memory.high_since)), ("lowSince", text(memory.low_since))],
        )


def latest_load(view) -> float:
    """The busy share of the busiest vertex in the latest sample; NaN where no vertex has one."""
    loads = columns.known([samples[-1] for samples in columns.samples(view, "LOAD") if samples])
    return max(loads, default=math.nan)


def recall(view) -> Memory:
    """What the last pass left."""
    high, low = view.state("highSince"), view.state("lowSince")
    return Memory(int(high) if high else None, int(low) if low else None)


def text(since):
    return None if since is None else str(since)


def read(given):
    """What a job's options say, and what is wrong with them: a default stands for each that is."""
    options, wrong = dict(rule.DEFAULTS), []
    for key, value in given:
        if key in options:
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if math.isfinite(number) and number > 0:
                options[key] = number
            else:
                wrong.append(f"`{key}` must be a positive number, not `{value}`")
    return options, wrong
