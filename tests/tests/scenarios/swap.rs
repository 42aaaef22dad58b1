//! Policies are exchanged while jobs are scaled: nothing is lost, and a bad one never comes into service.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tempfile::TempDir;
use tidegate::config::Role;
use tidegate::metrics::Metrics;
use tidegate::model::{Digest, Verdict};
use tidegate::plugin::{
    Code, Fallback, Grants, Limits, Offer, OnFailure, PluginStatus, Registry, Runtime, Source, Spec, SteerError,
    Strictness, VersionState, WasmEventHandler,
};
use tidegate_tests::host::{INTERVAL, START, Scenario};
use tidegate_tests::usage;

use crate::short_of_three;

/// Compiled code of all tests here: each version is compiled once.
static COMPILED: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::with_cache(&COMPILED.path().join("compiled")).unwrap());

fn bundled() -> Code {
    Source::Bundled("default-policy".to_owned()).fetch("policy").unwrap()
}

fn hostile() -> Code {
    Source::File(env!("TIDEGATE_HOSTILE_POLICY").into()).fetch("policy").unwrap()
}

/// The same component in other bytes: a custom section more.
fn relabelled(code: &Code, label: u8) -> Code {
    let bytes = [code.bytes(), &[0, 3, 1, b'v', label]].concat();
    Code::new(Source::File(PathBuf::from("relabelled.wasm")), bytes)
}

/// With the bundled policy in service, and these others.
async fn registry(others: Vec<Spec>) -> (Registry, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::default());
    let registry = Registry::new(RUNTIME.clone(), Arc::clone(&metrics), Arc::new(|| START));
    let prepared = registry.prepare(others, Strictness::All).await.unwrap();
    registry.take(prepared);
    (registry, metrics)
}

fn status(registry: &Registry, name: &str) -> PluginStatus {
    registry.status().into_iter().find(|status| status.spec.name == name).unwrap()
}

