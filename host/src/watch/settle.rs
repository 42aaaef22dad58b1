//! When the content of one file may be told: whole, and after a quiet moment. Time is an argument.

use std::time::{Duration, Instant};

use super::look::Mark;

/// How long a content has to stay as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After the last write that the operating system told of. A file that was renamed into its place is taken at once.
    pub quiet: Duration,
    /// Where nobody told of the change: it was found by looking.
    pub unnoticed: Duration,
    /// Where something is missing: the end of a component, or the file.
    pub incomplete: Duration,
    /// While somebody still has the file open who has written into it.
    pub open: Duration,
    /// Between two looks at everything.
    pub rescan: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(75),
            unnoticed: Duration::from_secs(1),
            incomplete: Duration::from_secs(2),
            open: Duration::from_secs(30),
            rescan: Duration::from_secs(5),
        }
    }
}

/// What the operating system tells about one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Another file was renamed into its place: what is there is complete.
    Placed,
    /// Somebody has written into it, and goes on.
    Writing,
    /// Somebody has written into it, and closed it.
    Written,
    /// It came into being, or is gone.
    Touched,
    /// Something beside it is another: what its path leads to may be.
    Around,
}

/// One file on its way from one content to the next.
pub(super) struct Settling {
    told: Mark,
    /// What was seen last, if it differs from what was told.
    seen: Option<Mark>,
    /// When it last changed, as far as it is known and matters.
    moved: Option<Instant>,
    /// Whether a change is to be expected at the next look.
    is_hinted: bool,
    is_unnoticed: bool,
    is_open: bool,
    /// When to look again; without it, at the next rescan.
    due: Option<Instant>,
}

impl Settling {
    /// A file whose content is known, to be looked at now.
    pub(super) fn from(told: Mark, now: Instant) -> Self {
        Self { told, seen: None, moved: None, is_hinted: false, is_unnoticed: false, is_open: false, due: Some(now) }
    }

    pub(super) fn told(&self) -> &Mark {
        &self.told
    }

    /// Takes `told` as told. What differs from it will be.
    pub(super) fn retell(&mut self, told: Mark, now: Instant) {
        if self.told != told {
            self.told = told;
            self.due.get_or_insert(now);
        }
    }

