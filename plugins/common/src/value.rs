//! Flink's syntax of configuration values.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A type that a configuration value can be read as.
pub trait Value: Sized {
    /// What a text has to be, as the end of the sentence "expected …".
    const EXPECTED: &'static str;

    /// Reads `text`; none if it is not of this type.
    fn parse(text: &str) -> Option<Self>;
}

/// An amount of memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize(u64);

impl MemorySize {
    const UNITS: [(&'static str, u64); 5] =
        [("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10), ("bytes", 1)];

    /// That many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes it is.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MemorySize {
    /// Writes the largest unit that is exact, as Flink does: `30 gb`, `13760 kb`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |size: u64| self.0 >= size && self.0.is_multiple_of(size);
        let (unit, size) = Self::UNITS.into_iter().find(|(_, size)| exact(*size)).unwrap_or(("bytes", 1));
        write!(f, "{} {unit}", self.0 / size)
    }
}

impl Value for MemorySize {
    const EXPECTED: &'static str = "a memory size such as `512 mb`";

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let size = match unit.as_str() {
            "" | "b" | "bytes" => 1,
            "k" | "kb" | "kibibytes" => 1 << 10,
            "m" | "mb" | "mebibytes" => 1 << 20,
            "g" | "gb" | "gibibytes" => 1 << 30,
            "t" | "tb" | "tebibytes" => 1 << 40,
            _ => return None,
        };
        number.checked_mul(size).filter(|bytes| i64::try_from(*bytes).is_ok()).map(Self)
    }
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration such as `5 min`, a whole number with a unit from d to ns";

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let seconds = |size: u64| number.checked_mul(size).map(Self::from_secs);
        match unit.as_str() {
            "d" | "day" | "days" => seconds(86_400),
            "h" | "hour" | "hours" => seconds(3600),
            "min" | "m" | "minute" | "minutes" => seconds(60),
            "s" | "sec" | "secs" | "second" | "seconds" => seconds(1),
            "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Some(Self::from_millis(number)),
            "µs" | "μs" | "micro" | "micros" | "microsecond" | "microseconds" => Some(Self::from_micros(number)),
            "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => Some(Self::from_nanos(number)),
            _ => None,
        }
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("true") => Some(true),
            _ if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

impl Value for i32 {
    const EXPECTED: &'static str = "a whole number of 32 bits";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a number";

    /// Reads what Java's `Double.parseDouble` reads.
    fn parse(text: &str) -> Option<Self> {
        let text = trim(text);
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1.0, digits),
            None => (1.0, text.strip_prefix('+').unwrap_or(text)),
        };
        let size = match digits {
            "NaN" => Self::NAN,
            "Infinity" => Self::INFINITY,
            _ => {
                let digits = digits.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(digits);
                if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
                    parse_hex(hex)?
                } else if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                    digits.parse().ok()?
                } else {
                    return None;
                }
            }
        };
        Some(sign * size)
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for Vec<String> {
    const EXPECTED: &'static str = "a list such as `a;b`";

    fn parse(text: &str) -> Option<Self> {
        match trim(text).strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(items) => split(items, ','),
            None => split(text, ';'),
        }
    }
}

impl Value for BTreeMap<String, String> {
    const EXPECTED: &'static str = "a map such as `key:value,key:value`";

    fn parse(text: &str) -> Option<Self> {
        let entries = trim(text).strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        split(entries, ',')?
            .into_iter()
            .map(|entry| match <[String; 2]>::try_from(split(&entry, ':')?) {
                Ok([key, value]) => Some((key, value)),
                Err(_) => None,
            })
            .collect()
    }
}

/// An option that has no default: none stands for "not configured".
impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }
}

/// Removes what Java's `String.trim` removes.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// Digits, and the unit after them in lower case.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let text = trim(text);
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: i64 = digits.parse().ok()?;
    Some((number.unsigned_abs(), trim(unit).to_lowercase()))
}

/// A hexadecimal floating-point number after its `0x`, of up to 64 bits.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integer}{fraction}");
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let bits = u64::from_str_radix(&digits, 16).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(bits as f64 * 2.0_f64.powi(exponent.checked_sub(shift)?))
}

/// Splits at `delimiter` as Flink's `StructuredOptionsSplitter` does: blanks around items are dropped, an item may stand
/// in single or double quotes with its own quotes doubled, and a delimiter at either end adds nothing.
fn split(text: &str, delimiter: char) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = text.trim_start();
    let mut after_delimiter = false;
    while let Some(first) = rest.chars().next() {
        if first == delimiter {
            if after_delimiter {
                items.push(String::new());
            }
            after_delimiter = true;
            rest = rest.get(first.len_utf8()..)?.trim_start();
            continue;
        }
        if first == '\'' || first == '"' {
            let (item, after) = quoted(rest.get(1..)?, first)?;
            items.push(item);
            rest = after.trim_start();
            if !(rest.is_empty() || rest.starts_with(delimiter)) {
                return None;
            }
        } else {
            let (item, after) = rest.split_at(rest.find(delimiter).unwrap_or(rest.len()));
            items.push(trim(item).to_owned());
            rest = after;
        }
        after_delimiter = false;
    }
    Some(items)
}

/// The text up to the closing `quote`, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once(quote)?;
        item.push_str(part);
        match after.strip_prefix(quote) {
            Some(after) => {
                item.push(quote);
                rest = after;
            }
            None => return Some((item, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use tidegate_vectors::cases;

    use super::*;
    use crate::options::BusyTimeAggregator;

    #[test]
    fn values_are_read_as_flink_reads_them() {
        for case in cases("peer_config_values") {
            let text = case["value"].as_str().unwrap();
            let parsed = match case["type"].as_str().unwrap() {
                "duration" => Duration::parse(text).map(|span| json!(span.as_nanos().to_string())),
                "memory" => MemorySize::parse(text).map(|size| json!(size.bytes().to_string())),
                "boolean" => bool::parse(text).map(|flag| json!(flag.to_string())),
                "double" => f64::parse(text).map(|number| json!(crate::number::java_text(number))),
                "int" => i32::parse(text).map(|number| json!(number.to_string())),
                "list" => Vec::<String>::parse(text).map(|items| json!(items)),
                _ => BusyTimeAggregator::parse(text).map(|mode| json!(format!("{mode:?}").to_uppercase())),
            };
            assert_eq!(parsed.unwrap_or(Json::Null), case["parsed"], "{case}");
        }
    }

    #[test]
    fn lists_and_maps_may_be_yaml() {
        assert_eq!(Vec::<String>::parse("[a, 'b, c']"), Some(vec!["a".to_owned(), "b, c".to_owned()]));
        assert_eq!(Vec::<String>::parse("'a';;'b"), None);
        assert_eq!(Vec::<String>::parse("'a'b;c"), None);
        let map = BTreeMap::<String, String>::parse("a:1, 'b:2,3'");
        assert_eq!(map, Some([("a", "1"), ("b", "2,3")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()));
        assert_eq!(BTreeMap::<String, String>::parse("{a: 1}"), BTreeMap::<String, String>::parse("a:1"));
        assert_eq!(BTreeMap::<String, String>::parse("a"), None);
    }

    #[test]
    fn memory_is_written_in_its_largest_exact_unit() {
        for (bytes, text) in
            [(14_090_240, "13760 kb"), (30 << 30, "30 gb"), (20_108_162_027, "20108162027 bytes"), (0, "0 bytes")]
        {
            assert_eq!(MemorySize::from_bytes(bytes).to_string(), text);
        }
    }
}
