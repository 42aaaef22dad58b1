//! A file system that is full sooner than others.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::HarnessError;

/// A small file system in memory. Dropping it takes it away.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// One of so many KiB, at `path`, which is made.
    ///
    /// # Errors
    ///
    /// Neither the user nor sudo may mount it.
    pub fn mount(path: &Path, kibibytes: usize) -> Result<Self, HarnessError> {
        fs::create_dir_all(path).map_err(HarnessError::file(path))?;
        let options = format!("size={kibibytes}k,mode=0777");
        as_root(
            "mount",
            &["-t".as_ref(), "tmpfs".as_ref(), "-o".as_ref(), options.as_ref(), "tidegate".as_ref(), path],
        )?;
        Ok(Self { path: path.to_owned() })
    }

    /// Leaves no room.
    ///
    /// # Errors
    ///
    /// The file that takes it cannot be made.
    pub fn fill(&self) -> Result<(), HarnessError> {
        let filler = self.filler();
        let mut file = File::create(&filler).map_err(HarnessError::file(&filler))?;
        while file.write_all(&[b'x'; 4096]).is_ok() {}
        Ok(())
    }

    /// Gives the room back.
    ///
    /// # Errors
    ///
    /// The file that took it cannot be removed.
    pub fn free(&self) -> Result<(), HarnessError> {
        let filler = self.filler();
        fs::remove_file(&filler).map_err(HarnessError::file(&filler))
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since somebody may still have a file open.
        let _ = as_root("umount", &["-l".as_ref(), &self.path]);
    }
}

fn as_root(program: &str, arguments: &[&Path]) -> Result<(), HarnessError> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", program]);
        sudo
    };
    let ran = command.args(arguments).output().map_err(HarnessError::run(program))?;
    if ran.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&ran.stderr).into_owned();
    Err(HarnessError::Failed { program: program.to_owned(), output })
}