    /// Whether nothing else than what was told has been seen since.
    pub(super) fn is_as_told(&self) -> bool {
        self.seen.is_none()
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn hint(&mut self, hint: Hint, pace: &Pace, now: Instant) {
        self.is_hinted = true;
        match hint {
            Hint::Placed => {
                self.is_open = false;
                self.moved = None;
                self.due = Some(now);
            }
            Hint::Writing => {
                self.is_open = true;
                self.moved = Some(now);
                self.due = Some(now + pace.open);
            }
            Hint::Written => {
                self.is_open = false;
                self.moved = Some(now);
                self.due = Some(now + pace.quiet);
            }
            Hint::Touched => {
                self.moved = Some(now);
                self.due = Some(now + pace.quiet);
            }
            Hint::Around if self.is_open => {}
            Hint::Around => self.due = Some(now),
        }
    }

    /// Something was seen: the same as `mark` if it did not change meanwhile, and `whole` if nothing is missing. Says
    /// whether that is to be told.
    pub(super) fn saw(&mut self, mark: Option<Mark>, whole: bool, pace: &Pace, now: Instant) -> bool {
        let is_hinted = std::mem::take(&mut self.is_hinted);
        let Some(mark) = mark else {
            self.moved = Some(now);
            self.due = Some(now + pace.quiet);
            return false;
        };
        if mark == self.told {
            self.settle();
            return false;
        }
        if self.seen.as_ref() != Some(&mark) {
            if !is_hinted {
                self.moved = Some(now);
                self.is_unnoticed = true;
            }
            self.seen = Some(mark.clone());
        }
        let is_content = matches!(mark, Mark::Content(_));
        let wait = match () {
            () if self.is_open => pace.open,
            () if !is_content || !whole => pace.incomplete,
            () if self.is_unnoticed => pace.unnoticed,
            () => pace.quiet,
        };
        // Without a time of change it was complete when it came; something that is not can only be waited for.
        let moved = match self.moved {
            None if is_content && whole => None,
            moved => Some(*self.moved.insert(moved.unwrap_or(now))),
        };
        match moved.map(|moved| moved + wait).filter(|due| *due > now) {
            Some(due) => {
                self.due = Some(due);
                false
            }
            None => {
                self.told = mark;
                self.settle();
                true
            }
        }
    }

    /// Nothing is waited for.
    pub(super) fn settle(&mut self) {
        self.seen = None;
        self.is_hinted = false;
        self.is_unnoticed = false;
        self.due = None;
        if !self.is_open {
            self.moved = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn content(text: &str) -> Mark {
        Mark::Content(Digest::of(text.as_bytes()))
    }

    /// What happens, at which millisecond, and whether the content is told then.
    enum Step {
        Hint(u64, Hint),
        Look(u64, Option<Mark>, bool, bool),
    }

    #[test]
    fn a_content_is_told_when_it_is_complete_and_quiet() {
        use Hint::{Around, Placed, Touched, Writing, Written};
        use Step::{Hint as H, Look as L};
        let (old, new, newer) = (|| Some(content("old")), || Some(content("new")), || Some(content("newer")));
        for (what, steps) in [
            ("a rename is taken at once", vec![H(0, Placed), L(0, new(), true, true), L(1, new(), true, false)]),
            ("a swapped link is taken at once", vec![H(0, Around), L(0, new(), true, true)]),
            (
                "a renamed half is waited for",
                vec![H(0, Placed), L(0, new(), false, false), L(2000, new(), false, true)],
            ),
            (
                "a written file is taken after a quiet moment",
                vec![H(0, Writing), H(10, Written), L(50, new(), true, false), L(85, new(), true, true)],
            ),
            (
                "not while it is written",
                vec![
                    H(0, Writing),
                    L(900, new(), true, false),
                    H(1000, Around),
                    L(1000, new(), true, false),
                    H(5000, Writing),
                    L(30_000, newer(), true, false),
                    L(35_000, newer(), true, true),
                ],
            ),
            (
                "the moment begins anew with each write",
                vec![H(0, Written), H(60, Written), L(80, new(), true, false), L(135, new(), true, true)],
            ),
            (
                "found by looking, it has to be so for longer",
                vec![
                    L(0, new(), true, false),
                    L(500, newer(), true, false),
                    L(1200, newer(), true, false),
                    L(1500, newer(), true, true),
                ],
            ),
            (
                "what changes while it is read is looked at again",
                vec![H(0, Placed), L(0, None, true, false), L(75, new(), true, false), L(1075, new(), true, true)],
            ),
            (
                "a file that is gone for a moment was replaced",
                vec![H(0, Touched), L(75, Some(Mark::Gone), true, false), H(100, Written), L(175, new(), true, true)],
            ),
            (
                "a file that is gone is told",
                vec![H(0, Touched), L(75, Some(Mark::Gone), true, false), L(2000, Some(Mark::Gone), true, true)],
            ),
            (
                "the same content is no news",
                vec![H(0, Written), L(75, old(), true, false), L(9000, old(), true, false)],
            ),
        ] {
            let (pace, start) = (Pace::default(), Instant::now());
            let mut file = Settling::from(content("old"), start);
            for step in steps {
                match step {
                    H(at, hint) => file.hint(hint, &pace, start + Duration::from_millis(at)),
                    L(at, mark, whole, told) => {
                        let now = start + Duration::from_millis(at);
                        assert_eq!(file.saw(mark, whole, &pace, now), told, "{what}, at {at} ms");
                        if told {
                            assert_eq!(file.due(), None, "{what}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_waited_for_is_looked_at_again() {
        let (pace, start) = (Pace::default(), Instant::now());
        let mut file = Settling::from(content("old"), start);
        assert_eq!(file.due(), Some(start));
        assert!(!file.saw(Some(content("new")), true, &pace, start));
        assert_eq!(file.due(), Some(start + pace.unnoticed));
        file.hint(Hint::Written, &pace, start);
        assert_eq!(file.due(), Some(start + pace.quiet));
        file.retell(content("new"), start);
        assert!(!file.saw(Some(content("new")), true, &pace, start + pace.quiet));
        assert_eq!(file.due(), None);
    }
}
