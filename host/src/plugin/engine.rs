//! The one engine of the process, and the clock that interrupts its guests.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::Semaphore;
use tracing::warn;
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::cache::CodeCache;
use super::error::chain;
use super::{Limits, LoadError};
use crate::model::Digest;

/// How often a running guest yields to the executor. A deadline is noticed at most this much late, or twice this much in
/// a call that has only begun.
const TICK: Duration = Duration::from_millis(2);

/// Instances that can be alive at the same time, over all plugins: those that the host calls, and those that a guest's
/// call waits for. With a common number of slots, guests that have them all could wait for one more.
const CALLED: u32 = 128;
const NESTED: u32 = 32;
const INSTANCES: u32 = CALLED + NESTED;

/// Threads that compile, and how nice they are: the system's scheduler weighs 10 a tenth of the usual 0.
const MOST_COMPILING: usize = 4;
const COMPILING_NICENESS: i32 = 10;

/// Bytes of linear memory that stay with an unused instance's slot.
const KEPT_MEMORY: usize = 1 << 20;

/// Bytes of a table that do.
const KEPT_TABLE: usize = 16 << 10;

/// Bytes of stack that a guest has: wasmtime's own default, which host functions called by it share.
pub(super) const STACK: usize = 512 << 10;

/// Compiles plugins and runs their calls. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    clock: Arc<Clock>,
    slots: Arc<Semaphore>,
    nested_slots: Arc<Semaphore>,
    compiler: Arc<Compiler>,
}

/// One plugin is compiled at a time, by threads that take what the passes leave of the processors.
struct Compiler {
    cache: Option<CodeCache>,
    threads: Option<ThreadPool>,
    turn: Mutex<()>,
}

impl Runtime {
    /// An engine with pooled instances, and its clock.
    ///
    /// # Errors
    /// When the machine cannot reserve the address space of the pool (about 600 GiB; see `ulimit -v`).
    pub fn new() -> Result<Self, LoadError> {
        Self::start(config(), None)
    }

    /// The same, with compiled code kept in `folder`. A folder that cannot be used costs no more than time: the log
    /// says so, once.
    ///
    /// # Errors
    /// As for [`Runtime::new`].
    pub fn with_cache(folder: &Path) -> Result<Self, LoadError> {
        Self::with_cache_or(folder, |error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            warn!(%error, cause, "compiled plugins are not kept: each start compiles them");
        })
    }

    /// The same, where there is no log: a folder that cannot be used is for `refused` to tell.
    ///
    /// # Errors
    /// As for [`Runtime::new`].
    pub fn with_cache_or(folder: &Path, refused: impl FnOnce(&dyn Error)) -> Result<Self, LoadError> {
        match CodeCache::open(folder) {
            Ok((files, cache)) => {
                let mut config = config();
                config.cache(Some(cache));
                Self::start(config, Some(files))
            }
            Err(error) => {
                refused(&error);
                Self::new()
            }
        }
    }

    fn start(config: Config, cache: Option<CodeCache>) -> Result<Self, LoadError> {
        let engine = Engine::new(&config).map_err(|error| LoadError::Engine { source: chain(error) })?;
        let clock = Clock::start(engine.clone());
        let compiler = Arc::new(Compiler { cache, threads: compiling_threads(), turn: Mutex::default() });
        let slots = |number| Arc::new(Semaphore::new(number as usize));
        Ok(Self { engine, clock, slots: slots(CALLED), nested_slots: slots(NESTED), compiler })
    }

    /// Compiles a component, or finds it compiled. Takes long, and waits for its turn: not for async threads.
    pub(super) fn compile(&self, digest: Digest, bytes: &[u8]) -> wasmtime::Result<Component> {
        let _turn = self.compiler.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || match &self.compiler.threads {
            Some(threads) => threads.install(|| Component::new(&self.engine, bytes)),
            None => Component::new(&self.engine, bytes),
        };
        let Some(cache) = &self.compiler.cache else { return compile() };
        cache.clean(digest);
        let component = compile()?;
        cache.note(digest);
        Ok(component)
    }

    /// How many plugins were found compiled so far.
    pub fn found_compiled(&self) -> usize {
        self.compiler.cache.as_ref().map_or(0, CodeCache::hits)
    }

    /// wasmtime's engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Room for one more instance in the pool; for one that a guest's call waits for if `nested`.
    pub(super) fn slots(&self, nested: bool) -> &Semaphore {
        if nested { &self.nested_slots } else { &self.slots }
    }

    /// Keeps the clock ticking for as long as the answer lives.
    pub(super) fn running(&self) -> Running<'_> {
        self.clock.enter();
        Running { clock: &self.clock }
    }
}

/// wasmtime compiles on the threads that it is called on; none where they cannot be had, and it makes its own.
fn compiling_threads() -> Option<ThreadPool> {
    let number = thread::available_parallelism().map_or(1, usize::from).min(MOST_COMPILING);
    ThreadPoolBuilder::new()
        .num_threads(number)
        .thread_name(|number| format!("compile-{number}"))
        .start_handler(|_| yield_to_others())
        .build()
        .inspect_err(|error| warn!(%error, "plugins are compiled on threads of the usual priority"))
        .ok()
}

/// Gives this thread a tenth of the weight of one that serves passes. Elsewhere than on Linux a priority is that of a
/// whole process.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), COMPILING_NICENESS) {
        warn!(%error, "plugins are compiled at the usual priority");
    }
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * 20)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES * 20)
        .total_stacks(INSTANCES)
        .max_memory_size(Limits::MOST_MEMORY)
        .max_memories_per_module(1)
        .max_tables_per_module(4)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(Limits::MOST_TABLE_ELEMENTS)
        .max_unused_warm_slots(4)
        // What a call of the usual size has written is cleared in place, which is cheaper than to hand the pages back to
        // the system after each call and to fault them in again in the next.
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(KEPT_TABLE)
        // Linux since 6.7 tells which pages those are; before, all that is kept is cleared.
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        // Only for debuggers and profilers of the process: it would be made, kept and registered for each version.
        .native_unwind_info(false)
        // The guest's own compiler has optimised: to do so again gains 5 % of a call (12 % in a JavaScript engine), and takes
        // a third longer before a new version can go into service.
        .cranelift_opt_level(OptLevel::None)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Advances the engine's epoch while guests run, and sleeps while none does.
struct Clock {
    guests: Arc<Guests>,
    thread: Thread,
}

/// What the clock's thread looks at.
#[derive(Default)]
struct Guests {
    running: AtomicUsize,
    ended: AtomicBool,
}

/// A guest that runs.
pub(super) struct Running<'a> {
    clock: &'a Clock,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.clock.guests.running.fetch_sub(1, Ordering::Release);
    }
}

impl Clock {
    /// Starts the clock's thread, which ends when the clock is dropped.
    fn start(engine: Engine) -> Arc<Self> {
        let guests = Arc::new(Guests::default());
        let seen = Arc::clone(&guests);
        let handle = thread::spawn(move || {
            while !seen.ended.load(Ordering::Acquire) {
                if seen.running.load(Ordering::Acquire) == 0 {
                    thread::park();
                } else {
                    thread::sleep(TICK);
                    engine.increment_epoch();
                }
            }
        });
        Arc::new(Self { guests, thread: handle.thread().clone() })
    }

    fn enter(&self) {
        if self.guests.running.fetch_add(1, Ordering::AcqRel) == 0 {
            self.thread.unpark();
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.guests.ended.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
