//! Why a guest failed, each cause by its own name: for the log, for metrics, for capsules.

use crate::route::BadName;
use std::fmt;

/// Why a guest failed on a batch. The instance is thrown away, and the same batch is tried once more on a fresh one; if
/// that fails too, what spoils it is looked for and goes the way of the component's `on_error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// It executed `unreachable`: a panic or an abort, as a rule.
    #[error("panicked, or gave up otherwise (wasm `unreachable`); its last words: {words}")]
    Unreachable {
        /// What it said last in that call.
        words: String,
    },
    /// Its calls went too deep.
    #[error("used up its stack of {limit} bytes: it calls itself too deeply")]
    StackOverflow {
        /// The limit, of the engine.
        limit: usize,
    },
    /// Any other trap: out of bounds, division by zero…
    #[error("trapped: {0}")]
    Trap(String),
    /// Too much time: CPU time of its own, or waiting. (Wall time counts only at a multiple of the limit.)
    #[error(
        "used {used_ms} ms for one call, {} (limits.timeout_ms: {limit_ms})",
        if *waiting { "waiting" } else { "computing" }
    )]
    Timeout {
        /// What it had used when it was stopped.
        used_ms: u64,
        /// The limit.
        limit_ms: u64,
        /// Most of it was spent in a wait.
        waiting: bool,
    },
    /// Asked for more memory than it may have.
    #[error("wanted {wanted} bytes of memory and may have {limit} (limits.memory_mib)")]
    Memory {
        /// What it wanted to grow to, all its memories together.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// Asked for larger tables than it may have.
    #[error("wanted {wanted} elements of tables and may have {limit} (limits.table_elements)")]
    Table {
        /// What it wanted to grow to, all its tables together.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// It is made of too many parts.
    #[error(
        "is made of more core instances, tables or memories than it may be (limits.core_instances): {said}"
    )]
    Parts {
        /// wasmtime's words.
        said: String,
    },
    /// Handed the host more than it may, as a result or as the argument of a host's function.
    #[error("handed over more than {limit} bytes at once (limits.result_mib)")]
    TooMuch {
        /// The limit.
        limit: usize,
    },
    /// Returned `err(…)`.
    #[error("said: {0}")]
    Refused(String),
    /// What it returned breaks the contract.
    #[error("returned something that the WIT forbids: {0}")]
    Contract(#[from] Broken),
    /// It is a router, and the service does not take its name.
    #[error(transparent)]
    Name(#[from] BadName),
}

/// How what a guest returned breaks the contract of the WIT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A column is longer or shorter than the first of its kind.
    #[error("column {column} has {len} entries, {first} has {n}")]
    ColumnLength {
        /// Which.
        column: &'static str,
        /// Its entries.
        len: usize,
        /// The column it must be as long as.
        first: &'static str,
        /// Entries of that.
        n: usize,
    },
    /// A span lies where there are no bytes for it.
    #[error(
        "{column} span {at} is [{start}, {stop}); good ones end at {end} or lie in the arena [{border}, {total})"
    )]
    Span {
        /// Whose.
        column: &'static str,
        /// Its place in the column.
        at: usize,
        /// Where it starts.
        start: u32,
        /// Where it stops.
        stop: u32,
        /// The last good end in the batch's bytes.
        end: u32,
        /// Where the arena begins.
        border: u64,
        /// Where it ends.
        total: u64,
    },
    /// `source-ends` go back.
    #[error("source-ends decrease at event {at}")]
    SourceEndsDecrease {
        /// The event whose end is before that of the one before it.
        at: usize,
    },
    /// `source-ends` do not come to the end of what was consumed.
    #[error("source-ends end at byte {last}, the consumed lines at {total}")]
    SourceEnds {
        /// The last one; 0 where there are none.
        last: u32,
        /// What it must be.
        total: u32,
    },
    /// More lines consumed than were given.
    #[error("consumed = {consumed}, but there were only {given} lines")]
    Consumed {
        /// What it said.
        consumed: u32,
        /// What there was.
        given: usize,
    },
    /// Not all lines consumed, though nothing follows.
    #[error("consumed = {consumed} of {given} lines, though `last` was set")]
    NotConsumed {
        /// What it said.
        consumed: u32,
        /// What there was.
        given: usize,
    },
    /// A label that it has not named.
    #[error("event {at} has label index {index}, of {names} label-names")]
    Label {
        /// Which event.
        at: usize,
        /// Its label.
        index: u16,
        /// How many names there are.
        names: usize,
    },
    /// A key that it has not named.
    #[error("attribute {at} has key index {index}, of {names} key-names")]
    Key {
        /// Which attribute.
        at: usize,
        /// Its key.
        index: u16,
        /// How many names there are.
        names: usize,
    },
    /// Attributes of events that are not there, or not in their order.
    #[error("attribute-events must not decrease and stay below {events}")]
    AttributeEvents {
        /// How many events there are.
        events: usize,
    },
    /// An attribute that is marked as JSON and is none.
    #[error("attribute {at} (`{key}`) is marked as JSON and is none")]
    NotJson {
        /// Which attribute.
        at: usize,
        /// Its key.
        key: String,
    },
    /// It shows the same bytes again and again, or has no end of events.
    #[error(
        "its columns come to {shown} bytes when they are written down, and may come to {most} (limits.result_mib)"
    )]
    Shows {
        /// What it comes to.
        shown: u64,
        /// The limit, with what it was given.
        most: u64,
    },
    /// A transform made one event of two.
    #[error("events were merged across byte {end}: a transform may split or drop, not merge")]
    Merged {
        /// Where one of them ended.
        end: u32,
    },
}

