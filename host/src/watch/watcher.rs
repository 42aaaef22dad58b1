//! The thread that looks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::debug;

use super::folders::{Folders, Notice, What};
use super::look::{Found, Look, Mark, Stat, look};
use super::settle::{Hint, Pace, Settling};
use super::whole::is_whole;
use crate::model::Digest;

/// Notices that wait; what comes then is made up for by a look at everything.
const BACKLOG: usize = 4096;

/// Changes that wait to be taken.
const CHANGES: usize = 16;

/// How files are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// How long contents have to stay as they are.
    pub pace: Pace,
    /// Only look, as where the operating system tells nothing.
    pub is_polling: bool,
}

/// A file that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub kind: Kind,
    /// What it is known to hold; what differs from that is told. None: it is known not to be there.
    pub known: Option<Digest>,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly component, of which the end can be told.
    Component,
    /// Anything else.
    Text,
}

/// A file that has become another.
#[derive(Clone)]
pub struct Change {
    /// Where it is, as it was given.
    pub path: PathBuf,
    /// What is there now.
    pub found: Found,
}

/// Watches files until it is dropped.
pub struct Watcher {
    orders: Sender<Order>,
}

enum Order {
    Watch(Vec<Watched>),
    Notice(Notice),
    End,
}

impl Watcher {
    /// Watches nothing yet. What is found comes out of the other end; who is slow to take it only learns later.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(options: WatchOptions) -> io::Result<(Self, mpsc::Receiver<Change>)> {
        let (orders, incoming) = channel();
        let (changes, told) = mpsc::channel(CHANGES);
        let notices = orders.clone();
        thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let waiting = Arc::new(AtomicUsize::new(0));
            let folders =
                if options.is_polling { Folders::none() } else { watch_folders(notices, Arc::clone(&waiting)) };
            Task { pace: options.pace, folders, files: BTreeMap::new(), changes }.run(&incoming, &waiting);
        })?;
        Ok((Self { orders }, told))
    }

    /// From now on watches these files and no others.
    pub fn watch(&self, files: Vec<Watched>) {
        // The thread ends before this only when nobody takes the changes any more.
        let _ = self.orders.send(Order::Watch(files));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
    }
}

fn watch_folders(orders: Sender<Order>, waiting: Arc<AtomicUsize>) -> Folders {
    Folders::new(move |notice| {
        let notice = match waiting.fetch_add(1, Ordering::AcqRel) {
            before if before < BACKLOG => notice,
            BACKLOG => Notice::Missed,
            _ => {
                waiting.fetch_sub(1, Ordering::AcqRel);
                return;
            }
        };
        let _ = orders.send(Order::Notice(notice));
    })
}

struct Task {
    pace: Pace,
    folders: Folders,
    files: BTreeMap<PathBuf, File>,
    changes: mpsc::Sender<Change>,
}

struct File {
    kind: Kind,
    settling: Settling,
    /// What was there at the last look, if a change since then would show.
    stat: Option<Stat>,
    /// Its path and where that leads to, as notices name them.
    places: BTreeSet<PathBuf>,
}

