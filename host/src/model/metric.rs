//! Collected scaling metrics: their names, and compact rows of values.

macro_rules! metrics {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every metric, in the order of the rows.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that it has in the Java autoscaler, in stored state and towards policies.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The metric of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|metric| metric.name() == name)
            }
        }
    };
}

metrics! {
    /// What is collected of each vertex.
    ScalingMetric {
        /// Records waiting to be read; sources only.
        Lag = "LAG",
        /// Busy share of the subtasks, 0 to 1; NaN where Flink has no finite busy time.
        Load = "LOAD",
        /// Milliseconds busy since start, sum of the subtasks.
        AccumulatedBusyTime = "ACCUMULATED_BUSY_TIME",
        /// Records read since start.
        NumRecordsIn = "NUM_RECORDS_IN",
        /// Records written since start.
        NumRecordsOut = "NUM_RECORDS_OUT",
        /// Records per second that a source could read, measured while it catches up; sources only.
        ObservedTpr = "OBSERVED_TPR",
        /// Records read per second; all but sources.
        NumRecordsInPerSecond = "NUM_RECORDS_IN_PER_SECOND",
    }
}

metrics! {
    /// What is collected of the whole job.
    GlobalMetric {
        /// Slots in use in the cluster.
        NumTaskSlotsUsed = "NUM_TASK_SLOTS_USED",
        /// Share of time in garbage collection on the worst TaskManager.
        GcPressure = "GC_PRESSURE",
        /// Heap in use on the fullest TaskManager, bytes.
        HeapMemoryUsed = "HEAP_MEMORY_USED",
        /// The largest heap use over the largest heap, 0 to 1.
        HeapMaxUsageRatio = "HEAP_MAX_USAGE_RATIO",
        /// Managed memory in use on the fullest TaskManager, bytes.
        ManagedMemoryUsed = "MANAGED_MEMORY_USED",
        /// Metaspace in use on the fullest TaskManager, bytes.
        MetaspaceMemoryUsed = "METASPACE_MEMORY_USED",
    }
}

macro_rules! row {
    ($(#[$doc:meta])* $row:ident, $metric:ident, $len:literal) => {
        $(#[$doc])*
        ///
        /// A value that was collected and is NaN differs from one that was not collected.
        #[derive(Clone, Copy, Debug)]
        pub struct $row {
            values: [f64; $len],
            present: u8,
        }

        impl Default for $row {
            fn default() -> Self {
                Self { values: [f64::NAN; $len], present: 0 }
            }
        }

        impl PartialEq for $row {
            fn eq(&self, other: &Self) -> bool {
                self.present == other.present
                    && self.values.iter().zip(&other.values).all(|(a, b)| a.to_bits() == b.to_bits())
            }
        }

        impl $row {
            /// Puts `value` under `metric`.
            pub fn set(&mut self, metric: $metric, value: f64) {
                if let Some(slot) = self.values.get_mut(metric as usize) {
                    *slot = value;
                    self.present |= 1 << metric as u8;
                }
            }

            /// The value under `metric`, if one was put.
            pub fn get(&self, metric: $metric) -> Option<f64> {
                let present = self.present & (1 << metric as u8) != 0;
                self.values.get(metric as usize).copied().filter(|_| present)
            }

            /// The value under `metric`, NaN if none was put.
            pub fn value(&self, metric: $metric) -> f64 {
                // What was not put is still what it began as.
                self.values.get(metric as usize).copied().unwrap_or(f64::NAN)
            }
        }
    };
}

row! {
    /// The collected metrics of one vertex in one sample.
    VertexMetrics, ScalingMetric, 7
}

row! {
    /// The collected metrics of the whole job in one sample.
    GlobalMetrics, GlobalMetric, 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_place_in_the_row() {
        let mut row = VertexMetrics::default();
        for (index, metric) in ScalingMetric::ALL.iter().enumerate() {
            assert_eq!(row.get(*metric), None);
            row.set(*metric, index as f64);
            assert_eq!(ScalingMetric::from_name(metric.name()), Some(*metric));
        }
        for (index, metric) in ScalingMetric::ALL.iter().enumerate() {
            assert_eq!(row.get(*metric), Some(index as f64));
        }
        let mut row = GlobalMetrics::default();
        for metric in GlobalMetric::ALL {
            row.set(*metric, f64::NAN);
            assert!(row.get(*metric).is_some_and(f64::is_nan));
        }
    }
}