fn count(metrics: &Metrics, series: &str) -> f64 {
    let mut text = String::new();
    metrics.write(&mut text).unwrap();
    let line = text.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn a_thousand_swaps_lose_no_pass_and_leave_nothing_behind() {
    const PASSES: usize = 25;
    const SWAPS: usize = 40;
    let (registry, metrics) = registry(Vec::new()).await;
    let (first, second) = (bundled(), relabelled(&bundled(), 1));
    let offer = registry.offer("default-policy", second.clone()).await.unwrap();
    assert_eq!(offer, Offer::Active { differences: Vec::new() });
    let mut host = Scenario::of(["a", "b", "c"].map(short_of_three)).registry(&registry).start().await;
    for _ in 0..PASSES {
        host.begin_pass().await;
        for _ in 0..SWAPS {
            registry.roll_back("default-policy").unwrap();
            tokio::task::yield_now().await;
        }
        // An odd number of swaps between two passes: each version has its turn.
        registry.roll_back("default-policy").unwrap();
        host.finish_all_but(0).await;
    }
    for name in ["a", "b", "c"] {
        let records = host.records(name);
        assert_eq!(records.len(), PASSES);
        let mut decided: BTreeMap<Digest, usize> = BTreeMap::new();
        for record in records {
            assert_eq!(record.error, None);
            *decided.entry(record.policy_digest.unwrap()).or_default() += 1;
        }
        assert_eq!(
            decided.keys().copied().collect::<std::collections::BTreeSet<_>>(),
            [first.digest, second.digest].into()
        );
        assert_eq!(host.puts(name).len(), 1, "scaled once, as ever");
        assert!(!host.events(name, "PluginSwapped").is_empty());
    }
    let swaps = count(&metrics, "tidegate_plugin_swaps_total{plugin=\"default-policy\"}");
    assert_eq!(swaps, (PASSES * (SWAPS + 1) + 2) as f64);
    assert_eq!(count(&metrics, "tidegate_plugin_versions{plugin=\"default-policy\"}"), 2.0);
    let mut text = String::new();
    metrics.write(&mut text).unwrap();
    assert_eq!(text.matches("tidegate_plugin_active{plugin=\"default-policy\"").count(), 1, "{text}");
}

/// Memory at the end, beside that after the first swaps: what a leak of compiled code would be many times over.
const MOST_GROWTH: f64 = 1.25;

#[tokio::test]
#[ignore = "takes a minute, and measures the memory of its whole process"]
#[expect(clippy::print_stdout, reason = "the figures are of interest where it passes, too")]
async fn a_thousand_files_renamed_into_place_lose_no_pass_and_leave_memory_flat() {
    const SETTLED: usize = 60;
    const PASSES: usize = SETTLED + 340;
    // An odd number, so that each file has its turn when a pass begins.
    const SWAPS: usize = 3;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.wasm");
    let place = |code: &Code| {
        let draft = folder.path().join("mine.tmp");
        std::fs::write(&draft, code.bytes()).unwrap();
        std::fs::rename(draft, &path).unwrap();
    };
    // Two policies that have little in common: the other one evaluates nothing, and wants two subtasks of everything.
    let (usual, other) = (bundled(), hostile());
    place(&usual);
    let spec = Spec { source: Source::File(path.clone()), ..Spec::bundled("mine", Role::Policy) };
    let (registry, metrics) = registry(vec![spec]).await;
    let jobs = ["a", "b", "c"].map(|name| short_of_three(name).configured("hostile.until", "0"));
    let mut host = Scenario::of(jobs).registry(&registry).start().await;
    let resident = || usage::memory(std::process::id(), "VmRSS").unwrap();
    let (mut swaps, mut before) = (0, 0);
    for pass in 0..PASSES {
        if pass == SETTLED {
            before = resident();
        }
        host.begin_pass().await;
        for _ in 0..SWAPS {
            place(if swaps % 2 == 0 { &other } else { &usual });
            assert!(matches!(registry.refresh("mine").await.unwrap(), Offer::Active { .. }));
            swaps += 1;
        }
        host.finish_all_but(0).await;
    }
    let after = resident();
    let growth = after as f64 / before as f64;
    println!("{swaps} swaps, {before} bytes resident after the first {}, {after} at the end", SETTLED * SWAPS);
    assert!(growth < MOST_GROWTH, "{growth:.2} times");

    for name in ["a", "b", "c"] {
        let records = host.records(name);
        assert_eq!(records.len(), PASSES, "no pass is lost");
        let mut decided: BTreeMap<Digest, usize> = BTreeMap::new();
        for record in records {
            assert_eq!(record.error, None);
            let Some(decision) = &record.decision else { continue };
            let digest = record.policy_digest.unwrap();
            assert!([usual.digest, other.digest].contains(&digest));
            let is_others = match &decision.verdict {
                Verdict::Hold { reason } => reason == "too early",
                Verdict::Scale(_) => decision.evaluated.is_empty(),
            };
            assert_eq!(is_others, digest == other.digest, "it is that version which decided");
            *decided.entry(digest).or_default() += 1;
        }
        assert!(decided.len() == 2 && decided.values().all(|passes| *passes > PASSES / 5), "{decided:?}");
        assert!(host.puts(name).len() > 2, "it is scaled meanwhile: {:?}", host.puts(name));
    }
    assert_eq!(count(&metrics, "tidegate_plugin_swaps_total{plugin=\"mine\"}"), (swaps + 1) as f64);
    assert_eq!(count(&metrics, "tidegate_plugin_failures_total"), 0.0);
    assert_eq!(count(&metrics, "tidegate_plugin_versions{plugin=\"mine\"}"), 2.0);
}

#[tokio::test]
async fn what_is_no_policy_never_comes_into_service_and_says_why() {
    let (registry, _) = registry(Vec::new()).await;
    let good = status(&registry, "default-policy").active.unwrap();
    let truncated = bundled().bytes()[..5000].to_vec();
    let handler = Source::Bundled("log".to_owned()).fetch("event-handler").unwrap().bytes().to_vec();
    for (bytes, words) in [
        (truncated, "cannot be compiled"),
        (b"text".to_vec(), "does not start as one"),
        (b"\0asm\x01\0\0\0".to_vec(), "core module"),
        (handler, "does not export `tidegate:policy/scaling"),
    ] {
        let code = Code::new(Source::File(PathBuf::from("bad.wasm")), bytes);
        let error = registry.offer("default-policy", code.clone()).await.unwrap_err();
        assert!(matches!(error, SteerError::Load { .. }), "{error}");
        let status = status(&registry, "default-policy");
        assert_eq!(status.active, Some(good));
        let version = status.versions.iter().find(|version| version.digest == code.digest).unwrap();
        assert_eq!(version.state, VersionState::Refused);
        assert!(version.error.as_ref().unwrap().contains(words), "{:?}", version.error);
        assert_eq!(registry.offer("default-policy", code).await.unwrap(), Offer::Unchanged, "not again on its own");
    }
}

#[tokio::test]
async fn a_policy_that_fails_its_rehearsal_never_decides() {
    let (registry, metrics) = registry(Vec::new()).await;
    let job = short_of_three("orders").configured("hostile.act", "panic");
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    host.passes(2).await;
    let error = registry.offer("default-policy", hostile()).await.unwrap_err();
    assert!(matches!(error, SteerError::Rehearsal { .. }), "{error}");
    assert_eq!(count(&metrics, "tidegate_plugin_loads_total{plugin=\"default-policy\",result=\"not_rehearsed\"}"), 1.0);
    host.passes(5).await;
    assert!(host.records("orders").iter().all(|record| record.policy_digest == Some(bundled().digest)));
    assert_eq!(host.puts("orders").len(), 1);
}

#[tokio::test]
async fn a_policy_that_traps_while_it_is_started_never_comes_into_service() {
    let (registry, metrics) = registry(Vec::new()).await;
    let code = Source::File(env!("TIDEGATE_HOSTILE_START").into()).fetch("policy").unwrap();
    let error = registry.offer("default-policy", code).await.unwrap_err();
    let SteerError::Trial { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), "trap");
    assert_eq!(count(&metrics, "tidegate_plugin_loads_total{plugin=\"default-policy\",result=\"not_checked\"}"), 1.0);
    assert_eq!(count(&metrics, "tidegate_plugin_call_failures_total{plugin=\"default-policy\",kind=\"trap\"}"), 1.0);
    let mut host = Scenario::of([short_of_three("orders")]).registry(&registry).start().await;
    host.passes(7).await;
    assert_eq!((host.puts("orders").len(), host.last("orders").policy_digest), (1, Some(bundled().digest)));
}

