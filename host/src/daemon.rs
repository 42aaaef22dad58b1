//! From a configuration to a running host, and to its end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::admin::{self, Access, Admin, Scrape};
pub use crate::again::ReloadCause;
use crate::again::{Again, fetch_again};
use crate::causes::in_one_text;
use crate::config::{Changes, ClusterConfig, Config, ConfigError, Token};
use crate::control::{Cluster, Controller, Fleet, Pace, Pass, Readiness, Records, ShadowTurns, Taps};
use crate::event::Events;
use crate::flink::{FlinkError, InvalidRestOptions, JobManager, Links, NewLinks};
use crate::follow::{Sources, follow, watched};
use crate::metrics::Metrics;
use crate::model::Digest;
use crate::plugin::{LoadError, PreparedPlugins, Registry, Runtime, StateStoreError, SteerError, Strictness, specs};
use crate::reload::Reloads;
use crate::state::{InUse, Lock};
use crate::stores::{self, Opened};
use crate::watch::{Pace as WatchPace, WatchOptions, Watcher};
use crate::zone::Zone;

/// How long passes under way may take to end after a stop is asked for.
const GRACE: Duration = Duration::from_secs(20);

/// A host that runs.
pub struct Daemon {
    config: Config,
    records: Arc<Records>,
    taps: Arc<Taps>,
    reloads: Arc<Reloads>,
    access: Arc<Access>,
    links: Arc<Links>,
    registry: Arc<Registry>,
    pass: Arc<Pass>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    fleet: Fleet,
    deliveries: JoinSet<()>,
    server: JoinSet<io::Result<()>>,
    watcher: Watcher,
    sources: Arc<Sources>,
    config_file: watch::Receiver<Option<Digest>>,
    again: Again,
    /// What state is kept in. Given up last.
    _places: Vec<Lock>,
}

