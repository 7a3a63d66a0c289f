//! Why a command failed: what happened, why, and what to do.

use std::fmt::Display;

use super::finding::Finding;

/// A command that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) why: Vec<String>,
    /// Where, when places can be named.
    pub(crate) at: Vec<Finding>,
    pub(crate) advice: Option<String>,
    pub(crate) usage: bool,
    /// Whether it has been told already: there is nothing to print.
    pub(crate) told: bool,
}

impl Failure {
    /// A failure, by what happened.
    pub(crate) fn new(what: impl Display) -> Self {
        Self {
            what: what.to_string(),
            why: Vec::new(),
            at: Vec::new(),
            advice: None,
            usage: false,
            told: false,
        }
    }

    /// The command was used wrongly.
    pub(crate) fn usage(what: impl Display) -> Self {
        Self { usage: true, ..Self::new(what) }
    }

    /// What failed has been told where it belongs; only the exit code is left to say so.
    pub(crate) fn told() -> Self {
        Self { told: true, ..Self::new("") }
    }

    /// Adds a reason.
    #[must_use]
    pub(crate) fn why(mut self, why: impl Display) -> Self {
        self.why.push(why.to_string());
        self
    }

    /// Adds a place where something is wrong.
    #[must_use]
    pub(crate) fn at(mut self, finding: Finding) -> Self {
        self.at.push(finding);
        self
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn advice(mut self, advice: impl Display) -> Self {
        self.advice = Some(advice.to_string());
        self
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        if self.usage { 2 } else { 1 }
    }
}
