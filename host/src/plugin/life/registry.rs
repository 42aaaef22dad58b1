//! All plugins of a process by name, and how they are steered while it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tidegate_common::time::Timestamp;
use tracing::error;

use super::extension_seat::ExtensionSeat;
use super::pipeline::{Eagerness, Workshop};
use super::seat::{HandlerSeat, PolicySeat};
use super::slot::Slot;
use super::steer::{AnySlot, Steered, open};
use super::{Offer, PluginStatus, Spec, SteerError};
use crate::causes::in_one_text;
use crate::config::{Config, ConfigError, PluginConfig, Role};
use crate::control::{ExtensionPlugins, LiveExtensions, Policies, Table, Views};
use crate::event::EventHandler;
use crate::metrics::Metrics;
use crate::model::Digest;
use crate::plugin::load::Code;
use crate::plugin::{Runtime, Source};

/// The plugins of a process.
pub struct Registry {
    workshop: Workshop,
    slots: RwLock<BTreeMap<String, AnySlot>>,
    /// The handlers in the order of their names: the same as long as their slots are.
    handlers: Mutex<Vec<(String, Arc<dyn EventHandler>)>>,
}

/// Plugins that are loaded and ready, and of which nothing is in service yet.
pub struct PreparedPlugins {
    specs: Vec<Spec>,
    /// Those that are new, or have to be built in another way.
    opened: BTreeMap<String, AnySlot>,
}

/// What is done about a plugin that does not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// One is enough to refuse all.
    All,
    /// It is left out, and the operator's choice for it applies; as long as there is another of its role.
    Some,
}

/// Where a plugin's file is, and what was last found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// The plugin.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The content that was offered last.
    pub digest: Option<Digest>,
}

impl Registry {
    /// Nothing is loaded yet. `clock` tells when versions were found.
    pub fn new(runtime: Runtime, metrics: Arc<Metrics>, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        let nobody = Spec::bundled("default-policy", Role::Policy);
        let seat = PolicySeat(Arc::new(Slot::new(nobody, Arc::clone(&metrics))));
        let policies = Policies::from(Table::new(Arc::new(seat)));
        let (views, turn) = (Arc::default(), tokio::sync::Mutex::default());
        let extensions = LiveExtensions::default();
        let workshop = Workshop { runtime, metrics, clock, policies, extensions, views, turn };
        Self { workshop, slots: RwLock::default(), handlers: Mutex::default() }
    }

    /// What plugins run in.
    pub fn runtime(&self) -> &Runtime {
        &self.workshop.runtime
    }

    /// Who decides for whom: always as it is now.
    pub fn policies(&self) -> Policies {
        self.workshop.policies.clone()
    }

    /// Who can help to decide: always as it is now.
    pub fn extensions(&self) -> LiveExtensions {
        self.workshop.extensions.clone()
    }

    /// Where passes leave what they decided on, for rehearsals.
    pub fn views(&self) -> Arc<Views> {
        Arc::clone(&self.workshop.views)
    }

    /// Who is told: the same handler as long as a plugin's slot is the same.
    pub fn handlers(&self) -> Vec<Arc<dyn EventHandler>> {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.iter().map(|(_, handler)| Arc::clone(handler)).collect()
    }

    /// Loads what of these specs is new. Nothing of it is in service before [`Registry::take`].
    ///
    /// # Errors
    /// The first plugin that cannot be loaded, if it may not be left out.
    pub async fn prepare(&self, specs: Vec<Spec>, strictness: Strictness) -> Result<PreparedPlugins, SteerError> {
        let specs = with_bundled(specs);
        let mut opened = BTreeMap::new();
        let mut hope: BTreeMap<&str, Option<SteerError>> = BTreeMap::new();
        for spec in &specs {
            let role = spec.role.name();
            if self.find(&spec.name).is_some_and(|slot| slot.steered().spec().builds_as(spec)) {
                hope.insert(role, None);
                continue;
            }
            let (slot, failed) = open(&self.workshop, spec).await;
            let is_served = slot.steered().status().active.is_some();
            if let Some(error) = failed {
                if strictness == Strictness::All {
                    return Err(error);
                }
                let cause = in_one_text(&error);
                error!(plugin = spec.name, role, error = cause, "plugin cannot be loaded: the others go on");
                // A shadow is missed by nobody, and what its registry does not give now may come later.
                if !is_served && !spec.shadow {
                    let lasting = Some(error).filter(|error| !error.may_pass());
                    hope.entry(role).or_insert(lasting);
                }
            }
            if is_served && !spec.shadow {
                hope.insert(role, None);
            }
            opened.insert(spec.name.clone(), slot);
        }
        match hope.into_values().flatten().next() {
            Some(error) => Err(error),
            None => Ok(PreparedPlugins { specs, opened }),
        }
    }

