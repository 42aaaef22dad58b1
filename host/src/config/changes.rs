//! What a new configuration changes.

use std::collections::BTreeMap;
use std::fmt;

use super::Config;

/// The difference between the configuration in force and a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Settings of all clusters: the pace, options, the API's token.
    pub settings: Vec<&'static str>,
    /// Clusters by name.
    pub clusters: NamedChanges,
    /// Plugins by name.
    pub plugins: NamedChanges,
    /// What is different, and stays as it was until a restart.
    pub needs_restart: Vec<&'static str>,
}

/// What is different among things that have names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedChanges {
    /// New ones.
    pub added: Vec<String>,
    /// Those whose settings differ.
    pub changed: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
}

impl Changes {
    /// What `new` changes of `old`.
    pub fn between(old: &Config, new: &Config) -> Self {
        let settings = [
            ("[control]", old.control != new.control),
            ("[options]", old.options != new.options),
            ("[admin] token", old.admin.without_address() != new.admin.without_address()),
        ];
        let needs_restart = [
            ("[admin] listen", old.admin.listen != new.admin.listen),
            ("[state-store]", old.state_store != new.state_store || old.state_dir != new.state_dir),
            ("[plugins] rescan", old.plugin_files.rescan != new.plugin_files.rescan),
        ];
        let different = |of: &[(&'static str, bool)]| of.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        let clusters = |config: &Config| -> BTreeMap<String, _> {
            config.clusters.iter().map(|cluster| (cluster.0.name.clone(), cluster.clone())).collect()
        };
        Self {
            settings: different(&settings),
            clusters: NamedChanges::between(&clusters(old), &clusters(new)),
            plugins: NamedChanges::between(&old.plugins, &new.plugins),
            needs_restart: different(&needs_restart),
        }
    }
}

impl NamedChanges {
    fn between<T: PartialEq>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Self {
        let without = |these: &BTreeMap<String, T>, others: &BTreeMap<String, T>| {
            these.keys().filter(|name| !others.contains_key(*name)).cloned().collect()
        };
        let is_changed = |(name, value): &(&String, &T)| old.get(*name).is_some_and(|before| before != *value);
        Self {
            added: without(new, old),
            changed: new.iter().filter(is_changed).map(|(name, _)| name.clone()).collect(),
            removed: without(old, new),
        }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, clusters, plugins, needs_restart: _ } = self;
        let mut parts: Vec<String> = settings.iter().map(|name| format!("{name} changed")).collect();
        for (what, changes) in [("cluster", clusters), ("plugin", plugins)] {
            let NamedChanges { added, changed, removed } = changes;
            for (how, names) in [("added", added), ("changed", changed), ("removed", removed)] {
                parts.extend(names.iter().map(|name| format!("{what} `{name}` {how}")));
            }
        }
        if settings.is_empty() && clusters.is_empty() && plugins.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_difference_is_told_by_its_name() {
        let parse = |text: &str| Config::parse(Path::new("tidegate.toml"), text).unwrap();
        let cluster = |name, port| format!("[[cluster]]\nname = \"{name}\"\nurl = \"http://localhost:{port}\"\n");
        let plugin = |name, file| format!("[plugin.{name}]\nrole = \"policy\"\nsource = \"{file}\"\n");
        let old = parse(&[cluster("a", 1), cluster("b", 2), plugin("p", "p.wasm"), plugin("q", "q.wasm")].concat());
        for (new, told, needs_restart) in [
            (old.clone(), "nothing", 0),
            (
                parse(&[cluster("b", 2), cluster("c", 1), plugin("p", "r.wasm")].concat()),
                "cluster `c` added, cluster `a` removed, plugin `p` changed, plugin `q` removed",
                0,
            ),
            (
                parse(
                    &["[control]\ninterval = \"5s\"\n", &cluster("a", 3), &cluster("b", 2), &plugin("q", "q.wasm")]
                        .concat(),
                ),
                "[control] changed, cluster `a` changed, plugin `p` removed",
                0,
            ),
            (Config { admin: parse("[admin]\nlisten = \"127.0.0.1:1\"").admin, ..old.clone() }, "nothing", 1),
            (Config { admin: parse("[admin]\ntoken-env = \"X\"").admin, ..old.clone() }, "[admin] token changed", 0),
        ] {
            let changes = Changes::between(&old, &new);
            assert_eq!((changes.to_string().as_str(), changes.needs_restart.len()), (told, needs_restart));
        }
    }
}
