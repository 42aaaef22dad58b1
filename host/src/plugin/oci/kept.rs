//! Artifacts on disk, so that a start needs no registry. Nothing is believed: what is read is verified against the digest
//! that it is pinned to, as what comes over the network is.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

use tracing::{info, warn};

use super::artifact;

/// Artifacts that are kept. The one that was used longest ago goes first.
const MOST: usize = 64;

/// One artifact's place in the folder.
pub(super) struct Kept {
    folder: PathBuf,
    digest: String,
}

impl Kept {
    /// Where the artifact of this digest is, or would be.
    pub(super) fn new(folder: &Path, digest: &str) -> Self {
        Self { folder: folder.to_owned(), digest: digest.to_owned() }
    }

    /// Its component, if it is there and undamaged.
    pub(super) fn find(&self) -> Option<Vec<u8>> {
        let (manifest, component) = (fs::read(self.path("json")).ok()?, fs::read(self.path("wasm")).ok()?);
        let is_good = artifact::verify("manifest", &manifest, &self.digest)
            .and_then(|()| artifact::layer(&manifest))
            .and_then(|layer| artifact::verify("component", &component, &layer.digest));
        if let Err(error) = is_good {
            info!(digest = self.digest, %error, "a plugin that was kept is damaged: fetching it again");
            return None;
        }
        // Only says that it is in use; a clock that cannot be set costs nothing.
        let _ = File::open(self.path("wasm")).and_then(|file| file.set_modified(SystemTime::now()));
        Some(component)
    }

    /// Keeps it. A folder that cannot be written costs no more than that.
    pub(super) fn keep(&self, manifest: &[u8], component: &[u8]) {
        let written = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .and_then(|()| self.write("json", manifest))
            .and_then(|()| self.write("wasm", component));
        match written {
            Ok(()) => self.remove_oldest(),
            Err(error) => {
                warn!(folder = %self.folder.display(), %error, "a plugin cannot be kept: a start needs its registry");
            }
        }
    }

    /// A file that is only half written is never seen.
    fn write(&self, kind: &str, content: &[u8]) -> io::Result<()> {
        let draft = self.path(&format!("{kind}.{}", process::id()));
        let written = fs::write(&draft, content).and_then(|()| fs::rename(&draft, self.path(kind)));
        written.inspect_err(|_| drop(fs::remove_file(&draft)))
    }

    fn path(&self, kind: &str) -> PathBuf {
        let name = self.digest.trim_start_matches("sha256:");
        self.folder.join(format!("{name}.{kind}"))
    }

    fn remove_oldest(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let components = entries.filter(|path| path.extension().is_some_and(|kind| kind == "wasm"));
        let used = |path: PathBuf| Some((fs::metadata(&path).and_then(|found| found.modified()).ok()?, path));
        let mut components: Vec<_> = components.filter_map(used).collect();
        components.sort();
        for (_, path) in components.iter().rev().skip(MOST) {
            let _ = fs::remove_file(path);
            let _ = fs::remove_file(path.with_extension("json"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Interfaces;
    use super::*;

    fn keep(folder: &Path, component: &[u8]) -> Kept {
        let interfaces = Interfaces { exports: Vec::new(), imports: Vec::new() };
        let parts = artifact::parts(component.to_vec(), &interfaces).unwrap();
        let kept = Kept::new(folder, &artifact::digest(&parts.bytes));
        kept.keep(&parts.bytes, component);
        kept
    }

    #[test]
    fn what_was_kept_is_found_until_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("artifacts");
        for kind in ["json", "wasm"] {
            let kept = keep(&folder, b"component");
            assert_eq!(kept.find().as_deref(), Some(b"component".as_slice()));
            let mut damaged = fs::read(kept.path(kind)).unwrap();
            damaged[0] ^= 1;
            fs::write(kept.path(kind), damaged).unwrap();
            assert_eq!(kept.find(), None, "{kind}");
        }
    }

    #[test]
    fn one_artifact_is_not_taken_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (keep(folder.path(), b"one"), keep(folder.path(), b"other"));
        for kind in ["json", "wasm"] {
            fs::copy(one.path(kind), other.path(kind)).unwrap();
        }
        assert_eq!(other.find(), None);
    }

    #[test]
    fn those_used_longest_ago_go() {
        let folder = tempfile::tempdir().unwrap();
        let first = keep(folder.path(), b"first");
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        File::open(first.path("wasm")).unwrap().set_modified(long_ago).unwrap();
        let used = keep(folder.path(), b"used");
        File::open(used.path("wasm")).unwrap().set_modified(long_ago - Duration::from_secs(60)).unwrap();
        assert!(used.find().is_some());
        for number in 0..MOST - 1 {
            keep(folder.path(), format!("number {number}").as_bytes());
        }
        assert!(first.find().is_none() && !first.path("json").exists());
        assert!(used.find().is_some());
    }
}
