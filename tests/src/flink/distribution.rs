//! Flink's jars, fetched once and kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::HarnessError;
use crate::process::output;

/// What a `DataStream` job needs of a distribution: the rest is table API, connectors and formats.
const JARS: [&str; 5] = ["flink-dist", "log4j-api", "log4j-core", "log4j-slf4j-impl", "log4j-1.2-api"];

/// The releases of Flink that are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The last minor release of Flink 1.
    V1_20,
    /// The present minor release of Flink 2.
    V2_3,
}

/// The jars of one release, on disk.
#[derive(Clone, Debug)]
pub struct Distribution {
    version: Version,
    lib: PathBuf,
}

impl Version {
    /// As Flink writes it.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::V1_20 => "1.20.5",
            Self::V2_3 => "2.3.0",
        }
    }
}

impl Distribution {
    /// Takes a release from the cache, or fetches it from PyPI: Flink publishes its jars there for its Python users.
    ///
    /// The cache is `$TIDEGATE_FLINK_DIR`, else `target/flink`. A release appears in it complete or not at all.
    ///
    /// # Errors
    ///
    /// `pip`, `tar` or `jar` failed, or the package does not hold what it held when this was written.
    pub fn install(version: Version) -> Result<Self, HarnessError> {
        let cache = cache();
        let lib = cache.join(version.number());
        if !lib.exists() {
            fs::create_dir_all(&cache).map_err(HarnessError::file(&cache))?;
            let workshop = TempDir::with_prefix_in(".download-", &cache).map_err(HarnessError::file(&cache))?;
            let complete = fetch(version, workshop.path())?;
            match fs::rename(&complete, &lib) {
                // Another test process was faster; its copy is as good.
                Err(_) if lib.exists() => {}
                renamed => renamed.map_err(HarnessError::file(&lib))?,
            }
        }
        Ok(Self { version, lib })
    }

    /// Which release it is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The class path of its jars, for `java` and `javac`.
    #[must_use]
    pub fn class_path(&self) -> PathBuf {
        self.lib.join("*")
    }
}

fn cache() -> PathBuf {
    env::var_os("TIDEGATE_FLINK_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/flink"), PathBuf::from)
}

/// Downloads the package into a folder and returns the folder of the jars unpacked from it.
fn fetch(version: Version, folder: &Path) -> Result<PathBuf, HarnessError> {
    let package = format!("apache-flink-libraries=={}", version.number());
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", &package];
    output("python3", &pip, folder)?;
    let archive = only_file(folder)?;

    let (list, unpack) = match version {
        Version::V1_20 => (["tar", "tzf"], ["tar", "xzf"]),
        Version::V2_3 => (["jar", "tf"], ["jar", "xf"]),
    };
    let listed = output(list[0], &[list[1], &archive], folder)?;
    let wanted: Vec<_> = listed.lines().filter(|entry| is_wanted(entry)).collect();
    if wanted.len() != JARS.len() {
        return Err(HarnessError::Missing { what: format!("{JARS:?}"), text: format!("{archive}: {wanted:?}") });
    }
    let arguments: Vec<_> = [unpack[1], &archive].into_iter().chain(wanted.iter().copied()).collect();
    output(unpack[0], &arguments, folder)?;

    let lib = wanted.first().and_then(|entry| Path::new(entry).parent()).map(|parent| folder.join(parent));
    lib.ok_or_else(HarnessError::missing("folder of jars", archive))
}

/// `…/lib/log4j-api-2.24.3.jar` is, for example.
fn is_wanted(entry: &str) -> bool {
    let path = Path::new(entry);
    let in_lib = path.parent().is_some_and(|parent| parent.ends_with("lib"));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_jar = |jar: &str| {
        let version = name.strip_prefix(jar).and_then(|rest| rest.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    in_lib && JARS.iter().any(|jar| is_jar(jar))
}

fn only_file(folder: &Path) -> Result<String, HarnessError> {
    let entries = fs::read_dir(folder).map_err(HarnessError::file(folder))?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(HarnessError::Missing { what: "single file".to_owned(), text: format!("{names:?}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_jars_that_a_job_needs_are_unpacked() {
        let cases = [
            ("apache_flink_libraries-1.20.5/deps/lib/flink-dist-1.20.5.jar", true),
            ("pyflink/lib/log4j-1.2-api-2.25.3.jar", true),
            ("pyflink/lib/log4j-api-2.25.3.jar", true),
            ("pyflink/lib/log4j-layout-template-json-2.25.3.jar", false),
            ("pyflink/lib/flink-json-2.3.0.jar", false),
            ("pyflink/opt/flink-dist-2.3.0.jar", false),
        ];
        for (entry, wanted) in cases {
            assert_eq!(is_wanted(entry), wanted, "{entry}");
        }
    }
}
