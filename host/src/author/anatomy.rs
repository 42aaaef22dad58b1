//! What is inside of a component: read from its bytes, without compiling it.

use std::collections::BTreeMap;

use serde::Serialize;
use wasmparser::{BinaryReaderError, CustomSectionReader, KnownCustom, Parser, Payload};

use super::PluginRole;

/// What a component is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Anatomy {
    /// The roles that it can have, each with the version of the contract that it was built against.
    pub roles: Vec<Fitting>,
    /// What it asks for.
    pub imports: Vec<Import>,
    /// What it offers.
    pub exports: Vec<String>,
    /// Which languages and tools made it, by what they did: `language`, `processed-by`, `sdk`.
    pub producers: BTreeMap<String, Vec<String>>,
    /// Bytes of its custom sections by name, the largest first.
    pub custom_sections: Vec<(String, usize)>,
    /// Its core modules.
    pub modules: usize,
    /// Bytes of these.
    pub module_bytes: usize,
    /// Bytes of linear memory that it starts with, in all modules.
    pub memory: u64,
}

/// A role that a component can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fitting {
    /// The role.
    pub role: PluginRole,
    /// The version in the name of what it exports, such as `0.1.0`.
    pub version: String,
}

/// Something that a component asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Its name, with its version.
    pub name: String,
    /// What an operator has to grant for it; nothing where every plugin has it.
    pub grant: Option<&'static str>,
}

/// Bytes of a page of linear memory.
const PAGE: u64 = 64 << 10;

/// Bytes of a small text that `wit-bindgen` and its like leave: how a core module is to be made a component.
const LONGEST_LIST: usize = 100;

impl Anatomy {
    /// Reads a component.
    ///
    /// # Errors
    /// When the bytes are no component, or a damaged one: the parser's words, with the place.
    pub fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut anatomy = Self::default();
        let mut custom = BTreeMap::new();
        // The outermost component is the first one that begins.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ModuleSection { unchecked_range, .. } => {
                    anatomy.modules += 1;
                    anatomy.module_bytes += unchecked_range.len();
                }
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        let name = import?.name.name.to_owned();
                        anatomy.imports.push(Import { grant: grant(&name), name });
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        anatomy.exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        anatomy.memory += memory?.initial * PAGE;
                    }
                }
                Payload::CustomSection(section) => {
                    *custom.entry(section.name().to_owned()).or_insert(0) += section.data().len();
                    anatomy.produced(&section)?;
                }
                _ => {}
            }
        }
        anatomy.custom_sections = custom.into_iter().take(LONGEST_LIST).collect();
        anatomy.custom_sections.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        anatomy.roles = PluginRole::ALL.into_iter().filter_map(|role| anatomy.fitting(role)).collect();
        Ok(anatomy)
    }

    fn produced(&mut self, section: &CustomSectionReader<'_>) -> Result<(), BinaryReaderError> {
        let KnownCustom::Producers(fields) = section.as_known() else { return Ok(()) };
        for field in fields {
            let field = field?;
            let known = self.producers.entry(field.name.to_owned()).or_default();
            for value in field.values {
                let value = value?;
                let text = format!("{} {}", value.name, value.version).trim_end().to_owned();
                if !known.contains(&text) && known.len() < LONGEST_LIST {
                    known.push(text);
                }
            }
        }
        Ok(())
    }

    fn fitting(&self, role: PluginRole) -> Option<Fitting> {
        let version = |export: &String| {
            let (name, version) = export.split_once('@')?;
            (name == role.export()).then(|| version.to_owned())
        };
        self.exports.iter().find_map(version).map(|version| Fitting { role, version })
    }

    /// Whether it asks for something whose name starts with `prefix`.
    pub fn asks_for(&self, prefix: &str) -> bool {
        self.imports.iter().any(|import| import.name.starts_with(prefix))
    }
}

/// What an operator has to grant so that there is something behind an import.
fn grant(import: &str) -> Option<&'static str> {
    const GRANTS: [(&str, &str); 4] = [
        ("wasi:http/", "http = [\"host:port\"]"),
        ("tidegate:host/sql", "sql = { NAME = \"sqlite://…\" }"),
        ("wasi:filesystem/", "fs = { path = \"…\" }, or it sees no files"),
        ("wasi:cli/environment", "env = [\"NAME\"], or it sees no variables"),
    ];
    GRANTS.iter().find(|(prefix, _)| import.starts_with(prefix)).map(|(_, grant)| *grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundled_plugin_is_taken_apart() {
        let anatomy = Anatomy::of(tidegate_bundled::find("policy", "default-policy").unwrap()).unwrap();
        assert_eq!(anatomy.roles, [Fitting { role: PluginRole::Policy, version: "0.1.0".to_owned() }]);
        assert!(anatomy.asks_for("tidegate:policy/observation@") && !anatomy.asks_for("wasi:http"));
        assert!(anatomy.modules >= 1 && anatomy.module_bytes > 100_000 && anatomy.memory >= PAGE, "{anatomy:?}");
        assert!(anatomy.producers["processed-by"].iter().any(|tool| tool.starts_with("wit-component")), "{anatomy:?}");
        let webhook = Anatomy::of(tidegate_bundled::find("event-handler", "webhook").unwrap()).unwrap();
        assert_eq!(webhook.roles[0].role, PluginRole::EventHandler);
        let http = webhook.imports.iter().find(|import| import.name.starts_with("wasi:http/outgoing-handler")).unwrap();
        assert_eq!(http.grant, Some("http = [\"host:port\"]"));
    }

    #[test]
    fn what_is_no_component_is_refused() {
        assert!(Anatomy::of(b"#!/bin/sh").is_err());
        assert!(Anatomy::of(b"").is_err());
    }
}
