//! What the command line says about the configuration, over what the file says.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use tidegate_common::configuration::Configuration;
use tidegate_common::options;

use crate::config::{ClusterConfig, Config, PluginConfig, Role, Span, parse_option};
use crate::model::Digest;
use crate::plugin::Source;

/// Flags that make up, or change, a configuration.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ConfigFlags {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Address of a cluster's REST API, or NAME=URL; every running job of it is scaled unless an option says otherwise.
    #[arg(long, value_name = "URL")]
    pub(super) cluster: Vec<String>,

    /// Option of all jobs, such as job.autoscaler.metrics.window=5m; a job's own configuration goes over it.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = parse_option)]
    pub(super) options: Vec<(String, String)>,

    /// Only report what would be scaled; the same as --option job.autoscaler.scaling.enabled=false.
    #[arg(long)]
    pub(super) advisory: bool,

    /// The policy that decides, in place of the bundled one.
    #[arg(long, value_name = "FILE.wasm")]
    pub(super) policy: Option<Source>,

    /// Time between two passes of a job.
    #[arg(long, value_name = "DURATION")]
    pub(super) interval: Option<Span>,

    /// Address of /healthz, /readyz and /metrics; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<SocketAddr>,
}

impl ConfigFlags {
    /// The file, if one is named, and these flags over it.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        for named in &self.cluster {
            config.clusters.push(self.cluster_of(named)?);
        }
        for (key, value) in &self.options {
            config.options.set(key, value);
        }
        if self.advisory {
            config.options.set(options::SCALING_ENABLED.key(), "false");
        }
        if let Some(source) = &self.policy {
            if let Some((name, _)) =
                config.plugins.iter().find(|(_, plugin)| plugin.role == Role::Policy && plugin.jobs.is_empty())
            {
                bail!("--policy and plugin `{name}` of the configuration both decide for every job: choose one");
            }
            let plugin = PluginConfig::of(Role::Policy, source.relative_to(&std::env::current_dir()?));
            config.plugins.insert("policy".to_owned(), plugin);
        }
        if let Some(interval) = self.interval {
            config.control.interval = interval;
        }
        if let Some(listen) = self.listen {
            config.admin.listen = listen;
        }
        Ok(config)
    }

    /// What the configuration's file holds now.
    pub(super) fn digest(&self) -> Option<Digest> {
        let path = self.config.as_ref()?;
        std::fs::read(path).ok().map(|content| Digest::of(&content))
    }

    /// A cluster named on the command line. Naming it is asking for its jobs to be scaled.
    fn cluster_of(&self, named: &str) -> Result<(ClusterConfig, Configuration)> {
        let (name, url) = match named.split_once('=') {
            Some((name, url)) if !name.contains(['/', ':']) => (name.to_owned(), url),
            _ => (name_of(named), named),
        };
        if name.is_empty() {
            bail!("`{named}` is no cluster: expected an address such as http://localhost:8081, or NAME=ADDRESS");
        }
        let mut own = Configuration::default();
        let said = self.options.iter().any(|(key, _)| options::ENABLED.keys().any(|known| known == key));
        if !said {
            own.set(options::ENABLED.key(), "true");
        }
        Ok((ClusterConfig::at(name, url), own))
    }
}

/// A cluster's name where only its address is known: host and port.
fn name_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_on_the_command_line_is_scaled_unless_said_otherwise() {
        let flags = |options: &[(&str, &str)]| ConfigFlags {
            cluster: vec!["http://localhost:8081/flink/".to_owned(), "orders=https://x".to_owned()],
            options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..ConfigFlags::default()
        };
        let config = flags(&[]).config().unwrap();
        let names: Vec<&str> = config.clusters.iter().map(|(cluster, _)| cluster.name.as_str()).collect();
        assert_eq!(names, ["localhost:8081", "orders"]);
        assert_eq!(config.clusters[0].1.get("job.autoscaler.enabled"), Some("true"));
        let config = flags(&[("job.autoscaler.enabled", "false")]).config().unwrap();
        assert_eq!(config.clusters[0].1.get("job.autoscaler.enabled"), None);
        assert_eq!(config.options.get("job.autoscaler.enabled"), Some("false"));
    }
}