impl GuestError {
    /// Every word of [`kind`](Self::kind), for metrics that show zeros too.
    pub const KINDS: [&'static str; 11] = [
        "unreachable",
        "stack_overflow",
        "trap",
        "timeout",
        "memory",
        "table",
        "parts",
        "too_much",
        "refused",
        "contract",
        "bad_name",
    ];

    /// What makes it the same failure as another, whatever the lines: its words without numbers; of a panic, where it was.
    pub fn gist(&self) -> String {
        let text = match self {
            Self::Unreachable { words } => {
                words.split(" | ").find(|line| line.contains("panicked at")).unwrap_or_default().to_owned()
            }
            // The rule and the name are another for each stream.
            Self::Name(bad) => format!("bad name of {}", bad.what),
            _ => self.to_string(),
        };
        text.chars().filter(|it| !it.is_numeric()).take(200).collect()
    }

    /// One word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::StackOverflow { .. } => "stack_overflow",
            Self::Trap(_) => "trap",
            Self::Timeout { .. } => "timeout",
            Self::Memory { .. } => "memory",
            Self::Table { .. } => "table",
            Self::Parts { .. } => "parts",
            Self::TooMuch { .. } => "too_much",
            Self::Refused(_) => "refused",
            Self::Contract(_) => "contract",
            Self::Name(_) => "bad_name",
        }
    }
}

/// Which component failed on what: all that a line of the log has to say.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Id of the transform.
    pub transform: String,
    /// SHA-256 of the component.
    pub hash: String,
    /// The file.
    pub path: String,
    /// The bytes of the file that it was given.
    pub bytes: std::ops::Range<u64>,
    /// How many lines, or events, those are.
    pub units: usize,
    /// Why.
    pub error: GuestError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transform, hash, path, bytes, units, error } = self;
        let hash = hash.get(..12).unwrap_or(hash);
        let what = if *units == 1 { "one of its lines" } else { "a batch" };
        write!(
            f,
            "transform `{transform}` (component {hash}) failed on {what}, bytes {} to {} of {path}: {error}",
            bytes.start, bytes.end
        )
    }
}
