//! What was decided within a day, and whether one more may be.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What the bundled policy remembers of its decisions.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tracking {
    #[serde(default)]
    scaling_records: BTreeMap<String, IgnoredAny>,
}

impl Tracking {
    /// Reads it as it is kept: JSON, by the instants of the decisions.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("`scalingTracking` cannot be read: {error}"))
    }

    /// How many decisions lie within the day before `now`, in milliseconds since 1970.
    pub fn within_a_day(&self, now: i64) -> Result<usize, String> {
        let now = Timestamp::from_millisecond(now).map_err(|error| error.to_string())?;
        let a_day_ago = now.checked_sub(SignedDuration::from_hours(24)).map_err(|error| error.to_string())?;
        let instants = self.scaling_records.keys().map(|text| text.parse::<Timestamp>());
        let instants: Vec<Timestamp> = instants.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(instants.iter().filter(|at| **at > a_day_ago).count())
    }
}

/// How many there may be.
pub struct Budget {
    /// In any 24 hours.
    pub per_day: usize,
    /// Of these, how many are only for changes by which something grows.
    pub for_growth: usize,
}

impl Budget {
    /// That the policy remembers enough to count so far.
    pub fn check(&self, remembered: usize) -> Result<(), String> {
        let needed = self.per_day;
        if remembered >= needed {
            return Ok(());
        }
        let key = "job.autoscaler.history.max.count";
        Err(format!("`{key}` is {remembered}, so that no more decisions are remembered: `per-day` needs {needed}"))
    }

    /// Why one more is one too many.
    pub fn refusal(&self, decided: usize, grows: bool) -> Option<String> {
        let Self { per_day, for_growth } = *self;
        let allowed = if grows { per_day } else { per_day.saturating_sub(for_growth) };
        let left = if grows || for_growth == 0 { String::new() } else { format!(", {for_growth} of them to grow") };
        (decided >= allowed).then(|| format!("{decided} restarts in 24 hours, {per_day} are allowed{left}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"scalingRecords":{"2023-11-14T22:13:19.5Z":{"restartDuration":62.500000000},
        "2023-11-14T22:13:21Z":{"restartDuration":null},"2023-11-15T10:00:00Z":{}}}"#;

    #[test]
    fn what_is_older_than_a_day_does_not_count() {
        let tracking = Tracking::read(TEXT).unwrap();
        // 2023-11-15T22:13:20Z
        assert_eq!(tracking.within_a_day(1_700_086_400_000), Ok(2));
        assert_eq!(tracking.within_a_day(1_700_186_400_000), Ok(0));
        assert_eq!(Tracking::default().within_a_day(1_700_086_400_000), Ok(0));
        assert!(Tracking::read("{").is_err());
    }

    #[test]
    fn the_last_of_the_budget_are_for_growth() {
        let budget = Budget { per_day: 3, for_growth: 1 };
        for (decided, grows, may) in
            [(0, false, true), (1, false, true), (2, false, false), (2, true, true), (3, true, false), (9, true, false)]
        {
            assert_eq!(budget.refusal(decided, grows).is_none(), may, "{decided} {grows}");
        }
        assert_eq!(budget.refusal(2, false).unwrap(), "2 restarts in 24 hours, 3 are allowed, 1 of them to grow");
        assert!(budget.check(3).is_ok() && budget.check(2).is_err());
    }
}