    /// Puts prepared plugins in service, all at once; those that are not among them leave.
    pub fn take(&self, prepared: PreparedPlugins) {
        let PreparedPlugins { specs, mut opened } = prepared;
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *slots);
        for spec in specs {
            let name = spec.name.clone();
            let slot = match opened.remove(&name) {
                Some(slot) => slot,
                None => match old.remove(&name) {
                    Some(slot) => slot,
                    None => continue,
                },
            };
            slot.steered().respecify(spec);
            slots.insert(name, slot);
        }
        self.workshop.policies.replace(table(&slots, &self.workshop.metrics));
        self.workshop.extensions.replace(extensions(&slots));
        self.seat_handlers(&slots);
    }

    /// Takes what is in a plugin's source now into service, if it is new.
    ///
    /// # Errors
    /// Why it does not come into service; the version in service stays.
    pub async fn refresh(&self, name: &str) -> Result<Offer, SteerError> {
        self.offer_source(name, Eagerness::IfNew).await
    }

    /// The same, whatever was made of the same content before.
    ///
    /// # Errors
    /// Why it does not come into service; the version in service stays.
    pub async fn reload(&self, name: &str) -> Result<Offer, SteerError> {
        self.offer_source(name, Eagerness::Always).await
    }

    /// Takes code that was read already into service, if it is new.
    ///
    /// # Errors
    /// Why it does not come into service; the version in service stays.
    pub async fn offer(&self, name: &str, code: Code) -> Result<Offer, SteerError> {
        let slot = self.known(name)?;
        let _turn = self.workshop.turn.lock().await;
        slot.steered().offer(&self.workshop, code, Eagerness::IfNew).await
    }

    async fn offer_source(&self, name: &str, eagerness: Eagerness) -> Result<Offer, SteerError> {
        let slot = self.known(name)?;
        let early = fetch_early(slot.steered()).await?;
        let _turn = self.workshop.turn.lock().await;
        let code = match early {
            Some(code) => code,
            None => fetch(&slot.steered().spec()).await?,
        };
        slot.steered().offer(&self.workshop, code, eagerness).await
    }

    /// Puts the good version before the one in service back. Once more, and it is undone.
    ///
    /// # Errors
    /// When there is none.
    pub fn roll_back(&self, name: &str) -> Result<Digest, SteerError> {
        self.known(name)?.steered().roll_back()
    }

    /// Takes a plugin out of service: the jobs of a policy stay as they are.
    ///
    /// # Errors
    /// When it is out of service already.
    pub fn suspend(&self, name: &str) -> Result<(), SteerError> {
        self.known(name)?.steered().suspend()
    }

    /// Tries the version that was suspended last again.
    ///
    /// # Errors
    /// When there is none, or it fails its rehearsal.
    pub async fn resume(&self, name: &str) -> Result<Offer, SteerError> {
        let slot = self.known(name)?;
        let _turn = self.workshop.turn.lock().await;
        slot.steered().resume(&self.workshop).await
    }

    /// The plugins whose registries did not give what they are pinned to when they were last asked.
    pub fn not_fetched(&self) -> Vec<String> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let lacking = slots.iter().filter(|(_, slot)| slot.steered().status().source_lacks.is_some());
        lacking.map(|(name, _)| name.clone()).collect()
    }

    /// How every plugin stands, by name.
    pub fn status(&self) -> Vec<PluginStatus> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().map(|slot| slot.steered().status()).collect()
    }

    /// The files of all plugins that come from one.
    pub fn files(&self) -> Vec<PluginFile> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let file = |slot: &AnySlot| {
            let spec = slot.steered().spec();
            let Source::File(path) = &spec.source else { return None };
            Some(PluginFile { name: spec.name.clone(), path: path.clone(), digest: slot.steered().offered() })
        };
        slots.values().filter_map(file).collect()
    }

    fn find(&self, name: &str) -> Option<AnySlot> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn known(&self, name: &str) -> Result<AnySlot, SteerError> {
        self.find(name).ok_or_else(|| {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            let known = slots.keys().cloned().collect::<Vec<_>>().join(", ");
            SteerError::NoSuchPlugin { plugin: name.to_owned(), known }
        })
    }

    fn seat_handlers(&self, slots: &BTreeMap<String, AnySlot>) {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *handlers);
        for (name, slot) in slots {
            let AnySlot::EventHandler { slot, is_new } = slot else { continue };
            let is_new = is_new.swap(false, Ordering::AcqRel);
            let kept = old.iter().position(|(other, _)| other == name && !is_new);
            let handler = match kept {
                Some(place) => old.swap_remove(place).1,
                None => Arc::new(HandlerSeat(Arc::clone(slot))),
            };
            handlers.push((name.clone(), handler));
        }
    }
}

