//! The file: JSON lines, plain or gzip'd. The first one describes the job, each other one is a pass.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use super::{Outcome, TraceError};
use crate::model::JobId;
use crate::zone::Zone;

/// What every gzip'd file starts with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a header in the middle of a file begins with, as this host writes it.
pub(super) const HEADER_START: &str = "{\"trace\":";

/// A recorded job.
#[derive(Debug)]
pub struct Trace {
    /// What the trace is called.
    pub name: String,
    /// What happens in it.
    pub description: String,
    /// Which job of the cluster it is about.
    pub job: JobId,
    /// The daemon's options; the job's own configuration, which goes over them, is among the answers.
    pub options: Configuration,
    /// What the cluster was called; nothing where the trace does not say.
    pub cluster: Option<String>,
    /// At least one, in order. The first one says how it begins.
    pub passes: Vec<RecordedPass>,
    /// The line in the middle of which the file ends, from 1: a recording that was killed while it wrote. What there is
    /// of that line is left out.
    pub cut: Option<usize>,
}

/// From what a pass starts that does not simply follow the one before: the first one, one that follows passes that are
/// lost, and one with which a recording went on in another file or under other options.
#[derive(Debug)]
pub struct Start {
    /// The daemon's options from here on.
    pub options: Configuration,
    /// The zone that excluded periods are judged in; UTC where the trace does not say.
    pub zone: Zone,
    /// The name that the job was submitted under, if the trace says.
    pub job_name: Option<String>,
    /// What the host remembered of the job.
    pub state: BTreeMap<String, String>,
    /// How many passes before this one were not recorded.
    pub lost: u64,
}

/// What Flink answered during one pass.
#[derive(Debug)]
pub struct RecordedPass {
    /// Which line of the file it is, from 1.
    pub line: usize,
    /// The time of the pass.
    pub at: Timestamp,
    /// From what it starts, if not from the pass before.
    pub start: Option<Start>,
    /// What was answered, by path.
    pub(super) answers: HashMap<String, Answer>,
    /// Paths that answered with an error status.
    pub(super) faults: HashMap<String, Fault>,
    /// What had to be done, if the trace says so.
    pub expected: Option<Outcome>,
    /// What the host did that the job was recorded by.
    pub decided: Option<Outcome>,
}

/// An error status in place of an answer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) words: String,
}

/// What Flink answers at one path.
#[derive(Debug)]
pub(super) enum Answer {
    /// This body.
    Body(Box<RawValue>),
    /// Those of these metrics that are asked for.
    Metrics(Vec<Metric>),
}

/// One metric with all its aggregations.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) id: String,
    pub(super) text: Box<RawValue>,
    /// Whether there is more than its name.
    pub(super) has_numbers: bool,
}

#[derive(Deserialize)]
struct Header {
    trace: u32,
    name: String,
    #[serde(default)]
    description: String,
    job_id: JobId,
    #[serde(default)]
    options: BTreeMap<String, String>,
    #[serde(default)]
    timezone: Option<String>,
    cluster: Option<String>,
    job_name: Option<String>,
    #[serde(default)]
    state: BTreeMap<String, String>,
    #[serde(default)]
    lost: u64,
}

#[derive(Deserialize)]
struct Line {
    at: String,
    get: HashMap<String, Box<RawValue>>,
    #[serde(default)]
    faults: Vec<LineFault>,
    expect: Option<Outcome>,
    decided: Option<Outcome>,
}

/// A path, its status, and words of Flink's answer where they matter.
#[derive(Deserialize)]
struct LineFault(String, u16, #[serde(default)] Option<String>);

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no trace: the first line that is not as it should be.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        let name = path.display().to_string();
        let unreadable = |source| TraceError::Read { path: name.clone(), source };
        let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
        let start = file.fill_buf().map_err(unreadable)?;
        if start.starts_with(&GZIP) {
            Self::parse(&name, BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Self::parse(&name, file)
        }
    }

    /// Reads plain JSON lines; `path` is what they are called in errors. A file that ends in the middle of a line after
    /// the first pass is read up to there: see [`cut`](Self::cut).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &str, mut text: impl BufRead) -> Result<Self, TraceError> {
        let empty = || TraceError::Empty { path: path.to_owned() };
        let Some((_, first)) = next_line(&mut text).map_err(|source| damaged(path, 1, source))? else {
            return Err(empty());
        };
        let header = parse_header(path, 1, &first)?;
        let Header { name, description, job_id, cluster, .. } = &header;
        let (name, description, job, cluster) = (name.clone(), description.clone(), *job_id, cluster.clone());
        let options = header.options.clone().into_iter().collect();
        let (mut start, mut passes) = (Some(Start::of(path, header)?), Vec::new());
        let mut cut = None;
        for line in 2.. {
            let text = match next_line(&mut text) {
                Ok(None) => break,
                Ok(Some((is_whole, text))) if is_whole || passes.is_empty() || !is_half(&text) => text,
                Err(source) if passes.is_empty() || source.kind() != ErrorKind::UnexpectedEof => {
                    return Err(damaged(path, line, source));
                }
                Ok(Some(_)) | Err(_) => {
                    cut = Some(line);
                    break;
                }
            };
            if text.starts_with(HEADER_START) {
                let header = parse_header(path, line, &text)?;
                if header.job_id != job {
                    return Err(TraceError::OtherJob { path: path.to_owned(), line, job: header.job_id });
                }
                start = Some(Start::of(path, header)?);
            } else if !text.trim().is_empty() {
                passes.push(RecordedPass { start: start.take(), ..parse_pass(path, line, &text)? });
            }
        }
        if passes.is_empty() {
            return Err(empty());
        }
        Ok(Self { name, description, job, options, cluster, passes, cut })
    }
}

