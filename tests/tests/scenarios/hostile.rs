//! Policies that misbehave: each is stopped by a limit or a guard rail, and harms nobody but its own job.

use std::time::Duration;

use tidegate::control::Stage;
use tidegate_tests::host::{Host, INTERVAL, START, Scenario, hostile_policy, hostile_policy_within};

use crate::log::Log;
use crate::short_of_three;

/// Passes until the window of the bundled policy is full and its job is scaled.
const PASSES: usize = 7;

/// A job under the hostile policy beside one under the bundled policy, whose pace nothing may change: so many passes
/// in which the hostile policy misbehaves, and one more in which it is well again.
async fn misbehaving(act: &str, passes: usize) -> Host {
    let until = START.plus(INTERVAL * (passes as u32 + 1)).as_millis();
    let victim = short_of_three("victim").configured("hostile.act", act).configured("hostile.until", until.to_string());
    let scenario = Scenario::of([victim, short_of_three("orders")]).policy("victim", hostile_policy());
    let mut host = scenario.start().await;
    host.passes(passes + 1).await;
    host
}

/// As long as the bundled policy takes to scale its job; and that it does so, that nothing is done to the other job
/// meanwhile, and that it is scaled as soon as its policy is well again.
async fn harmless(act: &str) -> Host {
    let host = misbehaving(act, PASSES).await;
    let orders = host.records("orders");
    assert_eq!(orders.len(), PASSES + 1, "{act}");
    assert!(orders.iter().all(|record| record.error.is_none()), "{act}");
    assert_eq!(host.puts("orders").len(), 1, "{act}: the other job is scaled as ever");
    assert!(host.parallelism("orders")[1] >= 3, "{act}");

    let (last, failed) = host.records("victim").split_last().map(|(last, rest)| (*last, rest.to_vec())).unwrap();
    assert_eq!(failed.len(), PASSES, "{act}");
    assert!(failed.iter().all(|record| record.targets.is_empty()), "{act}: nothing is to be held");
    assert_eq!((last.stage, &last.error), (Stage::Executed, &None), "{act}: it works again");
    assert_eq!(host.puts("victim").len(), 1, "{act}: nothing was asked for before");
    assert_eq!(host.puts("victim")[0].at, host.now(), "{act}");
    assert!(!host.cluster.is_dead());
    host
}

/// That every pass but the last one failed with `words`, and that the operator is told.
fn assert_refused(host: &Host, words: &str) {
    let records = host.records("victim");
    let (_, failed) = records.split_last().unwrap();
    for record in failed {
        let error = record.error.as_deref().unwrap_or("nothing");
        assert_eq!(record.stage, Stage::Executing, "{error}");
        assert!(error.contains(words), "`{words}` is not in `{error}`");
        assert!(error.len() < 10_000, "an error is not a dump");
    }
    let events = host.events("victim", "AutoscalerError");
    // An event begins as a sentence does.
    let words = words.to_lowercase();
    assert!(events.iter().any(|event| event.event.message.to_lowercase().contains(&words)), "{events:?}");
}

#[tokio::test]
async fn a_policy_that_spins_is_stopped_at_its_deadline() {
    let host = harmless("spin").await;
    assert_refused(&host, "policy `hostile` failed: nothing is changed in this pass: ran past its deadline of 500ms");
}

/// On one thread: a guest that held it would hold up everything.
#[tokio::test]
async fn while_one_policy_spins_other_jobs_have_pass_after_pass() {
    let victim = short_of_three("victim").configured("hostile.act", "spin");
    let policy = hostile_policy_within(Duration::from_secs(3));
    let mut host = Scenario::of([victim, short_of_three("orders")]).policy("victim", policy).start().await;
    for _ in 0..8 {
        host.begin_pass().await;
        host.finish_all_but(1).await;
    }
    assert_eq!((host.records("orders").len(), host.records("victim").len()), (8, 0));
    assert_eq!(host.puts("orders").len(), 1);
    host.finish_all_but(0).await;
    assert!(host.last("victim").error.as_ref().unwrap().contains("deadline of 3s"));
}

/// More of them than there are threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_several_policies_spin_other_jobs_have_pass_after_pass() {
    let victims = (0..8).map(|number| short_of_three(&format!("victim{number}")).configured("hostile.act", "spin"));
    let policy = hostile_policy_within(Duration::from_secs(10));
    let scenario = Scenario::of(victims.chain([short_of_three("orders")]));
    let mut host = (0..8)
        .fold(scenario, |scenario, number| scenario.policy(&format!("victim{number}"), policy.clone()))
        .start()
        .await;
    for _ in 0..8 {
        host.begin_pass().await;
        host.finish_all_but(8).await;
    }
    assert_eq!((host.records("orders").len(), host.records("victim0").len()), (8, 0));
}