impl Task {
    fn run(mut self, orders: &Receiver<Order>, waiting: &AtomicUsize) {
        let mut rescan = Instant::now() + self.pace.rescan;
        loop {
            let due = self.files.values().filter_map(|file| file.settling.due()).min();
            let next = due.map_or(rescan, |due| due.min(rescan));
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Order::Watch(files)) => self.replace(files),
                Ok(Order::Notice(notice)) => {
                    waiting.fetch_sub(1, Ordering::AcqRel);
                    self.notice(&notice);
                }
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            let is_rescan = rescan <= now;
            if is_rescan {
                rescan = now + self.pace.rescan;
            }
            if self.look(is_rescan).is_err() {
                return;
            }
        }
    }

    fn replace(&mut self, files: Vec<Watched>) {
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.files);
        for Watched { path, kind, known } in files {
            let told = known.map_or(Mark::Gone, Mark::Content);
            let file = match before.remove(&path) {
                Some(mut file) => {
                    file.kind = kind;
                    file.settling.retell(told, now);
                    file
                }
                None => {
                    let places = places(&path);
                    File { kind, settling: Settling::from(told, now), stat: None, places }
                }
            };
            self.files.insert(path, file);
        }
        self.follow();
    }

    fn notice(&mut self, notice: &Notice) {
        let now = Instant::now();
        for file in self.files.values_mut() {
            let hint = match notice {
                Notice::Missed => Some(Hint::Touched),
                Notice::At(path, what) if file.places.contains(path) => Some(match what {
                    What::Placed => Hint::Placed,
                    What::Writing => Hint::Writing,
                    What::Written => Hint::Written,
                    What::Touched => Hint::Touched,
                }),
                Notice::At(path, What::Placed | What::Touched) => {
                    let is_beside = file.places.iter().any(|place| place.parent() == path.parent());
                    is_beside.then_some(Hint::Around)
                }
                Notice::At(..) => None,
            };
            if let Some(hint) = hint {
                file.settling.hint(hint, &self.pace, now);
            }
        }
    }

    /// Looks at what is due, or at everything. An error where nobody takes changes any more.
    fn look(&mut self, is_rescan: bool) -> Result<(), mpsc::error::SendError<Change>> {
        let mut looked = false;
        for (path, file) in &mut self.files {
            let is_due = file.settling.due().is_some_and(|due| due <= Instant::now());
            let is_wanted = is_due || is_rescan && file.settling.due().is_none();
            if !is_wanted {
                continue;
            }
            if file.stat.is_some() && file.stat == Stat::at(path) && file.settling.is_as_told() {
                file.settling.settle();
                continue;
            }
            looked = true;
            let Look { found, mark, stat } = look(path);
            file.stat = stat.filter(Stat::is_settled);
            file.places = places(path);
            let whole = match (&found, file.kind) {
                (Found::Content(content), Kind::Component) => is_whole(content),
                _ => true,
            };
            if file.settling.saw(mark, whole, &self.pace, Instant::now()) {
                debug!(path = %path.display(), content = ?file.settling.told(), "file has changed");
                self.changes.blocking_send(Change { path: path.clone(), found })?;
            }
        }
        if looked || is_rescan {
            self.follow();
        }
        Ok(())
    }

    fn follow(&mut self) {
        let places = self.files.values().flat_map(|file| &file.places);
        self.folders.follow(&places.filter_map(|place| place.parent()).map(Path::to_owned).collect());
    }
}

