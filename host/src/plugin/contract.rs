//! Whether a component fits a contract: compared by name first, so that the operator gets plain words.

use wasmtime::Engine;
use wasmtime::component::Component;

/// One contract that this host serves.
pub(super) struct Contract {
    /// The package, such as `tidegate:policy`.
    pub(super) package: &'static str,
    /// The version that is served: `major.minor`, since before 1.0 only equal minors fit.
    pub(super) version: &'static str,
    /// The interface that a guest must export.
    pub(super) export: &'static str,
    /// What a guest may import beside WASI's base.
    pub(super) imports: &'static [&'static str],
}

/// What every guest may import because language runtimes do so on their own; behind it is nothing, see `sandbox`.
const BASE: [&str; 6] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

/// What a plugin is given beside its contract's own imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Nothing, ever: its kind is a pure function.
    Nothing,
    /// What the operator grants.
    ByGrant {
        /// Whether there is a place that it may send requests to.
        http: bool,
    },
}

/// What can be granted: a package, and how a grant is written.
const GRANTABLE: &str = "wasi:http";
const HOW_TO_GRANT: &str = "`grant = { http = [\"host:port\"] }`, or `grant = { kubernetes = \"in-cluster\" }`";

/// The only versions of WASI that are served.
const WASI: &str = "0.2";

impl Contract {
    /// What keeps the component of plugin `name` from fitting, in words for the operator.
    pub(super) fn misfit(&self, name: &str, given: Given, engine: &Engine, component: &Component) -> Option<String> {
        let shape = component.component_type();
        let exports: Vec<&str> = shape.exports(engine).map(|(name, _)| name).collect();
        let imports: Vec<&str> = shape.imports(engine).map(|(name, _)| name).collect();
        self.compare(name, given, &imports, &exports)
    }

    /// What a component asks for, beside what every guest may import.
    pub(super) fn asks(engine: &Engine, component: &Component) -> Vec<String> {
        let shape = component.component_type();
        let names = shape.imports(engine).map(|(name, _)| name.to_owned());
        names.filter(|name| !BASE.iter().any(|base| name.split('/').next() == Some(base))).collect()
    }

    fn compare(&self, plugin: &str, given: Given, imports: &[&str], exports: &[&str]) -> Option<String> {
        let wanted = format!("{}/{}", self.package, self.export);
        match exports.iter().map(|name| split(name)).find(|(name, _)| *name == wanted) {
            None => {
                let found = exports.iter().find(|name| name.starts_with("tidegate:"));
                let instead = found.map_or_else(String::new, |name| format!(" (it exports `{name}`)"));
                return Some(format!("it does not export `{wanted}@{}`{instead}", self.version));
            }
            Some((_, version)) if !self.serves(version) => {
                return Some(format!("it exports `{wanted}` {version}, this host serves {}", self.version));
            }
            Some(_) => {}
        }
        for import in imports {
            let (name, version) = split(import);
            let package = name.split('/').next().unwrap_or(name);
            if package.starts_with("wasi:") {
                if let Some(misfit) = wasi(plugin, given, package, name, version) {
                    return Some(misfit);
                }
                continue;
            }
            if !self.imports.contains(&name) {
                return Some(format!("it needs `{name}`, which this kind of plugin is not given"));
            }
            if !self.serves(version) {
                return Some(format!("it needs `{name}` {version}, this host serves {}", self.version));
            }
        }
        None
    }

    fn serves(&self, version: &str) -> bool {
        version.rsplit_once('.').is_some_and(|(minor, _)| minor == self.version)
    }
}

/// What keeps an import of WASI's from being served.
fn wasi(plugin: &str, given: Given, package: &str, name: &str, version: &str) -> Option<String> {
    if !BASE.contains(&package) {
        let refused = match given {
            _ if package != GRANTABLE => "which no plugin is given".to_owned(),
            Given::ByGrant { http: true } => String::new(),
            Given::ByGrant { http: false } => format!("which plugin `{plugin}` is not granted: {HOW_TO_GRANT}"),
            Given::Nothing => {
                "which plugins of this kind are never granted: they are pure functions; a JavaScript one is \
                 built without it by `-d http -d fetch-event`"
                    .to_owned()
            }
        };
        if !refused.is_empty() {
            return Some(format!("it needs `{name}`, {refused}"));
        }
    }
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    (minor != WASI).then(|| format!("it needs `{name}` {version}, this host serves {WASI}"))
}

/// An import's or export's name without its version, and the version.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Contract = Contract {
        package: "tidegate:policy",
        version: "0.1",
        export: "scaling",
        imports: &["tidegate:policy/observation", "tidegate:host/log"],
    };

    #[test]
    fn a_misfit_is_told_in_plain_words() {
        let scaling = "tidegate:policy/scaling@0.1.0";
        for (imports, exports, expected) in [
            (vec!["tidegate:policy/observation@0.1.3", "wasi:io/streams@0.2.6"], vec![scaling], None),
            (vec![], vec![], Some("it does not export `tidegate:policy/scaling@0.1`")),
            (
                vec![],
                vec!["tidegate:event-handler/handler@0.1.0"],
                Some(
                    "it does not export `tidegate:policy/scaling@0.1` (it exports `tidegate:event-handler/handler@0.1.0`)",
                ),
            ),
            (
                vec![],
                vec!["tidegate:policy/scaling@0.2.0"],
                Some("it exports `tidegate:policy/scaling` 0.2.0, this host serves 0.1"),
            ),
            (vec!["wasi:cli/run@0.3.0"], vec![scaling], Some("it needs `wasi:cli/run` 0.3.0, this host serves 0.2")),
            (vec!["wasi:nn/graph@0.2.0"], vec![scaling], Some("it needs `wasi:nn/graph`, which no plugin is given")),
            (
                vec!["acme:secret/vault@1.0.0"],
                vec![scaling],
                Some("it needs `acme:secret/vault`, which this kind of plugin is not given"),
            ),
            (
                vec!["tidegate:host/log@0.3.0"],
                vec![scaling],
                Some("it needs `tidegate:host/log` 0.3.0, this host serves 0.1"),
            ),
        ] {
            let misfit = POLICY.compare("x", Given::Nothing, &imports, &exports);
            assert_eq!(misfit.as_deref(), expected, "{imports:?} {exports:?}");
        }
    }

    #[test]
    fn what_is_not_granted_is_told_with_the_way_to_grant_it() {
        let compare = |given, import| POLICY.compare("x", given, &[import], &["tidegate:policy/scaling@0.1.0"]);
        let http = "wasi:http/outgoing-handler@0.2.6";
        let refused = compare(Given::ByGrant { http: false }, http).unwrap();
        let expected = "it needs `wasi:http/outgoing-handler`, which plugin `x` is not granted: \
                        `grant = { http = [\"host:port\"] }`, or `grant = { kubernetes = \"in-cluster\" }`";
        assert_eq!(refused, expected);
        assert!(compare(Given::Nothing, http).unwrap().contains("are never granted"));
        assert_eq!(compare(Given::ByGrant { http: true }, http), None);
        assert!(compare(Given::ByGrant { http: true }, "wasi:http/types@0.3.0").unwrap().contains("serves 0.2"));
    }
}
