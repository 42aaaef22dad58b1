//! policy-kit's answer, in the contract's words.

use tidegate_policy_kit::decision as kit;

use crate::bindings::exports::tidegate::policy::scaling as wit;

pub(crate) fn decision(decision: kit::Decision) -> wit::Decision {
    // Destructured, so that a new field is a compile error and not a silent loss.
    let kit::Decision { verdict, recommended, evaluated, evaluated_global, events, state } = decision;
    wit::Decision {
        verdict: match verdict {
            kit::Verdict::Hold(reason) => wit::Verdict::Hold(reason),
            kit::Verdict::Scale(targets) => wit::Verdict::Scale(
                targets
                    .into_iter()
                    .map(|kit::Target { vertex, parallelism }| wit::Target { vertex, parallelism })
                    .collect(),
            ),
        },
        recommended,
        evaluated: evaluated
            .into_iter()
            .map(|kit::Column { metric, current, average }| wit::Column {
                metric: metric.into_owned(),
                current,
                average,
            })
            .collect(),
        evaluated_global: evaluated_global
            .into_iter()
            .map(|kit::Scalar { metric, current, average }| wit::Scalar { metric: metric.to_owned(), current, average })
            .collect(),
        events: events.into_iter().map(event).collect(),
        state,
    }
}

pub(crate) fn failure(failure: kit::Failure) -> wit::Failure {
    match failure {
        kit::Failure::Collecting(reason) => wit::Failure::Collecting(reason),
        kit::Failure::Evaluating(reason) => wit::Failure::Evaluating(reason),
        kit::Failure::Executing(reason) => wit::Failure::Executing(reason),
    }
}

fn event(event: kit::Event) -> wit::Event {
    let kit::Event { severity, reason, message, message_key, interval } = event;
    wit::Event {
        severity: match severity {
            kit::Severity::Normal => wit::Severity::Normal,
            kit::Severity::Warning => wit::Severity::Warning,
        },
        reason: reason.to_owned(),
        message,
        message_key,
        interval: interval.map(|interval| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)),
    }
}
