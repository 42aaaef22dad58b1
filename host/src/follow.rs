//! What follows when a watched file has become another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::Receiver;
use tokio::sync::watch::Sender;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::model::Digest;
use crate::plugin::{Code, Registry, Source};
use crate::watch::{Change, Found, Kind, Watched};

/// What is wrong with files, and which are of no use: to be shown.
#[derive(Default)]
pub struct Sources {
    /// Files that cannot be had, and why.
    lacking: Mutex<BTreeMap<PathBuf, String>>,
    /// The folder of plugins, where the operator names one.
    directory: Mutex<Option<PathBuf>>,
}

impl Sources {
    /// Why this file cannot be had, if so.
    pub fn lacks(&self, path: &Path) -> Option<String> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// Components in the plugins' folder that no plugin of `registry` comes from. Looks into the folder: blocks.
    pub fn unnamed(&self, registry: &Registry) -> Vec<String> {
        let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(entries) = directory.and_then(|directory| fs::read_dir(directory).ok()) else { return Vec::new() };
        let named: Vec<PathBuf> = registry.files().into_iter().map(|file| file.path).collect();
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let is_unnamed = |path: &PathBuf| path.extension().is_some_and(|it| it == "wasm") && !named.contains(path);
        let mut unnamed: Vec<String> = paths.filter(is_unnamed).map(|path| path.display().to_string()).collect();
        unnamed.sort();
        unnamed
    }

    /// Plugins are looked for as this configuration says.
    pub(crate) fn look_in(&self, config: &Config) {
        let directory = config.plugin_files.directory.as_ref().map(|_| config.plugin_folder());
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    /// Takes down how a file was found: why it cannot be had, if so.
    fn found(&self, path: &Path, lacks: Option<String>) {
        let mut lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        match lacks {
            Some(reason) => drop(lacking.insert(path.to_owned(), reason)),
            None => drop(lacking.remove(path)),
        }
    }
}

/// The files to watch: the configuration's own, and those of plugins.
pub(crate) fn watched(config: &Config, registry: &Registry) -> Vec<Watched> {
    let text = |path: &PathBuf, digest| Watched { path: path.clone(), kind: Kind::Text, known: Some(digest) };
    let config_file = config.file.iter().map(|file| text(&file.path, file.digest));
    let mut components: BTreeMap<PathBuf, Option<Digest>> = BTreeMap::new();
    for file in registry.files() {
        let known = components.entry(file.path).or_insert(file.digest);
        if *known != file.digest {
            // Two plugins come from it, and one lags behind: whatever it holds is news.
            *known = None;
        }
    }
    let component = |(path, known)| Watched { path, kind: Kind::Component, known };
    config_file.chain(components.into_iter().map(component)).collect()
}

/// Hands on what is found in watched files: components to `registry`, another configuration to `config_file`.
pub(crate) async fn follow(
    mut changes: Receiver<Change>,
    registry: Arc<Registry>,
    sources: Arc<Sources>,
    config_file: Sender<Option<Digest>>,
) {
    while let Some(Change { path, found }) = changes.recv().await {
        let lacks = match &found {
            Found::Content(_) => None,
            Found::Gone => Some("the file is gone".to_owned()),
            Found::Unreadable(reason) => Some(format!("the file cannot be read: {reason}")),
        };
        sources.found(&path, lacks.clone());
        let plugins = registry.files().into_iter().filter(|file| file.path == path);
        let plugins: Vec<String> = plugins.map(|file| file.name).collect();
        let shown = path.display();
        match found {
            Found::Content(content) if plugins.is_empty() => {
                config_file.send_replace(Some(Digest::of(&content)));
            }
            Found::Content(content) => {
                for plugin in plugins {
                    info!(plugin, path = %shown, "plugin's file has changed");
                    let code = Code::new(Source::File(path.clone()), content.to_vec());
                    // Why not is logged and shown by the registry.
                    if let Err(error) = registry.offer(&plugin, code).await {
                        debug!(plugin, %error, "plugin's file is not in service");
                    }
                }
            }
            Found::Gone | Found::Unreadable(_) if plugins.is_empty() => {
                warn!(path = %shown, reason = lacks, "the configuration stays in force");
            }
            Found::Gone | Found::Unreadable(_) => {
                for plugin in plugins {
                    warn!(plugin, path = %shown, reason = lacks, "the version in service stays");
                }
            }
        }
    }
}
