//! The contracts as texts: what plugins are compared with, and what their authors are given.

/// One package of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name, without the namespace `tidegate:`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// Every package, each after those that it uses.
pub const ALL: [Package; 5] = [
    Package { name: "types", text: include_str!("../../wit/types/v0.1/types.wit") },
    Package { name: "host", text: include_str!("../../wit/host/v0.1/host.wit") },
    Package { name: "policy", text: include_str!("../../wit/policy/v0.1/policy.wit") },
    Package { name: "event-handler", text: include_str!("../../wit/event-handler/v0.1/event-handler.wit") },
    Package { name: "state-store", text: include_str!("../../wit/state-store/v0.1/state-store.wit") },
];
