//! How an error is told where there is room for one text only.

use std::error::Error;

/// An error with its causes, in one text.
pub(crate) fn in_one_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // One that is transparent has said it already.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("the disk is full")]
    struct Cause;

    #[derive(Debug, Error)]
    enum Outer {
        #[error("failed to write")]
        Words(#[source] Cause),
        #[error(transparent)]
        Transparent(#[from] Cause),
    }

    #[test]
    fn every_cause_is_told_once() {
        assert_eq!(in_one_text(&Outer::Words(Cause)), "failed to write: the disk is full");
        assert_eq!(in_one_text(&Outer::Transparent(Cause)), "the disk is full");
    }
}
