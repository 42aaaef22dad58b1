//! The plugins that the host carries inside: components, as bytes.

/// The policy that is used where none is configured.
pub const DEFAULT_POLICY: &[u8] = include_bytes!(env!("TIDEGATE_DEFAULT_POLICY"));

/// The event handler that writes to the host's log.
pub const LOG_HANDLER: &[u8] = include_bytes!(env!("TIDEGATE_LOG_HANDLER"));

/// The state store that keeps state in a database.
pub const SQL_STORE: &[u8] = include_bytes!(env!("TIDEGATE_SQL_STORE"));

/// The component that a configuration calls `bundled:<name>`.
pub fn by_name(name: &str) -> Option<&'static [u8]> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// Every bundled component, by the name that configurations use.
pub const NAMES: [(&str, &[u8]); 3] = [("default-policy", DEFAULT_POLICY), ("log", LOG_HANDLER), ("sql", SQL_STORE)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_plugin_is_a_component() {
        for (name, bytes) in NAMES {
            assert_eq!(bytes.get(..8), Some(b"\0asm\x0d\0\x01\0".as_slice()), "{name}");
            assert_eq!(by_name(name), Some(bytes));
        }
        assert_eq!(by_name("nothing"), None);
    }
}
