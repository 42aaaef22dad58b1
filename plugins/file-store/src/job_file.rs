//! The file of one job: read whole, replaced whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tidegate_store_kit::Entries;

use crate::bindings::exports::tidegate::state_store::stores::Failure;
use crate::bindings::tidegate::host::log::{Level, write};
use crate::files::{ROOT, failure};
use crate::place;

/// What the name of a job's file ends with.
pub(crate) const SUFFIX: &str = ".json";

/// A job's file, whether or not it is there.
pub(crate) struct JobFile {
    folder: PathBuf,
    path: PathBuf,
}

impl JobFile {
    pub(crate) fn of(cluster: &str, job: &str) -> Self {
        let folder = Path::new(ROOT).join(place::of_name(cluster));
        let path = folder.join(format!("{}{SUFFIX}", place::of_name(job)));
        Self { folder, path }
    }

    /// What it holds: nothing where it is not there. A file that cannot be understood is set aside.
    pub(crate) fn read(&self) -> Result<Entries, Failure> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            // Without the folder itself nothing is known: that is not the same as nothing being there.
            Err(error) if error.kind() == ErrorKind::NotFound && fs::metadata(ROOT).is_ok() => {
                return Ok(Entries::new());
            }
            Err(error) => return Err(failure(&self.path, &error)),
        };
        match serde_json::from_slice(&bytes) {
            Ok(entries) => Ok(entries),
            Err(error) => {
                self.set_aside(&error)?;
                Ok(Entries::new())
            }
        }
    }

    /// Puts a file with these entries in its place, which lasts when this returns; without any, removes it. The file
    /// before is there in full until then.
    pub(crate) fn write(&self, entries: &Entries) -> Result<(), Failure> {
        if entries.is_empty() {
            return match fs::remove_file(&self.path) {
                Ok(()) => sync(&self.folder).map_err(|error| failure(&self.folder, &error)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(failure(&self.path, &error)),
            };
        }
        let text = serde_json::to_vec(entries).map_err(|error| Failure::Rejected(error.to_string()))?;
        if !self.folder.is_dir() {
            let made = fs::create_dir(&self.folder).and_then(|()| sync(Path::new(ROOT)));
            made.map_err(|error| failure(&self.folder, &error))?;
        }
        let beside = self.path.with_extension("tmp");
        let replaced = fill(&beside, &text).and_then(|()| fs::rename(&beside, &self.path));
        if let Err(error) = replaced {
            // Half a file takes room that may be lacking. Should it stay, the next one takes its place.
            let _ = fs::remove_file(&beside);
            return Err(failure(&self.path, &error));
        }
        sync(&self.folder).map_err(|error| failure(&self.folder, &error))
    }

    fn set_aside(&self, why: &serde_json::Error) -> Result<(), Failure> {
        let aside = self.path.with_extension("damaged");
        fs::rename(&self.path, &aside).map_err(|error| failure(&self.path, &error))?;
        let (path, aside) = (self.path.display(), aside.display());
        write(Level::Warn, &format!("`{path}` is damaged ({why}): it is kept as `{aside}`, and the job begins anew"));
        Ok(())
    }
}

fn fill(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Makes what was made, renamed or removed in a folder last.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
