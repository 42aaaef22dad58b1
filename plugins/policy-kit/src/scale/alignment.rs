//! Moving a parallelism to one that shares key groups or partitions out well.

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options::{self, KeyGroupOrPartitionsAdjustMode};

use crate::extension::Extensions;

/// How parallelisms are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlignmentMode {
    /// Up to where every subtask gets equally many, or the most loaded one fewer.
    Balanced,
    /// Up to where every subtask gets equally many.
    EvenlySpread,
    /// Not at all.
    Off,
    /// As a plugin says.
    Custom,
    /// The deprecated way, which also goes down, or gives up, where nothing is found above.
    Legacy(KeyGroupOrPartitionsAdjustMode),
}

/// A vertex whose parallelism is to be aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// Its parallelism now.
    pub current: i32,
    /// The parallelism to align, not that of now.
    pub target: i32,
    /// Partitions that it reads; 0 if it is no source or they are not known.
    pub source_partitions: i32,
    /// Its key groups.
    pub max_parallelism: i32,
    /// The limits that the options set.
    pub lower_limit: i32,
    /// The limits that the options set.
    pub upper_limit: i32,
    /// Whether one of its inputs is partitioned by key.
    pub has_hash_input: bool,
}

/// An aligned parallelism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// The parallelism; that of now if the vertex cannot be scaled.
    pub parallelism: i32,
    /// Whether the operator is to be told that the target was missed.
    pub limited: bool,
}

impl AlignmentMode {
    /// The mode that the options ask for: a plugin's if it is none that is known here.
    ///
    /// # Errors
    /// When the deprecated option cannot be read.
    pub fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        if let Some(name) = configuration.read(&options::PARALLELISM_ALIGNMENT_MODE)? {
            return Ok(match name.as_str() {
                "EVENLY_SPREAD" => Self::EvenlySpread,
                "OFF" => Self::Off,
                "BALANCED" => Self::Balanced,
                _ => Self::Custom,
            });
        }
        let legacy = configuration.read(&options::SCALING_KEY_GROUP_PARTITIONS_ADJUST_MODE)?;
        Ok(legacy.map_or(Self::Balanced, Self::Legacy))
    }

    /// This mode; balanced where it is a plugin's and there is none.
    #[must_use]
    pub fn among(self, extensions: &dyn Extensions) -> Self {
        if self == Self::Custom && extensions.aligner().is_none() { Self::Balanced } else { self }
    }
}

/// Aligns a parallelism, unless it is for a plugin to do. Vertices without partitions and without key groups in use keep
/// their target. None where a target of 0 would have to share something out.
pub fn align(mode: AlignmentMode, vertex: &Applicant) -> Option<Aligned> {
    let keep = Aligned { parallelism: vertex.target, limited: false };
    if matches!(mode, AlignmentMode::Off | AlignmentMode::Custom)
        || !(vertex.source_partitions > 0 || vertex.has_hash_input)
    {
        return Some(keep);
    }
    if vertex.target < 1 {
        return None;
    }
    let found = match mode {
        AlignmentMode::EvenlySpread | AlignmentMode::Legacy(KeyGroupOrPartitionsAdjustMode::EvenlySpread) => {
            vertex.first_above(false)
        }
        _ => vertex.first_above(true),
    };
    Some(match (found, mode) {
        (Some(parallelism), _) => Aligned { parallelism, limited: false },
        (None, AlignmentMode::Legacy(_)) => vertex.first_below(),
        (None, _) => keep,
    })
}

impl Applicant {
    /// What is shared out: partitions, else key groups.
    pub fn key_groups_or_partitions(&self) -> i32 {
        if self.source_partitions > 0 { self.source_partitions } else { self.max_parallelism }
    }

    /// The largest parallelism that alignment may choose.
    pub fn upper_bound(&self) -> i32 {
        self.max_parallelism.min(self.upper_limit)
    }

    /// The first parallelism from the target upwards that spreads evenly or, if `relaxed`, at least takes load from the
    /// most loaded subtask. A scale-down stays at or below the parallelism of now.
    fn first_above(&self, relaxed: bool) -> Option<i32> {
        let shared = self.key_groups_or_partitions();
        let cap = shared.min(self.upper_bound());
        let end = if self.target > self.current { cap } else { cap.min(self.current) };
        let per_subtask = shared / self.target;
        (self.target..=end).find(|p| shared % p == 0 || relaxed && shared / p < per_subtask)
    }

