//! One plugin in full: what `tidegate plugin show` prints.

use std::time::Duration;

use crate::admin::{Plugin, PluginGrants, PluginLimits, PluginUse};
use crate::cli::table::{columns, paragraph};
use crate::plugin::ByteSize;

/// The lines of it.
pub(super) fn card(plugin: &Plugin, width: usize) -> Vec<String> {
    let mut facts = vec![
        ("name", plugin.name.clone()),
        ("role", plugin.role.clone()),
        ("state", plugin.state.clone()),
        ("source", plugin.source.clone()),
    ];
    let mut say = |name, text: String| facts.push((name, text));
    if let Some(reason) = &plugin.reason {
        say("out of service", reason.clone());
    }
    if let Some(lacks) = &plugin.source_lacks {
        say("source lacks", lacks.clone());
    }
    if !plugin.jobs.is_empty() {
        say("jobs", plugin.jobs.join(", "));
    }
    match (plugin.failures, plugin.max_failures) {
        (failures, 0) => say("failures", format!("{failures} in a row")),
        (failures, most) => say("failures", format!("{failures} in a row; {most} take it out of service")),
    }
    if let Some(failure) = &plugin.last_failure {
        say("last failure", failure.clone());
    }
    if let Some(starts) = plugin.starts {
        say("started", format!("{starts} times"));
    }
    say("asks for", or_nothing(&plugin.asks));
    say("is granted", or_nothing(&granted(&plugin.grants)));
    say("limits", limits(&plugin.limits).join(", "));
    say("has used", used(&plugin.used));

    let wide = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let indent = " ".repeat(wide);
    let mut lines = Vec::new();
    for (name, text) in facts {
        let mut told = paragraph(&text, &indent, width).into_iter();
        let first = told.next().unwrap_or_default();
        lines.push(format!("{name:wide$}{}", first.trim_start()));
        lines.extend(told);
    }
    if plugin.versions.is_empty() {
        return lines;
    }
    lines.push(String::new());
    let head = ["VERSION", "STATE", "FOUND", "FROM"].map(str::to_owned).to_vec();
    let row = |version: &crate::admin::PluginVersion| {
        let digest: String = version.digest.chars().take(12).collect();
        vec![digest, version.state.clone(), version.at.clone(), version.source.clone()]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(plugin.versions.iter().map(row)).collect();
    let mut rows = columns(&rows, width).into_iter();
    lines.extend(rows.next());
    for (row, version) in rows.zip(&plugin.versions) {
        lines.push(row);
        lines.extend(version.error.iter().flat_map(|error| paragraph(error, "  ", width)));
    }
    lines
}

fn or_nothing(things: &[String]) -> String {
    if things.is_empty() { "nothing".to_owned() } else { things.join(", ") }
}

fn granted(grants: &PluginGrants) -> Vec<String> {
    let PluginGrants { http, secrets, kubernetes, folder, folder_write, env, databases } = grants;
    let may = if *folder_write { "read and write" } else { "read" };
    let places = http.iter().map(|place| format!("requests to {place}"));
    let secrets = secrets.iter().map(|secret| format!("the secret {secret}"));
    let servers = kubernetes.iter().map(|server| format!("requests to {server}"));
    let folder = folder.iter().map(|folder| format!("the folder {folder} to {may}"));
    let variables = env.iter().map(|name| format!("the variable {name}"));
    let databases = databases.iter().map(|database| format!("the database {database}"));
    places.chain(secrets).chain(servers).chain(folder).chain(variables).chain(databases).collect()
}

fn limits(limits: &PluginLimits) -> Vec<String> {
    let millis = Duration::from_millis;
    vec![
        format!("deadline {:?}", millis(limits.deadline_ms)),
        format!("memory {}", ByteSize(limits.memory)),
        format!("{} table elements", limits.table_elements),
        format!("{} core instances", limits.instances),
        format!("crossing {}", ByteSize(limits.crossing)),
        format!("log {}", ByteSize(limits.log)),
        format!("{} calls at a time", limits.concurrency),
        format!(
            "{} requests at a time of {} and {:?} each",
            limits.http_requests,
            ByteSize(limits.http_body),
            millis(limits.http_time_ms)
        ),
        format!("{} files and {} written", limits.files, ByteSize(limits.file_bytes)),
    ]
}

fn used(used: &PluginUse) -> String {
    let PluginUse { answered, failed, cpu_seconds, memory_peak, instances } = used;
    let calls = answered + failed;
    let bytes = ByteSize(usize::try_from(*memory_peak).unwrap_or(usize::MAX));
    format!(
        "{calls} calls, {failed} of them failed; {cpu_seconds:.3} s on a processor; at most {bytes} in one instance; \
         {instances} alive now"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::PluginVersion;

    #[test]
    fn a_card_says_what_a_plugin_asks_for_gets_and_uses() {
        let version = PluginVersion {
            digest: "0123456789abcdef".to_owned(),
            source: "/plugins/pager.wasm".to_owned(),
            at: "2026-01-02T03:04:05Z".to_owned(),
            state: "refused".to_owned(),
            error: Some("the file is empty".to_owned()),
            differences: Vec::new(),
        };
        let plugin = Plugin {
            name: "pager".to_owned(),
            role: "event-handler".to_owned(),
            source: "/plugins/pager.wasm".to_owned(),
            source_lacks: None,
            state: "out of service".to_owned(),
            reason: Some("it cannot be loaded".to_owned()),
            active: None,
            jobs: Vec::new(),
            failures: 0,
            max_failures: 3,
            last_failure: None,
            starts: None,
            asks: vec!["wasi:http/outgoing-handler@0.2.6".to_owned()],
            grants: PluginGrants {
                http: vec!["hooks.internal:443".to_owned()],
                secrets: vec!["TOKEN for hooks.internal:443".to_owned()],
                kubernetes: Some("the Kubernetes API server at 10.0.0.1:443".to_owned()),
                folder: Some("/var/lib/pager".to_owned()),
                folder_write: false,
                env: vec!["ZONE".to_owned()],
                databases: vec!["main at sqlite://x.db".to_owned()],
            },
            used: PluginUse { answered: 5, failed: 1, cpu_seconds: 0.25, memory_peak: 2 << 20, instances: 0 },
            limits: PluginLimits {
                deadline_ms: 1500,
                memory: 64 << 20,
                table_elements: 100,
                instances: 20,
                crossing: 8 << 20,
                log: 64 << 10,
                concurrency: 16,
                http_requests: 8,
                http_body: 1 << 20,
                http_time_ms: 10_000,
                files: 100,
                file_bytes: 64 << 20,
            },
            versions: vec![version],
        };
        let told = card(&plugin, 300).join("\n");
        for part in [
            "out of service  it cannot be loaded",
            "asks for        wasi:http/outgoing-handler@0.2.6",
            "is granted      requests to hooks.internal:443, the secret TOKEN for hooks.internal:443, \
             requests to the Kubernetes API server at 10.0.0.1:443, \
             the folder /var/lib/pager to read, the variable ZONE, the database main at sqlite://x.db",
            "deadline 1.5s, memory 64 MiB, 100 table elements",
            "8 requests at a time of 1 MiB and 10s each",
            "has used        6 calls, 1 of them failed; 0.250 s on a processor; at most 2 MiB in one instance",
            "0123456789ab  refused  2026-01-02T03:04:05Z  /plugins/pager.wasm\n  the file is empty",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }
}
