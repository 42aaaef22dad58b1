//! The files that a recording goes into: one after the other, each of them a trace of its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use thiserror::Error;

use super::format::HEADER_START;

/// When a file is full: whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes as they are in the file.
    pub bytes: Option<u64>,
    /// Passes.
    pub passes: Option<usize>,
}

/// What is recorded, on its way into files.
///
/// Every pass is handed to the operating system before the next one comes, in a file whose name ends in `.gz` as a
/// compressed member of its own: whatever becomes of this process, all but the last pass can be read.
#[derive(Debug)]
pub struct TraceFiles {
    path: PathBuf,
    rotation: Rotation,
    current: Option<Current>,
    /// That of the next pass, and whether it is a break.
    header: Option<(String, bool)>,
    /// Files so far.
    files: usize,
    passes: usize,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    bytes: u64,
    passes: usize,
}

/// Why nothing more can be recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// Nothing that was recorded before is overwritten.
    #[error("`{path}` is there already: name another file")]
    Exists {
        /// Which file.
        path: String,
    },
    /// The file cannot be made.
    #[error("cannot write to `{path}`")]
    Create {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written any further. What is in it can be read.
    #[error("cannot write to `{path}` any further: it ends after pass {passes}")]
    Write {
        /// Which file.
        path: String,
        /// How many passes are in it.
        passes: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl TraceFiles {
    /// Makes the first file, so that it is known at once whether it can be made.
    ///
    /// # Errors
    /// When it is there already, or cannot be made.
    pub fn create(path: &Path, rotation: Rotation) -> Result<Self, FileError> {
        let current = Some(Current::create(path)?);
        Ok(Self { path: path.to_owned(), rotation, current, header: None, files: 1, passes: 0 })
    }

    /// Takes one line of a [`Tape`](super::Tape). With a header a new file may begin; in the middle of one it is written
    /// only where the recording has a break. A pass is in its file when this returns.
    ///
    /// # Errors
    /// When it cannot be written, such as on a full disk.
    pub fn write(&mut self, line: &str) -> Result<(), FileError> {
        #[derive(Deserialize)]
        struct Probe {
            #[serde(rename = "break", default)]
            is_break: bool,
        }
        if !line.starts_with(HEADER_START) {
            let header = self.header.take();
            return self.write_pass(header, line);
        }
        let is_break = serde_json::from_str(line).is_ok_and(|Probe { is_break }| is_break);
        self.header = Some((line.to_owned(), is_break));
        Ok(())
    }

    fn write_pass(&mut self, header: Option<(String, bool)>, pass: &str) -> Result<(), FileError> {
        let is_due = self.current.as_ref().is_none_or(|current| current.is_full(self.rotation));
        if header.is_some() && is_due {
            self.files += 1;
            self.current = Some(Current::create(&numbered(&self.path, self.files))?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let header = header.filter(|(_, is_break)| *is_break || current.passes == 0);
        current.write(header.as_ref().map(|(line, _)| line.as_str()), pass)?;
        self.passes += 1;
        Ok(())
    }

    /// Passes so far, in all files.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// Files so far.
    pub fn files(&self) -> usize {
        self.files
    }
}

impl Current {
    fn create(path: &Path) -> Result<Self, FileError> {
        let name = || path.display().to_string();
        // Devices are there, and empty.
        if fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0) {
            return Err(FileError::Exists { path: name() });
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|source| FileError::Create { path: name(), source })?;
        Ok(Self { path: path.to_owned(), file, bytes: 0, passes: 0 })
    }

    fn is_full(&self, rotation: Rotation) -> bool {
        let is_reached = |limit: Option<u64>, value: u64| limit.is_some_and(|limit| value >= limit);
        is_reached(rotation.bytes, self.bytes) || rotation.passes.is_some_and(|passes| self.passes >= passes)
    }

    fn write(&mut self, header: Option<&str>, pass: &str) -> Result<(), FileError> {
        let lines: String = header.into_iter().chain([pass]).flat_map(|line| [line, "\n"]).collect();
        let is_gzip = self.path.extension().is_some_and(|extension| extension == "gz");
        let content = if is_gzip { gzip(lines.as_bytes()) } else { Ok(lines.into_bytes()) };
        let written = content.and_then(|content| {
            self.file.write_all(&content)?;
            Ok(content.len() as u64)
        });
        let (path, passes) = (self.path.display().to_string(), self.passes);
        let written = written.map_err(|source| {
            // Half a pass would make all of it unreadable. A device cannot be cut, and need not be.
            let _ = self.file.set_len(self.bytes);
            FileError::Write { path, passes, source }
        })?;
        self.bytes += written;
        self.passes += 1;
        Ok(())
    }
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

/// `orders.jsonl.gz` as `orders.2.jsonl.gz`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [".jsonl.gz", ".json.gz", ".gz", ".jsonl", ".json"];
    let ending = endings.into_iter().find(|ending| name.ends_with(ending)).unwrap_or_default();
    let stem = name.strip_suffix(ending).unwrap_or(&name);
    path.with_file_name(OsString::from(format!("{stem}.{number}{ending}")))
}

#[cfg(test)]
mod tests {
    use super::super::Trace;
    use super::*;

    const HEADER: &str = r#"{"trace":1,"name":"t","job_id":"0000000000000000000000000000000a"}"#;

    fn pass(second: usize) -> String {
        format!(r#"{{"at":"2026-01-01T00:00:{second:02}Z","get":{{}}}}"#)
    }

    #[test]
    fn each_file_of_a_rotation_is_a_trace() {
        for ending in ["jsonl", "jsonl.gz"] {
            let folder = tempfile::TempDir::new().unwrap();
            let path = folder.path().join(format!("orders.{ending}"));
            let rotation = Rotation { passes: Some(3), bytes: None };
            let mut files = TraceFiles::create(&path, rotation).unwrap();
            for second in 0..8 {
                // There are more headers than files.
                if second % 3 == 0 {
                    files.write(HEADER).unwrap();
                }
                files.write(&pass(second)).unwrap();
            }
            assert_eq!((files.passes(), files.files()), (8, 3));
            let passes = |name: &str| Trace::read(&folder.path().join(format!("{name}.{ending}"))).unwrap().passes;
            let lengths = ["orders", "orders.2", "orders.3"].map(|name| passes(name).len());
            assert_eq!(lengths, [3, 3, 2]);
            assert_eq!(passes("orders.2")[0].at.to_string(), "2026-01-01T00:00:03Z");
        }
    }

    #[test]
    fn a_file_that_is_large_enough_is_left_at_the_next_header() {
        let folder = tempfile::TempDir::new().unwrap();
        let rotation = Rotation { passes: None, bytes: Some(10) };
        let mut files = TraceFiles::create(&folder.path().join("t"), rotation).unwrap();
        for line in [HEADER, &pass(0), &pass(1), HEADER, &pass(2)] {
            files.write(line).unwrap();
        }
        assert_eq!(Trace::read(&folder.path().join("t")).unwrap().passes.len(), 2);
        assert_eq!(Trace::read(&folder.path().join("t.2")).unwrap().passes.len(), 1);
    }

    #[test]
    fn a_break_is_written_in_the_middle_and_any_other_header_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("t.jsonl.gz");
        let mut files = TraceFiles::create(&path, Rotation::default()).unwrap();
        let lost = HEADER.replace("\"name\"", "\"lost\":2,\"break\":true,\"name\"");
        for line in [HEADER, &pass(0), HEADER, &pass(1), &lost, &pass(2), &pass(3)] {
            files.write(line).unwrap();
        }
        let passes = Trace::read(&path).unwrap().passes;
        let lost: Vec<Option<u64>> = passes.iter().map(|pass| pass.start.as_ref().map(|start| start.lost)).collect();
        assert_eq!(lost, [Some(0), None, Some(2), None]);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("t.jsonl");
        std::fs::write(&path, "precious").unwrap();
        let error = |path: &Path| TraceFiles::create(path, Rotation::default()).unwrap_err().to_string();
        assert!(error(&path).ends_with("t.jsonl` is there already: name another file"), "{}", error(&path));
        assert!(error(&folder.path().join("none/t")).starts_with("cannot write to `"));
        let mut full = TraceFiles::create(Path::new("/dev/full"), Rotation::default()).unwrap();
        full.write(HEADER).unwrap();
        let error = full.write(&pass(0)).unwrap_err();
        assert!(matches!(error, FileError::Write { passes: 0, .. }), "{error}");
    }
}
