//! The plugins that the host carries inside: components, as bytes.

/// The policy that is used where none is configured.
pub const DEFAULT_POLICY: &[u8] = include_bytes!(env!("TIDEGATE_DEFAULT_POLICY"));

/// The event handler that writes to the host's log.
pub const LOG_HANDLER: &[u8] = include_bytes!(env!("TIDEGATE_LOG_HANDLER"));

/// The event handler that writes to a database.
pub const SQL_HANDLER: &[u8] = include_bytes!(env!("TIDEGATE_SQL_HANDLER"));

/// The event handler that sends to a URL.
pub const WEBHOOK_HANDLER: &[u8] = include_bytes!(env!("TIDEGATE_WEBHOOK_HANDLER"));

/// The state store that keeps state in a database.
pub const SQL_STORE: &[u8] = include_bytes!(env!("TIDEGATE_SQL_STORE"));

/// The state store that keeps state in files.
pub const FILE_STORE: &[u8] = include_bytes!(env!("TIDEGATE_FILE_STORE"));

/// The event handler that makes events of Kubernetes.
pub const KUBERNETES_HANDLER: &[u8] = include_bytes!(env!("TIDEGATE_KUBERNETES_HANDLER"));

/// The state store that keeps state in ConfigMaps.
pub const KUBERNETES_STORE: &[u8] = include_bytes!(env!("TIDEGATE_KUBERNETES_STORE"));

/// A bundled component.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// What it is for, in the words of configurations.
    pub role: &'static str,
    /// Its name in configurations, behind `bundled:`. The same name may stand for another component in another role.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// Every bundled component.
pub const ALL: [Bundled; 8] = [
    Bundled { role: "policy", name: "default-policy", bytes: DEFAULT_POLICY },
    Bundled { role: "event-handler", name: "log", bytes: LOG_HANDLER },
    Bundled { role: "event-handler", name: "sql", bytes: SQL_HANDLER },
    Bundled { role: "event-handler", name: "webhook", bytes: WEBHOOK_HANDLER },
    Bundled { role: "event-handler", name: "kubernetes", bytes: KUBERNETES_HANDLER },
    Bundled { role: "state-store", name: "sql", bytes: SQL_STORE },
    Bundled { role: "state-store", name: "file", bytes: FILE_STORE },
    Bundled { role: "state-store", name: "kubernetes", bytes: KUBERNETES_STORE },
];

/// The component that `bundled:<name>` is in a role.
pub fn find(role: &str, name: &str) -> Option<&'static [u8]> {
    ALL.iter().find(|bundled| bundled.role == role && bundled.name == name).map(|bundled| bundled.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_plugin_is_a_component() {
        for Bundled { role, name, bytes } in ALL {
            assert_eq!(bytes.get(..8), Some(b"\0asm\x0d\0\x01\0".as_slice()), "{name}");
            assert_eq!(find(role, name), Some(bytes), "each role and name is there once");
        }
        assert_eq!(find("policy", "log"), None);
    }
}
