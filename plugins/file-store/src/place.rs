//! Names of clusters and jobs as names of folders and files: any name, and back again.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is escaped as `%XX`: all but letters, digits, `-` and `_`; dots too, so that no name means another folder.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The longest escaped name: file systems take 255 bytes, and something is put behind it.
const LONGEST: usize = 200;

/// The name of a folder or a file for `name`. No letter is lost; one that would be too long is in base64 behind `~`.
pub(crate) fn of_name(name: &str) -> String {
    let escaped = utf8_percent_encode(name, ESCAPED).to_string();
    match escaped.len() {
        // A folder cannot go without a name.
        0 => "~".to_owned(),
        length if length <= LONGEST => escaped,
        _ => format!("~{}", BASE64_URL_SAFE_NO_PAD.encode(name)),
    }
}

/// The name that a folder or a file stands for, if it is one of ours.
pub(crate) fn to_name(place: &str) -> Option<String> {
    let name = match place.strip_prefix('~') {
        Some(encoded) => String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?,
        None => percent_decode_str(place).decode_utf8().ok()?.into_owned(),
    };
    (of_name(&name) == place).then_some(name)
}
