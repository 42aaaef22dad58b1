//! The body of a refusal: `{"errors":[...]}`, kilobytes of stack traces with one useful line.

use std::borrow::Cow;

use serde::Deserialize;

/// Why Flink refused.
#[derive(Deserialize)]
pub(in crate::flink) struct Failure<'a> {
    #[serde(borrow)]
    errors: Vec<Cow<'a, str>>,
}

impl Failure<'_> {
    /// Whether an exception of this simple name is what was thrown, or caused it.
    pub(in crate::flink) fn names(&self, exception: &str) -> bool {
        self.errors.iter().any(|error| error.contains(exception))
    }

    /// The reason in one line, without the exception's class.
    pub(in crate::flink) fn reason(&self) -> &str {
        const GENERIC: &str = "Internal server error.";
        const WRAPPER: &str = "<Exception on server side:";
        let lines =
            || self.errors.iter().flat_map(|error| error.lines()).map(str::trim).filter(|line| !line.is_empty());
        let line = lines().find(|line| *line != GENERIC && *line != WRAPPER).or_else(|| lines().next());
        line.map_or("no reason given", without_class)
    }
}

/// `a.b.SomeException: text` without the class, unless nothing else is there.
fn without_class(line: &str) -> &str {
    match line.split_once(": ") {
        Some((class, text)) if class.contains('.') && !class.contains(' ') && !text.is_empty() => text,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_line_that_says_something() {
        for (errors, expected) in [
            (r#"[]"#, "no reason given"),
            (r#"["Internal server error."]"#, "Internal server error."),
            (r#"["Unable to load requested file /nosuchpath."]"#, "Unable to load requested file /nosuchpath."),
            (r#"["org.x.RestHandlerException: Too many.\nMore.\n\tat org.x.Y(Y.java:1)"]"#, "Too many."),
            (r#"["Internal server error.","<Exception on server side:\norg.x.E: Gone: (a)\n\tat b"]"#, "Gone: (a)"),
            (
                r#"["Internal server error.","<Exception on server side:\njava.lang.NullPointerException\n\tat b"]"#,
                "java.lang.NullPointerException",
            ),
        ] {
            let body = format!(r#"{{"errors":{errors}}}"#);
            assert_eq!(serde_json::from_str::<Failure<'_>>(&body).unwrap().reason(), expected);
        }
    }
}
