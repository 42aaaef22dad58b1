//! A state store in one JSON file: an object for each job, with a text for each key.

wit_bindgen::generate!({
    path: ["../../wit/host/v0.1", "../../wit/state-store/v0.1"], world: "tidegate:state-store/state-store", generate_all,
});

use std::{cell::RefCell, collections::BTreeMap, fs, fs::File, io, io::ErrorKind};

use exports::tidegate::state_store::stores::{Failure, Guest, GuestStore, JobKey, Store};

/// In the folder that is granted, which this plugin sees as `/`.
const FILE: &str = "/state.json";
const DRAFT: &str = "/state.json.tmp";

/// By the names of the cluster and the job, with a line break between them, which neither has.
type Jobs = BTreeMap<String, BTreeMap<String, String>>;

fn read() -> Result<Jobs, Failure> {
    match fs::read(FILE) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Failure::Rejected(format!("`{FILE}`: {error}"))),
        // Without the folder nothing is known: that is not the same as nothing being there.
        Err(error) if error.kind() == ErrorKind::NotFound && fs::metadata("/").is_ok() => Ok(Jobs::new()),
        // The host tries again later, and tells the operator.
        Err(error) => Err(Failure::Unavailable(format!("`{FILE}`: {error}"))),
    }
}

/// All or nothing, whenever the power fails: a whole new file takes the place of the old one.
fn write(jobs: &Jobs) -> io::Result<()> {
    fs::write(DRAFT, serde_json::to_vec(jobs)?)?;
    File::open(DRAFT)?.sync_all()?;
    fs::rename(DRAFT, FILE)?;
    File::open("/")?.sync_all()
}

/// One job by its name in the file, and what is to be there after its next flush.
struct OneJob(String, RefCell<BTreeMap<String, String>>);

impl Guest for OneJob {
    type Store = Self;

    fn get_or_create(JobKey { cluster, job }: JobKey) -> Result<Store, Failure> {
        let name = format!("{cluster}\n{job}");
        let entries = read()?.remove(&name).unwrap_or_default();
        Ok(Store::new(Self(name, RefCell::new(entries))))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        let names = |name: &String| name.split_once('\n').map(|(cluster, job)| (cluster.to_owned(), job.to_owned()));
        Ok(read()?.keys().filter_map(names).map(|(cluster, job)| JobKey { cluster, job }).collect())
    }
}

impl GuestStore for OneJob {
    fn all(&self) -> Result<Vec<(String, String)>, Failure> {
        Ok(self.1.borrow().clone().into_iter().collect())
    }

    fn get(&self, key: String) -> Result<Option<String>, Failure> {
        Ok(self.1.borrow().get(&key).cloned())
    }

    fn put(&self, key: String, text: String) -> Result<(), Failure> {
        self.1.borrow_mut().insert(key, text);
        Ok(())
    }

    fn remove(&self, key: String) -> Result<(), Failure> {
        self.1.borrow_mut().remove(&key);
        Ok(())
    }

    fn flush(&self) -> Result<(), Failure> {
        let mut jobs = read()?;
        jobs.insert(self.0.clone(), self.1.borrow().clone());
        jobs.retain(|_, entries| !entries.is_empty());
        write(&jobs).map_err(|error| Failure::Unavailable(format!("`{FILE}`: {error}")))
    }

    fn is_valid(&self) -> bool {
        true
    }
}

export!(OneJob);
