//! The shape of a day.

use std::f64::consts::TAU;

const MINUTES_OF_DAY: i64 = 24 * 60;
const MILLIS_OF_MINUTE: i64 = 60_000;

/// A cosine whose period is a day: 1 at its peak, `trough` half a day later.
pub struct Wave {
    peak: i64,
    trough: f64,
}

impl Wave {
    /// A day with its peak at `HH:MM`, whose lowest rate is `trough` times its highest.
    pub fn new(peak_at: &str, trough: f64) -> Result<Self, String> {
        let minute = || {
            let (hours, minutes) = peak_at.split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
        };
        let peak = minute().ok_or_else(|| format!("`peak-at` is `{peak_at}`, no time such as `14:30`"))?;
        if !(trough > 0.0 && trough <= 1.0) {
            return Err(format!("`trough` is {trough}: a share above 0 and up to 1 is expected"));
        }
        Ok(Self { peak, trough })
    }

    /// By how much more than at `local`, in milliseconds of local time, comes in at most within the next `lead` minutes; 1 if
    /// it is never more.
    pub fn growth(&self, local: i64, lead: u16) -> f64 {
        let minute = local.div_euclid(MILLIS_OF_MINUTE);
        let ahead = (0..=i64::from(lead)).map(|ahead| self.height(minute + ahead));
        ahead.fold(0.0, f64::max) / self.height(minute)
    }

    fn height(&self, minute: i64) -> f64 {
        let phase = (minute - self.peak).rem_euclid(MINUTES_OF_DAY) as f64 / MINUTES_OF_DAY as f64;
        let (middle, swing) = ((1.0 + self.trough) / 2.0, (1.0 - self.trough) / 2.0);
        middle + swing * (TAU * phase).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MILLIS_OF_MINUTE;

    #[test]
    fn what_is_ahead_is_measured_against_now() {
        let wave = Wave::new("14:00", 0.25).unwrap();
        for (hour, lead, expected) in [
            // From the trough to the middle, to the peak, and no further.
            (2, 6 * 60, 0.625 / 0.25),
            (2, 12 * 60, 4.0),
            (2, 24 * 60, 4.0),
            (8, 60, (0.625 + 0.375 * (TAU * 5.0 / 24.0).cos()) / 0.625),
            // Nothing more comes after the peak.
            (14, 60, 1.0),
            (20, 60, 1.0),
            (8, 0, 1.0),
        ] {
            let found = wave.growth(1_000 * 24 * HOUR + hour * HOUR, lead);
            assert!((found - expected).abs() < 1e-9, "{hour} {lead}: {found} instead of {expected}");
        }
    }

    #[test]
    fn a_day_that_cannot_be_is_refused() {
        for (peak_at, trough) in
            [("24:00", 0.5), ("14", 0.5), ("14:60", 0.5), ("14:00", 0.0), ("14:00", 1.5), ("14:00", f64::NAN)]
        {
            assert!(Wave::new(peak_at, trough).is_err(), "{peak_at} {trough}");
        }
    }
}
