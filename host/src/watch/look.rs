//! What is at a path, read with care: it may be anything, and may change while it is read.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Digest;

/// Bytes of a file that are read at most: what has more is no plugin and no configuration.
const MOST: u64 = 256 << 20;

/// How long after its time of change a file may be changed again without another time: clocks of file systems tick
/// slowly, and those of other machines go wrong.
const DOUBT: i64 = 3;

/// What is at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// A file with this content.
    Content(Arc<[u8]>),
    /// Nothing.
    Gone,
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// What tells that a file is another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// One look at a path.
pub(super) struct Look {
    pub(super) found: Found,
    /// The same for the same content. None where the file changed while it was read.
    pub(super) mark: Option<Mark>,
    pub(super) stat: Option<Stat>,
}

/// What two looks are compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Content(Digest),
    Gone,
    Unreadable(String),
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// What is at `path` now, if it can be told.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }

    /// Whether a file with this, looked at now, would show each later change by another.
    pub(super) fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let latest = self.modified.0.max(self.changed.0);
        i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(latest) > DOUBT
    }
}

/// Reads what is at `path`. Blocks.
pub(super) fn look(path: &Path) -> Look {
    match read(path) {
        Ok((content, before, after)) => {
            let mark = (before == after).then(|| Mark::Content(Digest::of(&content)));
            Look { found: Found::Content(content.into()), mark, stat: Some(after) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Look { found: Found::Gone, mark: Some(Mark::Gone), stat: None }
        }
        Err(error) => {
            let reason = error.to_string();
            let mark = Some(Mark::Unreadable(reason.clone()));
            Look { found: Found::Unreadable(reason), mark, stat: None }
        }
    }
}

fn read(path: &Path) -> io::Result<(Vec<u8>, Stat, Stat)> {
    // Opening a pipe would wait for somebody who writes into it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let file = File::open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut content = Vec::with_capacity(usize::try_from(before.len().min(MOST)).unwrap_or(0));
    let length = (&file).take(MOST + 1).read_to_end(&mut content)?;
    if length as u64 > MOST {
        let reason = format!("it is larger than {} MiB", MOST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok((content, Stat::of(&before), Stat::of(&file.metadata()?)))
}
