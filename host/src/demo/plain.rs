//! The demo as lines of text, for where there is no terminal.

use std::time::Duration;

use super::view::grouped;
use super::{DemoJob, DemoView};

/// The lines that tell what is different in `after`: one for each decision to act, each restart, each job that runs again.
///
/// Decisions to hold are not told: their reasons change with every window that fills.
pub(super) fn changes(before: &DemoView, after: &DemoView, elapsed: Duration) -> Vec<String> {
    let mut lines = Vec::new();
    for job in &after.jobs {
        let old = before.jobs.iter().find(|old| old.name == job.name);
        let mut tell = |text: String| lines.push(format!("{} {}: {text}", time(elapsed), job.name));
        if let Some(decision) = job.decision.as_ref().filter(|decision| decision.acted)
            && old.and_then(|old| old.decision.as_ref()) != Some(decision)
        {
            let why = if decision.why.is_empty() { String::new() } else { format!(" ({})", decision.why) };
            tell(format!("decided: {}{why}", decision.what));
        }
        let Some(old) = old else { continue };
        match (old.is_running(), job.is_running()) {
            (true, false) => tell("restarts".to_owned()),
            (false, true) => tell("runs again".to_owned()),
            (true, true) | (false, false) => {}
        }
        let rescaled = rescaled(old, job);
        if !rescaled.is_empty() {
            tell(format!("rescaled {rescaled}"));
        }
    }
    lines
}

/// One line on all jobs.
pub(super) fn summary(view: &DemoView, elapsed: Duration) -> String {
    let jobs: Vec<String> = view.jobs.iter().map(summary_of).collect();
    format!("{} {}", time(elapsed), jobs.join(" | "))
}

fn summary_of(job: &DemoJob) -> String {
    let parallelism: Vec<String> = job.rows.iter().map(|row| row.parallelism.to_string()).collect();
    let busiest = job.rows.iter().filter_map(|row| row.load).reduce(f64::max);
    let load = busiest.map_or_else(|| job.state.clone(), |load| format!("load {:.0} %", load * 100.0));
    format!("{} [{}] {load}, lag {}", job.name, parallelism.join(" "), grouped(job.lag()))
}

fn rescaled(old: &DemoJob, new: &DemoJob) -> String {
    let vertices: Vec<String> = old
        .rows
        .iter()
        .zip(&new.rows)
        .filter(|(old, new)| old.parallelism != new.parallelism)
        .map(|(old, new)| format!("{} {} -> {}", new.vertex, old.parallelism, new.parallelism))
        .collect();
    vertices.join(", ")
}

fn time(elapsed: Duration) -> String {
    format!("[{:>4} s]", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::DemoDecision;
    use super::super::view::tests::{at, job};
    use super::*;

    const ELAPSED: Duration = Duration::from_secs(14);

    #[test]
    fn only_changes_are_told() {
        let before = DemoView { now: at(0), jobs: vec![job("orders", 0.0, 1, 1), job("clicks", 0.0, 2, 2)] };
        let mut after = before.clone();
        assert_eq!(changes(&before, &after, ELAPSED), Vec::<String>::new());
        let decision =
            DemoDecision { at: at(3), acted: true, what: "enrich 1 -> 4".to_owned(), why: "lag grows".to_owned() };
        after.jobs[0].decision = Some(decision);
        after.jobs[0].state = "RESTARTING".to_owned();
        let told = ["[  14 s] orders: decided: enrich 1 -> 4 (lag grows)", "[  14 s] orders: restarts"];
        assert_eq!(changes(&before, &after, ELAPSED), told);
        let mut waiting = after.clone();
        waiting.jobs[0].decision =
            Some(DemoDecision { at: at(9), acted: false, what: "hold".to_owned(), why: "it restarts".to_owned() });
        waiting.jobs[0].state = "CREATED".to_owned();
        assert_eq!(changes(&after, &waiting, ELAPSED), Vec::<String>::new());
        let mut later = waiting.clone();
        later.jobs[0].state = "RUNNING".to_owned();
        later.jobs[0].rows[1].parallelism = 4;
        let told = ["[  14 s] orders: runs again", "[  14 s] orders: rescaled enrich 1 -> 4"];
        assert_eq!(changes(&waiting, &later, ELAPSED), told);
    }

    #[test]
    fn the_summary_is_one_line() {
        let view = DemoView { now: at(0), jobs: vec![job("orders", 1234.0, 3, 3), job("clicks", 0.0, 2, 2)] };
        assert_eq!(
            summary(&view, ELAPSED),
            "[  14 s] orders [1 3] load 97 %, lag 1,234 | clicks [1 2] load 97 %, lag 0"
        );
    }
}
