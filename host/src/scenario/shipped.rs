//! The scenarios that come with the host.

use std::path::Path;

use super::{Scenario, ScenarioError};

/// Each one's file, under its name.
const SHIPPED: [(&str, &str); 6] = [
    ("conttune-q1", include_str!("../../scenarios/conttune-q1.toml")),
    ("debs24-convergence", include_str!("../../scenarios/debs24-convergence.toml")),
    ("debs24-increase", include_str!("../../scenarios/debs24-increase.toml")),
    ("debs24-decrease", include_str!("../../scenarios/debs24-decrease.toml")),
    ("debs24-random", include_str!("../../scenarios/debs24-random.toml")),
    ("debs24-cosine", include_str!("../../scenarios/debs24-cosine.toml")),
];

/// Names and files of all scenarios that come with the host.
pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHIPPED.into_iter()
}

/// The scenario that comes with the host under this name, else the file of this name.
///
/// # Errors
/// When there is neither, or the file cannot be used.
pub fn named(name: &str, seed: Option<u64>) -> Result<Scenario, ScenarioError> {
    let path = Path::new(name);
    match shipped().find(|(known, _)| *known == name) {
        Some((known, text)) => Scenario::parse(Path::new(&format!("{known}.toml")), text, seed),
        None if path.exists() => Scenario::read(path, seed),
        None => {
            let known: Vec<&str> = shipped().map(|(known, _)| known).collect();
            Err(ScenarioError::Unknown { name: name.to_owned(), known: known.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_comes_with_the_host_can_be_used() {
        for (name, _) in shipped() {
            let scenario = named(name, None).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(scenario.name, name);
            assert!(!scenario.title.is_empty() && !scenario.about.is_empty(), "{name} says where it is from");
        }
        let said = named("conttune-q9", None).unwrap_err().to_string();
        assert!(said.contains("no file `conttune-q9`") && said.contains("conttune-q1, debs24"), "{said}");
    }
}
