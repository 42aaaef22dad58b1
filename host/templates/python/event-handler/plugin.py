"""An event handler for tidegate: each event becomes a line of JSON in the log."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.handler import Event, Severity
from wit_world.imports import log, options


class Handler(exports.Handler):
    def handle(self, events):
        # Before it is put in service, it is handed no events: wrong options keep it out.
        for name in options.names():
            raise Err(f"there is no option `{name}`; this handler has none")
        for event in events:
            level = log.Level.WARN if event.severity == Severity.WARNING else log.Level.INFO
            log.write(level, line(event))


def line(event: Event) -> str:
    """One event as JSON, in one line."""
    fields = {
        "at": event.at,
        "cluster": event.cluster,
        "count": event.count,
        "job": event.job_name,
        "message": event.message,
        "reason": event.reason,
        "severity": event.severity.name.lower(),
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
