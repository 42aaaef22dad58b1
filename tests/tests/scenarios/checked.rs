//! What an author is told before an operator would find out: plugins of every role, asked what a daemon would ask first.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tidegate::author::{Checked, Subject, check};
use tidegate::plugin::Runtime;
use tidegate_tests::guests::guest_files;

/// Checks guests of the tests, which are compiled once.
struct Desk {
    folder: TempDir,
    runtime: Runtime,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::with_cache(&folder.path().join("compiled")).unwrap();
        Self { folder, runtime }
    }

    /// Of the guest of a role, with these options.
    async fn check(&self, role: &str, options: &[(&str, &str)]) -> Checked {
        let (_, file) = guest_files().into_iter().find(|(known, _)| *known == role).unwrap();
        self.check_file(file, role, options).await
    }

    async fn check_file(&self, file: &Path, role: &str, options: &[(&str, &str)]) -> Checked {
        let folder = self.folder.path().join("plugin");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(file, folder.join("it.wasm")).unwrap();
        let options: Vec<String> = options.iter().map(|(key, value)| format!("{key:?} = {value:?}")).collect();
        let grant = match role {
            "state-store" => "[grant]\nfs = true\n",
            "event-handler" => "[grant]\nhttp = true\n",
            _ => "",
        };
        let manifest = format!(
            "name = 'it'\nrole = '{role}'\nlang = 'rust'\n[build]\nsteps = [{{ run = ['true'] }}]\n\
             artifact = 'it.wasm'\noutput = 'it.wasm'\n{grant}[test.options]\n{}\n",
            options.join("\n")
        );
        fs::write(folder.join("tidegate-plugin.toml"), manifest).unwrap();
        check(&Subject::find(&folder).unwrap(), &self.runtime).await.unwrap()
    }
}

#[tokio::test]
async fn a_policy_that_does_not_decide_as_it_should_is_told_in_the_words_of_the_host() {
    let desk = Desk::new();
    for (act, expected) in [
        ("panic", "about a job that keeps up: policy `it` failed: nothing is changed in this pass: trapped: "),
        (
            "spin",
            "about a job that keeps up: policy `it` failed: nothing is changed in this pass: ran past its deadline of ",
        ),
        ("scale-to-0", "about a job that keeps up: the policy asks for parallelism 0 of vertex "),
        ("scale-to-4-billion", "about a job that keeps up: the policy asks for parallelism 4000000000 of vertex "),
        (
            "scale-a-stranger",
            "about a job that keeps up: the policy names vertex ffffffffffffffffffffffffffffffff, which ",
        ),
        (
            "evaluate-too-few",
            "about a job that keeps up: policy `it` failed: nothing is changed in this pass: gave an answer ",
        ),
        (
            "scale-anyway",
            "about a job that was just seen first: policy `it` wants to scale although the window is not full",
        ),
        (
            "spin-on-options",
            "check-options: policy `it` failed: nothing is changed in this pass: ran past its deadline of ",
        ),
    ] {
        let checked = desk.check("policy", &[("hostile.act", act)]).await;
        assert_eq!(checked.wrong.len(), 1, "{act}: {:?}", checked.wrong);
        assert!(checked.wrong[0].starts_with(expected), "{act}: {:?}", checked.wrong);
    }
    let well = desk.check("policy", &[("hostile.until", "0")]).await;
    assert!(well.is_good() && well.warnings.is_empty(), "{well:?}");
    let said: Vec<&str> = well.asked.iter().map(|asked| asked.said.as_str()).collect();
    assert!(said[0].starts_with("scale: source 4->2"), "{said:?}");
    assert_eq!(said[3], "hold: too early");
    let declining = desk.check("policy", &[("hostile.act", "unheard-of")]).await;
    assert!(declining.is_good());
    assert!(declining.warnings[0].starts_with("about a job that keeps up: it has no answer: "), "{declining:?}");
}

