//! Compiled code on disk: in a folder of the host's own, and nothing of it used that is not as it was written.
//!
//! wasmtime trusts its cache's files: who can write them runs code in the host. So the folder is private, and a list
//! beside the files tells the SHA-256 of each. What is not listed, or not as listed, is removed before wasmtime looks.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::{info, warn};
use wasmtime::{Cache, CacheConfig};

use super::error::{Cause, chain};
use crate::model::Digest;

/// Bytes of all files; the oldest are removed beyond that.
const MOST_BYTES: u64 = 256 << 20;

/// Files at most.
const MOST_FILES: usize = 256;

/// zstd's level. The usual 3 takes three times as long, in which a new version waits, and saves a tenth of the bytes.
const COMPRESSION: i32 = 1;

/// The list of the files. It stands beside wasmtime's folder: wasmtime itself cleans that up, and removes there what is
/// not its own.
const LIST: &str = "files.json";

/// Where wasmtime has its files.
const CODE: &str = "code";

/// Where in that folder code is, and nothing that wasmtime needs to keep order.
const MODULES: &str = "code/modules";

/// Why there is no cache. Plugins are then compiled at every start.
#[derive(Debug, Error)]
pub(super) enum CacheError {
    /// The folder cannot be made, or looked into.
    #[error("failed to use `{}`", folder.display())]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder is somebody else's.
    #[error("`{}` belongs to another user, who could slip code into it", folder.display())]
    NotOurs { folder: PathBuf },
    /// wasmtime does not take it.
    #[error("failed to use `{}`", folder.display())]
    Refused {
        folder: PathBuf,
        #[source]
        source: Cause,
    },
}

/// The folder, and wasmtime's view of it.
pub(super) struct CodeCache {
    folder: PathBuf,
    cache: Cache,
}

/// What the list says.
#[derive(Default, Serialize, Deserialize)]
struct List {
    /// The oldest first.
    files: Vec<Listed>,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    /// Of the plugin's bytes.
    plugin: String,
    /// From the folder.
    path: PathBuf,
    sha256: String,
    bytes: u64,
}

impl CodeCache {
    /// Opens the cache in `folder`, which is made where it does not exist.
    ///
    /// # Errors
    /// When it cannot be used, or should not.
    pub(super) fn open(folder: &Path) -> Result<(Self, Cache), CacheError> {
        let failed = |source| CacheError::Folder { folder: folder.to_owned(), source };
        make_private(folder).map_err(failed)?;
        let found = fs::symlink_metadata(folder).map_err(failed)?;
        if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
            return Err(CacheError::NotOurs { folder: folder.to_owned() });
        }
        if found.mode() & 0o022 != 0 {
            warn!(folder = %folder.display(), "compiled plugins are thrown away: others could write to their folder");
            fs::remove_dir_all(folder).and_then(|()| make_private(folder)).map_err(failed)?;
        }
        let folder = fs::canonicalize(folder).map_err(failed)?;
        let mut config = CacheConfig::new();
        config
            .with_directory(folder.join(CODE))
            .with_baseline_compression_level(COMPRESSION)
            // A file that is written anew later would no longer be the one that is listed.
            .with_optimized_compression_usage_counter_threshold(u64::MAX);
        let refused = |error| CacheError::Refused { folder: folder.clone(), source: chain(error) };
        let cache = Cache::new(config).map_err(refused)?;
        Ok((Self { folder, cache: cache.clone() }, cache))
    }

    /// How often code was found.
    pub(super) fn hits(&self) -> usize {
        self.cache.cache_hits()
    }

    /// Removes what must not be used: before each use, since a file may be damaged at any time.
    pub(super) fn clean(&self, plugin: Digest) {
        let mut list = self.list();
        let plugin = plugin.to_string();
        let before = list.files.len();
        list.files.retain(|file| {
            let is_good = file.plugin != plugin || self.is_as_listed(file);
            if !is_good {
                info!(plugin = %file.plugin, "compiled code is gone or damaged: compiling again");
            }
            is_good
        });
        self.remove_unlisted(&list);
        if list.files.len() != before {
            self.write(&list);
        }
    }

    /// Lists what was written since, and removes the oldest of too much.
    pub(super) fn note(&self, plugin: Digest) {
        let mut list = self.list();
        let listed: BTreeSet<PathBuf> = list.files.iter().map(|file| file.path.clone()).collect();
        let before = list.files.len();
        for path in self.files().into_iter().filter(|path| !listed.contains(path) && is_code(path)) {
            let Ok(content) = fs::read(self.folder.join(&path)) else { continue };
            let (sha256, bytes) = (Digest::of(&content).to_string(), content.len() as u64);
            list.files.push(Listed { plugin: plugin.to_string(), path, sha256, bytes });
        }
        if list.files.len() == before {
            return;
        }
        let mut bytes: u64 = list.files.iter().map(|file| file.bytes).sum();
        while list.files.len() > MOST_FILES || (bytes > MOST_BYTES && list.files.len() > 1) {
            bytes = bytes.saturating_sub(list.files.remove(0).bytes);
        }
        self.write(&list);
        self.remove_unlisted(&list);
    }

    /// Empty where there is none, or none that can be read.
    fn list(&self) -> List {
        let text = fs::read(self.folder.join(LIST)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// A list that is only half written is never seen. One that cannot be written costs no more than the cache.
    fn write(&self, list: &List) {
        let (path, draft) = (self.folder.join(LIST), self.folder.join(format!("{LIST}.{}", std::process::id())));
        let written = serde_json::to_vec(list)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, path));
        if let Err(error) = written {
            warn!(folder = %self.folder.display(), %error, "compiled code cannot be kept");
            let _ = fs::remove_file(draft);
        }
    }

    fn is_as_listed(&self, file: &Listed) -> bool {
        fs::read(self.folder.join(&file.path)).is_ok_and(|content| Digest::of(&content).to_string() == file.sha256)
    }

    fn remove_unlisted(&self, list: &List) {
        let listed: BTreeSet<&Path> = list.files.iter().map(|file| file.path.as_path()).collect();
        for path in self.files() {
            // wasmtime's counters beside a file say nothing about code.
            let code = if is_code(&path) { path.clone() } else { path.with_extension("") };
            if !listed.contains(code.as_path()) || is_half_written(&path) {
                let _ = fs::remove_file(self.folder.join(path));
            }
        }
    }

    /// Every file of code and what belongs to one, by its path from the folder.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.join(MODULES)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    Ok(_) => files.extend(path.strip_prefix(&self.folder).map(Path::to_owned)),
                    Err(_) => {}
                }
            }
        }
        files
    }
}

