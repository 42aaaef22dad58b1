//! Under which keys the policy keeps its state, and which top-level keys a text has.

/// The scalings of each vertex.
pub(crate) const SCALING_HISTORY: &str = "scalingHistory";
/// The decisions and how long their restarts took.
pub(crate) const SCALING_TRACKING: &str = "scalingTracking";
/// Scale-downs that wait.
pub(crate) const DELAYED_SCALE_DOWN: &str = "delayedScaleDown";

/// Whether `known` accepts every key of the JSON object `text`; none if it is no such object.
///
/// A pass that reads nothing else pays for this, so that it only tells strings from brackets: whether the values are
/// well-formed is found out when they are read. A key with an escape is handed over as it is written.
pub(crate) fn all_keys(text: &str, known: impl Fn(&str) -> bool) -> Option<bool> {
    let bytes = text.as_bytes();
    let (mut all, mut depth, mut at_key, mut place) = (true, 0_usize, false, 0);
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'"' => {
                let start = place + 1;
                place = end_of_string(bytes, start)?;
                if at_key && depth == 1 {
                    all &= known(text.get(start..place)?);
                    at_key = false;
                }
            }
            b'{' | b'[' => {
                depth += 1;
                if depth == 1 {
                    if *byte == b'[' {
                        return None;
                    }
                    at_key = true;
                }
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return text.get(place + 1..)?.trim().is_empty().then_some(all);
                }
            }
            b',' => at_key |= depth == 1,
            _ => {}
        }
        place += 1;
    }
    None
}

/// Where the string ends whose first byte is at `start`: the place of its closing quote.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut place = start;
    loop {
        match bytes.get(place)? {
            b'"' => return Some(place),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn keys(text: &str) -> Option<Vec<String>> {
        let keys = RefCell::new(Vec::new());
        all_keys(text, |key| {
            keys.borrow_mut().push(key.to_owned());
            true
        })?;
        Some(keys.into_inner())
    }

    #[test]
    fn only_the_keys_of_the_object_itself_are_looked_at() {
        let found = keys(r#" {"a": {"x": [1, {"y": "}"}], "z": null}, "b\"": "a, \"c\": {", "d":-1.5e3} "#).unwrap();
        assert_eq!(found, ["a", "b\\\"", "d"]);
        assert_eq!(keys("{}"), Some(vec![]));
        for text in ["", "[]", "{", "}", "1", r#"{"a": {}"#, r#"{"a"#, r#"{"a\"#, "{} {}"] {
            assert_eq!(keys(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_not_known_is_told() {
        assert_eq!(all_keys(r#"{"a": 1, "b": 2}"#, |key| key == "a"), Some(false));
        assert_eq!(all_keys(r#"{"a": {"b": 2}}"#, |key| key == "a"), Some(true));
    }
}
