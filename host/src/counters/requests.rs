//! Requests of a sink, by operation and by what came of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::sink::service_error::Fault;

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was granted.
    Ok,
    /// It was not, or there was no answer.
    Failed(Fault),
    /// We gave it up before there was an answer: the host stops.
    Aborted,
}

impl Outcome {
    /// As labels of metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(fault) => fault.as_str(),
            Self::Aborted => "aborted",
        }
    }
}

/// Requests of one sink. Bounded: by the operations that its client has, and by what may come of them.
#[derive(Debug, Default)]
pub struct Requests(Mutex<BTreeMap<(String, Outcome), u64>>);

impl Requests {
    /// One more that is over.
    pub fn count(&self, operation: &str, outcome: Outcome) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((operation.to_owned(), outcome)).or_default() += 1;
    }

    /// How many there were so far, by the operation's name in the API and by what came of them.
    pub fn read(&self) -> BTreeMap<(String, Outcome), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many there were so far.
    pub fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}