/// The next line, if there is one, and whether it ends as lines do. Of one that does not, what is left of its last
/// character is dropped.
fn next_line(text: &mut impl BufRead) -> io::Result<Option<(bool, String)>> {
    let mut line = Vec::new();
    if text.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let is_whole = line.pop_if(|last| *last == b'\n').is_some();
    match String::from_utf8(line) {
        Ok(line) => Ok(Some((is_whole, line))),
        Err(error) if !is_whole && error.utf8_error().error_len().is_none() => {
            Ok(Some((false, String::from_utf8_lossy(error.as_bytes()).into_owned())))
        }
        Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error.utf8_error())),
    }
}

/// Whether `text` is what JSON begins with, and not all of it.
fn is_half(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

impl Start {
    fn of(path: &str, header: Header) -> Result<Self, TraceError> {
        let Header { options, timezone, job_name, state, lost, .. } = header;
        let zone = timezone.as_deref().map_or(Ok(Zone::default()), Zone::named);
        let zone = zone.map_err(|source| TraceError::Zone { path: path.to_owned(), source })?;
        Ok(Self { options: options.into_iter().collect(), zone, job_name, state, lost })
    }
}

fn damaged(path: &str, line: usize, source: io::Error) -> TraceError {
    TraceError::Damaged { path: path.to_owned(), line, source }
}

fn parse_header(path: &str, line: usize, text: &str) -> Result<Header, TraceError> {
    let header: Header = serde_json::from_str(text).map_err(|error| {
        let (column, reason) = place(&error);
        TraceError::Header { path: path.to_owned(), line, column, reason }
    })?;
    match header.trace {
        1 => Ok(header),
        version => Err(TraceError::Version { path: path.to_owned(), version }),
    }
}

fn parse_pass(path: &str, line: usize, text: &str) -> Result<RecordedPass, TraceError> {
    let wrong = |column, reason| TraceError::Pass { path: path.to_owned(), line, column, reason };
    let parsed: Line = serde_json::from_str(text).map_err(|error| {
        let (column, reason) = place(&error);
        wrong(column, reason)
    })?;
    let at = parsed.at.parse().map_err(|error| wrong(1, format!("`at`: {error}")))?;
    let answers = parsed.get.into_iter().map(|(path, body)| match answer(&path, body) {
        Ok(answer) => Ok((path, answer)),
        Err(error) => Err(wrong(1, format!("`{path}` holds no metrics: {}", place(&error).1))),
    });
    let answers = answers.collect::<Result<_, _>>()?;
    let faults = parsed.faults.into_iter().map(|LineFault(path, status, words)| {
        let words = words.unwrap_or_else(|| "Internal server error.".to_owned());
        (path, Fault { status, words })
    });
    let (faults, expected, decided) = (faults.collect(), parsed.expect, parsed.decided);
    Ok(RecordedPass { line, at, start: None, answers, faults, expected, decided })
}

fn answer(path: &str, body: Box<RawValue>) -> Result<Answer, serde_json::Error> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
        min: Option<IgnoredAny>,
        max: Option<IgnoredAny>,
        avg: Option<IgnoredAny>,
        sum: Option<IgnoredAny>,
        value: Option<IgnoredAny>,
    }
    if !path.ends_with("/metrics") {
        return Ok(Answer::Body(body));
    }
    let metrics: Vec<Box<RawValue>> = serde_json::from_str(body.get())?;
    let named = metrics.into_iter().map(|text| {
        let Named { id, min, max, avg, sum, value } = serde_json::from_str(text.get())?;
        let has_numbers = [min, max, avg, sum, value].iter().any(Option::is_some);
        Ok(Metric { id, text, has_numbers })
    });
    Ok(Answer::Metrics(named.collect::<Result<_, serde_json::Error>>()?))
}