/// Why a host did not start, or did not take another configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A cluster's settings cannot be used.
    #[error("cluster `{cluster}` cannot be set up")]
    Cluster {
        /// Which cluster.
        cluster: String,
        /// Why.
        #[source]
        source: InvalidRestOptions,
    },
    /// None of the configured addresses is Flink's.
    #[error("cluster `{cluster}` cannot be looked after")]
    NotFlink {
        /// The first cluster.
        cluster: String,
        /// What was found there.
        #[source]
        source: FlinkError,
    },
    /// The plugin engine does not start.
    #[error(transparent)]
    Engine(LoadError),
    /// A plugin cannot be loaded.
    #[error(transparent)]
    Plugin(#[from] SteerError),
    /// The state store cannot be put into service.
    #[error("the state store cannot be put into service")]
    StateStore(#[from] StateStoreError),
    /// State is to be kept where another daemon keeps its own.
    #[error(transparent)]
    InUse(#[from] InUse),
    /// The admin address is taken, or not ours.
    #[error("cannot listen on {address}: choose another with --listen or `listen` in [admin]")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system gives no thread.
    #[error("files cannot be watched")]
    Watch(#[source] io::Error),
    /// A thread of the start-up died.
    #[error("start-up was interrupted")]
    Interrupted(#[from] JoinError),
}

impl Daemon {
    /// Loads the plugins, binds the admin port, and begins to look after the clusters.
    ///
    /// # Errors
    /// When something is wrong that no later pass could mend. A cluster that is unreachable is none of these.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let metrics = Arc::new(Metrics::default());
        let registry = Arc::new(registry(&config, Arc::clone(&metrics))?);
        // A plugin that does not load takes no job from the others; a start with none at all is a mistake.
        registry.take(registry.prepare(specs(&config)?, Strictness::Some).await?);
        let Opened { store, plugin: state_store, places } = stores::open(&config, registry.runtime(), &metrics).await?;
        let links = Arc::new(Links::default());
        links.replace(connect(&links, &config)?);
        let address = config.admin.listen;
        let access = Arc::new(Access::new(config.admin.token(&config.folder)?));
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        probe(&links).await?;

        let (events, deliveries) = Events::start(registry.handlers(), Arc::clone(&metrics));
        let records = Arc::new(Records::default());
        let taps = Arc::new(Taps::default());
        let readiness = Arc::new(Readiness::of(config.clusters.iter().map(|(cluster, _)| cluster.name.clone())));
        let pass = Arc::new(Pass {
            policies: registry.policies(),
            extensions: registry.extensions(),
            views: registry.views(),
            shadow_turns: ShadowTurns::default(),
            store,
            events,
            metrics: Arc::clone(&metrics),
            zone: Zone::here(),
        });
        let controller = Controller {
            pass: Arc::clone(&pass),
            records: Arc::clone(&records),
            taps: Arc::clone(&taps),
            readiness: Arc::clone(&readiness),
            clock: Arc::new(now),
        };

        let (stop, stopped) = watch::channel(false);
        let reloads = Arc::new(Reloads::new(Arc::clone(&metrics), now()));
        let sources = Arc::new(Sources::default());
        sources.look_in(&config);
        let mut server = JoinSet::new();
        let scrape = Scrape::new(metrics, readiness, Arc::clone(&records), Arc::clone(&links));
        let admin = Admin {
            scrape,
            records: Arc::clone(&records),
            taps: Arc::clone(&taps),
            registry: Arc::clone(&registry),
            state_store,
            sources: Arc::clone(&sources),
            reloads: Arc::clone(&reloads),
            access: Arc::clone(&access),
        };
        server.spawn(admin::serve(listener, Arc::new(admin), wait(stopped.clone())));
        tokio::spawn(fetch_again(Arc::clone(&registry), stopped.clone()));
        let mut fleet = Fleet::new(controller, stopped);
        for (cluster, _) in &config.clusters {
            info!(cluster = cluster.name, url = cluster.url, "looking after cluster");
        }
        fleet.look_after(clusters(&config, &links));
        let pace = WatchPace { rescan: config.plugin_files.rescan.0, ..WatchPace::default() };
        let (watcher, changes) = Watcher::start(WatchOptions { pace, is_polling: false }).map_err(StartError::Watch)?;
        let (news, config_file) = watch::channel(None);
        watcher.watch(watched(&config, &registry));
        tokio::spawn(follow(changes, Arc::clone(&registry), Arc::clone(&sources), news));
        info!(admin = %address, interval = ?config.control.interval.0, "started");
        Ok(Self {
            config,
            records,
            taps,
            reloads,
            access,
            links,
            registry,
            pass,
            address,
            stop,
            fleet,
            deliveries,
            server,
            watcher,
            sources,
            config_file,
            again: Again::default(),
            _places: places,
        })
    }

    /// Puts another configuration in force, or none of it. Clusters that are in both keep their jobs, and these their
    /// metrics and state. What is wrong with it is logged, counted and shown.
    ///
    /// Nothing has changed where this future is dropped before it is ready.
    pub async fn reload(&mut self, config: Config) {
        match self.prepare(&config).await {
            Ok(prepared) => {
                self.take(config, prepared);
                self.again = Again::default();
            }
            Err(error) => {
                self.refuse(&in_one_text(&error));
                let may_pass = matches!(&error, StartError::Plugin(error) if error.may_pass());
                self.again.refused(may_pass);
            }
        }
    }

    /// Waits until the configuration has to be read again, and put in force with [`reload`](Self::reload): its file holds
    /// something else than before, or what kept it from being put in force may have passed. For ever where there is no
    /// file, and nothing was refused.
    pub async fn reload_due(&mut self) -> ReloadCause {
        loop {
            tokio::select! {
                changed = self.config_file.changed() => {
                    if changed.is_err() {
                        // Nobody watches any more.
                        std::future::pending::<()>().await;
                    }
                    if let Some(digest) = *self.config_file.borrow_and_update() {
                        self.again = Again::default();
                        return ReloadCause::Changed(digest);
                    }
                }
                () = self.again.due() => return ReloadCause::Again,
            }
        }
    }

    /// Takes notice of a configuration that cannot even be read: the one before stays in force.
    pub fn refuse(&self, reason: &dyn fmt::Display) {
        self.reloads.refused(reason, now());
    }

    /// Everything of a new configuration that may fail.
    async fn prepare(&self, config: &Config) -> Result<Prepared, StartError> {
        config.check()?;
        let token = config.admin.token(&config.folder)?;
        let links = connect(&self.links, config)?;
        let plugins = self.registry.prepare(specs(config)?, Strictness::All).await?;
        Ok(Prepared { token, links, plugins })
    }

    /// What is left then.
    fn take(&mut self, config: Config, prepared: Prepared) {
        let Prepared { token, links, plugins } = prepared;
        self.access.replace(token);
        self.links.replace(links);
        self.registry.take(plugins);
        self.pass.events.change(self.registry.handlers(), &mut self.deliveries);
        self.fleet.look_after(clusters(&config, &self.links));
        self.sources.look_in(&config);
        self.watcher.watch(watched(&config, &self.registry));
        let changes = Changes::between(&self.config, &config);
        self.reloads.took(&changes, now());
        self.config = config;
    }

    /// The latest record of every job.
    pub fn records(&self) -> &Arc<Records> {
        &self.records
    }

    /// Since when the configuration in force is, and what became of a newer one.
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// The plugins, to be steered.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Where health and metrics are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finishes the passes under way, hands over the events that wait, and ends.
    pub async fn stop(mut self) {
        info!("stopping");
        self.stop.send_replace(true);
        if timeout(GRACE, self.fleet.drain()).await.is_err() {
            warn!(after = ?GRACE, "passes under way were cut off");
            self.fleet.shutdown().await;
        }
        // Recordings are complete, and their connections need not be waited for.
        self.taps.close_all();
        // With the controller goes the last who could tell an event.
        drop((self.fleet, self.pass));
        if timeout(GRACE, drain(&mut self.deliveries)).await.is_err() {
            warn!(after = ?GRACE, "events that wait for a slow handler were dropped");
        }
        if timeout(GRACE, self.server.join_next()).await.is_err() {
            warn!(after = ?GRACE, "an admin connection stayed open");
        }
        info!("stopped");
    }
}

/// A registry for the plugins of a configuration, which keeps compiled code where the host keeps its files.
///
/// # Errors
/// When the plugin engine does not start.
pub fn registry(config: &Config, metrics: Arc<Metrics>) -> Result<Registry, StartError> {
    let runtime = match config.state_dir() {
        Some(folder) => Runtime::with_cache(&folder.join("compiled")),
        None => Runtime::new(),
    };
    Ok(Registry::new(runtime.map_err(StartError::Engine)?, metrics, Arc::new(now)))
}

/// A new configuration, checked and ready.
struct Prepared {
    token: Option<Token>,
    links: NewLinks,
    plugins: PreparedPlugins,
}

fn connect(links: &Links, config: &Config) -> Result<NewLinks, StartError> {
    let options = |cluster: &ClusterConfig| Ok((cluster.name.clone(), cluster.rest_options(&config.folder)?));
    let wanted: Result<Vec<_>, ConfigError> = config.clusters.iter().map(|(cluster, _)| options(cluster)).collect();
    links.prepare(wanted?).map_err(|(cluster, source)| StartError::Cluster { cluster, source })
}

/// The clusters of a configuration, each with its client.
fn clusters(config: &Config, links: &Links) -> Vec<Cluster> {
    let pace = Pace {
        interval: config.control.interval.0,
        forget_after: config.control.forget_after.0,
        concurrency: usize::from(config.control.concurrency.get()),
    };
    let linked = |(cluster, own): &(ClusterConfig, Configuration)| {
        let name = cluster.name.clone();
        Some(Cluster { job_manager: links.client(&name)?, options: config.options.overlaid_with(own), pace, name })
    };
    config.clusters.iter().filter_map(linked).collect()
}

/// Asks every cluster who it is. Only when none is Flink, or could be later, is there nothing to do.
async fn probe(links: &Links) -> Result<(), StartError> {
    let mut hopeless = None;
    let mut hope = false;
    for (cluster, client) in &links.clients() {
        match client.version().await {
            Ok(version) => {
                info!(cluster, version, "found Flink");
                hope = true;
            }
            Err(source @ (FlinkError::NotFlink { .. } | FlinkError::Redirected { .. })) => {
                error!(cluster, error = %source, "cluster cannot be looked after");
                hopeless.get_or_insert(StartError::NotFlink { cluster: cluster.clone(), source });
            }
            // It may come later; the loop says so, and says when it does.
            Err(_) => hope = true,
        }
    }
    match hopeless {
        Some(error) if !hope => Err(error),
        _ => Ok(()),
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // The sender is gone only when the daemon is; that ends the wait as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn drain(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since_1970)
}
