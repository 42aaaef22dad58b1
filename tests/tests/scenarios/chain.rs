//! Evaluators, aligners and filters around a policy: what they may do, and what none of them can break.

use std::sync::Arc;

use tidegate::control::{DecisionRecord, Stage};
use tidegate::model::Verdict;
use tidegate::policy::Policy;
use tidegate::simulate::JobShape;
use tidegate_tests::host::{Host, Scenario, bundled_policy, hostile_policy, test_extensions};
use tidegate_tests::native::NativePolicy;

use crate::log::Log;
use crate::short_of_three;

/// Passes until the window is full and a job is scaled.
const PASSES: usize = 7;

const EVALUATOR: [(&str, &str); 2] =
    [("metrics.custom-evaluators", "mine"), ("metrics.custom-evaluator.mine.class", "forecast")];
const ALIGNER: [(&str, &str); 2] =
    [("scaling.parallelism-alignment.mode", "mine"), ("scaling.parallelism-alignment.mode.mine.class", "multiples")];
const FILTER: [(&str, &str); 2] = [("scaling.custom-executors", "mine"), ("scaling.custom-executor.mine.class", "cap")];

/// A job that needs more subtasks, and names plugins in its options.
fn job(name: &str, options: &[(&str, &str)]) -> JobShape {
    options
        .iter()
        .fold(short_of_three(name), |shape, (key, value)| shape.configured(format!("job.autoscaler.{key}"), *value))
}

/// A job of that kind beside one that names nothing, until both should have been scaled.
async fn beside_a_plain_one(kind: [(&str, &str); 2], parameter: (&str, &str)) -> Host {
    let options = [kind[0], kind[1], parameter];
    let scenario = Scenario::of([job("extended", &options), short_of_three("plain")]);
    let mut host = scenario.extensions(test_extensions(&[]).await).start().await;
    host.passes(PASSES).await;
    assert_eq!(host.puts("plain").len(), 1, "the other job is scaled as ever");
    assert!(host.records("plain").iter().all(|record| record.error.is_none() && record.extensions.is_empty()));
    host
}

/// The target of the operator after the last pass; none if nothing is held.
fn target(host: &Host, name: &str) -> Option<u32> {
    let vertex = decided(host, name).topology.as_ref().unwrap().vertices[1].id;
    host.last(name).targets.get(&vertex).copied()
}

/// The last pass that evaluated: a job that has just been rescaled may not run, or begins with a new window.
fn decided<'h>(host: &'h Host, name: &str) -> &'h DecisionRecord {
    let decided = host
        .records(name)
        .into_iter()
        .rfind(|record| record.decision.as_ref().is_some_and(|it| !it.evaluated.is_empty()));
    decided.unwrap_or_else(|| host.last(name))
}

fn evaluated(record: &DecisionRecord, metric: &str) -> Vec<(f64, f64)> {
    let decision = record.decision.as_ref().unwrap();
    let column = decision.evaluated.iter().find(|column| column.metric == metric).unwrap();
    let value = |values: &Vec<f64>, vertex: usize| values.get(vertex).copied().unwrap_or(f64::NAN);
    (0..2).map(|vertex| (value(&column.current, vertex), value(&column.average, vertex))).collect()
}

/// That nothing was done to a job, and that the operator is told why.
fn assert_failed(host: &Host, words: &str) {
    let last = host.last("extended");
    let error = last.error.as_deref().unwrap_or("nothing");
    assert_eq!(last.stage, Stage::Executing, "{error}");
    assert!(error.contains(words), "`{words}` is not in `{error}`");
    assert_eq!(host.puts("extended"), [], "{words}");
    assert!(last.targets.is_empty(), "{words}");
    assert_eq!(host.events("extended", "ScalingReport"), [], "{words}");
    assert!(!host.events("extended", "AutoscalerError").is_empty(), "{words}");
}

#[tokio::test]
async fn an_evaluator_moves_the_target_of_its_job_and_of_all_vertices_after() {
    let host = beside_a_plain_one(EVALUATOR, ("metrics.custom-evaluator.mine.rate", "2000")).await;
    let record = decided(&host, "extended");
    let targets = evaluated(record, "TARGET_DATA_RATE");
    assert_eq!(targets[0].1, 2000.0);
    assert!((1900.0..2100.0).contains(&targets[1].1), "{targets:?}");
    assert!(target(&host, "extended") > target(&host, "plain"));
    let used: Vec<_> = record.extensions.iter().map(|it| (it.role, it.name.as_str(), it.plugin.as_str())).collect();
    assert_eq!(used, [("evaluator", "mine", "forecast")]);
}