#[tokio::test]
async fn what_a_new_policy_decides_differently_is_shown() {
    let (registry, _) = registry(Vec::new()).await;
    let mut host = Scenario::of([short_of_three("orders")]).registry(&registry).start().await;
    host.passes(9).await;
    let Offer::Active { differences } = registry.offer("default-policy", hostile()).await.unwrap() else {
        panic!("it is new");
    };
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].job_name, "orders");
    assert_ne!(differences[0].in_service, differences[0].rehearsed);
    assert_eq!(status(&registry, "default-policy").versions[0].differences, differences);
}

#[tokio::test]
async fn a_policy_that_a_new_configuration_names_rehearses_on_the_jobs_that_it_will_have() {
    let (registry, metrics) = registry(Vec::new()).await;
    let jobs = ["panic", ""]
        .map(|act| short_of_three(if act.is_empty() { "well" } else { act }).configured("hostile.act", act));
    let mut host = Scenario::of(jobs).registry(&registry).start().await;
    host.passes(9).await;
    let mine = |jobs: &str| {
        let source = Source::File(env!("TIDEGATE_HOSTILE_POLICY").into());
        Spec { source, jobs: vec![format!("*/{jobs}")], ..Spec::bundled("mine", Role::Policy) }
    };
    let Err(error) = registry.prepare(vec![mine("panic")], Strictness::All).await else {
        panic!("it traps about this job");
    };
    assert!(matches!(error, SteerError::Rehearsal { .. }), "{error}");
    let prepared = registry.prepare(vec![mine("well")], Strictness::All).await.unwrap();
    registry.take(prepared);
    let told = &status(&registry, "mine").versions[0].differences;
    assert_eq!(told.iter().map(|difference| difference.job_name.as_str()).collect::<Vec<_>>(), ["well"]);
    let failures = count(&metrics, "tidegate_plugin_failures_total{plugin=\"default-policy\"");
    assert_eq!(failures, 0.0, "who is in service is not blamed for a rehearsal");
    host.passes(2).await;
    assert_eq!((host.last("well").policy.as_str(), host.last("panic").policy.as_str()), ("mine", "default-policy"));
}

/// A policy that fails in every pass, put in service before there was anything to rehearse on.
async fn failing(on_failure: OnFailure) -> tidegate_tests::host::Host {
    let spec = Spec { on_failure, back_off: Duration::ZERO, ..Spec::bundled("default-policy", Role::Policy) };
    let (registry, _) = registry(vec![spec]).await;
    registry.offer("default-policy", hostile()).await.unwrap();
    let job = short_of_three("orders").configured("hostile.act", "panic");
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    host.passes(12).await;
    let suspended = status(&registry, "default-policy");
    assert_eq!(suspended.versions[0].state, VersionState::Suspended);
    assert_eq!(registry.offer("default-policy", hostile()).await.unwrap(), Offer::Unchanged);
    host
}

