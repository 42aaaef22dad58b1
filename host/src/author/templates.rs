//! The templates that the host carries, in layers: those of every plugin, of a role, of a language, of both.

use std::collections::BTreeMap;

use include_dir::{Dir, DirEntry, include_dir};

use super::{Language, PluginRole};

/// `host/templates`. Its build script has it read again when it has changed.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The bundled policy, as a library and as a component over it: what `--with-kit` brings along, by where it is put.
static KIT: [(&str, Dir<'_>); 2] = [
    ("kit/policy-kit/src", include_dir!("$CARGO_MANIFEST_DIR/../plugins/policy-kit/src")),
    ("kit/common/src", include_dir!("$CARGO_MANIFEST_DIR/../plugins/common/src")),
];
const OVER_KIT: [(&str, &[u8]); 2] = [
    ("src/answer.rs", include_bytes!("../../../plugins/default-policy/src/answer.rs")),
    ("src/reached.rs", include_bytes!("../../../plugins/default-policy/src/reached.rs")),
];

/// The layer of a policy that is made with the kit.
const WITH_KIT: &str = "rust/policy-kit";

/// A file of this folder is put into the others, where they say `{{NAME}}`.
const PARTS: &str = "parts/";

/// What a file's name ends with that would mean something to a tool where the templates are.
const INERT: &str = ".in";

/// What is put in place of `{{KEY}}`.
pub(super) type Words<'a> = [(&'a str, &'a str)];

/// The roles that there are templates of in a language.
pub(super) fn roles(language: Language) -> Vec<PluginRole> {
    let has = |role: &PluginRole| TEMPLATES.get_dir(format!("{language}/{role}")).is_some();
    PluginRole::ALL.into_iter().filter(has).collect()
}

/// The files of a new plugin by path, with these words put in; later layers go over earlier ones.
pub(super) fn files(
    role: PluginRole,
    language: Language,
    with_kit: bool,
    words: &Words<'_>,
) -> BTreeMap<String, Vec<u8>> {
    let mut layers = vec![
        "common/all".to_owned(),
        format!("common/{role}"),
        format!("{language}/common"),
        format!("{language}/{role}"),
    ];
    if with_kit {
        layers.push(WITH_KIT.to_owned());
    }
    let mut raw = BTreeMap::new();
    for layer in layers {
        if let Some(folder) = TEMPLATES.get_dir(&layer) {
            collect(folder, &layer, &mut raw);
        }
    }
    let part = |(path, bytes): (&String, &&[u8])| {
        let name = path.strip_prefix(PARTS)?.split('.').next()?.to_owned();
        let text = String::from_utf8_lossy(bytes);
        Some((name, put_in(text.trim_end(), words)))
    };
    let parts: Vec<(String, String)> = raw.iter().filter_map(part).collect();
    let mut all: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    all.extend_from_slice(words);
    let files = raw.iter().filter(|(path, _)| !path.starts_with(PARTS));
    let file = |(path, bytes): (&String, &&[u8])| {
        let path = put_in(path.strip_suffix(INERT).unwrap_or(path), words);
        let bytes = match str::from_utf8(bytes) {
            Ok(text) => put_in(text, &all).into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        (path, bytes)
    };
    let mut files: BTreeMap<String, Vec<u8>> = files.map(file).collect();
    if with_kit {
        // The bundled policy's own files stay as they are.
        for (below, folder) in &KIT {
            let mut raw = BTreeMap::new();
            collect(folder, "", &mut raw);
            files.extend(raw.into_iter().map(|(path, bytes)| (format!("{below}/{path}"), bytes.to_vec())));
        }
        files.extend(OVER_KIT.map(|(path, bytes)| (path.to_owned(), bytes.to_vec())));
        // What the policy without it is made of.
        files.remove("src/rule.rs");
    }
    files
}

fn collect<'a>(folder: &Dir<'a>, layer: &str, raw: &mut BTreeMap<String, &'a [u8]>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, layer, raw),
            DirEntry::File(file) => {
                // Paths are those below `templates`, and were text when they were embedded.
                let path = file.path().to_string_lossy().replace('\\', "/");
                let path = path.strip_prefix(layer).unwrap_or(&path).trim_start_matches('/');
                raw.insert(path.to_owned(), file.contents());
            }
        }
    }
}

fn put_in(text: &str, words: &Words<'_>) -> String {
    words.iter().fold(text.to_owned(), |text, (key, word)| text.replace(&format!("{{{{{key}}}}}"), word))
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;
    use super::*;

    #[test]
    fn every_template_is_whole() {
        let words = [("name", "my-plugin"), ("name_snake", "my_plugin"), ("version", "9.9.9")];
        let mut found = 0;
        for language in Language::ALL {
            for role in roles(language) {
                let files = files(role, language, false, &words);
                let text = |path: &str| {
                    String::from_utf8(files.get(path).unwrap_or_else(|| panic!("{path}")).clone()).unwrap()
                };
                let manifest = Manifest::parse(&text(Manifest::FILE)).unwrap();
                assert_eq!((manifest.name.as_str(), manifest.role, manifest.lang), ("my-plugin", role, language));
                assert!(text("README.md").lines().count() <= 60, "a README is one screen: {language} {role}");
                for (path, bytes) in &files {
                    let left = str::from_utf8(bytes).ok().and_then(|text| text.find("{{name").or(text.find("{{about")));
                    assert_eq!(left, None, "{language} {role} {path}");
                    assert!(!path.ends_with(INERT) && !path.contains("{{"), "{path}");
                }
                found += 1;
            }
        }
        assert_eq!(roles(Language::Rust), PluginRole::ALL);
        assert!(found >= PluginRole::ALL.len());
    }
}
