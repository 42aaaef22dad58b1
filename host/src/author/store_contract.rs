//! What every state store has to do, as a suite that a store's author and this project run alike.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures::future::{LocalBoxFuture, join_all};

use super::AuthorError;
use crate::state::{StateKey, StateStore, StoreError};

/// Opens the store: each time an instance that knows nothing of those before, over the same place, which is empty.
pub type Open<'a> = dyn Fn() -> LocalBoxFuture<'a, Result<Arc<dyn StateStore>, AuthorError>> + 'a;

/// Numbers in a large text, of 12 bytes each: as much as the samples of a large job.
pub const LARGE: usize = 400_000;

type Entries = BTreeMap<String, String>;

/// Asks a store everything that it has to be able to, with texts of up to `large` numbers; `passed` is told of every rule
/// that it keeps. Leaves the place empty.
///
/// # Errors
/// The first rule that it does not keep to.
pub async fn keeps_to_the_contract(
    open: &Open<'_>,
    large: usize,
    mut passed: impl FnMut(&'static str),
) -> Result<(), AuthorError> {
    starts_empty(open).await?;
    passed("what was never kept is empty");
    keeps_what_was_saved(open).await?;
    passed("what was saved is read, by this and by another instance, until it is forgotten");
    tells_jobs_apart(open).await?;
    passed("jobs are told apart, whatever they are called");
    keeps_large_texts(large, open).await?;
    passed("large texts are kept");
    serves_many_at_once(open).await?;
    passed("many jobs are served at once");
    Ok(())
}

/// Asks a store to keep, to tell, to list and to forget one job, in one instance. Leaves the place as it was.
///
/// # Errors
/// What it does instead.
pub async fn keeps_one_job(store: &dyn StateStore) -> Result<(), AuthorError> {
    let rule = Rule("one job is kept until it is forgotten");
    let job = key("tidegate", "on trial");
    rule.save(store, &job, &[("a", Some("1")), ("b", Some(""))]).await?;
    rule.same("what was saved", &entries(&[("a", "1"), ("b", "")]), &rule.good(store.load(&job).await)?)?;
    rule.same("whether it is among the jobs", &true, &rule.good(store.jobs().await)?.contains(&job))?;
    rule.good(store.forget(&job).await)?;
    rule.same("what is left of it", &Entries::new(), &rule.good(store.load(&job).await)?)
}

async fn starts_empty(open: &Open<'_>) -> Result<(), AuthorError> {
    let rule = Rule("what was never kept is empty");
    let (store, job) = (open().await?, key("c", "new"));
    rule.same("a job that is new", &Entries::new(), &rule.good(store.load(&job).await)?)?;
    rule.same("the jobs", &Vec::new(), &rule.good(store.jobs().await)?)?;
    rule.good(store.forget(&job).await)?;
    rule.same("the jobs after one was forgotten that never was", &Vec::new(), &rule.good(store.jobs().await)?)
}

async fn keeps_what_was_saved(open: &Open<'_>) -> Result<(), AuthorError> {
    let rule = Rule("what was saved is read");
    let job = key("c", "orders");
    rule.save(&*open().await?, &job, &[("a", Some("1")), ("b", Some("2")), ("none", None)]).await?;
    let first = entries(&[("a", "1"), ("b", "2")]);
    rule.same("in another instance", &first, &rule.good(open().await?.load(&job).await)?)?;
    let store = open().await?;
    rule.save(&*store, &job, &[("a", Some("3")), ("b", None), ("c", Some(""))]).await?;
    rule.save(&*store, &job, &[("a", Some("3"))]).await?;
    let second = entries(&[("a", "3"), ("c", "")]);
    rule.same("in the same instance", &second, &rule.good(store.load(&job).await)?)?;
    rule.same("after changes, in another instance", &second, &rule.good(open().await?.load(&job).await)?)?;
    rule.good(store.forget(&job).await)?;
    rule.same("the jobs after it was forgotten", &Vec::new(), &rule.good(open().await?.jobs().await)?)?;
    rule.same("a job that was forgotten", &Entries::new(), &rule.good(store.load(&job).await)?)
}

async fn tells_jobs_apart(open: &Open<'_>) -> Result<(), AuthorError> {
    let rule = Rule("jobs are told apart");
    let keys = [
        key("c", "orders"),
        key("C", "orders"),
        key("c", "Orders"),
        key("c", "örders"),
        key("c", "orders/daily"),
        key("c/orders", "daily"),
        key("c%2F", "100% 'quoted'; --\\"),
        key("", "0123456789abcdef0123456789abcdef"),
        key("localhost:8081", "日本語 🦀 (0a448493b4782967b150582570326227)"),
    ];
    let store = open().await?;
    for (number, job) in keys.iter().enumerate() {
        rule.save(&*store, job, &[("number", Some(&number.to_string()))]).await?;
    }
    let store = open().await?;
    for (number, job) in keys.iter().enumerate() {
        let expected = entries(&[("number", &number.to_string())]);
        rule.same(&format!("job {job}"), &expected, &rule.good(store.load(job).await)?)?;
    }
    let (mut found, mut expected) = (rule.good(store.jobs().await)?, keys.to_vec());
    found.sort();
    expected.sort();
    rule.same("the jobs", &expected, &found)?;
    for (number, job) in keys.iter().enumerate() {
        rule.good(store.forget(job).await)?;
        let left = rule.good(store.jobs().await)?.len();
        rule.same(&format!("how many jobs are left after {job} was forgotten"), &(keys.len() - number - 1), &left)?;
    }
    Ok(())
}

async fn keeps_large_texts(numbers: usize, open: &Open<'_>) -> Result<(), AuthorError> {
    let rule = Rule("large texts are kept");
    let job = key("c", "large");
    let text: String = (0..numbers).map(|number| format!("{number:09},é")).collect();
    rule.save(&*open().await?, &job, &[("collectedMetrics", Some(&text))]).await?;
    let store = open().await?;
    let found = rule.good(store.load(&job).await)?.remove("collectedMetrics").unwrap_or_default();
    rule.same("bytes of a text that came back", &text.len(), &found.len())?;
    rule.same("whether the text came back as it was", &true, &(found == text))?;
    rule.good(store.forget(&job).await)
}

async fn serves_many_at_once(open: &Open<'_>) -> Result<(), AuthorError> {
    let rule = Rule("many jobs are served at once");
    let store = open().await?;
    let jobs: Vec<_> = (0..50).map(|number| key("many", &format!("job {number}"))).collect();
    let saved = join_all(jobs.iter().map(|job| rule.save(&*store, job, &[("a", Some("1")), ("b", Some("2"))]))).await;
    saved.into_iter().collect::<Result<(), _>>()?;
    rule.same("how many jobs there are", &jobs.len(), &rule.good(open().await?.jobs().await)?.len())?;
    let forgotten = join_all(jobs.iter().map(|job| store.forget(job))).await;
    forgotten.into_iter().try_for_each(|answer| rule.good(answer))?;
    rule.same("the jobs after all were forgotten", &Vec::new(), &rule.good(open().await?.jobs().await)?)
}

/// What a store has to do.
#[derive(Clone, Copy)]
struct Rule(&'static str);

impl Rule {
    fn broken(self, what: String) -> AuthorError {
        AuthorError::Contract { rule: self.0, what }
    }

    fn good<T>(self, answer: Result<T, StoreError>) -> Result<T, AuthorError> {
        answer.map_err(|source| AuthorError::Unkept { rule: self.0, source })
    }

    fn same<T: PartialEq + Debug>(self, what: &str, expected: &T, found: &T) -> Result<(), AuthorError> {
        if expected == found {
            return Ok(());
        }
        Err(self.broken(format!("{what}: expected {expected:?}, found {found:?}")))
    }

    /// Saves: a text to keep, none to forget.
    async fn save(
        self,
        store: &dyn StateStore,
        job: &StateKey,
        changes: &[(&str, Option<&str>)],
    ) -> Result<(), AuthorError> {
        let changes = changes.iter().map(|(key, text)| ((*key).to_owned(), text.map(str::to_owned)));
        self.good(store.save(job, &changes.collect()).await)
    }
}

fn key(cluster: &str, job: &str) -> StateKey {
    StateKey { cluster: cluster.to_owned(), job: job.to_owned() }
}

fn entries(entries: &[(&str, &str)]) -> Entries {
    entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::causes::in_one_text;
    use crate::state::MemoryStateStore;

    /// Keeps what it should forget.
    #[derive(Default)]
    struct Forgetless(MemoryStateStore);

    #[async_trait]
    impl StateStore for Forgetless {
        async fn load(&self, job: &StateKey) -> Result<Entries, StoreError> {
            self.0.load(job).await
        }

        async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
            let kept = changes.iter().filter(|(_, text)| text.is_some());
            self.0.save(job, &kept.map(|(key, text)| (key.clone(), text.clone())).collect()).await
        }

        async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
            self.0.forget(job).await
        }

        async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
            self.0.jobs().await
        }
    }

    async fn suite(store: Arc<dyn StateStore>) -> (usize, Result<(), String>) {
        let mut rules = 0;
        let open = || -> LocalBoxFuture<'_, _> {
            let store = Arc::clone(&store);
            Box::pin(async move { Ok(store) })
        };
        let kept = keeps_to_the_contract(&open, 1000, |_| rules += 1).await;
        (rules, kept.map_err(|error| in_one_text(&error)))
    }

    #[tokio::test]
    async fn what_a_store_does_not_do_is_told() {
        assert_eq!(suite(Arc::new(MemoryStateStore::default())).await, (5, Ok(())));
        let (rules, error) = suite(Arc::new(Forgetless::default())).await;
        let expected = "the state store does not keep to its contract: what was saved is read: in the same instance: \
                        expected {\"a\": \"3\", \"c\": \"\"}, found {\"a\": \"3\", \"b\": \"2\", \"c\": \"\"}";
        assert_eq!((rules, error), (1, Err(expected.to_owned())));
    }
}
