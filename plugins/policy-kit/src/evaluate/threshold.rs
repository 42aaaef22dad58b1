//! The processing capacity that a vertex needs at a utilisation, and the thresholds that follow.

use tidegate_common::number::{max, min, round};

use super::options::EvaluationOptions;

/// What a vertex has to process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Records per second that keep up with the input.
    pub target_data_rate: f64,
    /// Records per second on top of it, to work off the lag.
    pub catch_up_data_rate: f64,
}

impl Demand {
    /// Records per second that the vertex must be able to process so as to meet this demand at `utilization`, and, `with_restart`,
    /// to catch up with what piles up during a restart. `catch_up` and `restart` are whole seconds.
    ///
    /// An integral number; positive infinity at a utilisation of 0, NaN where the demand is not known.
    pub fn capacity(self, utilization: f64, with_restart: bool, catch_up: f64, restart: f64) -> f64 {
        let target = self.target_data_rate;
        let utilization = min(max(utilization, 0.0), 1.0);
        if self.catch_up_data_rate.is_nan() || target.is_nan() {
            return f64::NAN;
        }
        if utilization == 0.0 {
            return f64::INFINITY;
        }
        let restart_rate = if with_restart && catch_up != 0.0 { target * restart / catch_up } else { 0.0 };
        round(self.catch_up_data_rate + restart_rate + target / utilization)
    }

    /// The true processing rates below which a vertex is to be scaled up and above which it is to be scaled down.
    pub(crate) fn thresholds(self, options: &EvaluationOptions, processing_backlog: bool) -> (f64, f64) {
        let (upper, lower) = if processing_backlog {
            (1.0, 0.0)
        } else {
            let (target, boundary) = (options.utilization_target, options.utilization_boundary);
            (options.utilization_max.unwrap_or(target + boundary), options.utilization_min.unwrap_or(target - boundary))
        };
        (
            self.capacity(upper, false, options.catch_up, options.restart),
            self.capacity(lower, true, options.catch_up, options.restart),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{cases, configuration, number, same};

    fn demand(case: &Value) -> (Demand, EvaluationOptions, bool) {
        let demand = Demand {
            target_data_rate: number(&case["targetDataRateAvg"]),
            catch_up_data_rate: number(&case["catchUpDataRate"]),
        };
        let restart = case["restartTimeMs"].as_u64().unwrap() / 1000;
        let options = EvaluationOptions::read(&configuration(&case["config"]), restart).unwrap();
        (demand, options, case["processingBacklog"].as_bool().unwrap())
    }

    #[test]
    fn thresholds_are_those_of_the_reference() {
        for file in ["upstream_thresholds", "oracle_capacity_thresholds"] {
            for case in cases(file) {
                let (demand, options, backlog) = demand(&case);
                let (up, down) = demand.thresholds(&options, backlog);
                assert!(same(up, number(&case["expectedScaleUpThreshold"])), "{case}: {up}");
                assert!(same(down, number(&case["expectedScaleDownThreshold"])), "{case}: {down}");
            }
        }
    }

    #[test]
    fn capacities_are_those_of_the_reference() {
        for case in cases("oracle_capacity_thresholds") {
            let (demand, options, _) = demand(&case);
            for (with_restart, field) in
                [(true, "expectedCapacityWithRestart"), (false, "expectedCapacityWithoutRestart")]
            {
                let utilization = number(&case["utilizationArg"]);
                let capacity = demand.capacity(utilization, with_restart, options.catch_up, options.restart);
                assert!(same(capacity, number(&case[field])), "{case}: {capacity}");
            }
        }
    }
}
