//! Names: of ConfigMaps and their keys, of events, of what events are about.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// What the name of each ConfigMap begins with.
const PREFIX: &str = "autoscaler-";

/// The longest part of a job's name in that of its ConfigMap.
const LONGEST: usize = 40;

/// What stands before a key that a ConfigMap could not have as it is.
const ESCAPED: &str = "_.";

/// The ConfigMap of a custom resource, as the Java autoscaler names it; none where the resource can have no such name.
pub fn of_resource(resource: &str) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let good = !resource.is_empty()
        && resource.len() <= 63
        && resource.bytes().all(is_name)
        && !resource.starts_with(['-', '.'])
        && !resource.ends_with(['-', '.']);
    good.then(|| format!("{PREFIX}{resource}"))
}

/// The ConfigMap of a job that belongs to no custom resource: something to read, and what tells it from all others.
pub fn of_job(cluster: &str, job: &str) -> String {
    let mut slug = String::new();
    for character in format!("{cluster}-{job}").to_ascii_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= LONGEST {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    let dash = if slug.is_empty() { "" } else { "-" };
    format!("{PREFIX}{slug}{dash}{:016x}", fnv1a(cluster.as_bytes(), job.as_bytes()))
}

/// What the label `app` says of a ConfigMap: the resource, or what stands for it.
pub fn app(config_map: &str) -> &str {
    config_map.strip_prefix(PREFIX).unwrap_or(config_map)
}

/// `template` with the names of a cluster and a job in the place of `{cluster}` and `{job}`.
pub fn filled(template: &str, cluster: &str, job: &str) -> String {
    // Nothing in a name is taken for a place.
    template.split("{cluster}").map(|part| part.replace("{job}", job)).collect::<Vec<_>>().join(cluster)
}

/// FNV-1a over two texts, told apart wherever the first one ends.
fn fnv1a(one: &[u8], other: &[u8]) -> u64 {
    let bytes = one.iter().map(|byte| u64::from(*byte)).chain([0x100]).chain(other.iter().map(|byte| u64::from(*byte)));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ byte).wrapping_mul(0x0100_0000_01b3))
}

/// A key as a ConfigMap can have it.
pub fn to_data_key(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let as_it_is = !key.is_empty() && key.len() <= 253 && key.bytes().all(is_plain) && !key.starts_with(ESCAPED);
    if as_it_is { key.to_owned() } else { format!("{ESCAPED}{}", BASE64_URL_SAFE_NO_PAD.encode(key)) }
}

/// The key that a ConfigMap has as `key`, if it can be one of ours.
pub fn of_data_key(key: &str) -> Option<String> {
    match key.strip_prefix(ESCAPED) {
        None => Some(key.to_owned()),
        Some(encoded) => String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?).ok(),
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// The object's name, with `{cluster}` and `{job}` for those of the job.
    pub name: String,
}

impl Subject {
    /// From `apiVersion/Kind/name`; none where it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let (api_version, kind, name) = match parts.as_slice() {
            [version, kind, name] => ((*version).to_owned(), kind, name),
            [group, version, kind, name] => (format!("{group}/{version}"), kind, name),
            _ => return None,
        };
        let good =
            parts.iter().all(|part| !part.is_empty()) && kind.starts_with(|first: char| first.is_ascii_uppercase());
        good.then(|| Self { api_version, kind: (*kind).to_owned(), name: (*name).to_owned() })
    }

    /// The path of the object called `name`, if it can have that name.
    pub fn path(&self, namespace: &str, name: &str) -> Option<String> {
        of_resource(name)?;
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let resource = self.kind.to_ascii_lowercase();
        Some(format!("/{root}/{}/namespaces/{namespace}/{resource}s/{name}", self.api_version))
    }
}

/// The name of an event, as the Java autoscaler's: the same name is the same event, which is counted.
pub fn of_event(
    reason: &str,
    message_key: &str,
    kind: &str,
    subject_kind: &str,
    name: &str,
    uid: Option<&str>,
) -> String {
    // What Java makes of a text that is not there.
    let uid = uid.unwrap_or("null");
    let hash = [reason, message_key, kind, subject_kind, name, uid]
        .iter()
        .flat_map(|part| part.encode_utf16())
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    format!("Operator.{}", hash & 0x7fff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_a_name_of_its_own_that_can_be_one() {
        for (cluster, job, begins) in [
            ("orders", "enrich", "autoscaler-orders-enrich-"),
            ("localhost:8081", "Käse & Brot / daily", "autoscaler-localhost-8081-k-se-brot-daily-"),
            ("", "0a448493b4782967b150582570326227", "autoscaler-0a448493b4782967b150582570326227-"),
            ("日本", "語", "autoscaler-"),
            ("c", &"x".repeat(200), "autoscaler-c-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-"),
        ] {
            let name = of_job(cluster, job);
            assert!(name.starts_with(begins) && name.len() == begins.len() + 16, "{name}");
            assert!(app(&name).len() <= 63 && of_resource(app(&name)) == Some(name.clone()));
        }
        let names: std::collections::BTreeSet<String> =
            [("c", "a-b"), ("c-a", "b"), ("C", "a-b"), ("c", "a_b"), ("ca", "-b")]
                .iter()
                .map(|(cluster, job)| of_job(cluster, job))
                .collect();
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn the_java_autoscalers_names_are_kept() {
        assert_eq!(of_resource("orders").as_deref(), Some("autoscaler-orders"));
        for wrong in ["", "Orders", "a/b", "-a", "a.", &"x".repeat(64)] {
            assert_eq!(of_resource(wrong), None, "{wrong}");
        }
        // Java: ("ScalingReport" + "ScalingExecutor" + "Normal" + "FlinkDeployment" + "orders" + "u-1").hashCode() & MAX
        let name = of_event("ScalingReport", "ScalingExecutor", "Normal", "FlinkDeployment", "orders", Some("u-1"));
        let by_hand = "ScalingReportScalingExecutorNormalFlinkDeploymentordersu-1"
            .chars()
            .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit as u32));
        assert_eq!(name, format!("Operator.{}", by_hand & 0x7fff_ffff));
    }

    #[test]
    fn any_key_can_be_kept() {
        for (key, kept) in [
            ("scalingHistory", "scalingHistory"),
            ("my.key-1_x", "my.key-1_x"),
            ("my key", "_.bXkga2V5"),
            ("", "_."),
            ("_.x", "_.Xy54"),
        ] {
            assert_eq!(to_data_key(key), kept);
            assert_eq!(of_data_key(kept).as_deref(), Some(key));
        }
        assert_eq!(of_data_key("_.%"), None);
    }

    #[test]
    fn a_template_names_the_cluster_and_the_job() {
        assert_eq!(filled("{cluster}", "orders", "x"), "orders");
        assert_eq!(filled("{job}-{cluster}-{no}", "{job}", "{cluster}"), "{cluster}-{job}-{no}");
    }

    #[test]
    fn an_event_is_about_an_object() {
        let subject = Subject::parse("apps/v1/Deployment/{cluster}").unwrap();
        assert_eq!(subject.path("x", "orders").as_deref(), Some("/apis/apps/v1/namespaces/x/deployments/orders"));
        assert_eq!(subject.path("x", "no name"), None);
        let subject = Subject::parse("v1/Pod/a").unwrap();
        assert_eq!(subject.path("x", "a").as_deref(), Some("/api/v1/namespaces/x/pods/a"));
        for wrong in ["Deployment", "v1/Pod", "v1/pod/a", "a/b/c/D/e", "v1//a"] {
            assert_eq!(Subject::parse(wrong), None, "{wrong}");
        }
    }
}