#[tokio::test]
async fn an_evaluator_sees_what_has_been_evaluated_and_its_own_word_on_it() {
    let options = [
        EVALUATOR[0],
        EVALUATOR[1],
        ("metrics.custom-evaluator.mine.rate", "2000"),
        ("metrics.custom-evaluator.mine.act", "echo"),
    ];
    let scenario = Scenario::of([job("extended", &options)]).extensions(test_extensions(&[]).await);
    let mut host = scenario.start().await;
    host.passes(3).await;
    let record = host.last("extended");
    assert_eq!(record.stage, Stage::WindowNotFull, "also before the window is full");
    assert_eq!(evaluated(record, "LAG")[1], (2000.0, 10_000.0), "the source's target, and the restart time");
    // Ten metrics of its own: a lag has only the source. None of a vertex that does not exist.
    assert_eq!(evaluated(record, "MAX_PARALLELISM")[1].1, 10.0);
}

#[tokio::test]
async fn an_evaluators_own_metric_reaches_the_aligner_the_filters_and_the_record() {
    let by = [
        EVALUATOR[0],
        EVALUATOR[1],
        ("metrics.custom-evaluator.mine.act", "own"),
        ALIGNER[0],
        ALIGNER[1],
        ("scaling.parallelism-alignment.mode.mine.act", "by"),
        ("scaling.parallelism-alignment.mode.mine.by", "MY_METRIC"),
    ];
    let vetoed = [&by[..], &FILTER, &[("scaling.custom-executor.mine.act", "tell-own")]].concat();
    let jobs = [job("extended", &by), job("vetoed", &vetoed), short_of_three("plain")];
    let mut host = Scenario::of(jobs).extensions(test_extensions(&[]).await).start().await;
    host.passes(PASSES).await;
    assert_eq!(target(&host, "extended"), Some(11), "what the evaluator says of the vertex");
    let own = evaluated(decided(&host, "extended"), "MY_METRIC");
    assert_eq!(own[1], (11.0, 0.123), "rounded as all metrics are");
    assert!(own[0].0 == 3.0 && own[0].1.is_nan(), "{own:?}");
    assert!(!host.state("extended").await["scalingHistory"].contains("MY_METRIC"), "Java could not read it");
    let vetoes = host.events("vetoed", "ScalingVetoed");
    assert_eq!(vetoes[0].event.message, "Scaling vetoed by mine: [3.0, 11.0] [NaN, 0.123]");
    assert_eq!(host.puts("plain").len(), 1);
}

#[tokio::test]
async fn an_evaluator_that_fails_changes_nothing() {
    for (act, words) in [
        ("trap", "it failed: trapped"),
        ("spin", "it failed: ran past its deadline of 200ms"),
        ("decline", "it has no answer: the oracle is silent"),
        ("nameless", "a metric's name has 0 bytes, 1 to 100 are taken"),
        ("too-many", "it has 101 metrics of one vertex, 100 may be given"),
        ("nan", ""),
        ("unknown", ""),
    ] {
        let (log, _guard) = Log::listen();
        let host = beside_a_plain_one(EVALUATOR, ("metrics.custom-evaluator.mine.act", act)).await;
        let records = host.records("extended");
        assert!(records.iter().all(|record| record.error.is_none()), "{act}");
        assert_eq!(host.puts("extended").len(), 1, "{act}");
        assert_eq!(target(&host, "extended"), target(&host, "plain"), "{act}");
        let lines = log.lines("custom metrics");
        assert_eq!(lines.is_empty(), words.is_empty(), "{act}: {lines:?}");
        assert!(lines.iter().all(|line| line.contains(words) && line.contains("plugin=\"forecast\"")), "{lines:?}");
    }
}

#[tokio::test]
async fn an_evaluator_of_nonsense_is_held_within_the_bounds() {
    let host = beside_a_plain_one(EVALUATOR, ("metrics.custom-evaluator.mine.act", "infinite")).await;
    assert_eq!(target(&host, "extended"), Some(64), "max parallelism");
    assert!(!host.cluster.is_dead());
}

#[tokio::test]
async fn an_aligner_chooses_the_parallelism() {
    let parameter = ("scaling.parallelism-alignment.mode.mine.multiple", "7");
    let host = beside_a_plain_one(ALIGNER, parameter).await;
    assert_eq!(target(&host, "extended").map(|target| target % 7), Some(0));
    let used: Vec<_> = host.last("extended").extensions.iter().map(|it| (it.role, it.plugin.as_str())).collect();
    assert_eq!(used, [("aligner", "multiples")]);
    let parameter = ("scaling.parallelism-alignment.mode.mine.act", "not-mine");
    let host = beside_a_plain_one(ALIGNER, parameter).await;
    assert!(target(&host, "extended").is_some(), "the target stays as it is");
}

