//! Gathers events into objects, a folder each: when one is large enough, or old enough, it is done. No clock, no store,
//! no network.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a chunk counts besides its text, in bytes: what is kept to acknowledge it.
pub const CHUNK_WEIGHT: usize = 256;

/// When an object is done.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// It has so many bytes.
    pub max_bytes: usize,
    /// It is so old, and has at least `min_bytes`.
    pub timeout: Duration,
    /// A floor against tiny objects.
    pub min_bytes: usize,
    /// It is so old.
    pub max_wait: Duration,
}

/// An object that is done: what it holds, in order of arrival. `C` is whatever the caller needs to acknowledge a chunk.
#[derive(Debug, PartialEq, Eq)]
pub struct Gathered<C> {
    /// Its folder.
    pub folder: String,
    /// Its text, not compressed.
    pub text: Vec<u8>,
    /// What the text came from.
    pub chunks: Vec<C>,
    /// What it counts.
    pub weight: usize,
}

/// The objects that are open: found by folder, by when they are done, and by weight, however many they are. Bounded by
/// its caller: see [`Gather::weight`].
#[derive(Debug)]
pub struct Gather<C> {
    limits: Limits,
    open: HashMap<Arc<str>, Open<C>>,
    by_end: BTreeSet<(Instant, Arc<str>)>,
    by_weight: BTreeSet<(usize, Arc<str>)>,
    weight: usize,
}

#[derive(Debug)]
struct Open<C> {
    text: Vec<u8>,
    chunks: Vec<C>,
    since: Instant,
}

impl<C> Open<C> {
    fn weight(&self) -> usize {
        self.text.len() + self.chunks.len() * CHUNK_WEIGHT
    }

    fn end(&self, limits: &Limits) -> Instant {
        let enough = self.text.len() >= limits.min_bytes;
        self.since + if enough { limits.timeout } else { limits.max_wait.max(limits.timeout) }
    }
}

impl<C> Gather<C> {
    /// Nothing is open.
    pub fn new(limits: Limits) -> Self {
        let (by_end, by_weight) = (BTreeSet::new(), BTreeSet::new());
        Self { limits, open: HashMap::new(), by_end, by_weight, weight: 0 }
    }

    /// Adds a chunk to the object of its folder. Returns the object if that is done now.
    pub fn push(&mut self, folder: &str, text: Vec<u8>, chunk: C, now: Instant) -> Option<Gathered<C>> {
        let (folder, mut open) = match self.take_out(folder) {
            Some(there) => there,
            None => (folder.into(), Open { text: Vec::new(), chunks: Vec::new(), since: now }),
        };
        if open.text.is_empty() {
            open.text = text;
            open.text.shrink_to_fit();
        } else {
            // Not twice what it holds, as a Vec would: that would be memory that nobody counts.
            if open.text.capacity() - open.text.len() < text.len() {
                open.text.reserve_exact(text.len().max(open.text.len() / 8));
            }
            open.text.extend_from_slice(&text);
        }
        open.chunks.push(chunk);
        if open.text.len() >= self.limits.max_bytes {
            return Some(gathered(&folder, open));
        }
        self.weight += open.weight();
        self.by_end.insert((open.end(&self.limits), folder.clone()));
        self.by_weight.insert((open.weight(), folder.clone()));
        self.open.insert(folder, open);
        None
    }

    /// Takes one object that is old enough, if there is any.
    pub fn due(&mut self, now: Instant) -> Option<Gathered<C>> {
        let folder = self.by_end.first().filter(|(end, _)| *end <= now)?.1.clone();
        self.close(&folder)
    }

    /// When the next one is.
    pub fn next_due(&self) -> Option<Instant> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// Takes the largest object, whatever its size and age.
    pub fn largest(&mut self) -> Option<Gathered<C>> {
        let folder = self.by_weight.last()?.1.clone();
        self.close(&folder)
    }

    /// Takes one object with such a chunk, whatever its size and age.
    pub fn find(&mut self, such: impl Fn(&C) -> bool) -> Option<Gathered<C>> {
        let (folder, _) = self.open.iter().find(|(_, open)| open.chunks.iter().any(&such))?;
        let folder = folder.clone();
        self.close(&folder)
    }

    /// What all open objects count, in bytes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    fn close(&mut self, folder: &str) -> Option<Gathered<C>> {
        self.take_out(folder).map(|(folder, open)| gathered(&folder, open))
    }

    fn take_out(&mut self, folder: &str) -> Option<(Arc<str>, Open<C>)> {
        let (folder, open) = self.open.remove_entry(folder)?;
        self.by_end.remove(&(open.end(&self.limits), folder.clone()));
        self.by_weight.remove(&(open.weight(), folder.clone()));
        self.weight -= open.weight();
        Some((folder, open))
    }
}

