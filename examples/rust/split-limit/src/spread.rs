//! Which parallelism reads so many splits well.

/// The parallelism for a source that should have `target` subtasks, at least 1; none where it has no splits.
pub fn aligned(target: u32, splits: f64) -> Option<u32> {
    // Saturates; what is not a number is 0.
    let splits = splits as u32;
    if splits == 0 {
        return None;
    }
    // The fullest subtask of the target has so many; whoever has fewer subtasks with the same fullest one loses nothing.
    let each = splits.div_ceil(target.clamp(1, splits));
    Some(splits.div_ceil(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_no_more_subtasks_than_its_fullest_one_needs() {
        for (target, splits, expected) in [
            (3, 7.0, Some(3)),
            // With 4 or 5 subtasks the fullest one has 2 splits: 4 are enough.
            (5, 7.0, Some(4)),
            (6, 7.0, Some(4)),
            (7, 7.0, Some(7)),
            (50, 7.0, Some(7)),
            (1, 7.0, Some(1)),
            (5, 48.0, Some(5)),
            (7, 48.0, Some(7)),
            (9, 48.0, Some(8)),
            (9, 0.0, None),
            (9, -3.0, None),
            (9, f64::NAN, None),
            (u32::MAX, f64::INFINITY, Some(u32::MAX)),
        ] {
            assert_eq!(aligned(target, splits), expected, "{target} {splits}");
        }
    }
}
