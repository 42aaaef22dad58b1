//! A state store for tidegate: one file for each job, in the folder that is granted.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "state-store", generate_all });
}

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use bindings::exports::tidegate::state_store::stores::{Failure, Guest, GuestStore, JobKey, Store};

/// The granted folder, as the host shows it.
const ROOT: &str = "/";

/// What a file holds: the cluster, the job, and its texts by key.
type Kept = (String, String, BTreeMap<String, String>);

struct FileStore;

impl Guest for FileStore {
    type Store = JobStore;

    fn get_or_create(job: JobKey) -> Result<Store, Failure> {
        Ok(Store::new(JobStore { job, changes: RefCell::default() }))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        let mut jobs = Vec::new();
        for entry in fs::read_dir(ROOT).map_err(failure)? {
            let path = entry.map_err(failure)?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some((cluster, job, _)) = read(&path)?
            {
                jobs.push(JobKey { cluster, job });
            }
        }
        Ok(jobs)
    }
}

/// One job, and what the next flush will change: `None` to forget.
struct JobStore {
    job: JobKey,
    changes: RefCell<BTreeMap<String, Option<String>>>,
}

impl JobStore {
    /// Names may hold any letter, and be longer than a file's name: a hash stands for them (FNV-1a).
    fn path(&self) -> PathBuf {
        let name = format!("{}\n{}", self.job.cluster, self.job.job);
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, step);
        Path::new(ROOT).join(format!("{hash:016x}.json"))
    }

    /// What the file would hold after a flush.
    fn entries(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut entries = match read(&self.path())? {
            Some((cluster, job, _)) if cluster != self.job.cluster || job != self.job.job => {
                return Err(Failure::Rejected(format!("`{cluster}/{job}` has the same hash")));
            }
            Some((_, _, entries)) => entries,
            None => BTreeMap::new(),
        };
        for (key, text) in self.changes.borrow().iter() {
            match text {
                Some(text) => entries.insert(key.clone(), text.clone()),
                None => entries.remove(key),
            };
        }
        Ok(entries)
    }
}

impl GuestStore for JobStore {
    fn all(&self) -> Result<Vec<(String, String)>, Failure> {
        Ok(self.entries()?.into_iter().collect())
    }

    fn get(&self, key: String) -> Result<Option<String>, Failure> {
        Ok(self.entries()?.remove(&key))
    }

    fn put(&self, key: String, text: String) -> Result<(), Failure> {
        self.changes.borrow_mut().insert(key, Some(text));
        Ok(())
    }

    fn remove(&self, key: String) -> Result<(), Failure> {
        self.changes.borrow_mut().insert(key, None);
        Ok(())
    }

    /// All changes or none: a new file is written beside the old one, and then takes its place.
    fn flush(&self) -> Result<(), Failure> {
        let (path, entries) = (self.path(), self.entries()?);
        if entries.is_empty() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failure(error)),
                _ => {}
            }
        } else {
            let kept: Kept = (self.job.cluster.clone(), self.job.job.clone(), entries);
            let text = serde_json::to_vec(&kept).map_err(|error| Failure::Rejected(error.to_string()))?;
            let beside = path.with_extension("new");
            let mut file = File::create(&beside).map_err(failure)?;
            file.write_all(&text).and_then(|()| file.sync_all()).map_err(failure)?;
            fs::rename(&beside, &path).map_err(failure)?;
        }
        File::open(ROOT).and_then(|folder| folder.sync_all()).map_err(failure)?;
        self.changes.borrow_mut().clear();
        Ok(())
    }

    fn is_valid(&self) -> bool {
        true
    }
}

fn read(path: &Path) -> Result<Option<Kept>, Failure> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Failure::Rejected(format!("`{}` is damaged: {error}", path.display()))),
        // Without the folder itself nothing is known: that is not the same as nothing being there.
        Err(error) if error.kind() == ErrorKind::NotFound && fs::metadata(ROOT).is_ok() => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

/// The host tries again later.
fn failure(error: std::io::Error) -> Failure {
    Failure::Unavailable(format!("{error}: this store needs `grant = {{ fs = {{ path = \"…\", write = true }} }}`"))
}

bindings::export!(FileStore with_types_in bindings);
