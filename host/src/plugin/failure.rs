//! What is done when a plugin fails.

/// How a plugin can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It cannot be put in service.
    Load,
    /// It did not say whether a job's options are right.
    Check,
    /// It trapped, ran past a limit, or said that it failed.
    Call,
    /// Its answer breaks the contract, or a guard rail.
    Answer,
}

impl FailureKind {
    /// A stable word for the configuration, the log and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Check => "check",
            Self::Call => "call",
            Self::Answer => "answer",
        }
    }
}

/// What takes the place of a version that failed too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing: the jobs stay as they are.
    #[default]
    Hold,
    /// The version that was in service before, as far as it is still good.
    Previous,
    /// The one that the host carries.
    Bundled,
}

/// The operator's choice for each kind of failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnFailure {
    /// Where no version can be put in service: one that is in service stays in any case.
    pub load: Fallback,
    /// See [`FailureKind::Check`].
    pub check: Fallback,
    /// See [`FailureKind::Call`].
    pub call: Fallback,
    /// See [`FailureKind::Answer`].
    pub answer: Fallback,
}

impl OnFailure {
    /// The choice for one kind.
    pub const fn of(self, kind: FailureKind) -> Fallback {
        match kind {
            FailureKind::Load => self.load,
            FailureKind::Check => self.check,
            FailureKind::Call => self.call,
            FailureKind::Answer => self.answer,
        }
    }

    /// Whether the bundled one may be needed.
    pub(crate) fn wants_bundled(self) -> bool {
        [self.load, self.check, self.call, self.answer].contains(&Fallback::Bundled)
    }
}
