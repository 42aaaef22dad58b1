//! Excluded periods: times at which nothing is scaled, as daily ranges and Quartz cron expressions.
//!
//! All times are UTC.

mod cron;
mod daily;
mod period;

pub use cron::Cron;
pub use daily::Daily;
pub use period::{InvalidPeriod, is_excluded, validate_periods};
