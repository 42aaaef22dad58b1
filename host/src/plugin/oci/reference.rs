//! Where an artifact is: `oci://registry/repository:tag`, or `oci://registry/repository@sha256:…`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use oci_client::Reference;
use thiserror::Error;

/// How a reference starts, which tells it from a path.
const SCHEME: &str = "oci://";

/// A place in a registry, with a tag, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciReference(Reference);

/// A text that cannot be used as a reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// It is no reference.
    #[error(
        "`{text}` is no reference of an artifact: {reason}; expected `oci://registry/repository`, then `@sha256:<digest>` or `:<tag>`"
    )]
    Malformed {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It names no content.
    #[error(
        "`{text}` is not pinned, and a tag can be moved to other content: `tidegate plugin pull {text}` prints what to write instead"
    )]
    NotPinned {
        /// The text.
        text: String,
    },
    /// It names content where a name for it is asked for.
    #[error("`{text}` names a digest, which only the content decides: give the artifact a tag, as in `{name}:1.0.0`")]
    NotTagged {
        /// The text.
        text: String,
        /// The same without its version.
        name: String,
    },
}

impl FromStr for OciReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let malformed = |reason: &str| ReferenceError::Malformed { text: text.to_owned(), reason: reason.to_owned() };
        let bare = text.strip_prefix(SCHEME).ok_or_else(|| malformed("it does not start with `oci://`"))?;
        // Docker would look for what has no registry on its own hub.
        let registry = bare.split_once('/').map(|(registry, _)| registry).unwrap_or_default();
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(malformed("it names no registry"));
        }
        let reference = Reference::try_from(bare).map_err(|error| malformed(&error.to_string()))?;
        let is_sha256 = |digest: &str| {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !reference.digest().is_none_or(is_sha256) {
            return Err(malformed("its digest is not `sha256:` and 64 small hexadecimal digits"));
        }
        Ok(Self(reference))
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl OciReference {
    /// The registry's host, and its port if one is given.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The content that it is pinned to: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same place, pinned to this content.
    #[must_use]
    pub(super) fn pinned_to(&self, digest: String) -> Self {
        let (registry, repository) = (self.0.registry().to_owned(), self.0.repository().to_owned());
        Self(match self.0.tag() {
            Some(tag) => Reference::with_tag_and_digest(registry, repository, tag.to_owned(), digest),
            None => Reference::with_digest(registry, repository, digest),
        })
    }

    /// Of what is pinned: the reference, and what it is pinned to.
    pub(super) fn pin(&self) -> Result<&str, ReferenceError> {
        self.digest().ok_or_else(|| ReferenceError::NotPinned { text: self.to_string() })
    }

    /// That content can be pushed there.
    pub(super) fn must_be_tagged(&self) -> Result<(), ReferenceError> {
        match self.digest() {
            None => Ok(()),
            Some(_) => {
                let name = format!("{SCHEME}{}/{}", self.0.registry(), self.0.repository());
                Err(ReferenceError::NotTagged { text: self.to_string(), name })
            }
        }
    }

    /// Whether the registry is on this machine, and so is spoken to without TLS, as Docker does.
    pub(super) fn is_on_loopback(&self) -> bool {
        let registry = self.registry();
        let host = match registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => registry,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
    }

    /// In the library's words.
    pub(super) fn inner(&self) -> &Reference {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_reference_is_written_as_it_was_read() {
        for text in [
            format!("oci://ghcr.io/team/policy@{DIGEST}"),
            format!("oci://localhost:5000/policy:1.0.0@{DIGEST}"),
            "oci://127.0.0.1:5000/a/b/c:latest".to_owned(),
        ] {
            assert_eq!(text.parse::<OciReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_reason() {
        for (text, reason) in [
            ("ghcr.io/team/policy", "does not start with"),
            ("oci://policy", "no registry"),
            ("oci://team/policy:1", "no registry"),
            ("oci://ghcr.io/", "no reference"),
            ("oci://ghcr.io/Team/policy", "no reference"),
            ("oci://ghcr.io/team/policy@sha256:12", "no reference"),
            ("oci://ghcr.io/team/policy@sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ""),
        ] {
            let error = text.parse::<OciReference>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn a_tag_is_no_pin_and_the_error_says_what_to_type() {
        let tagged: OciReference = "oci://ghcr.io/team/policy:1".parse().unwrap();
        let error = tagged.pin().unwrap_err().to_string();
        assert!(error.contains("`tidegate plugin pull oci://ghcr.io/team/policy:1`"), "{error}");
        let pinned = tagged.pinned_to(DIGEST.to_owned());
        assert_eq!(pinned.to_string(), format!("oci://ghcr.io/team/policy:1@{DIGEST}"));
        assert_eq!(pinned.pin(), Ok(DIGEST));
        let error = pinned.must_be_tagged().unwrap_err().to_string();
        assert!(error.contains("`oci://ghcr.io/team/policy:1.0.0`"), "{error}");
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for (registry, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("127.0.0.1.example.com", false),
            ("localhost.example.com", false),
            ("registry.internal:5000", false),
            ("10.0.0.1:5000", false),
        ] {
            let reference: OciReference = format!("oci://{registry}/a:1").parse().unwrap();
            assert_eq!(reference.is_on_loopback(), expected, "{registry}");
        }
    }
}
