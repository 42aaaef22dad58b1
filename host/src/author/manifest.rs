//! `tidegate-plugin.toml`: what a folder says of the plugin in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{AuthorError, Language, PluginRole, Step};
use crate::config::plugin_options;

/// What a plugin is, how it is built, and what it is tested on. Every path in it is relative to its folder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// What it is called in configurations.
    pub name: String,
    /// What it is for.
    pub role: PluginRole,
    /// What it is written in.
    pub lang: Language,
    /// How it is built.
    pub build: Build,
    /// What it may touch when it is checked and tested.
    #[serde(default)]
    pub grant: Grant,
    /// What it is tested on.
    #[serde(default)]
    pub test: Test,
}

/// How a plugin is built.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Build {
    /// What is done, one after the other.
    pub steps: Vec<Step>,
    /// The component that the last step leaves.
    pub artifact: PathBuf,
    /// Where it is put.
    pub output: PathBuf,
}

/// What an event handler or a state store may touch when it is checked and tested. An operator grants each of it by
/// `grant` in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Grant {
    /// Whether it may send requests; in a test, to a receiver that keeps them.
    pub http: bool,
    /// Whether it has a folder; in a test, an empty one.
    pub fs: bool,
}

/// What a plugin is tested on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Test {
    /// Recorded jobs: paths, with `*` for any text in the last part.
    pub traces: Vec<String>,
    /// The file with what has to come of them.
    pub expect: Option<PathBuf>,
    /// Of a policy and what helps it, the job's options, over those of the trace; else the plugin's own.
    #[serde(deserialize_with = "plugin_options")]
    pub options: BTreeMap<String, String>,
}

impl Manifest {
    /// What it is called in a folder.
    pub const FILE: &str = "tidegate-plugin.toml";

    /// Reads that of a folder.
    ///
    /// # Errors
    /// When there is none, or it says something else than a manifest does.
    pub fn read(folder: &Path) -> Result<Self, AuthorError> {
        let path = folder.join(Self::FILE);
        let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => AuthorError::NoManifest { folder: folder.to_owned() },
            _ => AuthorError::Read { path: path.clone(), source },
        })?;
        Self::parse(&text).map_err(|reason| AuthorError::Manifest { path, reason })
    }

    /// Reads one; what is wrong, with the place marked.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let Build { steps, artifact, output } = &manifest.build;
        let inside = |path: &Path| path.is_relative() && !path.components().any(|part| part.as_os_str() == "..");
        for (key, path) in [("artifact", artifact), ("output", output)] {
            if !inside(path) {
                return Err(format!("`build.{key}` has to be a path inside of the folder, not `{}`", path.display()));
            }
        }
        if steps.is_empty() {
            return Err("`build.steps` is empty: say what builds the plugin".to_owned());
        }
        let is_granted = manifest.grant != Grant::default();
        if is_granted && !matches!(manifest.role, PluginRole::EventHandler | PluginRole::StateStore) {
            return Err(format!(
                "{} is a pure function and is granted nothing: remove `grant`",
                manifest.role.with_article()
            ));
        }
        Ok(manifest)
    }

    /// Where the built component is.
    pub fn output(&self, folder: &Path) -> PathBuf {
        folder.join(&self.build.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = 'x'\nrole = 'policy'\nlang = 'rust'\n[build]\nsteps = [{ run = ['cargo'], needs = 'cargo' }]\n\
                        artifact = 'target/x.wasm'\noutput = 'x.wasm'\n";

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!((manifest.role, manifest.lang, manifest.build.steps.len()), (PluginRole::Policy, Language::Rust, 1));
        assert_eq!(manifest.output(Path::new("/p")), Path::new("/p/x.wasm"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, expected) in [
            ("'policy'", "'polcy'", "unknown variant `polcy`"),
            ("lang", "language", "unknown field `language`"),
            ("'x.wasm'", "'../x.wasm'", "`build.output` has to be a path inside of the folder, not `../x.wasm`"),
            ("'target/x.wasm'", "'/x.wasm'", "`build.artifact` has to be a path inside"),
            ("[{ run = ['cargo'], needs = 'cargo' }]", "[]", "`build.steps` is empty"),
            ("{ run = ['cargo'], needs = 'cargo' }", "{ ran = ['cargo'] }", "a step has `run`"),
            ("run = ['cargo']", "run = []", "`run` is empty"),
            ("output = 'x.wasm'\n", "output = 'x.wasm'\n[grant]\nhttp = true\n", "is granted nothing"),
        ] {
            let error = Manifest::parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{expected}\n{error}");
        }
    }
}
