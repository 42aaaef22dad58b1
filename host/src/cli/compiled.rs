//! Where commands that need no daemon keep compiled code: apart from a daemon's own, which a day of saves would push out.

use std::env;
use std::ffi::OsString;
use std::io::{Write, stderr};
use std::path::PathBuf;

use anyhow::Result;

use crate::causes::in_one_text;
use crate::plugin::Runtime;

/// A runtime that keeps compiled code in the user's cache folder, as far as there is one: else it warns, and the command
/// compiles.
pub(super) fn runtime() -> Result<Runtime> {
    let Some(folder) = folder(|name| env::var_os(name)) else {
        warn("neither `XDG_CACHE_HOME` nor `HOME` names a folder");
        return Ok(Runtime::new()?);
    };
    Ok(Runtime::with_cache_or(&folder, |error| warn(&in_one_text(error)))?)
}

fn warn(reason: &str) {
    // Nobody is left to read it: the command goes on.
    let _ = writeln!(stderr(), "warning: compiled plugins are not kept, every command compiles them: {reason}");
}

/// In the folder that the XDG Base Directory Specification names: a relative path there is as good as none.
fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let of = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = of("XDG_CACHE_HOME").or_else(|| of("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("tidegate/compiled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_code_is_kept_in_the_users_cache_folder() {
        for (cache, home, expected) in [
            (Some("/var/cache/me"), Some("/home/me"), Some("/var/cache/me/tidegate/compiled")),
            (None, Some("/home/me"), Some("/home/me/.cache/tidegate/compiled")),
            (Some(""), Some("/home/me"), Some("/home/me/.cache/tidegate/compiled")),
            (Some("cache"), Some("/home/me"), Some("/home/me/.cache/tidegate/compiled")),
            (None, Some(""), None),
            (None, None, None),
        ] {
            let variable = |name: &str| match name {
                "XDG_CACHE_HOME" => cache.map(OsString::from),
                _ => home.map(OsString::from),
            };
            assert_eq!(folder(variable), expected.map(PathBuf::from), "{cache:?} {home:?}");
        }
    }
}