#[tokio::test]
async fn a_policy_that_spins_over_the_options_is_stopped_at_its_deadline() {
    let (log, _guard) = Log::listen();
    let host = misbehaving("spin-on-options", 1).await;
    assert!(!log.lines("options could not be checked").is_empty());
    assert_eq!(host.records("orders").len(), 2);
}

#[tokio::test]
async fn a_policy_that_hoards_memory_is_stopped_by_its_limit() {
    assert_refused(&harmless("hoard").await, "asked for more memory than its limit of 64 MiB");
}

/// What the host hands over lies in the guest's memory, and counts there.
#[tokio::test]
async fn a_policy_that_keeps_every_answer_of_the_host_is_stopped_by_its_memory() {
    let victim = short_of_three("victim")
        .configured("hostile.act", "hoard-answers")
        .configured("hostile.bulk", "x".repeat(256 << 10));
    let policy = hostile_policy_within(Duration::from_secs(20));
    let mut host = Scenario::of([victim, short_of_three("orders")]).policy("victim", policy).start().await;
    host.passes(2).await;
    assert_refused(&host, "asked for more memory than its limit of 64 MiB");
    assert!(host.records("orders").iter().all(|record| record.error.is_none()));
}

/// The host is in the middle of an answer, and the guest, asked for room for it, calls the host.
#[tokio::test]
async fn a_policy_that_calls_the_host_from_within_an_answer_is_stopped() {
    assert_refused(&harmless("call-back").await, "trapped: wasm trap: cannot leave component instance");
}

#[tokio::test]
async fn a_policy_that_takes_no_answer_is_stopped_at_its_deadline() {
    assert_refused(&misbehaving("spin-in-an-answer", 1).await, "ran past its deadline of 500ms");
}

/// On one thread: nothing of the host waits while the guest is handed something.
#[tokio::test]
async fn while_one_policy_takes_no_answer_other_jobs_have_pass_after_pass() {
    let victim = short_of_three("victim").configured("hostile.act", "spin-in-an-answer");
    let policy = hostile_policy_within(Duration::from_secs(3));
    let mut host = Scenario::of([victim, short_of_three("orders")]).policy("victim", policy).start().await;
    for _ in 0..8 {
        host.begin_pass().await;
        host.finish_all_but(1).await;
    }
    assert_eq!((host.records("orders").len(), host.records("victim").len()), (8, 0));
}

#[tokio::test]
async fn a_policy_that_panics_fails_the_pass_and_its_words_are_logged() {
    let (log, _guard) = Log::listen();
    assert_refused(&harmless("panic").await, "trapped: wasm trap: wasm `unreachable` instruction executed");
    let lines = log.lines("on purpose");
    assert_eq!(lines.len(), PASSES);
    assert!(lines[0].contains("plugin=\"hostile\""), "{}", lines[0]);
}

#[tokio::test]
async fn a_policy_that_recurses_without_end_is_stopped() {
    // Which end is met first depends on where the guest keeps what it needs: in its memory, or in registers.
    assert_refused(&harmless("recurse").await, "out of bounds memory access");
    assert_refused(&harmless("exhaust").await, "ran out of its stack of 512 KiB");
}

#[tokio::test]
async fn a_policy_that_exits_fails_the_pass() {
    assert_refused(&harmless("exit").await, "exited instead of answering");
}

#[tokio::test]
async fn a_policy_that_waits_is_stopped_at_its_deadline_as_well() {
    for act in ["sleep", "ask-without-end"] {
        assert_refused(&misbehaving(act, 1).await, "ran past its deadline of 500ms");
    }
}

#[tokio::test]
async fn a_policy_cannot_answer_differently_each_time() {
    let observed = || async {
        let host = misbehaving("gamble", 2).await;
        host.records("victim").iter().map(|record| record.decision.clone()).collect::<Vec<_>>()
    };
    let (once, again) = (observed().await, observed().await);
    let words = format!("{once:?}");
    assert!(words.contains("environment [] []") && words.contains("files false false"), "{words}");
    assert!(words.contains("network Err(") && words.contains("input Some(0)"), "{words}");
    assert_eq!(format!("{again:?}"), words, "the same passes, the same answers");
}

