//! What makes two events the same, as a number in text: the Java autoscaler's column `event_key`.

/// The key of an event. Java's hash has the type's address in it, another in every process; ours has its name.
pub(crate) fn of(job: &str, kind: &str, reason: &str, message_key: &str) -> String {
    let parts = [job, kind, reason, message_key];
    parts.iter().fold(1_i32, |hash, part| hash.wrapping_mul(31).wrapping_add(of_text(part))).to_string()
}

/// Java's `String.hashCode`.
fn of_text(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
