//! The examples of plugins, each beside a job that has none: what is different is what it does.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;
use tidegate::config::Role;
use tidegate::metrics::Metrics;
use tidegate::model::ShipStrategy::Hash;
use tidegate::plugin::{Registry, Runtime, Source, Spec, Strictness};
use tidegate::simulate::{JobShape, Load, VertexShape};
use tidegate_tests::daemon::binary;
use tidegate_tests::host::{Host, START, Scenario};

/// Compiled code may stay from one run of the tests to the next.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::with_cache(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")).unwrap());

/// Passes until the window is full and a job is scaled.
const PASSES: usize = 8;

/// A plugin by the name that jobs have for it, its role, and its component.
type Plugin = (&'static str, Role, &'static str);

/// A source and an operator, of which one subtask processes 200 records per second.
fn job(name: &str, load: Load) -> JobShape {
    JobShape::new(name)
        .with(VertexShape::source("orders", 2000.0, 16, load))
        .with(VertexShape::operator("work", 200.0).input(0, Hash, 1.0))
}

/// Host and cluster with two equal jobs, of which `with` names the plugins in its options, and `without` does not.
async fn side_by_side(shape: impl Fn(&str) -> JobShape, plugins: &[Plugin], options: &[(&str, &str)]) -> Host {
    let registry = Registry::new(RUNTIME.clone(), Arc::new(Metrics::default()), Arc::new(|| START));
    let spec = |&(name, role, file): &Plugin| Spec { source: Source::File(file.into()), ..Spec::bundled(name, role) };
    let prepared = registry.prepare(plugins.iter().map(spec).collect(), Strictness::All).await.unwrap();
    registry.take(prepared);
    let with = options
        .iter()
        .fold(shape("with"), |shape, (key, value)| shape.configured(format!("job.autoscaler.{key}"), *value));
    Scenario::of([with, shape("without")]).registry(&registry).start().await
}

/// The options by which a job names its only filter `it`.
const FILTER: [(&str, &str); 1] = [("scaling.custom-executors", "it")];

/// The parallelism of the operator.
fn work(host: &Host, job: &str) -> u32 {
    host.parallelism(job)[1]
}

/// What the operator was told when the plugin allowed nothing.
fn vetoed(host: &Host) -> String {
    host.events("with", "ScalingVetoed")[0].event.message.clone()
}

/// No pass of either job failed.
fn assert_sound(host: &Host) {
    for job in ["with", "without"] {
        let errors: Vec<_> = host.records(job).iter().filter_map(|record| record.error.clone()).collect();
        assert_eq!(errors, [""; 0], "{job}");
    }
}

/// What `tidegate replay` prints of a golden trace, and what it warns of.
fn replayed(arguments: &[&str]) -> (String, String) {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/ramp.jsonl.gz");
    let mut command = Command::new(binary().unwrap());
    let ran = command.args(["replay", "--json"]).arg(trace).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(ran.status.success(), "{}", text(ran.stderr));
    (text(ran.stdout), text(ran.stderr))
}

/// The largest upper bound that Flink was asked for.
fn most(replayed: &str) -> u64 {
    let passes = replayed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let puts = passes.flat_map(|pass| pass["put"].as_object().cloned().unwrap_or_default());
    puts.map(|(_, bounds)| bounds["upper"].as_u64().unwrap()).max().unwrap_or_default()
}

#[test]
#[ignore = "builds the daemon"]
fn examples_take_part_in_a_replay_where_options_choose_them() {
    let filter = format!("com.example.Bounds={}", env!("TIDEGATE_BOUNDS_BY_NAME"));
    let evaluator = format!("floors={}", env!("TIDEGATE_FLOORS_BY_TIME"));
    let plugins = ["--plugin", filter.as_str(), "--plugin", evaluator.as_str()];
    let (alone, _) = replayed(&[]);
    let (idle, warned) = replayed(&plugins);
    assert_eq!(idle, alone, "nobody has chosen them");
    assert_eq!(warned.lines().filter(|line| line.starts_with("warning: no job has chosen the plugin `")).count(), 2);
    assert!(most(&alone) > 3, "{}", most(&alone));

    let options = [
        "scaling.custom-executors=it",
        "scaling.custom-executor.it.class=com.example.Bounds",
        "scaling.custom-executor.it.bounds=*=..3",
    ];
    let options = options.map(|option| format!("job.autoscaler.{option}"));
    let options: Vec<&str> = options.iter().flat_map(|option| ["--option", option.as_str()]).collect();
    let (bounded, warned) = replayed(&[&plugins[..2], &options].concat());
    assert!(most(&bounded) <= 3 && warned.is_empty(), "{} {warned}", most(&bounded));
    // What takes part helps both policies.
    let against = ["--against", "bundled:default-policy", "--check"];
    replayed(&[&plugins[..2], &options, &against].concat());
}

