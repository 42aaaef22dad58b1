//! What the Kubernetes plugins know, as a plain library: the ConfigMaps and events of the Java autoscaler, YAML as JSON.

pub mod name;
pub mod room;
pub mod text;
pub mod yaml;
