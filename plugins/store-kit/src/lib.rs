//! What state stores have in common: changes that wait for a flush, over what is stored.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;

/// A job's texts by key.
pub type Entries = BTreeMap<String, String>;

/// What is to be different: a text to keep, `None` to forget.
pub type Changes = BTreeMap<String, Option<String>>;

/// `entries` with these changes.
pub fn changed(mut entries: Entries, changes: &Changes) -> Entries {
    for (key, text) in changes {
        match text {
            Some(text) => entries.insert(key.clone(), text.clone()),
            None => entries.remove(key),
        };
    }
    entries
}

/// What is to last after the next flush.
#[derive(Debug, Default)]
pub struct Pending(RefCell<Changes>);

impl Pending {
    /// Has `text` kept under `key`, or has it forgotten.
    pub fn set(&self, key: String, text: Option<String>) {
        self.0.borrow_mut().insert(key, text);
    }

    /// The changes.
    pub fn changes(&self) -> Ref<'_, Changes> {
        self.0.borrow()
    }

    /// They are stored.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Implements the contract's `GuestStore`, which has to be in scope with its `Failure`, for a type with
///
/// - `pending: Pending`,
/// - `fn stored(&self) -> Result<Entries, Failure>`: what was stored last,
/// - `fn store(&self, changes: &Changes) -> Result<(), Failure>`: makes changes last, all or none.
#[macro_export]
macro_rules! guest_store {
    ($store:ty) => {
        impl GuestStore for $store {
            fn all(&self) -> Result<Vec<(String, String)>, Failure> {
                Ok($crate::changed(self.stored()?, &self.pending.changes()).into_iter().collect())
            }

            fn get(&self, key: String) -> Result<Option<String>, Failure> {
                Ok($crate::changed(self.stored()?, &self.pending.changes()).remove(&key))
            }

            fn put(&self, key: String, text: String) -> Result<(), Failure> {
                self.pending.set(key, Some(text));
                Ok(())
            }

            fn remove(&self, key: String) -> Result<(), Failure> {
                self.pending.set(key, None);
                Ok(())
            }

            fn flush(&self) -> Result<(), Failure> {
                if self.pending.changes().is_empty() {
                    return Ok(());
                }
                self.store(&self.pending.changes())?;
                self.pending.clear();
                Ok(())
            }

            fn is_valid(&self) -> bool {
                true
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The contract's, as `wit-bindgen` would make it.
    trait GuestStore {
        fn all(&self) -> Result<Vec<(String, String)>, Failure>;
        fn get(&self, key: String) -> Result<Option<String>, Failure>;
        fn put(&self, key: String, text: String) -> Result<(), Failure>;
        fn remove(&self, key: String) -> Result<(), Failure>;
        fn flush(&self) -> Result<(), Failure>;
        fn is_valid(&self) -> bool;
    }

    #[derive(Debug, PartialEq)]
    struct Failure;

    #[derive(Default)]
    struct InMemory {
        pending: Pending,
        entries: RefCell<Entries>,
        writes: Cell<u32>,
        fails: Cell<bool>,
    }

    impl InMemory {
        fn stored(&self) -> Result<Entries, Failure> {
            Ok(self.entries.borrow().clone())
        }

        fn store(&self, changes: &Changes) -> Result<(), Failure> {
            self.writes.set(self.writes.get() + 1);
            if self.fails.get() {
                return Err(Failure);
            }
            let changed = changed(self.stored()?, changes);
            self.entries.replace(changed);
            Ok(())
        }
    }

    guest_store!(InMemory);

    fn put(store: &InMemory, key: &str, text: &str) {
        store.put(key.to_owned(), text.to_owned()).unwrap();
    }

    #[test]
    fn changes_are_seen_at_once_and_last_after_a_flush() {
        let store = InMemory::default();
        put(&store, "a", "1");
        put(&store, "b", "2");
        store.remove("b".to_owned()).unwrap();
        assert_eq!(store.get("a".to_owned()), Ok(Some("1".to_owned())));
        assert_eq!(store.all(), Ok(vec![("a".to_owned(), "1".to_owned())]));
        assert!(store.entries.borrow().is_empty() && store.is_valid());
        store.fails.set(true);
        assert_eq!(store.flush(), Err(Failure));
        store.fails.set(false);
        store.flush().unwrap();
        assert_eq!(*store.entries.borrow(), Entries::from([("a".to_owned(), "1".to_owned())]), "it was not forgotten");
        store.flush().unwrap();
        assert_eq!(store.writes.get(), 2, "nothing to do without changes");
        store.remove("a".to_owned()).unwrap();
        assert_eq!(store.get("a".to_owned()), Ok(None));
    }
}