#[tokio::test]
async fn what_helps_a_policy_is_asked_about_what_one_has_evaluated() {
    let desk = Desk::new();
    let of = |role: &str, key: &str| match role {
        "evaluator" => format!("job.autoscaler.metrics.custom-evaluator.it.{key}"),
        "aligner" => format!("job.autoscaler.scaling.parallelism-alignment.mode.it.{key}"),
        _ => format!("job.autoscaler.scaling.custom-executor.it.{key}"),
    };
    for (role, key, value, expected) in [
        ("evaluator", "rate", "70", Ok("evaluated TARGET_DATA_RATE")),
        ("evaluator", "act", "trap", Err("about a job that keeps up: it failed: trapped: ")),
        ("evaluator", "act", "spin", Err("about a job that keeps up: it failed: ran past its deadline of ")),
        (
            "evaluator",
            "act",
            "too-many",
            Err("about a job that keeps up: it failed: gave an answer that breaks the contract"),
        ),
        ("aligner", "multiple", "4", Ok("aligned to 8")),
        ("aligner", "act", "trap", Err("about a job that keeps up: aligner `it`: it failed: trapped: ")),
        ("aligner", "act", "zero", Err("about a job that keeps up: it aligns to parallelism 0: ")),
        ("filter", "cap", "5", Ok("left source 4->5, work 4->5, sink 4->5")),
        ("filter", "act", "trap", Err("about a job that keeps up: filter `it`: it failed: trapped: ")),
        (
            "filter",
            "act",
            "stranger",
            Err("about a job that keeps up: filter `it` names vertex 99, which the job does not have"),
        ),
    ] {
        let checked = desk.check(role, &[(&of(role, key), value)]).await;
        match expected {
            Ok(said) => {
                assert!(checked.is_good(), "{role}: {checked:?}");
                assert_eq!((checked.asked.len(), checked.asked[0].said.as_str()), (3, said), "{role}");
            }
            Err(words) => {
                assert!(checked.wrong[0].starts_with(words), "{role}: {:?}", checked.wrong);
            }
        }
    }
    // Its own word is no fault: it is left out of the pass, or fails it.
    let silent = desk.check("evaluator", &[(&of("evaluator", "act"), "decline")]).await;
    assert!(silent.is_good() && silent.warnings.len() == 3, "{silent:?}");
}

#[tokio::test]
async fn a_handler_is_told_an_event() {
    let desk = Desk::new();
    let refusing = desk.check("event-handler", &[]).await;
    assert_eq!(
        refusing.wrong,
        ["about an event: failed to handle events: said: failed: nothing is known of `ScalingReport`"]
    );
    // Without a folder it may be for lack of options.
    let (_, file) = guest_files().into_iter().find(|(role, _)| *role == "event-handler").unwrap();
    let alone = check(&Subject::find(file).unwrap(), &desk.runtime).await.unwrap();
    assert!(alone.is_good() && alone.warnings[0].starts_with("about an event: "), "{alone:?}");
    let file = desk.folder.path().join("webhook.wasm");
    fs::write(&file, tidegate_bundled::WEBHOOK_HANDLER).unwrap();
    let sending = desk.check_file(&file, "event-handler", &[("url", "{{receiver}}/hook")]).await;
    assert!(sending.is_good(), "{sending:?}");
    assert_eq!(sending.asked[0].said, "taken, with 1 request sent");
}

#[tokio::test]
async fn a_store_is_to_keep_a_job() {
    let desk = Desk::new();
    let keeping = desk.check("state-store", &[]).await;
    assert!(keeping.is_good(), "{keeping:?}");
    assert_eq!(keeping.asked[0].said, "kept, told and forgotten");
}

/// The answers of a policy that is known: the made-up jobs are what they are said to be.
#[tokio::test]
async fn the_bundled_policy_scales_what_falls_behind_and_what_idles() {
    let desk = Desk::new();
    let file = desk.folder.path().join("bundled.wasm");
    fs::write(&file, tidegate_bundled::DEFAULT_POLICY).unwrap();
    // Else it would wait an hour before it scales down.
    let options = [("job.autoscaler.scale-down.interval", "0s")];
    let checked = desk.check_file(&file, "policy", &options).await;
    let said: Vec<(&str, &str)> = checked.asked.iter().map(|it| (it.about.as_str(), it.said.as_str())).collect();
    assert!(checked.is_good() && checked.warnings.is_empty(), "{checked:?}");
    for ((about, said), expected) in said.iter().zip(["hold: ", "scale: ", "scale: ", "hold: "]) {
        assert!(said.starts_with(expected), "{about}: {said}");
    }
}
