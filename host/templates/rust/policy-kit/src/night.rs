//! What this policy does otherwise: it shows the kit other options at night. What the kit evaluates, decides, tells and
//! remembers follows from them.

use tidegate_common::configuration::Configuration;

/// The options of the night start with this.
pub const PREFIX: &str = "night.";

const SECONDS_PER_HOUR: i64 = 3600;

/// When it is night, and how busy vertices may be then.
pub struct Night {
    from: f64,
    until: f64,
    target: f64,
}

impl Night {
    /// What a job's options say, and what is wrong with them: a default stands for each that is.
    pub fn read(options: &Configuration) -> (Self, Vec<String>) {
        let mut wrong = Vec::new();
        let mut number = |key: &str, most: f64, default: f64| match options.get(key) {
            None => default,
            Some(text) => match text.trim().parse::<f64>() {
                Ok(number) if (0.0..=most).contains(&number) => number,
                _ => {
                    wrong.push(format!("`{key}` must be a number from 0 to {most}, not `{text}`"));
                    default
                }
            },
        };
        let night = Self {
            from: number("night.from", 24.0, 22.0),
            until: number("night.until", 24.0, 6.0),
            target: number("night.utilization-target", 1.0, 0.9),
        };
        (night, wrong)
    }

    /// Changes a job's options, if it is night at this second since 1970 of local time.
    pub fn change(&self, options: &mut Configuration, local_second: i64) {
        let hour = local_second.rem_euclid(24 * SECONDS_PER_HOUR) as f64 / SECONDS_PER_HOUR as f64;
        let is_night = if self.from <= self.until {
            (self.from..self.until).contains(&hour)
        } else {
            hour >= self.from || hour < self.until
        };
        if is_night {
            options.set("job.autoscaler.utilization.target", self.target.to_string());
        }
    }
}
