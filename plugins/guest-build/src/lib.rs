//! Builds a workspace of guests for `wasm32-wasip2` from a build script, so that nobody ever has to do it by hand.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";

/// Guests to build. Paths are relative to the package that is being built.
#[derive(Clone, Copy, Debug)]
pub struct Guests<'a> {
    /// The manifest of their workspace.
    pub manifest: &'a str,
    /// Package names, each with the environment variable that tells the code where its component is.
    pub packages: &'a [(&'a str, &'a str)],
    /// Files and folders whose change makes them stale.
    pub sources: &'a [&'a str],
}

/// Builds `guests`: the whole of a build script.
pub fn run(guests: Guests<'_>) -> ExitCode {
    run_all(&[guests])
}

/// Builds several workspaces of guests: the whole of a build script.
#[expect(clippy::print_stdout, reason = "cargo reads what build scripts print")]
pub fn run_all(workspaces: &[Guests<'_>]) -> ExitCode {
    for guests in workspaces {
        match build(*guests) {
            Ok(directives) => directives.iter().for_each(|directive| println!("cargo::{directive}")),
            Err(errors) => {
                errors.iter().for_each(|line| println!("cargo::error={line}"));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// What to tell cargo, one line each: directives, or what went wrong.
fn build(guests: Guests<'_>) -> Result<Vec<String>, Vec<String>> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let sources = guests.sources.iter().map(|source| here.join(source));
    let mut directives: Vec<String> = sources.map(|source| format!("rerun-if-changed={}", source.display())).collect();
    ensure_target()?;

    let target_dir = PathBuf::from(variable("OUT_DIR")?).join("guests");
    let mut cargo = clean_command(&variable("CARGO")?);
    cargo.args(["build", "--release", "--target", TARGET, "--manifest-path"]).arg(here.join(guests.manifest));
    cargo.arg("--target-dir").arg(&target_dir);
    for (package, _) in guests.packages {
        cargo.args(["--package", package]);
    }
    let built = cargo.output().map_err(|error| vec![format!("failed to run cargo for the guests: {error}")])?;
    if !built.status.success() {
        let mut errors: Vec<String> = String::from_utf8_lossy(&built.stderr).lines().map(str::to_owned).collect();
        errors.push(format!("failed to build the guests for {TARGET}"));
        return Err(errors);
    }
    for (package, name) in guests.packages {
        let file = target_dir.join(TARGET).join("release").join(format!("{}.wasm", package.replace('-', "_")));
        directives.push(format!("rustc-env={name}={}", file.display()));
    }
    Ok(directives)
}

/// Adds the target through rustup where the toolchain lacks it, or says what to type.
fn ensure_target() -> Result<(), Vec<String>> {
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
    Err(vec![format!("the plugins need the {TARGET} target. Type: rustup target add {TARGET}{toolchain} ({why})")])
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

fn variable(name: &str) -> Result<String, Vec<String>> {
    env::var(name).map_err(|_| vec![format!("{name} is not set: run this through cargo")])
}