/// Every plugin that a configuration names.
///
/// # Errors
/// When something that one of them is granted cannot be given to it.
pub fn specs(config: &Config) -> Result<Vec<Spec>, ConfigError> {
    let (plugins, state_dir) = (config.plugin_folder(), config.state_dir());
    let spec = |(name, plugin): (&String, &PluginConfig)| {
        let spec = Spec::new(name, plugin, &plugins, &config.folder)?;
        Ok(Spec { source: spec.source.kept_in(state_dir.as_deref()), ..spec })
    };
    config.plugins.iter().map(spec).collect()
}

/// With the bundled plugins where nothing else is said.
fn with_bundled(mut specs: Vec<Spec>) -> Vec<Spec> {
    let decides_everywhere = |spec: &Spec| spec.role == Role::Policy && spec.jobs.is_empty() && !spec.shadow;
    let bundled = [
        ("default-policy", Role::Policy, specs.iter().any(decides_everywhere)),
        ("log", Role::EventHandler, specs.iter().any(|spec| spec.role == Role::EventHandler)),
    ];
    for (name, role, is_said) in bundled {
        if !is_said {
            let mut spec = Spec::bundled(name, role);
            if specs.iter().any(|spec| spec.name == name) {
                spec.name = format!("bundled:{name}");
            }
            specs.push(spec);
        }
    }
    specs
}

/// Who can help to decide.
fn extensions(slots: &BTreeMap<String, AnySlot>) -> ExtensionPlugins {
    let mut extensions = ExtensionPlugins::default();
    for slot in slots.values() {
        let spec = slot.steered().spec();
        match slot {
            AnySlot::Policy(_) | AnySlot::EventHandler { .. } => {}
            AnySlot::Evaluator(slot) => extensions.add_evaluator(Arc::new(ExtensionSeat::new(Arc::clone(slot)))),
            AnySlot::Aligner(slot) => extensions.add_aligner(Arc::new(ExtensionSeat::new(Arc::clone(slot)))),
            AnySlot::Filter(slot) => {
                extensions.add_filter(Arc::new(ExtensionSeat::new(Arc::clone(slot))), spec.priority, &spec.jobs);
            }
        }
    }
    extensions
}

/// Who decides for whom.
fn table(slots: &BTreeMap<String, AnySlot>, metrics: &Arc<Metrics>) -> Table {
    let policies: Vec<(Arc<Spec>, PolicySeat)> = slots
        .values()
        .filter_map(|slot| match slot {
            AnySlot::Policy(policy) => Some((slot.steered().spec(), PolicySeat(Arc::clone(policy)))),
            _ => None,
        })
        .collect();
    let (everywhere, others): (Vec<_>, Vec<_>) =
        policies.into_iter().partition(|(spec, _)| spec.jobs.is_empty() && !spec.shadow);
    let otherwise = everywhere.into_iter().next().map(|(_, seat)| seat);
    let otherwise = otherwise.unwrap_or_else(|| {
        PolicySeat(Arc::new(Slot::new(Spec::bundled("default-policy", Role::Policy), Arc::clone(metrics))))
    });
    let mut table = Table::new(Arc::new(otherwise));
    for (spec, seat) in others {
        let everything = ["*".to_owned()];
        match (spec.shadow, spec.jobs.is_empty()) {
            (true, true) => table.shadow(&everything, Arc::new(seat)),
            (true, false) => table.shadow(&spec.jobs, Arc::new(seat)),
            (false, _) => table.assign(&spec.jobs, Arc::new(seat)),
        }
    }
    table
}

pub(super) async fn fetch(spec: &Spec) -> Result<Code, SteerError> {
    let fetched = spec.source.fetch_async(spec.role.name()).await;
    fetched.map_err(|source| SteerError::Load { plugin: spec.name.clone(), source })
}

/// What others decide how long it takes to read: before its turn, for which the other plugins would have to wait. What
/// keeps it from being read is noted, and shown.
pub(super) async fn fetch_early(slot: &dyn Steered) -> Result<Option<Code>, SteerError> {
    let spec = slot.spec();
    if !spec.source.is_remote() {
        return Ok(None);
    }
    let fetched = spec.source.fetch_async(spec.role.name()).await;
    slot.note_source(fetched.as_ref().err().map(|error| in_one_text(error)));
    fetched.map(Some).map_err(|source| SteerError::Load { plugin: spec.name.clone(), source })
}
