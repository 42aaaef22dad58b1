//! A report as rows of text.

use super::{Report, Side};

/// The rows of a report's table, its head first.
pub fn columns(report: &Report) -> Vec<Vec<String>> {
    let head = [
        "POLICY",
        "RESCALES",
        "PER CHANGE",
        "SETTLED AFTER",
        "NEVER",
        "BACKLOG MAX",
        "MEAN",
        "CORE-HOURS",
        "BEHIND",
        "IDLE",
    ];
    let head = head.map(str::to_owned).to_vec();
    std::iter::once(head).chain(report.sides.iter().map(row)).collect()
}

/// What a table does not say: published figures, and passes that failed.
pub fn about(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.published.is_empty() {
        let figures: Vec<String> = report.published.iter().map(|(who, figure)| format!("{who} {figure}")).collect();
        lines.push(format!("published, rescales per change: {}", figures.join(", ")));
    }
    for side in report.sides.iter().filter(|side| side.run.failed_passes > 0) {
        let (failed, all) = (side.run.failed_passes, side.run.passes);
        let why = side.run.first_failure.as_deref().unwrap_or_default();
        lines.push(format!("{}: {failed} of {all} passes failed, the first one: {why}", side.policy));
    }
    lines
}

fn row(side: &Side) -> Vec<String> {
    let run = &side.run;
    let dash = || "-".to_owned();
    let share = |seconds: u64| format!("{:.1} %", 100.0 * seconds as f64 / (run.seconds as f64).max(1.0));
    let never = side.rescales_per_change.map(|_| side.never_settled.to_string());
    vec![
        side.policy.clone(),
        run.rescales.to_string(),
        side.rescales_per_change.map_or_else(dash, |rescales| format!("{rescales:.2}")),
        side.settled_after_mean.map_or_else(dash, |seconds| format!("{seconds:.0} s")),
        never.unwrap_or_else(dash),
        amount(run.backlog_max),
        amount(side.backlog_mean),
        format!("{:.1}", run.core_hours),
        share(run.behind_seconds),
        share(run.idle_seconds),
    ]
}

/// A number of records, short: `950`, `12.3k`, `4.5M`.
pub(super) fn amount(number: f64) -> String {
    match number {
        _ if number < 1e3 => format!("{number:.0}"),
        _ if number < 1e6 => format!("{:.1}k", number / 1e3),
        _ if number < 1e9 => format!("{:.1}M", number / 1e6),
        _ => format!("{:.1}G", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_short() {
        for (number, expected) in [(0.2, "0"), (999.0, "999"), (12_345.0, "12.3k"), (4.5e6, "4.5M"), (7e9, "7.0G")] {
            assert_eq!(amount(number), expected);
        }
    }
}