/// Where in its line an error is, and what it says without the line's number, which is always 1.
fn place(error: &serde_json::Error) -> (usize, String) {
    let text = error.to_string();
    let reason = text.split_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    (error.column(), reason.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const HEADER: &str = r#"{"trace":1,"name":"t","job_id":"0000000000000000000000000000000a","options":{"a":"b"}}"#;
    const PASS: &str =
        r#"{"at":"2026-01-01T00:00:05.000Z","get":{"/jobs/overview":{"jobs":[]}},"faults":[["/x",503]]}"#;

    fn error(text: &str) -> String {
        Trace::parse("t.jsonl", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn plain_and_compressed_traces_are_read() {
        let text = format!("{HEADER}\n{PASS}\n\n{PASS}\n");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        for content in [text.as_bytes(), &gzip.finish().unwrap()] {
            let path = folder.path().join("trace");
            std::fs::write(&path, content).unwrap();
            let trace = Trace::read(&path).unwrap();
            assert_eq!((trace.name.as_str(), trace.options.get("a"), trace.passes.len()), ("t", Some("b"), 2));
            let pass = &trace.passes[1];
            assert_eq!((pass.line, pass.at.to_string().as_str()), (4, "2026-01-01T00:00:05Z"));
            assert_eq!(pass.faults["/x"].status, 503);
            assert!(pass.expected.is_none());
        }
    }

    #[test]
    fn what_is_wrong_with_a_trace_is_told_with_its_place() {
        for (text, expected) in [
            (String::new(), "`t.jsonl` holds no pass"),
            (HEADER.to_owned(), "`t.jsonl` holds no pass"),
            (PASS.to_owned(), "t.jsonl:1:92: not the first line of a trace: missing field `trace`"),
            (HEADER.replace("\"trace\":1", "\"trace\":2"), "`t.jsonl` is a trace of version 2"),
            (format!("{HEADER}\n{{\"at\":"), "t.jsonl:2:6: not a pass of a trace: EOF while parsing a value"),
            (format!("{HEADER}\n{PASS}\n{{\"at\":\n"), "t.jsonl:3:6: not a pass of a trace: EOF while parsing a value"),
            (format!("{HEADER}\n{PASS}\n{{\"at\":]"), "t.jsonl:3:7: not a pass of a trace: expected value"),
            (format!("{HEADER}\n{}", PASS.replace("2026-01-01T", "")), "t.jsonl:2:1: not a pass of a trace: `at`: "),
            (format!("{HEADER}\n{}", PASS.replace("503", "-1")), "t.jsonl:2:"),
            (
                format!("{HEADER}\n{}", PASS.replace("jobs/overview", "jobmanager/metrics")),
                "t.jsonl:2:1: not a pass of a trace: `/jobmanager/metrics` holds no metrics: invalid type: map",
            ),
        ] {
            assert!(error(&text).starts_with(expected), "{}", error(&text));
        }
        let cut = Trace::parse("t.gz", BufReader::new(MultiGzDecoder::new(GZIP.as_slice()))).unwrap_err();
        assert!(matches!(cut, TraceError::Damaged { line: 1, .. }), "{cut}");
    }

    #[test]
    fn a_recording_that_was_killed_is_read_up_to_its_last_whole_pass() {
        let text = format!("{HEADER}\n{PASS}\n{PASS}\n{}\n", PASS.replace("/x", "/ä"));
        let whole = [HEADER.len() + 1, PASS.len() + 1, PASS.len() + 1].iter().sum::<usize>();
        // In the middle of a character as well, and where nothing but the line feed is missing.
        for (end, passes, cut) in [
            (whole, 2, None),
            (whole + 1, 2, Some(4)),
            (text.find('ä').unwrap() + 1, 2, Some(4)),
            (text.len() - 2, 2, Some(4)),
            (text.len() - 1, 3, None),
        ] {
            let trace = Trace::parse("t.jsonl", &text.as_bytes()[..end]).unwrap();
            assert_eq!((trace.passes.len(), trace.cut), (passes, cut), "{end}");
        }
        // A gzip member for each line, of which the last one is cut.
        let gzip = |line: &str| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(line.as_bytes()).unwrap();
            gzip.finish().unwrap()
        };
        let members = [HEADER, PASS, PASS].map(|line| gzip(&format!("{line}\n")));
        let last = members[2].len();
        let file = members.concat();
        for (missing, passes, cut) in [(0, 2, None), (last / 2, 1, Some(3)), (last - 5, 1, Some(3)), (last, 1, None)] {
            let file = &file[..file.len() - missing];
            let trace = Trace::parse("t.gz", BufReader::new(MultiGzDecoder::new(file))).unwrap();
            assert_eq!((trace.passes.len(), trace.cut), (passes, cut), "{missing}");
        }
    }
}
