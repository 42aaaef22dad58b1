//! From a configuration to the state store in service.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use crate::config::{Config, Keeper, StateStoreConfig};
use crate::daemon::StartError;
use crate::metrics::Metrics;
use crate::plugin::{Grants, Limits, Runtime, Source, SqlGrant, StateStoreError, WasmStateStore};
use crate::state::{Lock, MemoryStateStore, Outages, StateStore};

/// The name of the state store's plugin in logs and metrics.
const NAME: &str = "state-store";

/// The file that state is kept in where nothing else is configured.
const FILE: &str = "tidegate.db";

/// A state store in service.
pub(crate) struct Opened {
    /// The store.
    pub(crate) store: Arc<dyn StateStore>,
    /// The plugin behind it; none where the process keeps state.
    pub(crate) plugin: Option<Arc<WasmStateStore>>,
    /// What it keeps state in, as far as that is on this machine: nobody else's while this lives.
    pub(crate) places: Vec<Lock>,
}

/// Opens the state store of a configuration: by default an SQLite file in the state folder. Where nothing is configured
/// and there is no such folder, state is kept in memory, and the log says so.
///
/// A database that is out of reach is no error: the passes try again.
///
/// # Errors
/// When the plugin cannot be used, a grant cannot be meant, or another daemon keeps its state in the same file or folder.
pub(crate) async fn open(config: &Config, runtime: &Runtime, metrics: &Arc<Metrics>) -> Result<Opened, StartError> {
    let configured;
    let store = match &config.state_store {
        Some(store) => store,
        None => match default_store(config) {
            Ok(store) => {
                configured = store;
                &configured
            }
            Err(reason) => {
                warn!(
                    reason,
                    "state is kept in memory, and a restart begins anew: set `state-dir` to a folder that can be \
                    written, or choose a [state-store]"
                );
                return Ok(in_memory());
            }
        },
    };
    let Keeper::Plugin(source) = &store.source else { return Ok(in_memory()) };
    let grants = store.grants(NAME, &config.folder)?;
    let places = written_to(&grants).iter().map(|place| Lock::take(place)).collect::<Result<_, _>>()?;
    let plugin = plugin(source, grants, store, config, runtime, metrics).await?;
    info!(plugin = NAME, source = %store.source, "state store is ready");
    let plugin = Arc::new(plugin);
    let store = Arc::new(Outages::of(Arc::clone(&plugin) as Arc<dyn StateStore>, Arc::clone(metrics)));
    Ok(Opened { store, plugin: Some(plugin), places })
}

/// Tries out the state store that is configured, without opening what it keeps state in.
///
/// # Errors
/// As [`open`].
pub(crate) async fn try_out(config: &Config, runtime: &Runtime, metrics: &Arc<Metrics>) -> Result<(), StartError> {
    if let Some(store) = &config.state_store
        && let Keeper::Plugin(source) = &store.source
    {
        let grants = store.grants(NAME, &config.folder)?;
        plugin(source, grants, store, config, runtime, metrics).await?;
    }
    Ok(())
}

/// The plugin that keeps state, once it has started on trial.
async fn plugin(
    source: &Source,
    grants: Grants,
    store: &StateStoreConfig,
    config: &Config,
    runtime: &Runtime,
    metrics: &Arc<Metrics>,
) -> Result<WasmStateStore, StartError> {
    let source = source.relative_to(&config.plugin_folder()).kept_in(config.state_dir().as_deref());
    let plugin = load(source, store.limits(), grants, runtime.clone(), Arc::clone(metrics)).await?;
    plugin.try_out().await.map_err(StateStoreError::Trial)?;
    Ok(plugin)
}

/// The files and the folder of this machine that a store may write to.
fn written_to(grants: &Grants) -> Vec<PathBuf> {
    let files = grants.databases.values().filter_map(SqlGrant::file);
    let folder = grants.folder.iter().filter(|folder| folder.write).map(|folder| folder.path.as_path());
    files.chain(folder).map(Path::to_owned).collect()
}

async fn load(
    source: Source,
    limits: Limits,
    grants: Grants,
    runtime: Runtime,
    metrics: Arc<Metrics>,
) -> Result<WasmStateStore, StartError> {
    let compiling =
        tokio::task::spawn_blocking(move || WasmStateStore::load(NAME, &source, limits, grants, &runtime, metrics));
    Ok(compiling.await??)
}

fn in_memory() -> Opened {
    Opened { store: Arc::new(MemoryStateStore::default()), plugin: None, places: Vec::new() }
}

/// SQLite in the state folder, or why that cannot be.
fn default_store(config: &Config) -> Result<StateStoreConfig, String> {
    let folder = config.state_dir().ok_or("there is no folder for state")?;
    let file = folder.join(FILE);
    prepare(&folder, &file).map_err(|error| format!("`{}` cannot be written: {error}", file.display()))?;
    let file = fs::canonicalize(&file).map_err(|error| error.to_string())?;
    Ok(StateStoreConfig::sqlite(&file))
}

/// Makes the folder and the file, for nobody else to read.
fn prepare(folder: &Path, file: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file).map(drop)
}
