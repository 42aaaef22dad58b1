//! What a component imports and exports, read without compiling it.

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use super::OciError;

/// How the interfaces of this project's contracts start.
const OURS: &str = "tidegate:";

/// What a component asks for and offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interfaces {
    /// The interfaces that it exports, with their versions.
    pub exports: Vec<String>,
    /// Those that it imports.
    pub imports: Vec<String>,
}

impl Interfaces {
    /// Those of a plugin.
    ///
    /// # Errors
    /// When the bytes are no component, are damaged, or it is no plugin.
    pub(super) fn of(component: &[u8]) -> Result<Self, OciError> {
        let not_a_plugin = |reason: String| OciError::NotAPlugin { reason };
        if !Parser::is_component(component) {
            return Err(not_a_plugin("it is no WebAssembly component".to_owned()));
        }
        let damaged = |error: wasmparser::BinaryReaderError| not_a_plugin(format!("it is damaged: {error}"));
        Validator::new_with_features(WasmFeatures::all()).validate_all(component).map_err(damaged)?;
        let interfaces = Self::read(component).map_err(damaged)?;
        if !interfaces.exports.iter().any(|name| name.starts_with(OURS)) {
            let exports = interfaces.exports.join(", ");
            return Err(not_a_plugin(format!("it exports no contract of tidegate's, but: {exports}")));
        }
        Ok(interfaces)
    }

    fn read(component: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let (mut exports, mut imports) = (Vec::new(), Vec::new());
        // How many components or modules deep: only the outermost counts.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(Self { exports, imports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_says_what_it_exports_and_imports() {
        let policy = tidegate_bundled::find("policy", "default-policy").unwrap();
        let found = Interfaces::of(policy).unwrap();
        assert_eq!(found.exports.len(), 1, "{found:?}");
        assert!(found.exports[0].starts_with("tidegate:policy/"), "{found:?}");
        assert!(found.imports.iter().any(|name| name.starts_with("tidegate:policy/")), "{found:?}");
    }

    #[test]
    fn what_is_no_plugin_is_refused_before_it_is_pushed() {
        let policy = tidegate_bundled::find("policy", "default-policy").unwrap();
        let other = wat::parse_str("(component (core module) (component (export \"tidegate:x/y@0.1.0\" (type u32))))");
        for (bytes, words) in [
            (b"#!/bin/sh".to_vec(), "no WebAssembly component"),
            (wat::parse_str("(module)").unwrap(), "no WebAssembly component"),
            (policy[..policy.len() / 2].to_vec(), "damaged"),
            (wat::parse_str("(component)").unwrap(), "exports no contract"),
        ] {
            let error = Interfaces::of(&bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        // What only a part of it exports is not the component's own.
        if let Ok(bytes) = other {
            assert!(Interfaces::of(&bytes).is_err());
        }
    }
}