#[tokio::test]
async fn a_policy_that_fails_three_times_in_a_row_holds_if_nothing_else_is_said() {
    let host = failing(OnFailure::default()).await;
    assert!(host.puts("orders").is_empty());
    let told = host.events("orders", "PluginSuspended");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].at, START.plus(INTERVAL * 3), "at once");
    assert!(told[0].event.message.contains("it failed 3 time(s) in a row"), "{}", told[0].event.message);
    assert!(host.last("orders").error.as_ref().unwrap().contains("is not in service"));
}

#[tokio::test]
async fn failures_of_one_moment_suspend_nobody() {
    let spec = Spec { back_off: Duration::from_secs(3600), ..Spec::bundled("default-policy", Role::Policy) };
    let (registry, _) = registry(vec![spec]).await;
    registry.offer("default-policy", hostile()).await.unwrap();
    let job = short_of_three("orders").configured("hostile.act", "panic");
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    host.passes(12).await;
    assert!(host.last("orders").error.as_ref().unwrap().contains("trapped"), "it does fail");
    let failing = status(&registry, "default-policy");
    assert_eq!((failing.versions[0].state, failing.failures), (VersionState::Active, 1));
    assert!(host.events("orders", "PluginSuspended").is_empty());
}

#[tokio::test]
async fn a_policy_that_fails_gives_way_to_the_one_before_or_the_bundled_one() {
    for choice in [Fallback::Previous, Fallback::Bundled] {
        let host = failing(OnFailure { call: choice, ..OnFailure::default() }).await;
        assert_eq!(host.last("orders").policy_digest, Some(bundled().digest));
        assert_eq!(host.events("orders", "PluginSwapped").len(), 1);
        assert_eq!(host.puts("orders").len(), 1, "and its jobs are scaled");
    }
}

#[tokio::test]
async fn at_a_start_a_policy_that_does_not_load_holds_its_own_jobs_only() {
    let metrics = Arc::new(Metrics::default());
    let registry = Registry::new(RUNTIME.clone(), metrics, Arc::new(|| START));
    let gone = || Source::File(PathBuf::from("/nowhere/p.wasm"));
    let broken = |jobs: &[&str]| Spec {
        source: gone(),
        jobs: jobs.iter().map(|&job| job.to_owned()).collect(),
        ..Spec::bundled("broken", Role::Policy)
    };
    let refused = registry.prepare(vec![broken(&["*/victim"])], Strictness::All).await.err().unwrap();
    assert!(matches!(refused, SteerError::Load { .. }), "{refused}");
    let refused = registry.prepare(vec![broken(&[])], Strictness::Some).await.err().unwrap();
    assert!(matches!(refused, SteerError::Load { .. }), "there is no other: {refused}");

    registry.take(registry.prepare(vec![broken(&["*/victim"])], Strictness::Some).await.unwrap());
    let mut host = Scenario::of(["victim", "orders"].map(short_of_three)).registry(&registry).start().await;
    host.passes(8).await;
    assert!(host.last("victim").error.as_ref().unwrap().contains("cannot be loaded"));
    assert_eq!((host.puts("victim").len(), host.puts("orders").len()), (0, 1));

    // Its file comes: it decides.
    let code = Code::new(gone(), bundled().bytes().to_vec());
    assert!(matches!(registry.offer("broken", code).await.unwrap(), Offer::Active { .. }));
    host.pass().await;
    assert_eq!((&host.last("victim").error, host.puts("victim").len()), (&None, 1));
}

