//! Builds the guests in the workspace above.

use std::process::ExitCode;

use tidegate_guest_build::{Guests, run};

fn main() -> ExitCode {
    run(Guests {
        manifest: "../Cargo.toml",
        packages: &[
            ("tidegate-default-policy", "TIDEGATE_DEFAULT_POLICY"),
            ("tidegate-log-handler", "TIDEGATE_LOG_HANDLER"),
            ("tidegate-sql-store", "TIDEGATE_SQL_STORE"),
            ("tidegate-file-store", "TIDEGATE_FILE_STORE"),
            ("tidegate-sql-handler", "TIDEGATE_SQL_HANDLER"),
            ("tidegate-kubernetes-store", "TIDEGATE_KUBERNETES_STORE"),
            ("tidegate-kubernetes-handler", "TIDEGATE_KUBERNETES_HANDLER"),
            ("tidegate-webhook-handler", "TIDEGATE_WEBHOOK_HANDLER"),
        ],
        sources: &[
            "../.cargo",
            "../Cargo.toml",
            "../Cargo.lock",
            "../common",
            "../policy-kit",
            "../default-policy",
            "../log-handler",
            "../sql-handler",
            "../sql-kit",
            "../sql-store",
            "../store-kit",
            "../webhook-handler",
            "../file-store",
            "../kubernetes-api",
            "../kubernetes-handler",
            "../kubernetes-kit",
            "../kubernetes-store",
            "../../wit",
        ],
    })
}
