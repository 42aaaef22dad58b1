//! The clients of all clusters, for those who use them and those who count what they do.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{InvalidRestOptions, RestClient, RestOptions};

/// One client per cluster, by its name. Can be replaced while they are used.
#[derive(Default)]
pub struct Links {
    links: RwLock<BTreeMap<String, Link>>,
}

struct Link {
    options: RestOptions,
    client: Arc<RestClient>,
}

/// Clients that are ready to take the place of others.
pub struct NewLinks(BTreeMap<String, Link>);

impl Links {
    /// Clients with these options. One that exists with the same stays, and with it its connections; unless it uses
    /// files, which may hold something else by now.
    ///
    /// # Errors
    /// The first cluster of which no client can be made, and why.
    pub fn prepare(&self, wanted: Vec<(String, RestOptions)>) -> Result<NewLinks, (String, InvalidRestOptions)> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        let link = |(name, options): (String, RestOptions)| {
            let kept = links.get(&name).filter(|link| link.options == options && options.tls.is_empty());
            let client = match kept {
                Some(link) => Arc::clone(&link.client),
                None => match RestClient::new(&options) {
                    Ok(client) => Arc::new(client),
                    Err(error) => return Err((name, error)),
                },
            };
            Ok((name, Link { options, client }))
        };
        wanted.into_iter().map(link).collect::<Result<_, _>>().map(NewLinks)
    }

    /// Puts new clients into the place of these.
    pub fn replace(&self, new: NewLinks) {
        *self.links.write().unwrap_or_else(PoisonError::into_inner) = new.0;
    }

    /// The client of this cluster.
    pub fn client(&self, cluster: &str) -> Option<Arc<RestClient>> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.get(cluster).map(|link| Arc::clone(&link.client))
    }

    /// All of them, by cluster.
    pub fn clients(&self) -> Vec<(String, Arc<RestClient>)> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.iter().map(|(name, link)| (name.clone(), Arc::clone(&link.client))).collect()
    }
}
