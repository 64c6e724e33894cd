//! What a guest says (`host.log`, stdout, stderr), on its way to the host's log: cut, and no faster than it may.

use super::stats::Stats;
use crate::config::Limits;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// A guest's log line is cut after so many bytes.
const MAX_LOG_LINE: usize = 1024;
/// At once it may say what it may in so many seconds.
const BURST_SECS: f64 = 10.0;

/// So many lines are remembered of a call, for the error that may end it…
const LAST_LINES: usize = 4;
/// …and so many bytes of each.
const LAST_LINE: usize = 200;
/// What Rust says after each panic, and nobody can follow here.
const ADVICE: &str = "note: run with `RUST_BACKTRACE";

/// What one instance says. Clones are the same one.
#[derive(Clone)]
pub struct Voice {
    component: Arc<str>,
    unfinished: Arc<Mutex<Vec<u8>>>,
    last: Arc<Mutex<VecDeque<String>>>,
    pace: Pace,
    stats: Arc<Stats>,
}

/// How fast all instances of a component together may speak. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Pace {
    per_sec: f64,
    state: Arc<Mutex<PaceState>>,
}

#[derive(Debug)]
struct PaceState {
    /// Lines that it may say just now; none below 0, nor more than those of a burst.
    left: f64,
    at: Instant,
    /// Lines that were not shown since the last one that was.
    unsaid: u64,
}

/// Whether a line may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admit {
    /// It may.
    Yes,
    /// It may, but so many before it were not.
    After(u64),
    /// It is the first one that may not.
    First,
    /// It may not.
    No,
}

/// Words of a guest as they may stand in our own log and errors: on one line, without what moves a cursor or turns text
/// around, and cut after so many bytes.
pub fn plain(text: &str, most: usize) -> String {
    let cut = text.floor_char_boundary(most);
    let mut plain = String::with_capacity(cut);
    for c in text[..cut].chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() && c != '\t' || turns {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    if cut < text.len() {
        plain.push('…');
    }
    plain
}

impl Pace {
    /// So many lines a second.
    pub fn new(limits: &Limits) -> Self {
        let per_sec = f64::from(limits.log_lines_per_sec);
        let state = PaceState { left: per_sec * BURST_SECS, at: Instant::now(), unsaid: 0 };
        Self { per_sec, state: Arc::new(Mutex::new(state)) }
    }

    /// Whether a line may be shown now.
    fn admit(&self, now: Instant) -> Admit {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let more = now.saturating_duration_since(state.at).as_secs_f64() * self.per_sec;
        state.left = (state.left + more).min(self.per_sec * BURST_SECS);
        state.at = now;
        // Once silenced, it has to have kept silent for a second: else each line of a flood would be said to end it.
        let enough = if state.unsaid == 0 { 1.0 } else { self.per_sec.max(1.0) };
        if state.left < enough {
            state.unsaid += 1;
            return if state.unsaid == 1 { Admit::First } else { Admit::No };
        }
        state.left -= 1.0;
        match std::mem::take(&mut state.unsaid) {
            0 => Admit::Yes,
            unsaid => Admit::After(unsaid),
        }
    }
}

impl Voice {
    /// Nothing said yet.
    pub fn new(component: &str, pace: Pace, stats: Arc<Stats>) -> Self {
        Self { component: component.into(), unfinished: Arc::default(), last: Arc::default(), pace, stats }
    }

    /// Adds to a counter of the component's.
    pub fn count(&self, name: &str, by: u64) {
        self.stats.count(name, by);
    }

    /// One line from the guest, with an OpenTelemetry severity.
    pub fn say(&self, severity: u8, text: &str) {
        self.stats.said.add(1);
        self.remember(text);
        let component = &self.component;
        match self.pace.admit(Instant::now()) {
            Admit::Yes => {}
            Admit::After(unsaid) => {
                tracing::warn!(%component, "it speaks again; {unsaid} lines of it were not shown");
            }
            Admit::First => {
                self.stats.unsaid.add(1);
                return tracing::warn!(%component,
                    "says more than it may (limits.log_lines_per_sec); for now nothing of it is shown");
            }
            Admit::No => return self.stats.unsaid.add(1),
        }
        let text = plain(text.trim_end(), MAX_LOG_LINE);
        match severity {
            17.. => tracing::error!(%component, "{text}"),
            13..17 => tracing::warn!(%component, "{text}"),
            9..13 => tracing::info!(%component, "{text}"),
            _ => tracing::debug!(%component, "{text}"),
        }
    }

    /// Another call begins.
    pub fn begin_call(&self) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What it said last in this call: of a panic, why and where. None: nothing.
    pub fn last_words(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = last.iter().map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join(" | "))
    }

    fn remember(&self, text: &str) {
        let text = text.trim();
        if text.is_empty() || text.starts_with(ADVICE) {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(plain(text, LAST_LINE));
    }

    fn write(&self, bytes: &[u8]) {
        let mut lines = Vec::new();
        {
            let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
            for &byte in bytes {
                if byte == b'\n' {
                    lines.push(String::from_utf8_lossy(&std::mem::take(&mut *unfinished)).into_owned());
                } else if unfinished.len() < MAX_LOG_LINE {
                    unfinished.push(byte);
                }
            }
        }
        for line in lines {
            self.say(9, &line);
        }
    }
}

impl IsTerminal for Voice {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Voice {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Voice {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_guest_may_say_so_many_lines_a_second_and_those_of_ten_seconds_at_once() {
        let pace = Pace::new(&Limits { log_lines_per_sec: 2, ..Limits::default() });
        let start = Instant::now();
        let shown = |at| (0..100).filter(|_| matches!(pace.admit(at), Admit::Yes)).count();
        assert_eq!(shown(start), 20);
        assert_eq!(pace.admit(start + Duration::from_millis(900)), Admit::No);
        assert_eq!(pace.admit(start + Duration::from_secs(1)), Admit::After(81));
        assert_eq!(pace.admit(start + Duration::from_secs(1)), Admit::Yes);
        assert_eq!(pace.admit(start + Duration::from_secs(1)), Admit::First);
        assert_eq!(shown(start + Duration::from_hours(1)), 19, "silence saves nothing up");
    }

    #[test]
    fn words_of_a_guest_stay_on_their_line_and_end() {
        assert_eq!(plain("all is well\t✓", 100), "all is well\t✓");
        assert_eq!(
            plain("one\n23:59:59 ERROR forged\r\u{1b}[2J", 100),
            "one\\n23:59:59 ERROR forged\\r\\u{1b}[2J"
        );
        assert_eq!(plain("a\u{202e}b\u{2028}", 100), "a\\u{202e}b\\u{2028}");
        let cut = [4, 5, 6].map(|most| plain("ééé", most));
        assert_eq!(cut, ["éé…", "éé…", "ééé"]);
    }
}