#[tokio::test]
async fn bounds_by_name_hold_a_vertex_within_its_own() {
    let options = [
        FILTER[0],
        ("scaling.custom-executor.it.class", "bounds-by-name"),
        ("scaling.custom-executor.it.bounds", "Source: *=1..8; w*k=..3"),
    ];
    let plugins = [("bounds-by-name", Role::Filter, env!("TIDEGATE_BOUNDS_BY_NAME"))];
    let mut host = side_by_side(|name| job(name, Load::Constant(500.0)), &plugins, &options).await;
    host.passes(PASSES).await;
    assert!(work(&host, "with") == 3 && work(&host, "without") > 3, "{}", work(&host, "without"));
    // It would be more still: what is at its bound is let be, and not asked for again.
    host.passes(PASSES).await;
    assert_eq!((work(&host, "with"), host.puts("with").len()), (3, 1));
    assert_sound(&host);
}

#[tokio::test]
async fn a_restart_budget_ends_the_restarts_of_a_day() {
    let options = [
        FILTER[0],
        ("scaling.custom-executor.it.class", "restart-budget"),
        ("scaling.custom-executor.it.per-day", "2"),
        ("history.max.count", "10"),
    ];
    let plugins = [("restart-budget", Role::Filter, env!("TIDEGATE_RESTART_BUDGET"))];
    let steps = [(0, 100.0), (150, 300.0), (300, 600.0), (450, 1000.0), (600, 1500.0)];
    let load = Load::Steps(steps.map(|(seconds, rate)| (Duration::from_secs(seconds), rate)).to_vec());
    let mut host = side_by_side(|name| job(name, load.clone()), &plugins, &options).await;
    host.passes(75).await;
    assert_eq!(host.puts("with").len(), 2);
    assert!(host.puts("without").len() > 2, "{:?}", host.puts("without"));
    assert!(work(&host, "with") < work(&host, "without"));
    assert_eq!(vetoed(&host), "Scaling vetoed by it: 2 restarts in 24 hours, 2 are allowed");
    assert_sound(&host);
}

#[tokio::test]
async fn a_restart_budget_that_nobody_remembers_is_an_error() {
    let options = [
        FILTER[0],
        ("scaling.custom-executor.it.class", "restart-budget"),
        ("scaling.custom-executor.it.per-day", "5"),
    ];
    let plugins = [("restart-budget", Role::Filter, env!("TIDEGATE_RESTART_BUDGET"))];
    let mut host = side_by_side(|name| job(name, Load::Constant(500.0)), &plugins, &options).await;
    host.passes(PASSES).await;
    let error = host.last("with").error.clone().unwrap();
    assert!(error.contains("`job.autoscaler.history.max.count` is 3"), "{error}");
    assert_eq!((host.puts("with").len(), host.puts("without").len()), (0, 1));
}

#[tokio::test]
async fn a_floor_is_under_the_load_while_its_hours_last() {
    // The simulated time begins on a Monday at 06:23.
    let options = [
        ("metrics.custom-evaluators", "it"),
        ("metrics.custom-evaluator.it.class", "floors-by-time"),
        ("metrics.custom-evaluator.it.floors", "Mon-Fri 06:30-06:40 500; Sat 00:00-24:00 9000"),
    ];
    let plugins = [("floors-by-time", Role::Evaluator, env!("TIDEGATE_FLOORS_BY_TIME"))];
    let shape = |name: &str| job(name, Load::Constant(100.0)).configured("job.autoscaler.scale-down.interval", "1min");
    let mut host = side_by_side(shape, &plugins, &options).await;
    host.passes(6 * 6).await;
    assert_eq!((work(&host, "with"), work(&host, "without")), (1, 1), "before 06:30");
    host.passes(6 * 6).await;
    assert_eq!((work(&host, "with"), work(&host, "without")), (4, 1), "after 06:30");
    host.passes(10 * 6).await;
    assert_eq!((work(&host, "with"), work(&host, "without")), (1, 1), "after 06:40");
    assert_sound(&host);
}

