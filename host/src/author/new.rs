//! A folder that builds as it is, and holds a small but real plugin.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wildmatch::WildMatch;

use super::{AuthorError, Language, Manifest, PluginRole, contracts, templates};

/// Bytes of a plugin's name.
const LONGEST_NAME: usize = 60;

/// What a plugin is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlugin {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub role: PluginRole,
    /// What it is written in.
    pub language: Language,
    /// Whether it is made with the bundled policy's own library.
    pub with_kit: bool,
}

impl NewPlugin {
    /// Makes the folder, with everything in it; the paths of its files below it.
    ///
    /// # Errors
    /// When the name cannot be one, there is no such template, or the folder is not empty or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<String>, AuthorError> {
        let Self { name, role, language, with_kit } = self;
        check(name)?;
        let known = templates::roles(*language);
        if !known.contains(role) {
            let names: Vec<&str> = known.iter().map(|role| role.name()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(AuthorError::NoTemplate { role: *role, language: *language, known });
        }
        if *with_kit && (*role, *language) != (PluginRole::Policy, Language::Rust) {
            return Err(AuthorError::NoKit);
        }
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
            return Err(AuthorError::NotEmpty { path: folder.to_owned() });
        }
        let snake = name.replace('-', "_");
        let words = [("name", name.as_str()), ("name_snake", &snake), ("version", env!("CARGO_PKG_VERSION"))];
        let mut files = templates::files(*role, *language, *with_kit, &words);
        let tested: Vec<WildMatch> = traces(&files).iter().map(|pattern| WildMatch::new(pattern)).collect();
        // What no test uses is of no use.
        files.retain(|path, _| !path.starts_with("traces/") || tested.iter().any(|pattern| pattern.matches(path)));
        for (path, text) in contracts::files(*role) {
            files.insert(path, text.as_bytes().to_vec());
        }
        for (path, bytes) in &files {
            put(&folder.join(path), bytes)?;
        }
        Ok(files.into_keys().collect())
    }
}

/// What the manifest among these files is tested on.
fn traces(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let text = files.get(Manifest::FILE).and_then(|bytes| str::from_utf8(bytes).ok());
    text.and_then(|text| Manifest::parse(text).ok()).map(|manifest| manifest.test.traces).unwrap_or_default()
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    let failed = |source| AuthorError::Write { path: PathBuf::from(path), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

/// A name becomes that of a folder, a package, a module and a table in a configuration.
fn check(name: &str) -> Result<(), AuthorError> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if letters && begins && !name.ends_with('-') && !name.contains("--") && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(AuthorError::Name { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_to_do_everywhere() {
        for good in ["a", "my-policy", "v2"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for wrong in ["", "-a", "a-", "a--b", "A", "2a", "a_b", "a/b", "..", "ä", &"a".repeat(61)] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_what_there_is_not_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let plugin =
            NewPlugin { name: "x".to_owned(), role: PluginRole::Policy, language: Language::Rust, with_kit: false };
        let files = plugin.write(&folder.path().join("x")).unwrap();
        for expected in
            ["Cargo.toml", "README.md", "src/lib.rs", "tidegate-plugin.toml", "wit/policy.wit", ".gitignore"]
        {
            assert!(files.iter().any(|path| path == expected), "{expected}");
        }
        let again = plugin.write(&folder.path().join("x")).unwrap_err().to_string();
        assert!(again.contains("is there already"), "{again}");
        let kit = NewPlugin { with_kit: true, ..plugin.clone() };
        let files = kit.write(&folder.path().join("kit")).unwrap();
        for expected in ["kit/policy-kit/src/decide.rs", "kit/common/Cargo.toml", "src/night.rs", "src/answer.rs"] {
            assert!(files.iter().any(|path| path == expected), "{expected} {files:?}");
        }
        let kit = NewPlugin { role: PluginRole::Filter, ..kit };
        assert!(matches!(kit.write(&folder.path().join("z")), Err(AuthorError::NoKit)));
        let other = NewPlugin { role: PluginRole::StateStore, language: Language::C, ..plugin };
        let error = other.write(&folder.path().join("y")).unwrap_err().to_string();
        assert!(error.starts_with("there is no template of a state-store in c; there are: "), "{error}");
    }
}
