//! What a command is about: the plugin of a folder, or a component in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::manifest::Grant;
use super::{Anatomy, AuthorError, Manifest, PluginRole};
use crate::plugin::{Code, Source};

/// A component, and what is known about it.
#[derive(Debug)]
pub struct Subject {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub role: PluginRole,
    /// The component.
    pub file: PathBuf,
    /// Its bytes.
    pub code: Code,
    /// What is inside of it.
    pub anatomy: Anatomy,
    /// The folder and its manifest, where it has one.
    pub manifest: Option<(PathBuf, Manifest)>,
}

impl Subject {
    /// The built plugin of the folder `path`, or the component in the file `path`.
    ///
    /// # Errors
    /// When it is not there, not built, no component, or has none of the roles.
    pub fn find(path: &Path) -> Result<Self, AuthorError> {
        if !path.is_dir() {
            return Self::of_file(path);
        }
        let manifest = Manifest::read(path)?;
        let file = manifest.output(path);
        let bytes = fs::read(&file).map_err(|source| match source.kind() {
            ErrorKind::NotFound => AuthorError::NotBuilt { path: file.clone() },
            _ => AuthorError::Read { path: file.clone(), source },
        })?;
        let anatomy = anatomy(&file, &bytes)?;
        let name = manifest.name.clone();
        let code = Code::new(Source::File(file.clone()), bytes);
        Ok(Self { name, role: manifest.role, file, code, anatomy, manifest: Some((path.to_owned(), manifest)) })
    }

    fn of_file(file: &Path) -> Result<Self, AuthorError> {
        let bytes = fs::read(file).map_err(|source| AuthorError::Read { path: file.to_owned(), source })?;
        let anatomy = anatomy(file, &bytes)?;
        let Some(fitting) = anatomy.roles.first() else {
            let exports = if anatomy.exports.is_empty() { "nothing".to_owned() } else { anatomy.exports.join(", ") };
            return Err(AuthorError::NoRole { path: file.to_owned(), exports });
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let code = Code::new(Source::File(file.to_owned()), bytes);
        Ok(Self { name, role: fitting.role, file: file.to_owned(), code, anatomy, manifest: None })
    }

    /// What it may touch when it is tried: what its manifest says; without one, all that it asks for.
    pub fn grant(&self) -> Grant {
        match &self.manifest {
            Some((_, manifest)) => manifest.grant,
            None => Grant { http: self.anatomy.asks_for("wasi:http/"), fs: self.role == PluginRole::StateStore },
        }
    }

    /// The options that its manifest tests it with.
    pub fn options(&self) -> BTreeMap<String, String> {
        self.manifest.as_ref().map(|(_, manifest)| manifest.test.options.clone()).unwrap_or_default()
    }
}

fn anatomy(path: &Path, bytes: &[u8]) -> Result<Anatomy, AuthorError> {
    Anatomy::of(bytes).map_err(|error| AuthorError::NoComponent { path: path.to_owned(), reason: error.to_string() })
}
