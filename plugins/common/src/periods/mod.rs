//! Excluded periods: times at which nothing is scaled, as daily ranges and Quartz cron expressions.
//!
//! They are meant in local time, in the zone that [`Wall`] stands for.

mod cron;
mod daily;
mod period;
mod wall;

pub use cron::Cron;
pub use daily::Daily;
pub use period::{InvalidPeriod, is_excluded, validate_periods};
pub use wall::Wall;
