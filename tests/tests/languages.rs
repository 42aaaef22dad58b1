//! Plugins in JavaScript, Python, C and Go, from nothing: made, built, checked and tested by the real program. They need
//! the languages' tool chains, and what those install: `.ci/run` says how.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
#![expect(clippy::print_stdout, reason = "what was skipped and compared is to be seen")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tidegate_tests::daemon::binary;

/// The languages beside Rust, and a program without which there is nothing to try.
const LANGUAGES: [(&str, &str); 4] = [("js", "npm"), ("python", "python3"), ("c", "zig"), ("go", "go")];

/// What a machine may lack. Everything else has to be there.
const EXPERIMENTAL: &str = "go";

/// The program; asking for it again would ask Cargo again.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| binary().unwrap());

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The answer of a command that has to succeed.
fn tidegate(arguments: &[&str]) -> String {
    let mut command = Command::new(&*PROGRAM);
    command.args(arguments).stdin(Stdio::null()).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (answer, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "tidegate {} failed\n{answer}\n{errors}", arguments.join(" "));
    answer
}

/// The languages that can be tried here; says which cannot.
fn languages() -> impl Iterator<Item = &'static str> {
    LANGUAGES.into_iter().map(|(language, _)| language).filter(|language| is_there(language))
}

/// Whether plugins in a language can be built here; says so if they cannot.
fn is_there(language: &str) -> bool {
    let (_, program) = LANGUAGES.into_iter().find(|(known, _)| *known == language).unwrap();
    let is_there = Command::new(program).arg("version").output().is_ok();
    assert!(is_there || language == EXPERIMENTAL, "`{program}` is not installed, which {language} needs");
    if !is_there {
        println!("languages: {language} is skipped: `{program}` is not installed");
    }
    is_there
}

/// A plugin from nothing: its folder, and its component.
fn made(folder: &Path, role: &str, language: &str) -> PathBuf {
    let name = format!("{language}-{role}");
    let plugin = folder.join(&name);
    let path = plugin.to_str().unwrap();
    tidegate(&["plugin", "new", &name, "--role", role, "--lang", language, "--out", path]);
    tidegate(&["plugin", "build", path]);
    tidegate(&["plugin", "check", path]);
    tidegate(&["plugin", "test", path]);
    plugin.join(format!("{name}.wasm"))
}

/// What a policy decides in every pass of all golden traces.
fn decisions(component: &Path) -> Vec<String> {
    let traces = fs::read_dir(root().join("tests/traces")).unwrap().map(|entry| entry.unwrap().path());
    let mut traces: Vec<_> = traces.filter(|path| path.extension().is_some_and(|it| it == "gz")).collect();
    traces.sort();
    let mut arguments = vec!["replay", "--json", "--policy", component.to_str().unwrap()];
    arguments.extend(traces.iter().map(|path| path.to_str().unwrap()));
    tidegate(&arguments).lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs npm, Python, Zig and Go"]
fn one_rule_decides_alike_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    let expected = decisions(&made(folder.path(), "policy", "rust"));
    assert!(expected.len() > 5000, "{} passes", expected.len());
    let mut compared = 1;
    for language in languages() {
        let found = decisions(&made(folder.path(), "policy", language));
        assert_eq!(found.len(), expected.len(), "{language}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{language}");
        }
        compared += 1;
    }
    println!("languages: {} passes compared in {compared} languages", expected.len());
}

#[test]
#[ignore = "needs npm, Python, Zig and Go"]
fn event_handlers_log_and_send_what_is_expected_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    for language in languages() {
        made(folder.path(), "event-handler", language);
    }
}

/// The examples in other languages than Rust: the contract of each, and what a language's tools need beside it, comes from
/// a new plugin of its language.
#[test]
#[ignore = "needs npm, Python, Zig and Go"]
fn the_examples_decide_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let most = BTreeMap::from([("c-minimal-policy", 20_000)]);
    for (language, name) in [
        ("js", "js-backlog-policy"),
        ("python", "python-threshold-policy"),
        ("c", "c-minimal-policy"),
        ("go", "go-autoscaler-policy"),
    ] {
        if !is_there(language) {
            continue;
        }
        // In the same depth, as it names the golden traces.
        let example = folder.path().join("examples").join(name);
        let path = example.to_str().unwrap();
        let new = folder.path().join("contract").join(name);
        tidegate(&["plugin", "new", name, "--role", "policy", "--lang", language, "--out", new.to_str().unwrap()]);
        copy(&root().join("examples").join(name), &example);
        for needed in ["wit", "vendor"].iter().filter(|needed| new.join(needed).exists()) {
            copy(&new.join(needed), &example.join(needed));
        }
        let traces = folder.path().join("tests/traces");
        if !traces.exists() {
            copy(&root().join("tests/traces"), &traces);
        }
        tidegate(&["plugin", "build", path]);
        tidegate(&["plugin", "test", path]);
        let size = fs::metadata(example.join(format!("{name}.wasm"))).unwrap().len();
        if let Some(most) = most.get(name) {
            assert!(size <= *most, "{name} has {size} bytes");
        }
    }
}

/// Copies the files of a folder, and those of the folders in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        // What a build left there is not part of an example.
        if ["node_modules", ".venv", "gen", "vendor"].iter().any(|made| name == *made) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
