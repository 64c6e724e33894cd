//! What the proxy saw of puts: which were carried out, and of which the host could not know it.

use std::collections::BTreeMap;
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
    objects: BTreeMap<String, Object>,
}

/// An object, as far as the host can know of it.
#[derive(Debug)]
struct Object {
    /// When it was last written.
    written: Instant,
    /// How long it was then, where that shows; in bytes.
    length: usize,
    /// That was answered, and not so shortly before a kill that the answer may not have been written down.
    is_known: bool,
    /// How long it was for all that the host knows.
    known: usize,
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

    /// An object was written, and the answer is about to be sent. `length`: none where it does not show.
    pub fn write(&self, key: &str, length: Option<usize>) {
        let mut state = self.state.lock().expect("nobody panics");
        let before = state.objects.get(key).map_or(0, Object::known);
        let length = length.unwrap_or(before);
        let object = Object { written: Instant::now(), length, is_known: true, known: before };
        state.objects.insert(key.to_owned(), object);
    }

    /// And the answer never arrived.
    pub fn write_unsure(&self, key: &str) {
        if let Some(object) = self.state.lock().expect("nobody panics").objects.get_mut(key) {
            object.is_known = false;
        }
    }

    /// The host was killed, and whatever it had sent has been carried out since.
    pub fn killed(&self, at: Instant) {
        let mut state = self.state.lock().expect("nobody panics");
        let State { puts, objects } = &mut *state;
        for object in objects.values_mut() {
            object.is_known &= object.written + WRITTEN_DOWN <= at;
        }
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

    /// How long each object is for all that the host knows, in bytes.
    pub fn known_lengths(&self) -> BTreeMap<String, usize> {
        let state = self.state.lock().expect("nobody panics");
        state.objects.iter().map(|(key, object)| (key.clone(), object.known())).collect()
    }
}

impl Object {
    fn known(&self) -> usize {
        if self.is_known { self.length } else { self.known }
    }
}