/// The names of wasmtime's code files have no extension; those of its counters and of half-written files have.
fn is_code(path: &Path) -> bool {
    path.extension().is_none()
}

/// What a host that was killed left behind: it would keep wasmtime from ever writing that file again.
fn is_half_written(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("wip-"))
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A file as wasmtime would write it.
    fn write(cache: &CodeCache, name: &str, content: &str) -> PathBuf {
        let path = cache.folder.join(MODULES).join("engine").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn open() -> (tempfile::TempDir, CodeCache) {
        let folder = tempfile::tempdir().unwrap();
        let (cache, _) = CodeCache::open(&folder.path().join("compiled")).unwrap();
        (folder, cache)
    }

    #[test]
    fn a_file_is_kept_while_it_is_as_it_was_written() {
        let (_folder, cache) = open();
        let plugin = Digest::of(b"plugin");
        let (code, counters) = (write(&cache, "a", "code"), write(&cache, "a.stats", "1"));
        cache.note(plugin);
        cache.clean(plugin);
        assert!(code.exists() && counters.exists());
        fs::write(&code, "c0de").unwrap();
        cache.clean(Digest::of(b"another"));
        assert!(code.exists(), "only what is about to be used is looked at");
        cache.clean(plugin);
        assert!(!code.exists() && !counters.exists());
    }

    #[test]
    fn wasmtime_keeps_order_in_its_own_folder_and_the_list_outlives_that() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = crate::plugin::Runtime::with_cache(folder.path()).unwrap();
        let compile = |number: u8| {
            let bytes =
                wat::parse_str(format!("(component (core module (func (result i32) i32.const {number})))")).unwrap();
            let digest = Digest::of(&bytes);
            runtime.compile(digest, &bytes).unwrap();
            digest
        };
        let first = compile(1);
        // It does so once an hour, the first time at once, in a thread of its own.
        let is_ordered = || {
            let entries = fs::read_dir(folder.path().join(CODE)).unwrap();
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".cleanup"))
        };
        while !is_ordered() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        let second = compile(2);
        let (cache, _) = CodeCache::open(folder.path()).unwrap();
        let listed: Vec<String> = cache.list().files.into_iter().map(|file| file.plugin).collect();
        assert_eq!(listed, [first, second].map(|digest| digest.to_string()));
        assert_eq!(cache.files().iter().filter(|path| is_code(path)).count(), 2);
    }

    #[test]
    fn what_is_not_listed_is_removed() {
        let (_folder, cache) = open();
        let plugin = Digest::of(b"plugin");
        let listed = write(&cache, "a", "code");
        cache.note(plugin);
        let strange = [write(&cache, "b", "slipped in"), write(&cache, "a.wip-atomic-write-mod", "half")];
        cache.clean(plugin);
        assert!(listed.exists());
        assert!(strange.iter().all(|path| !path.exists()));
        for damaged in ["", "{", "null", "{\"files\": 3}"] {
            cache.note(plugin);
            fs::write(cache.folder.join(LIST), damaged).unwrap();
            cache.clean(plugin);
            assert!(!listed.exists(), "{damaged}");
            write(&cache, "a", "code");
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let (_folder, cache) = open();
        let first = write(&cache, "0", "code");
        cache.note(Digest::of(b"first"));
        for number in 1..=MOST_FILES {
            write(&cache, &number.to_string(), "code");
        }
        cache.note(Digest::of(b"others"));
        assert!(!first.exists());
        assert_eq!(cache.list().files.len(), MOST_FILES);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_emptied() {
        let (_folder, cache) = open();
        let code = write(&cache, "a", "code");
        cache.note(Digest::of(b"plugin"));
        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o777)).unwrap();
        let (again, _) = CodeCache::open(&cache.folder).unwrap();
        assert!(!code.exists());
        assert_eq!(fs::metadata(&again.folder).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(CodeCache::open(&file.join("compiled")), Err(CacheError::Folder { .. })));
    }
}
