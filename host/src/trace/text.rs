//! A replayed pass in lines for people.

use std::fmt::Write;

use super::ReplayedPass;
use crate::control::DecisionRecord;
use crate::model::{Decision, Verdict};

/// What was seen, decided and told in one pass; each line ends with a line feed.
pub fn describe(pass: &ReplayedPass) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = write(&mut text, pass);
    text
}

fn write(text: &mut String, pass: &ReplayedPass) -> std::fmt::Result {
    let outcome = &pass.outcome;
    let Some(record) = &pass.record else {
        return writeln!(text, "{} {}: the job is not listed, or the list could not be had", pass.at, outcome.stage);
    };
    let vertices = vertices(record);
    let seen = if vertices.is_empty() { format!("the job is {}", record.status) } else { vertices.join(", ") };
    writeln!(text, "{} {} ({} samples): {seen}", pass.at, outcome.stage, outcome.samples)?;
    match &record.decision {
        Some(Decision { verdict: Verdict::Hold { reason }, .. }) => writeln!(text, "  hold: {reason}")?,
        Some(Decision { verdict: Verdict::Scale(_), .. }) => {
            writeln!(text, "  scale: {}; {}", changes(record).join(", "), record.realization)?;
        }
        None => {}
    }
    for event in &outcome.events {
        writeln!(text, "  {} {}: {}", event.kind, event.reason, event.message.replace('\n', "; "))?;
    }
    Ok(())
}

/// Each vertex with its parallelism, and how busy it is where that was evaluated.
fn vertices(record: &DecisionRecord) -> Vec<String> {
    let load = record.decision.as_ref().and_then(|it| it.evaluated.iter().find(|column| column.metric == "LOAD"));
    let load = |index: usize| load?.average.get(index).filter(|load| load.is_finite());
    let vertices = record.topology.iter().flat_map(|topology| &topology.vertices).enumerate();
    vertices
        .map(|(index, vertex)| match load(index) {
            Some(load) => format!("{} x{} at {:.0} %", vertex.name, vertex.parallelism, load * 100.0),
            None => format!("{} x{}", vertex.name, vertex.parallelism),
        })
        .collect()
}

fn changes(record: &DecisionRecord) -> Vec<String> {
    let vertices = record.topology.iter().flat_map(|topology| &topology.vertices);
    vertices
        .filter_map(|vertex| {
            let target = *record.targets.get(&vertex.id)?;
            (target != vertex.parallelism).then(|| format!("{} {} -> {target}", vertex.name, vertex.parallelism))
        })
        .collect()
}