#[tokio::test]
async fn an_aligner_that_fails_fails_the_pass() {
    for (act, words) in [
        ("trap", "aligner `multiples`: it failed: trapped"),
        ("spin", "aligner `multiples`: it failed: ran past its deadline of 200ms"),
        ("decline", "aligner `multiples`: it has no answer: it does not go"),
        ("zero", "The parallelism should be greater than 0."),
        ("huge", "4000000000 is no parallelism"),
    ] {
        let host = beside_a_plain_one(ALIGNER, ("scaling.parallelism-alignment.mode.mine.act", act)).await;
        assert_failed(&host, words);
    }
}

#[tokio::test]
async fn a_filter_modifies_what_is_done_told_and_remembered() {
    let host = beside_a_plain_one(FILTER, ("scaling.custom-executor.mine.cap", "2")).await;
    assert!(target(&host, "plain") > Some(2));
    assert_eq!(target(&host, "extended"), Some(2));
    let reports = host.events("extended", "ScalingReport");
    assert!(reports[0].event.message.contains("Parallelism 1 -> 2 |"), "{}", reports[0].event.message);
    assert_eq!(host.events("extended", "ScalingFiltered"), [], "the policy asked: there is nothing to add");
    assert!(host.state("extended").await["scalingHistory"].contains("\"newParallelism\":2"));
}

#[tokio::test]
async fn a_veto_leaves_everything_as_it_is() {
    for (parameter, words) in [
        (("scaling.custom-executor.mine.veto", "it is night"), "Scaling vetoed by mine: it is night"),
        (("scaling.custom-executor.mine.act", "nothing"), "Scaling vetoed by mine"),
        (("scaling.custom-executor.mine.act", "as-it-is"), "Scaling vetoed by mine"),
    ] {
        let mut host = beside_a_plain_one(FILTER, parameter).await;
        host.passes(2).await;
        assert_eq!((host.puts("extended"), target(&host, "extended")), (Vec::new(), None));
        let last = host.last("extended");
        assert_eq!((last.stage, &last.error), (Stage::Executed, &None));
        let vetoes = host.events("extended", "ScalingVetoed");
        assert_eq!(vetoes.len(), 1, "once in the interval: {vetoes:?}");
        assert_eq!(vetoes[0].event.message, words);
        assert_eq!(vetoes[0].event.message_key.as_deref(), Some("ScalingVetoed:mine"));
        assert_eq!(host.events("extended", "ScalingReport"), []);
        assert!(!host.state("extended").await.contains_key("scalingHistory"));
    }
}

#[tokio::test]
async fn a_filter_sees_the_changes_and_what_was_evaluated() {
    let host = beside_a_plain_one(FILTER, ("scaling.custom-executor.mine.act", "tell")).await;
    let vetoes = host.events("extended", "ScalingVetoed");
    let plain = target(&host, "plain").unwrap();
    assert_eq!(vetoes[0].event.message, format!("Scaling vetoed by mine: [(1, {plain})] for 500"));
}

#[tokio::test]
async fn filters_of_one_priority_are_asked_in_the_order_of_their_names_in_the_list() {
    for (order, expected) in [("triple; two", 2), ("two; triple", 6)] {
        let options = [
            ("scaling.custom-executors", order),
            ("scaling.custom-executor.triple.class", "cap"),
            ("scaling.custom-executor.triple.times", "3"),
            ("scaling.custom-executor.two.class", "cap"),
            ("scaling.custom-executor.two.cap", "2"),
        ];
        let scenario = Scenario::of([job("extended", &options)]).extensions(test_extensions(&[]).await);
        let mut host = scenario.start().await;
        host.passes(PASSES).await;
        assert_eq!(target(&host, "extended"), Some(expected), "{order}");
    }
}

#[tokio::test]
async fn nothing_that_a_job_configures_goes_past_the_operators_filter() {
    let options = [FILTER[0], FILTER[1], ("scaling.custom-executor.mine.times", "3")];
    // What the operator's filter is to do is among the job's own options only because the test's filter is so made.
    let shape = job("extended", &options).configured("cap", "2");
    let scenario = Scenario::of([shape, short_of_three("plain")]);
    let mut host = scenario.extensions(test_extensions(&["simulated/ext*"]).await).start().await;
    host.passes(PASSES).await;
    assert_eq!(target(&host, "extended"), Some(2));
    let used: Vec<_> = host.last("extended").extensions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(used, ["mine", "cap"]);
    assert!(target(&host, "plain") > Some(2), "a job that does not match");
}

