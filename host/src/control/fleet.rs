//! The clusters that are looked after, and how that changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::info;

use super::{Cluster, Controller};

/// One loop per cluster.
pub struct Fleet {
    controller: Controller,
    stop: watch::Receiver<bool>,
    loops: JoinSet<()>,
    members: BTreeMap<String, Member>,
    /// The loops of clusters that are no longer wanted, until their last pass is over.
    leaving: BTreeMap<String, Ended>,
}

struct Member {
    wanted: watch::Sender<Option<Arc<Cluster>>>,
    ended: Ended,
}

/// Closed when a loop has ended.
type Ended = oneshot::Receiver<()>;

impl Fleet {
    /// Looks after nothing yet; once `stop` turns true, after nothing any more.
    pub fn new(controller: Controller, stop: watch::Receiver<bool>) -> Self {
        let (members, leaving) = (BTreeMap::new(), BTreeMap::new());
        Self { controller, stop, loops: JoinSet::new(), members, leaving }
    }

    /// From now on looks after these clusters and no others. Their names differ. One that is looked after already keeps
    /// its jobs and their metrics, whatever else of it is new.
    pub fn look_after(&mut self, clusters: Vec<Cluster>) {
        while self.loops.try_join_next().is_some() {}
        self.leaving.retain(|_, ended| matches!(ended.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        let (names, clusters): (Vec<String>, Vec<Cluster>) =
            clusters.into_iter().map(|cluster| (cluster.name.clone(), cluster)).unzip();
        for (name, member) in self.members.extract_if(.., |name, _| !names.contains(name)) {
            member.wanted.send_replace(None);
            self.leaving.insert(name, member.ended);
        }
        for cluster in clusters {
            match self.members.get(&cluster.name) {
                Some(member) => member.change(cluster),
                None => self.add(cluster),
            }
        }
    }

    /// Waits until every loop has ended.
    pub async fn drain(&mut self) {
        while self.loops.join_next().await.is_some() {}
    }

    /// Cuts off the passes under way.
    pub async fn shutdown(&mut self) {
        self.loops.shutdown().await;
    }

    fn add(&mut self, cluster: Cluster) {
        let name = cluster.name.clone();
        let (wanted, wants) = watch::channel(Some(Arc::new(cluster)));
        let (ends, ended) = oneshot::channel();
        // Passes of one job must not overlap: those of a loop that is still to end come first.
        let predecessor = self.leaving.remove(&name);
        let (controller, stop) = (self.controller.clone(), self.stop.clone());
        self.loops.spawn(async move {
            if let Some(predecessor) = predecessor {
                // An error is what its end looks like.
                let _ = predecessor.await;
            }
            controller.run(wants, stop).await;
            drop::<oneshot::Sender<()>>(ends);
        });
        self.members.insert(name, Member { wanted, ended });
    }
}

impl Member {
    fn change(&self, cluster: Cluster) {
        self.wanted.send_if_modified(|current| {
            if current.as_ref().is_some_and(|current| is_same(current, &cluster)) {
                return false;
            }
            info!(cluster = cluster.name, "cluster is looked after with other settings");
            *current = Some(Arc::new(cluster));
            true
        });
    }
}

fn is_same(one: &Cluster, other: &Cluster) -> bool {
    let Cluster { name, job_manager, options, pace } = one;
    *name == other.name
        && Arc::ptr_eq(job_manager, &other.job_manager)
        && *options == other.options
        && *pace == other.pace
}