/// The path in its real folder, and the file that it leads to through links.
fn places(path: &Path) -> BTreeSet<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let own = folder.canonicalize().ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    own.into_iter().chain(path.canonicalize()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes, even on a busy machine.
    const LONG: Duration = Duration::from_secs(20);

    /// A component, and another one with the same head.
    fn components() -> (Vec<u8>, Vec<u8>) {
        let old = tidegate_bundled::LOG_HANDLER.to_vec();
        // A section of no meaning, with a name and nothing else.
        let new = [old.as_slice(), &[0, 2, 1, b'x']].concat();
        (old, new)
    }

    struct Folder {
        folder: TempDir,
        _watcher: Watcher,
        changes: mpsc::Receiver<Change>,
    }

    impl Folder {
        /// A folder in which `name` holds `content` already, and is watched.
        fn with(name: &str, content: &[u8], options: WatchOptions, prepare: impl FnOnce(&Path)) -> Self {
            let folder = TempDir::new().unwrap();
            prepare(folder.path());
            let path = folder.path().join(name);
            let (watcher, changes) = Watcher::start(options).unwrap();
            let known = Some(Digest::of(content));
            watcher.watch(vec![Watched { path, kind: Kind::Component, known }]);
            // Until it is watched: what happens before is found more slowly.
            thread::sleep(Duration::from_millis(200));
            Self { folder, _watcher: watcher, changes }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// The next change, which has to come.
        async fn next(&mut self) -> Found {
            timeout(LONG, self.changes.recv()).await.expect("a change").unwrap().found
        }

        async fn next_is(&mut self, content: &[u8]) {
            match self.next().await {
                Found::Content(found) => assert!(*found == *content, "{} bytes of {}", found.len(), content.len()),
                Found::Gone => panic!("it is gone"),
                Found::Unreadable(reason) => panic!("{reason}"),
            }
        }

        /// No change comes in a while.
        async fn nothing(&mut self) {
            let came = timeout(Duration::from_millis(500), self.changes.recv()).await;
            assert!(came.is_err(), "a change came");
        }
    }

    /// As in production, and by looking alone with shorter times.
    fn both() -> [WatchOptions; 2] {
        let looks = Pace {
            unnoticed: Duration::from_millis(200),
            incomplete: Duration::from_millis(600),
            rescan: Duration::from_millis(50),
            ..Pace::default()
        };
        // With no rescan, so that nothing but what the operating system tells counts.
        let told = Pace { rescan: Duration::from_secs(3600), ..Pace::default() };
        [WatchOptions { pace: told, is_polling: false }, WatchOptions { pace: looks, is_polling: true }]
    }

    #[tokio::test]
    async fn a_rename_a_copy_and_the_same_again() {
        let (old, new) = components();
        for options in both() {
            let write = |folder: &Path| fs::write(folder.join("p.wasm"), &old).unwrap();
            let mut folder = Folder::with("p.wasm", &old, options, write);
            folder.nothing().await;
            fs::write(folder.path("tmp"), &new).unwrap();
            fs::rename(folder.path("tmp"), folder.path("p.wasm")).unwrap();
            folder.next_is(&new).await;
            fs::write(folder.path("p.wasm"), &old).unwrap();
            folder.next_is(&old).await;
            fs::write(folder.path("p.wasm"), &old).unwrap();
            fs::write(folder.path("other.wasm"), &new).unwrap();
            folder.nothing().await;
        }
    }

    #[tokio::test]
    async fn a_slow_write_is_taken_when_it_is_over() {
        let (old, new) = components();
        for options in both() {
            let write = |folder: &Path| fs::write(folder.join("p.wasm"), &old).unwrap();
            let mut folder = Folder::with("p.wasm", &old, options, write);
            let mut file = OpenOptions::new().write(true).truncate(true).open(folder.path("p.wasm")).unwrap();
            for part in new.chunks(new.len() / 8) {
                file.write_all(part).unwrap();
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            drop(file);
            folder.next_is(&new).await;
            folder.nothing().await;
        }
    }

    #[tokio::test]
    async fn a_file_that_stays_half_is_told_in_the_end() {
        let (old, new) = components();
        for options in both() {
            let write = |folder: &Path| fs::write(folder.join("p.wasm"), &old).unwrap();
            let mut folder = Folder::with("p.wasm", &old, options, write);
            fs::write(folder.path("p.wasm"), &new[..1000]).unwrap();
            folder.next_is(&new[..1000]).await;
        }
    }

    #[tokio::test]
    async fn a_file_goes_and_comes_back_and_a_folder_as_well() {
        let (old, new) = components();
        for options in both() {
            let write = |folder: &Path| {
                fs::create_dir(folder.join("plugins")).unwrap();
                fs::write(folder.join("plugins/p.wasm"), &old).unwrap();
            };
            let mut folder = Folder::with("plugins/p.wasm", &old, options, write);
            fs::remove_file(folder.path("plugins/p.wasm")).unwrap();
            assert!(folder.next().await == Found::Gone);
            fs::write(folder.path("plugins/p.wasm"), &old).unwrap();
            folder.next_is(&old).await;
            fs::remove_file(folder.path("plugins/p.wasm")).unwrap();
            fs::create_dir(folder.path("plugins/p.wasm")).unwrap();
            let Found::Unreadable(reason) = folder.next().await else { panic!("a folder is no file") };
            assert_eq!(reason, "it is no file");
            if options.is_polling {
                fs::remove_dir_all(folder.path("plugins")).unwrap();
                assert!(folder.next().await == Found::Gone);
                write(folder.folder.path());
                fs::write(folder.path("plugins/p.wasm"), &new).unwrap();
                folder.next_is(&new).await;
            }
        }
    }

    #[tokio::test]
    async fn a_config_map_is_swapped() {
        let (old, new) = components();
        for options in both() {
            // As Kubernetes does: files are links into `..data`, which is a link to a folder with the time in its name.
            let place = |folder: &Path, time: &str, content: &[u8]| {
                fs::create_dir(folder.join(time)).unwrap();
                fs::write(folder.join(time).join("p.wasm"), content).unwrap();
                symlink(time, folder.join("..data_tmp")).unwrap();
                fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
            };
            let mut folder = Folder::with("p.wasm", &old, options, |folder| {
                place(folder, "..2026_1", &old);
                symlink("..data/p.wasm", folder.join("p.wasm")).unwrap();
            });
            let root = folder.folder.path().to_owned();
            for (time, content, before) in [("..2026_2", &new, "..2026_1"), ("..2026_3", &old, "..2026_2")] {
                place(&root, time, content);
                fs::remove_dir_all(root.join(before)).unwrap();
                folder.next_is(content).await;
            }
            folder.nothing().await;
        }
    }
}