#[tokio::test]
async fn an_operator_suspends_and_resumes() {
    let (registry, _) = registry(Vec::new()).await;
    let mut host = Scenario::of([short_of_three("orders")]).registry(&registry).start().await;
    host.passes(2).await;
    registry.suspend("default-policy").unwrap();
    assert!(matches!(registry.suspend("default-policy"), Err(SteerError::NotInService { .. })));
    host.passes(3).await;
    assert!(host.last("orders").error.as_ref().unwrap().contains("an operator suspended it"));
    registry.resume("default-policy").await.unwrap();
    host.passes(3).await;
    assert_eq!((&host.last("orders").error, host.puts("orders").len()), (&None, 1));
    assert!(matches!(registry.roll_back("default-policy"), Err(SteerError::NothingBefore { .. })));
    assert!(matches!(registry.suspend("nobody"), Err(SteerError::NoSuchPlugin { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_decides_and_never_acts() {
    let source = Source::File(env!("TIDEGATE_HOSTILE_POLICY").into());
    let shadow = Spec { source, shadow: true, ..Spec::bundled("shadow", Role::Policy) };
    let (registry, _) = registry(vec![shadow]).await;
    let job = short_of_three("orders").configured("hostile.act", "panic");
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    host.passes(9).await;
    assert!(host.records("orders").iter().all(|record| record.error.is_none() && record.policy == "default-policy"));
    assert_eq!(host.puts("orders").len(), 1);
    let failed = "tidegate_plugin_rehearsals_total{plugin=\"shadow\",result=\"failed\"}";
    for _ in 0..200 {
        if host.metrics().contains(failed) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", host.metrics());
}

#[tokio::test]
async fn damaged_compiled_code_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let load = |runtime: &Runtime| {
        let code = Source::Bundled("log".to_owned()).fetch("event-handler").unwrap();
        let (limits, grants) = (Limits::default(), Grants::default());
        WasmEventHandler::build("log", &code, limits, grants, runtime, Arc::default()).unwrap()
    };
    let files = || {
        let engines = std::fs::read_dir(folder.path().join("code/modules")).unwrap();
        let files = engines.flat_map(|engine| std::fs::read_dir(engine.unwrap().path()).unwrap());
        let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_none());
        files.map(|path| (std::fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    load(&Runtime::with_cache(folder.path()).unwrap()).try_out().await.unwrap();
    let written = files();
    assert_eq!(written.len(), 1);
    let (good, path) = &written[0];
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [flipped, good[..middle].to_vec(), Vec::new()] {
        std::fs::write(path, damaged).unwrap();
        load(&Runtime::with_cache(folder.path()).unwrap()).try_out().await.unwrap();
        assert_eq!(&files(), &written, "it is as it was");
    }
}

/// The filter of the tests as `cap`, the evaluator as `forecast`, the aligner as `multiples`.
fn extension(name: &str, role: Role, path: &str) -> Spec {
    let source = Source::File(path.into());
    Spec { source, back_off: Duration::ZERO, limits: Limits::of_extension(), ..Spec::bundled(name, role) }
}

fn relabelled_file(path: &str, label: u8) -> Code {
    relabelled(&Source::File(path.into()).fetch("policy").unwrap(), label)
}

#[tokio::test]
async fn evaluators_aligners_and_filters_are_exchanged_between_two_passes() {
    let files = [
        ("forecast", Role::Evaluator, env!("TIDEGATE_TEST_EVALUATOR")),
        ("multiples", Role::Aligner, env!("TIDEGATE_TEST_ALIGNER")),
        ("cap", Role::Filter, env!("TIDEGATE_TEST_FILTER")),
    ];
    let (registry, metrics) = registry(files.map(|(name, role, path)| extension(name, role, path)).into()).await;
    let options = [
        ("metrics.custom-evaluators", "mine"),
        ("metrics.custom-evaluator.mine.class", "forecast"),
        ("metrics.custom-evaluator.mine.rate", "2000"),
        ("scaling.parallelism-alignment.mode", "mine"),
        ("scaling.parallelism-alignment.mode.mine.class", "multiples"),
        ("scaling.parallelism-alignment.mode.mine.multiple", "2"),
        ("scaling.custom-executors", "mine"),
        ("scaling.custom-executor.mine.class", "cap"),
        ("scaling.custom-executor.mine.veto", "not today"),
    ];
    let job = options
        .iter()
        .fold(short_of_three("orders"), |job, (key, value)| job.configured(format!("job.autoscaler.{key}"), *value));
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    host.passes(6).await;
    let used = |host: &tidegate_tests::host::Host| -> BTreeMap<String, Digest> {
        let used = host.last("orders").extensions.iter();
        used.map(|it| (it.plugin.clone(), it.digest.unwrap())).collect()
    };
    let before = used(&host);
    assert_eq!(before.len(), 3, "{before:?}");
    for (name, _, path) in files {
        let offer = registry.offer(name, relabelled_file(path, 1)).await.unwrap();
        assert_eq!(offer, Offer::Active { differences: Vec::new() }, "{name}");
        assert_eq!(registry.offer(name, bundled()).await.unwrap_err().stage(), "not_fitted", "{name}");
    }
    host.pass().await;
    let after = used(&host);
    assert!(after.iter().all(|(name, digest)| before[name] != *digest), "{before:?} {after:?}");
    for (name, ..) in files {
        assert_eq!(registry.roll_back(name).unwrap(), before[name]);
    }
    host.pass().await;
    assert_eq!(used(&host), before);
    assert!(host.records("orders").iter().all(|record| record.error.is_none()));
    assert_eq!(host.puts("orders"), [], "the filter has its say in every pass");
    assert_eq!(count(&metrics, "tidegate_plugin_failures_total"), 0.0);
}

#[tokio::test]
async fn a_filter_that_traps_is_suspended_and_nothing_goes_past_where_it_stood() {
    let file = env!("TIDEGATE_TEST_FILTER");
    let (registry, metrics) = registry(vec![extension("cap", Role::Filter, file)]).await;
    let job = [("", "s", "mine"), (".mine.class", "", "cap"), (".mine.act", "", "trap")].iter().fold(
        short_of_three("orders"),
        |job, (key, plural, value)| {
            job.configured(format!("job.autoscaler.scaling.custom-executor{plural}{key}"), *value)
        },
    );
    let mut host = Scenario::of([job, short_of_three("plain")]).registry(&registry).start().await;
    host.passes(12).await;
    let suspended = status(&registry, "cap");
    assert_eq!((suspended.active, suspended.versions[0].state), (None, VersionState::Suspended));
    assert_eq!(count(&metrics, "tidegate_plugin_suspensions_total{plugin=\"cap\"}"), 1.0);
    assert_eq!(count(&metrics, "tidegate_plugin_call_failures_total{plugin=\"cap\",kind=\"trap\"}"), 3.0);
    let error = host.last("orders").error.clone().unwrap();
    assert!(error.contains("filter `cap`: it failed: it is not in service: it failed 3 time(s) in a row"), "{error}");
    assert_eq!((host.puts("orders").len(), host.puts("plain").len()), (0, 1));
}

#[tokio::test]
async fn an_aligner_that_traps_gives_way_to_the_version_before() {
    let file = env!("TIDEGATE_TEST_ALIGNER");
    let on_failure = OnFailure { call: Fallback::Previous, ..OnFailure::default() };
    let (registry, _) = registry(vec![Spec { on_failure, ..extension("multiples", Role::Aligner, file) }]).await;
    let first = status(&registry, "multiples").active.unwrap();
    registry.offer("multiples", relabelled_file(file, 1)).await.unwrap();
    let job = [("", "mine"), (".mine.class", "multiples"), (".mine.act", "trap")]
        .iter()
        .fold(short_of_three("orders"), |job, (key, value)| {
            job.configured(format!("job.autoscaler.scaling.parallelism-alignment.mode{key}"), *value)
        });
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    let mut seen = Vec::new();
    for _ in 0..9 {
        host.pass().await;
        seen.push(status(&registry, "multiples").active);
    }
    assert!(seen.contains(&Some(first)), "{seen:?}");
    let failed = status(&registry, "multiples").versions[0].error.clone().unwrap();
    assert!(failed.contains("it failed 3 time(s) in a row, last: trapped"), "{failed}");
    assert_eq!(host.puts("orders"), []);
}

#[tokio::test]
async fn an_evaluator_that_traps_is_suspended_and_its_jobs_are_decided_about_without_it() {
    let file = env!("TIDEGATE_TEST_EVALUATOR");
    let (registry, _) = registry(vec![extension("forecast", Role::Evaluator, file)]).await;
    let job = [("s", "mine"), (".mine.class", "forecast"), (".mine.act", "trap")]
        .iter()
        .fold(short_of_three("orders"), |job, (key, value)| {
            job.configured(format!("job.autoscaler.metrics.custom-evaluator{key}"), *value)
        });
    let mut host = Scenario::of([job]).registry(&registry).start().await;
    host.passes(9).await;
    assert_eq!(status(&registry, "forecast").versions[0].state, VersionState::Suspended);
    assert!(host.records("orders").iter().all(|record| record.error.is_none()));
    assert_eq!(host.puts("orders").len(), 1);
}
