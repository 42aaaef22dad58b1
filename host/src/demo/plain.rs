//! The demo as lines of text, for where there is no terminal.

use std::time::Duration;

use super::view::grouped;
use super::{DemoJob, DemoPolicy, DemoView};

/// The lines that tell what is different in `after`: one for another version of the policy, for each decision to act, each
/// restart, each job that runs again.
///
/// Decisions to hold are not told: their reasons change with every window that fills.
pub(super) fn changes(before: &DemoView, after: &DemoView, elapsed: Duration) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(policy) = &after.policy {
        lines.extend(changes_of_policy(before.policy.as_ref(), policy, elapsed));
    }
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

fn changes_of_policy(before: Option<&DemoPolicy>, after: &DemoPolicy, elapsed: Duration) -> Vec<String> {
    let DemoPolicy { source, version, refused } = after;
    let mut lines = Vec::new();
    let mut tell = |text: String| lines.push(format!("{} policy {source}: {text}", time(elapsed)));
    if let Some(version) = version
        && before.and_then(|before| before.version.as_ref()) != Some(version)
    {
        tell(format!("version {version} decides"));
    }
    if let Some((version, why)) = refused
        && before.and_then(|before| before.refused.as_ref()) != refused.as_ref()
    {
        tell(format!("version {version} is refused: {why}"));
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
        let before =
            DemoView { now: at(0), jobs: vec![job("orders", 0.0, 1, 1), job("clicks", 0.0, 2, 2)], policy: None };
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
    fn another_version_of_the_policy_is_told_once() {
        let view = |version: Option<&str>, refused: Option<(&str, &str)>| DemoView {
            policy: Some(DemoPolicy {
                source: "p.wasm".to_owned(),
                version: version.map(str::to_owned),
                refused: refused.map(|(version, why)| (version.to_owned(), why.to_owned())),
            }),
            ..DemoView::default()
        };
        let none: [&str; 0] = [];
        assert_eq!(changes(&DemoView::default(), &view(None, None), ELAPSED), none);
        let first = view(Some("aaa"), None);
        assert_eq!(changes(&view(None, None), &first, ELAPSED), ["[  14 s] policy p.wasm: version aaa decides"]);
        assert_eq!(changes(&first, &first, ELAPSED), none);
        let refused = view(Some("aaa"), Some(("bbb", "it traps")));
        assert_eq!(changes(&first, &refused, ELAPSED), ["[  14 s] policy p.wasm: version bbb is refused: it traps"]);
        let second = view(Some("ccc"), None);
        assert_eq!(changes(&refused, &second, ELAPSED), ["[  14 s] policy p.wasm: version ccc decides"]);
    }

    #[test]
    fn the_summary_is_one_line() {
        let view =
            DemoView { now: at(0), jobs: vec![job("orders", 1234.0, 3, 3), job("clicks", 0.0, 2, 2)], policy: None };
        assert_eq!(
            summary(&view, ELAPSED),
            "[  14 s] orders [1 3] load 97 %, lag 1,234 | clicks [1 2] load 97 %, lag 0"
        );
    }
}
