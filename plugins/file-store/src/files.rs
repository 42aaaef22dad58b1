//! The granted folder: what is in it, and what is wrong with it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::bindings::exports::tidegate::state_store::stores::Failure;
use crate::job_file::SUFFIX;
use crate::place;

/// The folder, as the host shows it.
pub(crate) const ROOT: &str = "/";

/// The cluster and the job of every file. What else is in the folder is passed over.
pub(crate) fn jobs() -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for (folder, of_cluster) in names(Path::new(ROOT))? {
        let Some(cluster) = place::to_name(&of_cluster) else { continue };
        if !folder.is_dir() {
            continue;
        }
        for (_, of_job) in names(&folder)? {
            if let Some(job) = of_job.strip_suffix(SUFFIX).and_then(place::to_name) {
                found.push((cluster.clone(), job));
            }
        }
    }
    Ok(found)
}

fn names(folder: &Path) -> Result<Vec<(std::path::PathBuf, String)>, Failure> {
    let wrong = |error| failure(folder, &error);
    let entries = fs::read_dir(folder).map_err(wrong)?;
    let name = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.map_err(wrong)?;
        Ok((entry.path(), entry.file_name().to_string_lossy().into_owned()))
    };
    entries.map(name).collect()
}

/// What the host can do about a failure at `path`.
pub(crate) fn failure(path: &Path, error: &io::Error) -> Failure {
    const GRANT: &str = "this store needs `grant = { fs = { path = \"…\", write = true } }`";
    let reason = format!("`{}`: {error}", path.display());
    if fs::metadata(ROOT).is_err() {
        return Failure::Rejected(format!("{reason}: {GRANT}"));
    }
    match error.kind() {
        ErrorKind::QuotaExceeded => Failure::Rejected(format!("{reason}: see `limits.file-bytes` of the state store")),
        ErrorKind::InvalidFilename => Failure::Rejected(reason),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Failure::Unavailable(format!("{reason}: may the daemon write there, and does it say `write = true`?"))
        }
        _ => Failure::Unavailable(reason),
    }
}
