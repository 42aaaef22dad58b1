//! A state store in one JSON file: an object for each job, with a text for each key.

wit_bindgen::generate!({
    path: ["../../wit/host/v0.1", "../../wit/state-store/v0.1"],
    world: "tidegate:state-store/state-store",
    generate_all,
});

use std::{cell::RefCell, collections::BTreeMap, fs, fs::File, io, io::ErrorKind, io::Write};

use exports::tidegate::state_store::stores::{Failure, Guest, GuestStore, JobKey, Store};

/// In the folder that is granted, which this plugin sees as `/`.
const FILE: &str = "/state.json";
const DRAFT: &str = "/state.json.tmp";

/// Texts by key; among changes, `None` to forget.
type Entries = BTreeMap<String, Option<String>>;
/// By the names of the cluster and the job, with a line break between them, which neither has.
type Jobs = BTreeMap<String, Entries>;

/// The host tries again later, and tells the operator.
fn unavailable(error: io::Error) -> Failure {
    Failure::Unavailable(format!("`{FILE}`: {error}"))
}

fn read() -> Result<Jobs, Failure> {
    match fs::read(FILE) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Failure::Rejected(format!("`{FILE}`: {error}"))),
        // Without the folder nothing is known: that is not the same as nothing being there.
        Err(error) if error.kind() == ErrorKind::NotFound && fs::metadata("/").is_ok() => Ok(Jobs::new()),
        Err(error) => Err(unavailable(error)),
    }
}

/// All or nothing, whenever the power fails: a whole new file takes the place of the old one.
fn write(jobs: &Jobs) -> io::Result<()> {
    let mut file = File::create(DRAFT)?;
    file.write_all(&serde_json::to_vec(jobs)?)?;
    file.sync_all()?;
    fs::rename(DRAFT, FILE)?;
    File::open("/")?.sync_all()
}

struct OneFile;

impl Guest for OneFile {
    type Store = OfJob;

    fn get_or_create(JobKey { cluster, job }: JobKey) -> Result<Store, Failure> {
        Ok(Store::new(OfJob { key: format!("{cluster}\n{job}"), changes: RefCell::default() }))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        let names = |key: &String| key.split_once('\n').map(|(cluster, job)| (cluster.to_owned(), job.to_owned()));
        Ok(read()?.keys().filter_map(names).map(|(cluster, job)| JobKey { cluster, job }).collect())
    }
}

/// One job, and what is to last after its next flush.
struct OfJob {
    key: String,
    changes: RefCell<Entries>,
}

impl OfJob {
    /// The file as it would be after a flush.
    fn next(&self) -> Result<Jobs, Failure> {
        let mut jobs = read()?;
        let entries = jobs.entry(self.key.clone()).or_default();
        entries.extend(self.changes.borrow().clone());
        entries.retain(|_, text| text.is_some());
        jobs.retain(|_, entries| !entries.is_empty());
        Ok(jobs)
    }
}

impl GuestStore for OfJob {
    fn all(&self) -> Result<Vec<(String, String)>, Failure> {
        let entries = self.next()?.remove(&self.key).unwrap_or_default();
        Ok(entries.into_iter().filter_map(|(key, text)| Some((key, text?))).collect())
    }

    fn get(&self, key: String) -> Result<Option<String>, Failure> {
        Ok(self.all()?.into_iter().find(|(held, _)| *held == key).map(|(_, text)| text))
    }

    fn put(&self, key: String, text: String) -> Result<(), Failure> {
        self.changes.borrow_mut().insert(key, Some(text));
        Ok(())
    }

    fn remove(&self, key: String) -> Result<(), Failure> {
        self.changes.borrow_mut().insert(key, None);
        Ok(())
    }

    fn flush(&self) -> Result<(), Failure> {
        write(&self.next()?).map_err(unavailable)?;
        self.changes.borrow_mut().clear();
        Ok(())
    }

    fn is_valid(&self) -> bool {
        true
    }
}

export!(OneFile);