#[tokio::test]
async fn a_policy_that_logs_without_end_is_stopped_and_the_log_is_cut() {
    for act in ["log", "log-nothing", "print"] {
        let (log, _guard) = Log::listen();
        let host = misbehaving(act, 2).await;
        assert_refused(&host, "ran past its deadline");
        assert_eq!(host.last("victim").error, None, "{act}: it works again");
        let lines = log.lines("plugin=\"hostile\"").len();
        assert!((500..1500).contains(&lines), "{act}: {lines} lines");
        assert_eq!(log.lines("plugin logged more than its limit").len(), 2, "{act}");
    }
}

#[tokio::test]
async fn targets_that_cannot_be_meant_are_refused() {
    for (act, words) in [
        ("scale-a-stranger", "the policy names vertex ffffffffffffffffffffffffffffffff, which the job does not have"),
        ("scale-nonsense", "gave an answer that breaks the contract: target: "),
        ("scale-to-0", "asks for parallelism 0"),
        ("scale-to-4-billion", "asks for parallelism 4000000000"),
        ("scale-twice", "twice"),
    ] {
        let host = misbehaving(act, PASSES).await;
        for record in &host.records("victim")[5..PASSES] {
            let error = record.error.as_deref().unwrap();
            assert!(error.contains(words), "{act}: {error}");
        }
        assert_eq!(host.puts("victim").len(), 1, "{act}: but for the pass in which it was well again");
    }
}

#[tokio::test]
async fn a_policy_cannot_scale_before_the_window_is_full() {
    let host = misbehaving("scale-anyway", 5).await;
    let early: Vec<_> = host.records("victim").into_iter().take(5).collect();
    assert!(early.iter().all(|record| record.error.as_ref().unwrap().contains("the window is not full")));
    assert_eq!(host.puts("victim").iter().map(|put| put.at).collect::<Vec<_>>(), [host.now()]);
}

#[tokio::test]
async fn a_policy_cannot_bring_in_targets_by_the_state_that_it_keeps() {
    let host = harmless("smuggle-targets").await;
    assert_refused(&host, "the policy changes `parallelismOverrides` in the job's state, which is the host's own");
}

#[tokio::test]
async fn answers_that_break_the_contract_are_refused() {
    for (act, words) in [
        ("say-too-much", "handed more to the host at once than its limit of 8 MiB"),
        ("recommend-too-many", "`recommended` has 3 entries for 2 vertices"),
        ("evaluate-too-few", "`LOAD` has 1 values for 2 vertices"),
        ("tell-too-much", "it has 5000 events, 1000 may be told at once"),
    ] {
        let host = harmless(act).await;
        assert_refused(&host, words);
        assert_eq!(host.events("victim", "AutoscalerError").len(), 1, "{act}");
    }
}

/// NaN stands for "no value" in the contract.
#[tokio::test]
async fn metrics_that_are_no_numbers_are_taken() {
    let host = misbehaving("evaluate-nan", PASSES).await;
    let records = host.records("victim");
    assert!(records.iter().all(|record| record.error.is_none()));
    assert_eq!(host.puts("victim").len(), 1, "its targets are as good as any");
    let evaluated = &records[PASSES - 1].decision.as_ref().unwrap().evaluated[0];
    assert!(evaluated.current[0].is_nan() && evaluated.average[0].is_infinite());
}

#[tokio::test]
async fn a_policy_that_declines_at_length_is_quoted_in_short() {
    let host = harmless("decline").await;
    assert_refused(&host, "no\\nno\\n");
}

#[tokio::test]
async fn options_that_a_policy_refuses_at_length_are_quoted_in_short() {
    let host = misbehaving("rant-on-options", 2).await;
    let events = host.events("victim", "AutoScaler Options Validation");
    assert_eq!(events.len(), 1);
    assert!(events[0].event.message.len() < 10_000);
    assert_eq!(host.puts("victim"), []);
}

#[tokio::test]
async fn a_policy_that_keeps_ever_more_is_stopped() {
    let host = misbehaving("keep-ever-more", 12).await;
    let errors = host.records("victim").into_iter().filter_map(|record| record.error.clone());
    let errors: Vec<String> = errors.collect();
    assert_eq!(errors.len(), 12 - 7, "seven times half a mebibyte and the keys are kept");
    assert!(errors.iter().all(|error| error.contains("bytes in the job's state")), "{errors:?}");
    let bytes: usize = host.state("victim").await.values().map(String::len).sum();
    assert!(bytes < 4 << 20);
}

#[tokio::test]
async fn a_policy_that_tells_ever_more_fills_neither_memory_nor_metrics() {
    let host = misbehaving("tell-ever-more", 6).await;
    let series = host.metrics().lines().filter(|line| line.starts_with("tidegate_events_total")).count();
    assert!(series <= 102, "{series}");
    assert_eq!(host.records("orders").len(), 7);
}