    /// The least parallelism that leaves the most loaded subtask as it is at the target; that of now if it would turn
    /// the direction.
    fn first_below(&self) -> Aligned {
        let shared = self.key_groups_or_partitions();
        let per_subtask = shared / self.target;
        let found = (1..=self.target).rev().find(|p| shared / p > per_subtask);
        let parallelism = found.map_or(0, |p| if shared % p == 0 { p } else { p + 1 });
        let candidate = parallelism.max(self.lower_limit);
        let turned = if self.target > self.current { candidate <= self.current } else { candidate >= self.current };
        if turned {
            Aligned { parallelism: self.current, limited: true }
        } else {
            Aligned { parallelism: candidate, limited: candidate != self.target }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::testing::{FakeExtensions, cases, configuration};

    #[test]
    fn parallelisms_are_aligned_as_upstream_does() {
        for case in cases("upstream_alignment") {
            let int = |field: &str| i32::try_from(case[field].as_i64().unwrap()).unwrap();
            let vertex = Applicant {
                current: int("currentParallelism"),
                target: int("newParallelism"),
                source_partitions: int("numSourcePartitions"),
                max_parallelism: int("maxParallelism"),
                lower_limit: int("parallelismLowerLimit"),
                upper_limit: int("parallelismUpperLimit"),
                has_hash_input: case["inputShipStrategies"].as_array().unwrap().contains(&Value::from("HASH")),
            };
            let aligned = align(mode(case["mode"].as_str().unwrap()), &vertex).unwrap();
            assert_eq!(aligned.parallelism, int("expected"), "{case}");
            if let Some(events) = case["expectedEventCount"].as_u64() {
                assert_eq!(u64::from(aligned.limited), events, "{case}");
            }
        }
    }

    #[test]
    fn the_mode_is_chosen_by_the_new_option_before_the_deprecated_one() {
        for case in cases("upstream_alignment_resolution") {
            let configuration = configuration(&case["config"]);
            // Whether a class is that of a plugin is for the host to say.
            let class = configuration.get("job.autoscaler.scaling.parallelism-alignment.mode.custom.class");
            let aligner = class.filter(|class| *class == "known plugin class").map(str::to_owned);
            let extensions = FakeExtensions { aligner, ..FakeExtensions::default() };
            let found = AlignmentMode::read(&configuration).unwrap().among(&extensions);
            assert_eq!(found, mode(case["expected"].as_str().unwrap()), "{case}");
        }
    }

    fn mode(name: &str) -> AlignmentMode {
        match name {
            "BALANCED" | "DEFAULT" => AlignmentMode::Balanced,
            "EVENLY_SPREAD" => AlignmentMode::EvenlySpread,
            "OFF" => AlignmentMode::Off,
            "plugin" => AlignmentMode::Custom,
            "LEGACY_EVENLY_SPREAD" | "legacy EVENLY_SPREAD" => {
                AlignmentMode::Legacy(KeyGroupOrPartitionsAdjustMode::EvenlySpread)
            }
            "LEGACY_MAXIMIZE_UTILISATION" | "legacy MAXIMIZE_UTILISATION" => {
                AlignmentMode::Legacy(KeyGroupOrPartitionsAdjustMode::MaximizeUtilisation)
            }
            other => panic!("{other}"),
        }
    }

    fn any_mode() -> impl Strategy<Value = AlignmentMode> {
        prop_oneof![
            Just(AlignmentMode::Balanced),
            Just(AlignmentMode::EvenlySpread),
            Just(AlignmentMode::Off),
            Just(AlignmentMode::Legacy(KeyGroupOrPartitionsAdjustMode::EvenlySpread)),
            Just(AlignmentMode::Legacy(KeyGroupOrPartitionsAdjustMode::MaximizeUtilisation)),
        ]
    }

    proptest! {
        #[test]
        fn an_aligned_parallelism_stays_within_its_limits_and_keeps_its_direction(
            mode in any_mode(),
            max_parallelism in 1..1000_i32,
            (current, target, lower, upper) in (1..1000_i32, 1..1000_i32, 1..1000_i32, 1..1000_i32),
            source_partitions in 0..300_i32,
            has_hash_input: bool,
        ) {
            let current = current.min(max_parallelism);
            let upper_limit = upper.max(current);
            let vertex = Applicant {
                current,
                target: target.min(max_parallelism).min(upper_limit),
                source_partitions,
                max_parallelism,
                lower_limit: lower.min(current),
                upper_limit,
                has_hash_input,
            };
            prop_assume!(vertex.target != current && vertex.target >= vertex.lower_limit);
            let aligned = align(mode, &vertex).map_or(0, |aligned| aligned.parallelism);
            prop_assert!((vertex.lower_limit..=vertex.upper_bound()).contains(&aligned), "{aligned} {vertex:?}");
            prop_assert!(aligned == current || (aligned > current) == (vertex.target > current), "{aligned} {vertex:?}");
        }
    }
}