fn gathered<C>(folder: &str, open: Open<C>) -> Gathered<C> {
    let weight = open.weight();
    Gathered { folder: folder.to_owned(), text: open.text, chunks: open.chunks, weight }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn gather() -> (Gather<usize>, Instant) {
        let limits = Limits { max_bytes: 100, timeout: 10 * SECOND, min_bytes: 50, max_wait: 60 * SECOND };
        (Gather::new(limits), Instant::now())
    }

    #[test]
    fn an_object_is_found_by_what_it_holds_and_goes_whatever_its_size_and_age() {
        let (mut gather, now) = gather();
        push(&mut gather, "a", 10, 1, now);
        push(&mut gather, "b", 10, 2, now);
        push(&mut gather, "b", 10, 3, now);
        assert_eq!(
            gather.find(|chunk| *chunk == 3).map(|done| (done.folder, done.chunks)),
            Some(("b".to_owned(), vec![2, 3]))
        );
        assert!(gather.find(|chunk| *chunk == 3).is_none());
        assert_eq!(gather.weight(), 10 + CHUNK_WEIGHT);
    }

    fn push(
        gather: &mut Gather<usize>,
        folder: &str,
        len: usize,
        chunk: usize,
        now: Instant,
    ) -> Option<Vec<usize>> {
        gather.push(folder, vec![b'x'; len], chunk, now).map(|done| done.chunks)
    }

    #[test]
    fn an_object_is_done_at_its_size_and_not_a_byte_before() {
        let (mut gather, now) = gather();
        assert_eq!(push(&mut gather, "a", 60, 1, now), None);
        assert_eq!(push(&mut gather, "a", 39, 2, now), None);
        assert_eq!(push(&mut gather, "b", 99, 3, now), None, "another folder, another object");
        assert_eq!(push(&mut gather, "a", 1, 4, now), Some(vec![1, 2, 4]));
        assert_eq!(push(&mut gather, "a", 1, 5, now), None, "the next one is empty again");
    }

    #[test]
    fn an_object_is_done_at_its_age_unless_it_is_tiny() {
        let (mut gather, now) = gather();
        push(&mut gather, "tiny", 49, 1, now);
        push(&mut gather, "enough", 50, 2, now);
        assert_eq!(gather.next_due(), Some(now + 10 * SECOND));
        assert_eq!(gather.due(now + Duration::from_millis(9_999)), None);
        assert_eq!(gather.due(now + 10 * SECOND).map(|done| done.folder).as_deref(), Some("enough"));
        assert_eq!(gather.due(now + 59 * SECOND), None);
        assert_eq!(gather.next_due(), Some(now + 60 * SECOND));
        assert_eq!(gather.due(now + 60 * SECOND).map(|done| done.folder).as_deref(), Some("tiny"));
        assert_eq!((gather.next_due(), gather.weight()), (None, 0));
    }

    #[test]
    fn a_tiny_object_that_grows_is_done_at_the_age_of_its_first_event() {
        let (mut gather, now) = gather();
        push(&mut gather, "a", 10, 1, now);
        push(&mut gather, "a", 40, 2, now + 30 * SECOND);
        assert_eq!(gather.due(now + 30 * SECOND).map(|done| done.chunks), Some(vec![1, 2]));
    }

    #[test]
    fn for_want_of_memory_the_largest_goes_first() {
        let (mut gather, now) = gather();
        for (folder, len) in [("a", 10), ("b", 30), ("c", 20)] {
            push(&mut gather, folder, len, 0, now);
        }
        assert_eq!(gather.weight(), 60 + 3 * CHUNK_WEIGHT);
        assert_eq!(gather.largest().map(|done| done.folder).as_deref(), Some("b"));
        assert_eq!(gather.weight(), 30 + 2 * CHUNK_WEIGHT);
    }

    #[test]
    fn memory_that_is_not_counted_is_an_eighth_at_most() {
        let (mut gather, now) = gather();
        gather.limits.max_bytes = 1 << 20;
        let mut done = None;
        while done.is_none() {
            let mut text = Vec::with_capacity(1 << 16);
            text.resize(1000, b'x');
            done = gather.push("a", text, 0, now);
        }
        let text = done.expect("it is").text;
        assert!(text.capacity() <= text.len() / 8 * 9 + 1000, "{} for {}", text.capacity(), text.len());
    }

    proptest! {
        #[test]
        fn every_chunk_comes_out_once_in_order_with_its_text(
            input in prop::collection::vec((0_u8..4, 1_usize..60, 0_u32..5), 0..80),
        ) {
            let (mut gather, mut now) = gather();
            let mut out = Vec::new();
            for (at, &(folder, len, pause)) in input.iter().enumerate() {
                now += SECOND * pause;
                while let Some(done) = gather.due(now) {
                    out.push(done);
                }
                out.extend(gather.push(&folder.to_string(), vec![folder; len], at, now));
            }
            while let Some(done) = gather.largest() {
                out.push(done);
            }
            prop_assert_eq!((gather.weight(), gather.next_due()), (0, None));
            let mut seen = Vec::new();
            for done in &out {
                let folder: u8 = done.folder.parse().unwrap_or(u8::MAX);
                let len: usize = done.chunks.iter().map(|&at| input[at].1).sum();
                prop_assert!(done.text.len() == len && done.text.iter().all(|&byte| byte == folder));
                prop_assert!(done.chunks.iter().all(|&at| input[at].0 == folder));
                prop_assert!(done.chunks.is_sorted());
                prop_assert_eq!(done.weight, len + done.chunks.len() * CHUNK_WEIGHT);
                seen.extend(done.chunks.iter().copied());
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..input.len()).collect::<Vec<_>>());
        }
    }
}
