//! What the proxy saw of puts: which were carried out, and of which the host could not know it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The cursors of a put are written down well within this after its answer.
const WRITTEN_DOWN: Duration = Duration::from_secs(5);

/// A put to a log stream that was carried out.
#[derive(Clone, Debug)]
pub struct Put {
    /// How many events it brought.
    pub events: usize,
    /// When it was carried out.
    pub done: Instant,
    /// How often what it brought may come again: once if the host never saw the answer, once if it was killed before
    /// it had written the answer down.
    pub may_repeat: u32,
    /// A kill came after it, and was accounted for.
    settled: bool,
}

/// Of every log stream, the puts in the order in which they were carried out.
pub type Puts = BTreeMap<String, Vec<Put>>;

/// What the host was not told.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    puts: Puts,
    /// When each object was last written.
    writes: BTreeMap<String, Instant>,
    /// Objects of which the host could not know that they were written.
    unsure: BTreeSet<String>,
}

impl Ledger {
    /// A put was carried out, and its answer is about to be sent; which of its log stream's it is.
    pub fn put(&self, stream: &str, events: usize) -> usize {
        let put = Put { events, done: Instant::now(), may_repeat: 0, settled: false };
        let mut state = self.state.lock().expect("nobody panics");
        let puts = state.puts.entry(stream.to_owned()).or_default();
        puts.push(put);
        puts.len() - 1
    }

    /// The answer to that put never arrived.
    pub fn reply_lost(&self, stream: &str, number: usize) {
        let mut state = self.state.lock().expect("nobody panics");
        if let Some(put) = state.puts.get_mut(stream).and_then(|puts| puts.get_mut(number)) {
            put.may_repeat += 1;
            put.settled = true;
        }
    }

    /// An object was written.
    pub fn write(&self, key: &str) {
        self.state.lock().expect("nobody panics").writes.insert(key.to_owned(), Instant::now());
    }

    /// And the answer never arrived.
    pub fn write_unsure(&self, key: &str) {
        self.state.lock().expect("nobody panics").unsure.insert(key.to_owned());
    }

    /// The host was killed, and whatever it had sent has been carried out since.
    pub fn killed(&self, at: Instant) {
        let mut state = self.state.lock().expect("nobody panics");
        let State { puts, writes, unsure } = &mut *state;
        let late = writes.iter().filter(|(_, then)| **then + WRITTEN_DOWN > at);
        unsure.extend(late.map(|(key, _)| key.clone()));
        for puts in puts.values_mut() {
            let Some(last) = puts.last_mut().filter(|put| !put.settled) else { continue };
            // Else its cursors are long written down.
            last.may_repeat += u32::from(last.done + WRITTEN_DOWN > at);
            last.settled = true;
        }
    }

    /// The puts so far.
    pub fn puts(&self) -> Puts {
        self.state.lock().expect("nobody panics").puts.clone()
    }

    /// Objects of which the host could not know that they were written.
    pub fn unsure_keys(&self) -> BTreeSet<String> {
        self.state.lock().expect("nobody panics").unsure.clone()
    }
}
