//! Two daemons with one place for their state: the second one ends and says why; whatever keeps no state is let be.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tidegate_tests::daemon::{Daemon, binary};
use tidegate_tests::process::free_address;
use tokio::runtime::Runtime;

use crate::restart::cluster;

fn tidegate(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(binary().unwrap());
    command.current_dir(folder).env("STATE_DIRECTORY", folder.join("own")).args(arguments).output().unwrap()
}

/// The second of two daemons that have this configuration ends; once the first is killed, there may be another.
fn has_one_keeper(state_store: &str, place: &str) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (_simulated, address) = cluster(&runtime);
    fs::create_dir(folder.path().join("state")).unwrap();
    let path = folder.path().join("tidegate.toml");
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock-daemon");
    let _ = fs::remove_file(own.join("tidegate.db"));
    let config = format!(
        "state-dir = \"{}\"\n[[cluster]]\nname = \"simulated\"\nurl = \"http://{address}\"\n{state_store}\n",
        own.display()
    );
    fs::write(&path, config).unwrap();
    let run = || Daemon::run(["--config".as_ref(), path.as_os_str()], folder.path()).unwrap();
    let first = run();

    let (config, listen) = (path.to_str().unwrap(), free_address().unwrap().to_string());
    let second = tidegate(&["run", "--config", config, "--listen", &listen], folder.path());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    for words in [
        format!("is kept by another daemon, process {}", first.process_id()),
        place.to_owned(),
        "with `state-dir` or a [state-store]".to_owned(),
    ] {
        assert!(said.contains(&words), "`{words}` is not in {said}");
    }
    for arguments in [vec!["check", "--config", config], vec!["demo", "--seconds", "1"]] {
        let ran = tidegate(&arguments, folder.path());
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    first.kill();
    assert!(run().stop().unwrap().success(), "a daemon that was killed keeps nothing locked");
    assert!(run().stop().unwrap().success());
}

#[test]
#[ignore = "builds the daemon, and kills it"]
fn the_default_place_has_one_keeper() {
    has_one_keeper("", "lock-daemon/tidegate.db");
}

#[test]
#[ignore = "builds the daemon, and kills it"]
fn a_folder_of_files_has_one_keeper() {
    let store = "[state-store]\nsource = \"bundled:file\"\ngrant = { fs = { path = \"state\", write = true } }";
    has_one_keeper(store, "/state`");
}
