//! Rounding, comparing and converting doubles exactly as the Java autoscaler does.

use std::fmt::{self, Write as _};

/// Half of the smallest step of a rounded metric: what is below rounds to 0.
const HALF_STEP: f64 = 0.0005;
/// From here on every double is an integer.
const ALL_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// `value` with three decimals: the shortest decimal text of the double, rounded half away from zero.
///
/// NaN and infinities stay what they are, and what would become 0 keeps its digits. All collected and evaluated
/// metrics have passed through here.
pub fn round_metric(value: f64) -> f64 {
    let size = value.abs();
    // Also true for NaN, which compares with nothing.
    if !(HALF_STEP..ALL_INTEGERS).contains(&size) || size.fract() == 0.0 {
        return value;
    }
    let scaled = size * 1000.0;
    let below = scaled.floor();
    let past = scaled - below;
    // The product and the shortest text together are off by at most `scaled * 2^-52`: away from a tie it cannot
    // matter, and an integer divided by 1000 is the double that its decimal text stands for.
    let rounded = if (past - 0.5).abs() > scaled * 2.0_f64.powi(-51) {
        (if past > 0.5 { below + 1.0 } else { below }) / 1000.0
    } else {
        round_text(size)
    };
    rounded.copysign(value)
}

/// The larger one; NaN if one of them is NaN (unlike [`f64::max`]).
pub fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The smaller one; NaN if one of them is NaN (unlike [`f64::min`]).
pub fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// Java's cast to `int`: towards zero, saturating, NaN to 0.
#[expect(clippy::cast_possible_truncation, reason = "Rust's cast has the very rules of Java's")]
pub fn to_int(value: f64) -> i32 {
    value as i32
}

/// Java's `Math.round`: the nearest integer, halves upwards, saturating at 64 bits, NaN to 0.
pub fn round(value: f64) -> f64 {
    let below = value.floor();
    let nearest = if value - below >= 0.5 { below + 1.0 } else { below };
    #[expect(clippy::cast_possible_truncation, reason = "saturation at 64 bits is the point")]
    let integer = nearest as i64;
    integer as f64
}

/// `value` with `decimals` decimals, rounded towards positive infinity on its shortest decimal text.
///
/// None for NaN and infinities, which have no decimal text.
pub fn ceil_to_decimals(value: f64, decimals: usize) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    let text = format!("{value}");
    let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let Some((kept, dropped)) = fraction.split_at_checked(decimals) else {
        return Some(value);
    };
    let truncated: f64 = format!("{integer}.{kept}0").parse().ok()?;
    if value < 0.0 || dropped.bytes().all(|digit| digit == b'0') {
        return Some(truncated);
    }
    let digits: u128 = format!("{integer}{kept}").parse().ok()?;
    format!("{}e-{decimals}", digits + 1).parse().ok()
}

/// The text of `value` as Java's `Double.toString` gives it: `0.7`, `1.0`, `1.0E-4`, `Infinity`.
pub fn java_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        let text = format!("{value}");
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{point}E{exponent}")
}

/// The text of `value` with two decimals as Java's `%.2f` gives it: halves of the shortest decimal text are rounded away
/// from zero.
pub fn java_fixed_2(value: f64) -> String {
    let text = format!("{}", value.abs());
    let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (kept, dropped) = fraction.split_at_checked(2).unwrap_or((fraction, ""));
    let up = dropped.as_bytes().first().is_some_and(|digit| *digit >= b'5');
    match format!("{integer}{kept:0<2}").parse::<u128>() {
        Ok(hundredths) if value.is_finite() => {
            let hundredths = hundredths + u128::from(up);
            let sign = if value.is_sign_negative() { "-" } else { "" };
            format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100)
        }
        // So large a double has no decimals; and NaN and the infinities are words.
        _ if value.is_finite() => format!("{value:.2}"),
        _ => java_text(value),
    }
}

/// Rounds by the digits: for what lies so close to a tie that only the shortest decimal text can tell.
fn round_text(size: f64) -> f64 {
    let mut text = Digits::default();
    // What is rounded here has at most 16 integral and 20 other digits, so that it fits.
    if write!(text, "{size}").is_err() {
        return size;
    }
    let Some((integer, fraction)) = text.as_str().split_once('.') else {
        return size;
    };
    let Some((kept, dropped)) = fraction.split_at_checked(3) else {
        return size;
    };
    let (Ok(whole), Ok(thousandths)) = (integer.parse::<u64>(), kept.parse::<u64>()) else {
        return size;
    };
    let up = dropped.as_bytes().first().is_some_and(|digit| *digit >= b'5');
    let steps = whole * 1000 + thousandths + u64::from(up);
    let mut rounded = Digits::default();
    if write!(rounded, "{}.{:03}", steps / 1000, steps % 1000).is_err() {
        return size;
    }
    rounded.as_str().parse().unwrap_or(size)
}

