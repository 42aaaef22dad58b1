//! `Retry-After`: how long a receiver wants to be left alone, in seconds or as a date.

use std::time::{Duration, SystemTime};

use httpdate::parse_http_date;

/// The time from now on. A date is taken by the receiver's own clock, `date`, where it shows that; one that is over asks
/// for no wait. What is neither seconds nor a date is passed over.
pub(crate) fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let text = retry_after.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_http_date(text).ok()?;
    let now = date.and_then(|date| parse_http_date(date.trim()).ok()).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}