#[tokio::test]
async fn a_cost_cap_cuts_what_the_whole_job_may_have() {
    // Source and operator share slots: the operator's are all that is paid for.
    let options = [
        FILTER[0],
        ("scaling.custom-executor.it.class", "cost-cap"),
        ("scaling.custom-executor.it.slot-price", "0.5"),
        ("scaling.custom-executor.it.most", "1.6"),
    ];
    let plugins = [("cost-cap", Role::Filter, env!("TIDEGATE_COST_CAP"))];
    let mut host = side_by_side(|name| job(name, Load::Constant(700.0)), &plugins, &options).await;
    host.passes(PASSES).await;
    assert!(work(&host, "with") == 3 && work(&host, "without") >= 5, "{}", work(&host, "without"));
    host.passes(PASSES).await;
    assert_eq!((work(&host, "with"), host.puts("with").len()), (3, 1));
    assert_eq!(vetoed(&host), "Scaling vetoed by it: an hour of it may cost 1.6, which 3 slots do");
    assert_sound(&host);
}

#[tokio::test]
async fn splits_are_spread_evenly_whoever_tells_how_many_there_are() {
    // The host is told of 128 partitions, which eight subtasks share evenly. Of 14 splits they would have two at most, as
    // seven have. It is the number of key groups that says so here: any metric can.
    let plugins = [("split-limit", Role::Aligner, env!("TIDEGATE_SPLIT_LIMIT"))];
    for (key, value) in [("metric", "MAX_PARALLELISM"), ("splits", "14")] {
        let key = format!("scaling.parallelism-alignment.mode.it.{key}");
        let options = [
            ("scaling.parallelism-alignment.mode", "it"),
            ("scaling.parallelism-alignment.mode.it.class", "split-limit"),
            (&key, value),
        ];
        let shape = |name: &str| {
            let source = VertexShape::source("files", 100.0, 128, Load::Constant(350.0)).max_parallelism(14);
            JobShape::new(name).with(source).with(VertexShape::operator("work", 2000.0).input(0, Hash, 1.0))
        };
        let mut host = side_by_side(shape, &plugins, &options).await;
        host.passes(PASSES).await;
        let source = |job| host.parallelism(job)[0];
        assert_eq!((source("with"), source("without")), (7, 8), "{key}");
        assert_sound(&host);
    }
}

#[tokio::test]
async fn a_forecast_has_capacity_before_the_wave_rises() {
    const HOURS: u64 = 3;
    // The wave begins at its mean, as the simulated time begins at 06:23, and is at its peak six hours later.
    let day = Load::Daily { mean: 1000.0, swing: 900.0, period: Duration::from_secs(24 * 3600) };
    let options = [
        ("metrics.custom-evaluators", "it"),
        ("metrics.custom-evaluator.it.class", "daily-forecast"),
        ("metrics.custom-evaluator.it.peak-at", "12:23"),
        ("metrics.custom-evaluator.it.trough", "0.0526"),
        ("metrics.custom-evaluator.it.lead", "180"),
    ];
    let plugins = [("daily-forecast", Role::Evaluator, env!("TIDEGATE_DAILY_FORECAST"))];
    // What comes in at first is two thirds of what the operator can do.
    let shape = |name: &str| {
        let source = VertexShape::source("orders", 20_000.0, 16, day.clone());
        JobShape::new(name).with(source).with(VertexShape::operator("work", 100.0).input(0, Hash, 1.0).parallelism(15))
    };
    let mut host = side_by_side(shape, &plugins, &options).await;
    host.passes(PASSES).await;
    let later = day.rate(Duration::from_secs(HOURS * 3600));
    let capacity = |host: &Host, job| f64::from(work(host, job)) * 100.0;
    assert!(capacity(&host, "with") > later && capacity(&host, "without") < later, "{later}");

    // As if all that time had passed at once: one has to catch up and to be rescaled, the other is ready.
    let (with, without) = (host.puts("with").len(), host.puts("without").len());
    for job in ["with", "without"] {
        host.cluster.set_load(host.job(job), &Load::Constant(later)).unwrap();
    }
    host.passes(3).await;
    assert!(host.lag("with") < 100.0 && host.lag("without") > 1000.0, "{} {}", host.lag("with"), host.lag("without"));
    host.passes(PASSES).await;
    assert_eq!((host.puts("with").len() - with, host.puts("without").len() - without), (0, 1));
    assert_sound(&host);
}
