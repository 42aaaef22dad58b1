//! What the operating system tells about the folders that files are in. Folders, never files: a file that is replaced
//! takes its watch with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tracing::{info, warn};

/// Something happened in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// To what has this path.
    At(PathBuf, What),
    /// More than could be told: everything may be another.
    Missed,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It was renamed into its place.
    Placed,
    Writing,
    Written,
    /// It came into being, or went.
    Touched,
}

/// The folders that are watched, with one instance of the operating system's means.
pub(super) struct Folders {
    watcher: Option<RecommendedWatcher>,
    /// Which folder that is: another one may have its path one day.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    /// Those that cannot be watched, as the log says.
    failed: BTreeSet<PathBuf>,
}

impl Folders {
    /// Watches nothing yet. What happens is handed to `tell`, on a thread of its own.
    pub(super) fn new(tell: impl Fn(Notice) + Send + 'static) -> Self {
        let told = move |event: notify::Result<Event>| match event {
            Ok(event) => notices(event).for_each(&tell),
            Err(_) => tell(Notice::Missed),
        };
        let watcher = notify::recommended_watcher(told)
            .inspect_err(|error| {
                warn!(%error, "folders cannot be watched: changes of files are found by looking at them now and then");
            })
            .ok();
        Self { watcher, watched: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// Nothing is watched, ever: files have to be looked at.
    pub(super) fn none() -> Self {
        Self { watcher: None, watched: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// From now on watches these folders and no others, as far as that is possible.
    pub(super) fn follow(&mut self, folders: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let identity = |folder: &Path| fs::metadata(folder).map(|it| (it.dev(), it.ino())).ok();
        let is_over =
            |folder: &PathBuf, known: &mut (u64, u64)| !folders.contains(folder) || identity(folder) != Some(*known);
        for (folder, _) in self.watched.extract_if(.., is_over) {
            // It fails where the folder is gone, and its watch with it.
            let _ = watcher.unwatch(&folder);
        }
        self.failed.retain(|folder| folders.contains(folder));
        for folder in folders.iter().filter(|folder| !self.watched.contains_key(*folder)).collect::<Vec<_>>() {
            let Some(known) = identity(folder) else { continue };
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone(), known);
                    if self.failed.remove(folder) {
                        info!(folder = %folder.display(), "folder can be watched again");
                    }
                }
                Err(error) if self.failed.insert(folder.clone()) => {
                    warn!(folder = %folder.display(), %error,
                        "folder cannot be watched: changes of its files are found by looking at them now and then");
                }
                Err(_) => {}
            }
        }
    }
}

fn notices(event: Event) -> impl Iterator<Item = Notice> {
    let what = match event.kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(What::Placed),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Create(_) | EventKind::Remove(_) => {
            Some(What::Touched)
        }
        EventKind::Modify(ModifyKind::Data(_)) => Some(What::Writing),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(What::Written),
        // Reading, other permissions, and both ends of a rename, which were told one by one.
        _ => None,
    };
    let missed = event.need_rescan().then_some(Notice::Missed);
    let at =
        what.into_iter().flat_map(move |what| event.paths.clone().into_iter().map(move |path| Notice::At(path, what)));
    missed.into_iter().chain(at)
}
