//! The databases of one plugin, by the names under which they are granted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::grant::{InvalidSqlGrant, SqlGrant};
use super::session::Connections;

/// What one plugin may open. Its pools live as long as the plugin does.
#[derive(Default)]
pub(in crate::plugin) struct Databases {
    by_name: BTreeMap<String, Arc<dyn Connections>>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Databases {
    /// Pools for these databases. Nothing is connected to yet. Belongs to the runtime that it is made in.
    ///
    /// # Errors
    /// When one cannot be meant.
    pub(in crate::plugin) fn new(grants: &BTreeMap<String, SqlGrant>) -> Result<Self, InvalidSqlGrant> {
        let pools = grants.iter().map(|(name, grant)| Ok((name.clone(), Arc::from(grant.connections()?))));
        Ok(Self { by_name: pools.collect::<Result<_, _>>()? })
    }

    /// The database that is granted under `name`.
    pub(super) fn get(&self, name: &str) -> Option<Arc<dyn Connections>> {
        self.by_name.get(name).cloned()
    }
}
