//! `tidegate plugin list`: the plugins of a running daemon.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::admin::{Plugin as Shown, PluginVersion, Plugins};
use crate::cli::api::ApiFlags;
use crate::cli::table::{columns, paragraph, width};

#[derive(Clone, Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    api: ApiFlags,

    /// Print what the daemon's API answers.
    #[arg(long)]
    json: bool,
}

impl List {
    #[expect(clippy::print_stdout, reason = "the answer of a command")]
    pub(super) fn run(&self) -> Result<()> {
        let api = self.api.api()?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&api.get::<Value>(&["plugins"])?)?);
        } else {
            println!("{}", table(&api.get(&["plugins"])?, width()).join("\n"));
        }
        Ok(())
    }
}

/// The list for people: a line for each plugin, and below it what there is to say about it.
fn table(list: &Plugins, width: usize) -> Vec<String> {
    let head = ["NAME", "ROLE", "STATE", "VERSION", "SOURCE"].map(str::to_owned).to_vec();
    let row = |plugin: &Shown| {
        vec![
            plugin.name.clone(),
            plugin.role.clone(),
            plugin.state.clone(),
            plugin.active.as_deref().map_or_else(|| "-".to_owned(), short),
            plugin.source.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(list.plugins.iter().map(row)).collect();
    let mut rows = columns(&rows, width).into_iter();
    let mut lines: Vec<String> = rows.next().into_iter().collect();
    for (row, plugin) in rows.zip(&list.plugins) {
        lines.push(row);
        lines.extend(notes(plugin, width));
    }
    if let (Some(at), Some(error)) = (&list.configuration.refused_at, &list.configuration.error) {
        lines.push(String::new());
        let since = &list.configuration.in_force_since;
        lines.extend(paragraph(&format!("configuration: that of {at} was refused; in force since {since}"), "", width));
        // The place that is marked in it would move if it were wrapped.
        lines.extend(error.lines().map(|line| format!("  {line}")));
    }
    if !list.unnamed_files.is_empty() {
        lines.push(String::new());
        let files = list.unnamed_files.join(", ");
        lines.extend(paragraph(&format!("not used, for no [plugin.…] table names it: {files}"), "", width));
    }
    lines
}

fn notes(plugin: &Shown, width: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(reason) = &plugin.reason {
        notes.push(format!("out of service: {reason}"));
    }
    // What is out of service because of that has said so.
    if let Some(lacks) = &plugin.source_lacks
        && !plugin.reason.as_ref().is_some_and(|reason| reason.contains(lacks))
    {
        notes.push(format!("source: {lacks}"));
    }
    if let Some(version) = plugin.versions.first()
        && Some(&version.digest) != plugin.active.as_ref()
        && let Some(error) = &version.error
        // A version that is out of service and the reason for that are the same.
        && plugin.reason.as_ref() != Some(error)
    {
        notes.push(format!("{} of {} was {}: {error}", short(&version.digest), version.at, version.state));
    }
    if plugin.failures > 0 {
        notes.push(match (plugin.failures, plugin.max_failures) {
            (failures, 0) => format!("{failures} failures in a row"),
            (failures, most) => format!("{failures} failures in a row; {most} take it out of service"),
        });
    }
    notes.extend(plugin.starts.filter(|starts| *starts > 1).map(|starts| format!("started anew {} times", starts - 1)));
    notes.extend(plugin.last_failure.iter().map(|failure| format!("last failure: {failure}")));
    let mut lines: Vec<String> = notes.iter().flat_map(|note| paragraph(note, "  ", width)).collect();
    let active = plugin.versions.iter().find(|version| Some(&version.digest) == plugin.active.as_ref());
    lines.extend(active.into_iter().flat_map(|version| differences(version, 3, width)));
    lines
}

/// What a version decides differently, in at most so many lines and one more.
pub(super) fn differences(version: &PluginVersion, most: usize, width: usize) -> Vec<String> {
    let told = version.differences.iter().take(most).map(|difference| {
        let (cluster, name) = (&difference.cluster, &difference.name);
        format!("{cluster}/{name}: {}, before: {}", difference.rehearsed, difference.in_service)
    });
    let mut lines: Vec<String> = told.flat_map(|text| paragraph(&text, "  ", width)).collect();
    let more = version.differences.len().saturating_sub(most);
    if more > 0 {
        lines.push(format!("  and {more} more jobs about which it decides differently"));
    }
    lines
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
