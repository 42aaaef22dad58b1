//! Why an artifact could not be fetched or pushed.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use oci_client::errors::{OciDistributionError, OciErrorCode};
use thiserror::Error;

use super::{OciReference, ReferenceError};
use crate::plugin::ByteSize;
use crate::plugin::error::Cause;

/// An artifact that could not be fetched or pushed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OciError {
    /// The reference is of the wrong kind.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Nothing answers.
    #[error("registry `{registry}` cannot be reached")]
    Unreachable {
        /// Its host and port.
        registry: String,
        /// The client's words.
        #[source]
        source: Cause,
    },
    /// It took too long.
    #[error("registry `{registry}` was not done within {limit:?}")]
    TimedOut {
        /// Its host and port.
        registry: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The registry has too much to do, or is broken.
    #[error("registry `{registry}` cannot serve now: {answer}")]
    Busy {
        /// Its host and port.
        registry: String,
        /// What it says.
        answer: String,
    },
    /// The account may not, or there is none.
    #[error(
        "registry `{registry}` refuses access: log in with `docker login {registry}`, or let the account in: {answer}"
    )]
    Denied {
        /// Its host and port.
        registry: String,
        /// What it says.
        answer: String,
    },
    /// It is not there.
    #[error("registry `{registry}` does not have it: {answer}; was it pushed, and not deleted since?")]
    NotFound {
        /// Its host and port.
        registry: String,
        /// What it says.
        answer: String,
    },
    /// Something else is wrong.
    #[error("registry `{registry}` does not answer as one: {answer}")]
    Strange {
        /// Its host and port.
        registry: String,
        /// What it says.
        answer: String,
    },
    /// The content is not that of the digest.
    #[error(
        "the {what} is not what the digest names: expected {expected}, got {found}; somebody has changed it on the way"
    )]
    Tampered {
        /// The manifest or the component.
        what: &'static str,
        /// The digest, or size, asked for.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// It is not a plugin.
    #[error("it is no plugin: {reason}; push one with `tidegate plugin push`")]
    NotAPlugin {
        /// What it is instead.
        reason: String,
    },
    /// It is too large.
    #[error("the {what} has {found} bytes, more than the {limit} that are allowed")]
    TooLarge {
        /// The manifest or the component.
        what: &'static str,
        /// Its bytes, as far as they were counted.
        found: u64,
        /// The most.
        limit: ByteSize,
    },
    /// Docker's configuration cannot be read.
    #[error("failed to read the credentials in `{}`", path.display())]
    CredentialsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The credentials in Docker's configuration cannot be used.
    #[error("the credentials for registry `{registry}` in `{}` cannot be used: {reason}", path.display())]
    Credentials {
        /// Its host and port.
        registry: String,
        /// Docker's configuration.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The client cannot be set up.
    #[error("failed to set up a client for registry `{registry}`: {reason}")]
    Client {
        /// Its host and port.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// A thread of the host died.
    #[error("fetching was interrupted")]
    Interrupted,
}

impl OciError {
    /// Whether the same may succeed later with nothing changed here.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Busy { .. })
    }

    /// What the client says of a registry, in words for the operator.
    pub(super) fn of(reference: &OciReference, error: OciDistributionError) -> Self {
        let registry = reference.registry().to_owned();
        match error {
            OciDistributionError::RequestError(error) => match error.status() {
                Some(status) => Self::answered(registry, status.as_u16(), status.to_string()),
                None => Self::Unreachable { registry, source: causes(&error) },
            },
            OciDistributionError::IoError(error) => Self::Unreachable { registry, source: causes(&error) },
            OciDistributionError::UnauthorizedError { url } => {
                Self::Denied { registry, answer: format!("it asks who we are for {url}") }
            }
            OciDistributionError::AuthenticationFailure(answer) => Self::Denied { registry, answer: shown(&answer) },
            OciDistributionError::ServerError { code, message, .. } => {
                Self::answered(registry, code, format!("HTTP {code} {}", shown(&message)))
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                let told = envelope.errors.first();
                let answer = shown(told.map(|error| error.message.as_str()).unwrap_or_default());
                match told.map(|error| &error.code) {
                    Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => Self::Denied { registry, answer },
                    Some(
                        OciErrorCode::ManifestUnknown
                        | OciErrorCode::NameUnknown
                        | OciErrorCode::BlobUnknown
                        | OciErrorCode::NotFound,
                    ) => Self::NotFound { registry, answer },
                    Some(OciErrorCode::Toomanyrequests) => Self::Busy { registry, answer },
                    _ => Self::Strange { registry, answer },
                }
            }
            other => Self::Strange { registry, answer: shown(&other.to_string()) },
        }
    }

    fn answered(registry: String, code: u16, answer: String) -> Self {
        match code {
            401 | 403 => Self::Denied { registry, answer },
            404 => Self::NotFound { registry, answer },
            429 | 500.. => Self::Busy { registry, answer },
            _ => Self::Strange { registry, answer },
        }
    }
}

/// An error with its causes, which the libraries do not say themselves.
fn causes(error: &dyn Error) -> Cause {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    texts.dedup();
    Cause::new(texts.join(": "))
}

/// What a registry wrote, in one line of a readable length.
fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = line.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    if clean.is_empty() { "it does not say why".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16, message: &str) -> OciError {
        let (url, message) = ("http://r.io/v2/".to_owned(), message.to_owned());
        let reference = "oci://r.io/policy:1".parse().unwrap();
        OciError::of(&reference, OciDistributionError::ServerError { code, url, message })
    }

    #[test]
    fn what_may_pass_is_told_from_what_has_to_be_mended() {
        for (code, may_pass, words) in [
            (401, false, "docker login r.io"),
            (403, false, "docker login r.io"),
            (404, false, "was it pushed"),
            (418, false, "does not answer as one"),
            (429, true, "cannot serve now"),
            (503, true, "cannot serve now"),
        ] {
            let error = told(code, "");
            assert_eq!(error.may_pass(), may_pass, "{code}");
            assert!(error.to_string().contains(words), "{code}: {error}");
        }
    }

    #[test]
    fn a_page_of_html_is_cut_to_one_line() {
        let error = told(502, &"<html>\n\u{1b}[31m ".repeat(100)).to_string();
        assert!(error.len() < 320 && !error.contains(['\n', '\u{1b}']), "{error}");
    }
}