#[tokio::test]
async fn a_filter_that_fails_fails_the_pass() {
    for (act, words) in [
        ("trap", "filter `cap`: it failed: trapped"),
        ("spin", "filter `cap`: it failed: ran past its deadline of 200ms"),
        ("decline", "filter `cap`: it has no answer: not at home"),
        ("stranger", "filter `cap` names vertex 99, which the job does not have"),
        ("zero", "filter `cap` asks for parallelism 0 of vertex"),
        ("huge", "filter `cap` asks for parallelism 4000000000 of vertex"),
        ("twice", "twice"),
    ] {
        let host = beside_a_plain_one(FILTER, ("scaling.custom-executor.mine.act", act)).await;
        assert_failed(&host, words);
    }
}

#[tokio::test]
async fn a_filter_cannot_go_beyond_the_guard_rails() {
    let host = beside_a_plain_one(FILTER, ("scaling.custom-executor.mine.act", "million")).await;
    assert_eq!(target(&host, "extended"), Some(64), "max parallelism");
    assert!(!host.cluster.is_dead());
}

/// A policy that scales every vertex to 2 and asks nobody, before a filter of the operator.
async fn past_a_filter(key: &str, value: &str) -> Host {
    let shape = short_of_three("extended").configured(key, value).configured("hostile.until", "0");
    let scenario = Scenario::of([shape, short_of_three("plain")]).policy("extended", hostile_policy());
    let mut host = scenario.extensions(test_extensions(&["simulated/extended"]).await).start().await;
    host.passes(PASSES).await;
    assert_eq!(host.puts("plain").len(), 1);
    host
}

#[tokio::test]
async fn a_policy_that_asks_nobody_is_filtered_by_the_host() {
    let host = past_a_filter("times", "3").await;
    assert_eq!(target(&host, "extended"), Some(6));
    let told = host.events("extended", "ScalingFiltered");
    assert_eq!(told[0].event.message, "Filters changed what the policy decided: Source: log 1->6, work 1->6");

    let mut host = past_a_filter("veto", "not here").await;
    host.pass().await;
    assert_eq!((host.puts("extended"), target(&host, "extended")), (Vec::new(), None));
    let last = host.last("extended");
    let Verdict::Hold { reason } = &last.decision.as_ref().unwrap().verdict else { panic!("{last:?}") };
    assert_eq!((last.stage, &last.error, reason.as_str()), (Stage::Executed, &None, "Scaling vetoed by cap: not here"));
    assert_eq!(host.events("extended", "ScalingVetoed").len(), 1);

    let host = past_a_filter("act", "spin").await;
    assert_failed(&host, "filter `cap`: it failed: ran past its deadline of 200ms");

    let host = past_a_filter("act", "").await;
    assert_eq!(target(&host, "extended"), Some(2), "what the filter lets through stays as it is");
    assert_eq!(host.events("extended", "ScalingFiltered"), []);
}

#[tokio::test]
async fn plugins_that_are_not_there_are_left_out_and_said_once() {
    let options = [
        ("metrics.custom-evaluators", "a"),
        ("metrics.custom-evaluator.a.class", "com.example.Gone"),
        ("scaling.parallelism-alignment.mode", "b"),
        ("scaling.custom-executors", "c"),
        ("scaling.custom-executor.c.class", "multiples"),
    ];
    let (log, _guard) = Log::listen();
    let mut host = Scenario::of([job("extended", &options), short_of_three("plain")]).start().await;
    host.passes(PASSES).await;
    assert_eq!(target(&host, "extended"), target(&host, "plain"));
    let lines = log.lines("extension is missing");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("there is no such plugin as com.example.Gone"), "{lines:?}");
}

#[tokio::test]
async fn a_component_and_native_code_decide_the_same_with_extensions() {
    let options = [
        EVALUATOR[0],
        EVALUATOR[1],
        ("metrics.custom-evaluator.mine.rate", "1234.5678"),
        ALIGNER[0],
        ALIGNER[1],
        ("scaling.parallelism-alignment.mode.mine.multiple", "7"),
        FILTER[0],
        FILTER[1],
        ("scaling.custom-executor.mine.cap", "13"),
    ];
    let run = async |policy: Arc<dyn Policy>| {
        let scenario = Scenario::of([job("extended", &options)]).policy("extended", policy);
        let mut host = scenario.extensions(test_extensions(&["*/extended"]).await).start().await;
        host.passes(PASSES + 5).await;
        let decisions: Vec<_> = host.records("extended").into_iter().map(|record| record.decision.clone()).collect();
        (format!("{decisions:?}"), host.state("extended").await, target(&host, "extended"))
    };
    let (component, native) = (run(bundled_policy()).await, run(Arc::new(NativePolicy)).await);
    assert_eq!(component, native);
    assert_eq!(component.2, Some(13));
}
