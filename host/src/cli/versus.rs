//! How `tidegate replay --against` shows two policies side by side.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use crate::trace::{Difference, Outcome, ReplayedPass, Totals, Trace, Versus};

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    trace: &'a str,
    at: String,
    policy: &'a Outcome,
    against: &'a Outcome,
    differences: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    vertex: Option<String>,
    field: &'a str,
    policy: &'a str,
    against: &'a str,
}

/// The last line of `--json` for each trace, and for all.
#[derive(Serialize)]
struct Sums<'a> {
    trace: Option<&'a str>,
    totals: Sides<'a>,
}

#[derive(Serialize)]
struct Sides<'a> {
    passes: usize,
    differing: usize,
    policy: &'a Totals,
    against: &'a Totals,
}

/// Adds what is to be shown of one pass of both.
pub(super) fn pass(
    text: &mut String,
    as_json: bool,
    trace: &Trace,
    (one, other): (&ReplayedPass, &ReplayedPass),
    differences: &[Difference],
) -> Result<()> {
    if as_json {
        let shown = |it| {
            let Difference { vertex, field, expected, found }: &Difference = it;
            Shown { vertex: vertex.map(|id| id.to_string()), field, policy: expected, against: found }
        };
        let differences = differences.iter().map(shown).collect();
        let (policy, against) = (&one.outcome, &other.outcome);
        let line = Line { trace: &trace.name, at: one.at.to_string(), policy, against, differences };
        *text += &serde_json::to_string(&line)?;
        text.push('\n');
    } else if !differences.is_empty() {
        writeln!(text, "{} {} against {}", one.at, one.outcome.stage, other.outcome.stage)?;
        for Difference { vertex, field, expected, found } in differences {
            let records = [one, other].into_iter().filter_map(|pass| pass.record.as_ref());
            let mut vertices = records.filter_map(|it| it.topology.as_ref()).flat_map(|topology| &topology.vertices);
            let name = vertices.find(|it| Some(it.id) == *vertex).map(|it| format!("{}: ", it.name));
            writeln!(text, "  {}{field}: {expected} against {found}", name.unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Adds the totals of one trace, or of all.
pub(super) fn totals(
    text: &mut String,
    as_json: bool,
    trace: Option<&str>,
    names: &[String; 2],
    versus: &Versus,
) -> Result<()> {
    let Versus { one, other, passes, differing, .. } = versus;
    if as_json {
        let totals = Sides { passes: *passes, differing: *differing, policy: one, against: other };
        *text += &serde_json::to_string(&Sums { trace, totals })?;
        text.push('\n');
        return Ok(());
    }
    writeln!(text, "{}: {passes} passes, decided differently in {differing}", trace.unwrap_or("all"))?;
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    writeln!(text, "  {:width$}  rescales  vertex-hours  passes outside bounds", "")?;
    for (name, totals) in names.iter().zip([one, other]) {
        let Totals { rescales, vertex_hours, outside_bounds, judged } = totals;
        writeln!(text, "  {name:width$}  {rescales:>8}  {vertex_hours:>12.2}  {outside_bounds} of {judged}")?;
    }
    Ok(())
}
