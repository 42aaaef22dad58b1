//! Plugins as scenarios load them: the bundled policy, and the guests of the tests.
#![expect(clippy::expect_used, reason = "a test whose world cannot be set up has failed")]

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate::control::ExtensionPlugins;
use tidegate::plugin::{
    Grants, Limits, LoadError, Runtime, Source, WasmAligner, WasmEvaluator, WasmEventHandler, WasmFilter, WasmPolicy,
};
use tidegate::policy::Policy;
use tokio::sync::OnceCell;

/// The bundled policy with its usual limits. Compiled once in a process.
pub fn bundled_policy() -> Arc<dyn Policy> {
    static POLICY: OnceLock<Arc<WasmPolicy>> = OnceLock::new();
    let load = || load("default-policy", &Source::Bundled("default-policy".to_owned()), Limits::default());
    POLICY.get_or_init(load).clone()
}

/// The policy that misbehaves as its job's options say. Compiled once in a process.
pub fn hostile_policy() -> Arc<dyn Policy> {
    static POLICY: OnceLock<Arc<dyn Policy>> = OnceLock::new();
    POLICY.get_or_init(|| hostile_policy_within(Duration::from_millis(500))).clone()
}

/// The policy that misbehaves, with another deadline. Compiled each time.
pub fn hostile_policy_within(deadline: Duration) -> Arc<dyn Policy> {
    let limits = Limits { deadline, ..Limits::default() };
    load("hostile", &Source::File(env!("TIDEGATE_HOSTILE_POLICY").into()), limits)
}

/// Its file: a policy in Rust as somebody would write one, of a third of the bundled one's size.
pub fn hostile_policy_file() -> &'static Path {
    Path::new(env!("TIDEGATE_HOSTILE_POLICY"))
}

/// Files of plugins, each with its role: the policy that misbehaves, the event handler that sends requests, the evaluator,
/// the aligner and the filter of the tests, and the example of a state store.
pub fn guest_files() -> [(&'static str, &'static Path); 6] {
    [
        ("policy", hostile_policy_file()),
        ("event-handler", Path::new(env!("TIDEGATE_HTTP_HANDLER"))),
        ("evaluator", Path::new(env!("TIDEGATE_TEST_EVALUATOR"))),
        ("aligner", Path::new(env!("TIDEGATE_TEST_ALIGNER"))),
        ("filter", Path::new(env!("TIDEGATE_TEST_FILTER"))),
        ("state-store", Path::new(env!("TIDEGATE_EXAMPLE_STATE_STORE"))),
    ]
}

/// The event handler that misbehaves as its events' reasons say. Compiled each time.
pub fn hostile_handler(limits: Limits, grants: Grants) -> Arc<WasmEventHandler> {
    let source = Source::File(env!("TIDEGATE_HOSTILE_HANDLER").into());
    let handler = WasmEventHandler::load("hostile", &source, limits, grants, runtime(), Arc::default());
    Arc::new(handler.expect("a handler that fits"))
}

/// The event handler that sends requests as its events say. Compiled each time.
///
/// # Errors
/// When it is not granted any.
pub fn http_handler(limits: Limits, grants: Grants) -> Result<Arc<WasmEventHandler>, LoadError> {
    let source = Source::File(env!("TIDEGATE_HTTP_HANDLER").into());
    WasmEventHandler::load("http", &source, limits, grants, runtime(), Arc::default()).map(Arc::new)
}

/// The one runtime of the process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("an engine"))
}

/// The evaluator, the aligner and the filter of the tests, as `forecast`, `multiples` and `cap`: what they do is said by
/// their parameters. The filter also stands before the changes of the jobs that match `filtered`. Compiled once in a
/// process, on the first call's async runtime.
pub async fn test_extensions(filtered: &[&str]) -> ExtensionPlugins {
    static PLUGINS: OnceCell<(Arc<WasmEvaluator>, Arc<WasmAligner>, Arc<WasmFilter>)> = OnceCell::const_new();
    let load = async || {
        let limits = Limits::of_extension;
        let file = |path: &str| Source::File(path.into());
        let (evaluator, aligner, filter) = (
            WasmEvaluator::load(
                "forecast",
                &file(env!("TIDEGATE_TEST_EVALUATOR")),
                limits(),
                runtime(),
                Arc::default(),
            ),
            WasmAligner::load("multiples", &file(env!("TIDEGATE_TEST_ALIGNER")), limits(), runtime(), Arc::default()),
            WasmFilter::load("cap", &file(env!("TIDEGATE_TEST_FILTER")), limits(), runtime(), Arc::default()),
        );
        let evaluator = evaluator.expect("an evaluator that fits");
        let aligner = aligner.expect("an aligner that fits");
        let filter = filter.expect("a filter that fits");
        evaluator.try_out().await.expect("an evaluator that starts");
        aligner.try_out().await.expect("an aligner that starts");
        filter.try_out().await.expect("a filter that starts");
        (Arc::new(evaluator), Arc::new(aligner), Arc::new(filter))
    };
    let (evaluator, aligner, filter) = PLUGINS.get_or_init(load).await;
    let mut extensions = ExtensionPlugins::default();
    extensions.add_evaluator(evaluator.clone());
    extensions.add_aligner(aligner.clone());
    let jobs: Vec<String> = filtered.iter().map(|job| (*job).to_owned()).collect();
    extensions.add_filter(filter.clone(), None, &jobs);
    extensions
}

fn load(name: &str, source: &Source, limits: Limits) -> Arc<WasmPolicy> {
    let policy = WasmPolicy::load(name, source, limits, runtime(), Arc::default());
    Arc::new(policy.expect("a policy that fits"))
}
