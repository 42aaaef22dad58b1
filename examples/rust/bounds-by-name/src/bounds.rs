//! Which bounds a vertex has.

use wildmatch::WildMatch;

/// Bounds by patterns of names. The first pattern that matches counts.
pub struct Bounds(Vec<(WildMatch, u32, u32)>);

impl Bounds {
    /// Reads `PATTERN=LOW..HIGH; …`, where either end may be left out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rules = text.split(';').map(str::trim).filter(|rule| !rule.is_empty());
        rules.map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// The parallelism nearest to `parallelism` that a vertex of this name may have.
    pub fn clamp(&self, name: &str, parallelism: u32) -> u32 {
        let rule = self.0.iter().find(|(pattern, ..)| pattern.matches(name));
        rule.map_or(parallelism, |(_, low, high)| parallelism.clamp(*low, *high))
    }
}

fn rule(text: &str) -> Result<(WildMatch, u32, u32), String> {
    let wrong = || format!("`bounds`: `{text}` is no rule such as `Source: *=2..8`");
    let (pattern, range) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (low, high) = range.split_once("..").ok_or_else(wrong)?;
    let end = |text: &str, open| match text.trim() {
        "" => Ok(open),
        number => number.parse().map_err(|_| wrong()),
    };
    let (low, high) = (end(low, 1)?.max(1), end(high, u32::MAX)?);
    if low > high {
        return Err(format!("`bounds`: `{text}` begins above its end"));
    }
    Ok((WildMatch::new(pattern.trim()), low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let bounds = Bounds::parse("Source: *=2..8; *sink*=..4; Map=3..;").unwrap();
        for (name, parallelism, expected) in [
            ("Source: orders", 1, 2),
            ("Source: orders", 5, 5),
            ("Source: sink", 9, 8),
            ("my sink", 9, 4),
            ("my sink", 1, 1),
            ("Map", 1, 3),
            ("Map", 1000, 1000),
            ("Filter", 1000, 1000),
        ] {
            assert_eq!(bounds.clamp(name, parallelism), expected, "{name} {parallelism}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_named() {
        for text in ["a", "a=3", "a=x..3", "a=9..3", "a=1..0", "a=..-1"] {
            assert!(Bounds::parse(text).is_err_and(|error| error.contains(text)), "{text}");
        }
    }
}