/// A short text on the stack.
#[derive(Default)]
struct Digits {
    bytes: [[u8; 16]; 4],
    len: usize,
}

impl Digits {
    fn as_str(&self) -> &str {
        self.bytes.as_flattened().get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.as_flattened_mut().get_mut(self.len..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_vectors::{cases, number};

    use super::*;

    /// The definition, on decimal text only.
    fn round_by_text(value: f64) -> f64 {
        if !value.is_finite() {
            return value;
        }
        let rounded = round_text(value.abs()).copysign(value);
        if rounded == 0.0 { value } else { rounded }
    }

    #[test]
    fn metrics_are_rounded_as_the_reference_does() {
        for case in cases("oracle_round_metric") {
            let (rounded, expected) = (round_metric(number(&case["in"])), number(&case["expected"]));
            assert!(rounded.to_bits() == expected.to_bits() || rounded.is_nan() && expected.is_nan(), "{case}");
        }
    }

    #[test]
    fn a_tie_is_told_by_the_shortest_text() {
        for (value, expected) in [
            (0.0005, 0.001),
            (1.0005, 1.001),
            (2.0035, 2.004),
            (1.0015, 1.002),
            (-1.0015, -1.002),
            (0.000_499_999, 0.000_499_999),
            (4_503_599_627_370_495.5, 4_503_599_627_370_495.5),
            (f64::NEG_INFINITY, f64::NEG_INFINITY),
        ] {
            assert_eq!(round_metric(value), expected);
        }
    }

    #[test]
    fn extremes_propagate_nan() {
        assert!(max(0.0, f64::NAN).is_nan() && min(f64::NAN, 0.0).is_nan());
        assert_eq!((max(-1.0, 2.0), min(-1.0, 2.0)), (2.0, -1.0));
    }

    #[test]
    fn casts_are_those_of_java() {
        assert_eq!([to_int(2.9), to_int(-2.9), to_int(f64::NAN), to_int(1e300)], [2, -2, 0, i32::MAX]);
        assert_eq!([round(2.5), round(-2.5), round(f64::NAN), round(0.499_999_999_999_999_94)], [3.0, -2.0, 0.0, 0.0]);
        assert_eq!(round(f64::INFINITY), 9_223_372_036_854_775_807.0);
    }

    #[test]
    fn ceiling_looks_at_the_decimal_text() {
        for (value, expected) in [(0.5, 0.5), (0.501, 0.51), (0.28, 0.28), (0.999, 1.0), (1e-9, 0.01), (-0.019, -0.01)]
        {
            assert_eq!(ceil_to_decimals(value, 2), Some(expected), "{value}");
        }
        assert_eq!(ceil_to_decimals(f64::NAN, 2), None);
    }

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (value, text) in
            [(0.7, "0.7"), (1.0, "1.0"), (1e-4, "1.0E-4"), (1.5e7, "1.5E7"), (9_999_999.0, "9999999.0")]
        {
            assert_eq!(java_text(value), text);
        }
        assert_eq!(java_text(f64::NEG_INFINITY), "-Infinity");
    }

    #[test]
    fn two_decimals_are_rounded_on_the_decimal_text() {
        for (value, text) in [
            (37874.075, "37874.08"),
            (0.125, "0.13"),
            (-0.125, "-0.13"),
            (9.995, "10.00"),
            (0.0, "0.00"),
            (3.5, "3.50"),
            (1e300, &format!("{:.2}", 1e300)),
            (f64::INFINITY, "Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(java_fixed_2(value), text);
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_is_the_exact_way(value in 0.0001..1e13_f64, thousandths in 0..10_000_000_000_u64) {
            prop_assert_eq!(round_metric(value).to_bits(), round_by_text(value).to_bits());
            let near_tie = (thousandths as f64 + 0.5) / 1000.0;
            for value in [near_tie.next_down(), near_tie, near_tie.next_up()] {
                prop_assert_eq!(round_metric(value).to_bits(), round_by_text(value).to_bits());
            }
        }

        #[test]
        fn rounding_twice_is_rounding_once(value: f64) {
            let once = round_metric(value);
            prop_assert_eq!(round_metric(once).to_bits(), once.to_bits());
        }
    }
}
