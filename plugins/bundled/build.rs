//! Builds the guests in the workspace above for `wasm32-wasip2`, so that nobody ever has to do it by hand.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";

/// The guests by package name, and the environment variable that tells `lib.rs` where each one is.
const GUESTS: [(&str, &str); 2] =
    [("tidegate-default-policy", "TIDEGATE_DEFAULT_POLICY"), ("tidegate-log-handler", "TIDEGATE_LOG_HANDLER")];

/// What changes a guest, relative to this package.
const SOURCES: [&str; 7] = [
    "../Cargo.toml",
    "../Cargo.lock",
    "../common",
    "../policy-kit",
    "../default-policy",
    "../log-handler",
    "../../wit",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", here.join(source).display());
    }
    ensure_target()?;

    let target_dir = PathBuf::from(variable("OUT_DIR")?).join("guests");
    let mut cargo = clean_command(&variable("CARGO")?);
    cargo.args(["build", "--release", "--target", TARGET, "--manifest-path"]).arg(here.join("../Cargo.toml"));
    cargo.arg("--target-dir").arg(&target_dir);
    for (package, _) in GUESTS {
        cargo.args(["--package", package]);
    }
    let built = cargo.output().map_err(|error| format!("failed to run cargo for the guests: {error}"))?;
    if !built.status.success() {
        for line in String::from_utf8_lossy(&built.stderr).lines() {
            println!("cargo::error={line}");
        }
        return Err(format!("failed to build the bundled plugins for {TARGET}"));
    }
    for (package, name) in GUESTS {
        let file = target_dir.join(TARGET).join("release").join(format!("{}.wasm", package.replace('-', "_")));
        println!("cargo::rustc-env={name}={}", file.display());
    }
    Ok(())
}

/// Adds the target through rustup where the toolchain lacks it, or says what to type.
fn ensure_target() -> Result<(), String> {
    let has_target = || {
        let mut rustc = clean_command(&env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()));
        let output = rustc.args(["--print", "target-libdir", "--target", TARGET]).output().ok()?;
        let folder = String::from_utf8(output.stdout).ok()?;
        Some(output.status.success() && Path::new(folder.trim()).exists())
    };
    if has_target() == Some(true) {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).output();
    if has_target() == Some(true) {
        return Ok(());
    }
    let toolchain = env::var("RUSTUP_TOOLCHAIN").map(|name| format!(" --toolchain {name}")).unwrap_or_default();
    let why = match added {
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        Err(error) => format!("rustup cannot be run: {error}"),
    };
    Err(format!("the plugins need the {TARGET} target. Type: rustup target add {TARGET}{toolchain} ({why})"))
}

/// A command without what the outer cargo sets for this build: its flags, wrappers and target are not the guests'.
fn clean_command(program: &str) -> Command {
    const KEPT: [&str; 4] = ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_HTTP_CAINFO", "CARGO_NET_OFFLINE"];
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo = ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTDOC", "TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        let registry = text.starts_with("CARGO_REGISTR") || text.starts_with("CARGO_SOURCE");
        if of_cargo && !registry && !KEPT.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: run this through cargo"))
}
