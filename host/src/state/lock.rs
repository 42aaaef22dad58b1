//! A place that state is kept in has one keeper: two would undo each other's decisions.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use thiserror::Error;
use tracing::warn;

/// The name of the lock of a folder, inside of it.
const OF_FOLDER: &str = ".tidegate.lock";

/// What the lock of a file is called more than the file, which it is beside.
const OF_FILE: &str = ".lock";

/// A place that is this process' as long as this lives. When the process ends, however it does, the system gives it up.
#[derive(Debug)]
pub struct Lock {
    /// None where it cannot be locked at all, which the log says.
    _file: Option<File>,
}

/// A place that another process keeps its state in.
#[derive(Debug, Error)]
#[error(
    "the state in `{}` is kept by {keeper}: stop that, or give this one a place of its own, with `state-dir` or a \
     [state-store]", place.display()
)]
pub struct InUse {
    /// The file or the folder.
    pub place: PathBuf,
    /// Who has it, in words.
    pub keeper: String,
}

impl Lock {
    /// Takes `place`, a folder or a file that is there or will be. Where its file system knows no locks, or nothing can be
    /// written yet, that is logged, and others are not kept away.
    ///
    /// # Errors
    /// When another process has it.
    pub fn take(place: &Path) -> Result<Self, InUse> {
        let path = path_of(place);
        let unlocked = |error: &io::Error| {
            let (place, error) = (place.display(), error as &dyn std::error::Error);
            warn!(%place, error, "the place of the state cannot be locked: see to it that no other daemon uses it");
            Ok(Self { _file: None })
        };
        // For nobody else to read, as all that is beside it.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return unlocked(&error),
        };
        match file.try_lock() {
            Ok(()) => {
                // Only told to people: the lock holds without.
                let _ = sign(&mut file);
                Ok(Self { _file: Some(file) })
            }
            Err(TryLockError::WouldBlock) => {
                let mut signed = String::new();
                let read = file.read_to_string(&mut signed);
                let keeper = match read.ok().and_then(|_| signed.trim().parse::<u32>().ok()) {
                    Some(id) => format!("another daemon, process {id}"),
                    None => "another daemon".to_owned(),
                };
                Err(InUse { place: place.to_owned(), keeper })
            }
            Err(TryLockError::Error(error)) => unlocked(&error),
        }
    }
}

fn path_of(place: &Path) -> PathBuf {
    if place.is_dir() {
        return place.join(OF_FOLDER);
    }
    let mut path = OsString::from(place);
    path.push(OF_FILE);
    PathBuf::from(path)
}

/// Writes who has it.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_keeper_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tidegate.db");
        for place in [folder.path(), &file] {
            let first = Lock::take(place).unwrap();
            let error = Lock::take(place).unwrap_err().to_string();
            let expected = format!(
                "the state in `{}` is kept by another daemon, process {}: stop that, or give this one a place of its own, \
                 with `state-dir` or a [state-store]",
                place.display(),
                process::id()
            );
            assert_eq!(error, expected);
            drop(first);
            Lock::take(place).unwrap();
        }
        assert!(!file.exists(), "the file itself is not touched");
    }

    #[test]
    fn a_lock_without_a_name_in_it_holds_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Lock::take(folder.path()).unwrap();
        std::fs::write(folder.path().join(OF_FOLDER), "").unwrap();
        assert_eq!(Lock::take(folder.path()).unwrap_err().keeper, "another daemon");
    }

    #[test]
    fn a_place_that_cannot_be_written_keeps_nobody_away() {
        Lock::take(Path::new("/no/such/folder/tidegate.db")).unwrap();
    }
}
