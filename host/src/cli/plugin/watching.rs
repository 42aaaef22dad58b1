//! Doing something again whenever a plugin's sources change.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::model::Digest;

/// How often the sources are looked at: a plugin has a few small files, on whatever file system.
const EVERY: Duration = Duration::from_millis(300);

/// Folders of tools, in which nobody writes sources.
const OF_TOOLS: [&str; 4] = ["target", "node_modules", "build", "__pycache__"];

/// What builds and editors leave beside the sources, and where a user may have sent the output of this very command.
const BUILT: [&str; 8] = ["wasm", "new", "o", "pyc", "lock", "log", "swp", "tmp"];

/// Files that are larger are no sources.
const LARGEST: u64 = 4 << 20;

/// The sources by path, with what is in them.
type Sources = BTreeMap<PathBuf, Digest>;

/// Does `work` now, and again whenever a source in `folder` has changed, until the process is ended. What goes wrong is
/// told, and may be mended by the next save.
pub(super) fn at_every_save(folder: &Path, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    loop {
        let before = sources(folder);
        if let Err(error) = work() {
            crate::cli::report(&error);
        }
        writeln!(stderr(), "waiting for a change in {} …", folder.display())?;
        let mut now = sources(folder);
        while now == before {
            thread::sleep(EVERY);
            now = sources(folder);
        }
        // An editor may be writing several files.
        loop {
            thread::sleep(EVERY);
            let then = sources(folder);
            if then == now {
                break;
            }
            now = then;
        }
    }
}

fn sources(folder: &Path) -> Sources {
    let mut sources = Sources::new();
    look(folder, &mut sources);
    sources
}

/// What cannot be read is not there: an editor may be about to replace it.
fn look(folder: &Path, sources: &mut Sources) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if path.is_dir() {
            if !OF_TOOLS.contains(&name.as_str()) {
                look(&path, sources);
            }
        } else if !path.extension().is_some_and(|it| BUILT.iter().any(|built| it == *built))
            && entry.metadata().is_ok_and(|it| it.len() <= LARGEST)
            && let Ok(bytes) = fs::read(&path)
        {
            sources.insert(path, Digest::of(&bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "a");
        let before = sources(folder.path());
        for built in ["target/x", "x.wasm", "node_modules/y/z.js", ".git/HEAD", "x.wasm.new", ".lib.rs.swp", "out.log"]
        {
            write(built, "b");
        }
        assert_eq!(sources(folder.path()), before);
        write("src/lib.rs", "b");
        assert_ne!(sources(folder.path()), before);
        write("src/lib.rs", "a");
        assert_eq!(sources(folder.path()), before, "saved as it was");
    }
}
