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
        let code = Code::new(Source::File(file.clone()), bytes);
        let anatomy = anatomy(&file, &code)?;
        let name = manifest.name.clone();
        Ok(Self { name, role: manifest.role, file, code, anatomy, manifest: Some((path.to_owned(), manifest)) })
    }

    fn of_file(file: &Path) -> Result<Self, AuthorError> {
        let bytes = fs::read(file).map_err(|source| AuthorError::Read { path: file.to_owned(), source })?;
        let code = Code::new(Source::File(file.to_owned()), bytes);
        let anatomy = anatomy(file, &code)?;
        let Some(fitting) = anatomy.roles.first() else {
            let exports = if anatomy.exports.is_empty() { "nothing".to_owned() } else { anatomy.exports.join(", ") };
            return Err(AuthorError::NoRole { path: file.to_owned(), exports });
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
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

fn anatomy(path: &Path, code: &Code) -> Result<Anatomy, AuthorError> {
    Anatomy::of(code.as_component()?).map_err(|error| AuthorError::damaged(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_in_one_line_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        let bundled = tidegate_bundled::DEFAULT_POLICY;
        let strange = [&bundled[..8], b"\xff\x05 none"].concat();
        for (bytes, expected) in [
            (b"".as_slice(), "is no WebAssembly component: the file is empty"),
            (
                b"#!/bin/sh\n",
                "is no WebAssembly component: it does not start as one; is this the `.wasm` file that the",
            ),
            (
                b"(component)",
                "is no WebAssembly component: it is WebAssembly text; translate it with `wasm-tools parse`",
            ),
            (b"\0asm\x01\0\0\0", "is no WebAssembly component: it is a core module; build it for `wasm32-wasip2`"),
            (b"\0asm\x0e\0\x01\0", "is no WebAssembly component: it has a binary format that this host does not know"),
            (&bundled[..bundled.len() / 2], "is damaged or cut off: build it anew, or copy it again (unexpected end"),
            (&bundled[..6], "is no WebAssembly component: "),
            (&strange, "is damaged or cut off: build it anew, or copy it again ("),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = Subject::find(&path).unwrap_err();
            let told = error.to_string();
            assert!(std::error::Error::source(&error).is_none(), "all of it is in one line: {error:?}");
            assert!(!told.contains('\n') && !told.contains("0x"), "{told}");
            assert!(told.starts_with(&format!("`{}` {expected}", path.display())), "{told}");
        }
    }
}
