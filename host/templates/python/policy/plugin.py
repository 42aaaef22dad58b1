"""A policy for tidegate: this file speaks with the host, `rule` decides."""

import math

import columns
import rule
from wit_world import exports
from wit_world.exports.scaling import Column, Decision, Description, Target, Verdict_Hold, Verdict_Scale


class Scaling(exports.Scaling):
    def describe(self):
        return Description("{{name}}", "0.1.0", "keeps the mean load of every vertex near a target")

    def check_options(self, options):
        return rule.read(options)[1]

    def decide(self, view):
        bounds, _ = rule.read(view.options(["rule."]))
        vertices = columns.vertices(view)
        loads = columns.samples(view, "LOAD")
        answers = [rule.judge(vertex, its, bounds) for vertex, its in zip(vertices, loads)]
        targets = [answer.target(vertex) for answer, vertex in zip(answers, vertices)]

        if view.now() < view.window_full_at():
            verdict = Verdict_Hold("the window is not full yet")
        elif not any(answer.is_outside for answer in answers):
            verdict = Verdict_Hold("every vertex is within its bounds")
        elif all(target == vertex.parallelism for target, vertex in zip(targets, vertices)):
            verdict = Verdict_Hold("the parallelism fits")
        else:
            verdict = Verdict_Scale([Target(vertex.id, target) for vertex, target in zip(vertices, targets)])

        return Decision(
            verdict=verdict,
            recommended=[answer.wanted for answer in answers],
            evaluated=[
                Column(
                    metric="MEAN_LOAD",
                    current=[its[-1] if its else math.nan for its in loads],
                    average=[answer.mean for answer in answers],
                )
            ],
            evaluated_global=[],
            events=[],
            state=[],
        )
