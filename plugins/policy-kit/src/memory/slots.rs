//! The slots and TaskManagers that a job needs.

/// The slots that a job needs with the parallelisms `new`, judged by what it needs with `current`: `used` slots. If that
/// is the largest parallelism the vertices share their slots.
pub fn estimate_slots(current: &[u64], new: &[u64], used: u64) -> u64 {
    let shares_slots = current.iter().max() == Some(&used);
    if shares_slots { new.iter().max().copied().unwrap_or(0) } else { new.iter().sum() }
}

/// The TaskManagers that offer `slots`.
pub fn task_managers(slots: u64, slots_per_task_manager: u64) -> u64 {
    slots.div_ceil(slots_per_task_manager.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cases;

    #[test]
    fn slots_are_shared_where_as_many_are_used_as_the_largest_parallelism() {
        for case in cases("upstream_slot_estimate") {
            let int = |field: &str| case[field].as_u64().unwrap();
            let (current, new) = ([int("current"), int("other")], [int("newCurrent"), int("other")]);
            assert_eq!(estimate_slots(&current, &new, int("slotsUsed")), int("expectedSlots"), "{case}");
        }
    }

    #[test]
    fn slots_are_estimated_as_the_reference_does() {
        for case in cases("oracle_slot_estimate") {
            let vertices = case["vertices"].as_array().unwrap();
            let current: Vec<u64> = vertices.iter().map(|vertex| vertex["current"].as_u64().unwrap()).collect();
            let new: Vec<u64> =
                vertices.iter().zip(&current).map(|(vertex, now)| vertex["new"].as_u64().unwrap_or(*now)).collect();
            let used = case["numTaskSlotsUsed"].as_u64().unwrap();
            assert_eq!(estimate_slots(&current, &new, used), case["expected"].as_u64().unwrap(), "{case}");
        }
    }
}
