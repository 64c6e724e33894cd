//! What a component failed on, as dead letters. The batch is run again for other sinks, for a mirror's next object and
//! after an error: what is kept already is remembered, so that it is kept once while the process lives.

use super::DeadLetters;
use super::record::{By, Letter, Reason, write};
use crate::cursor::StreamId;
use crate::event::{DROPPED, Events};
use crate::source::Stream;
use lru::LruCache;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Streams of which it is remembered what is kept.
const STREAMS: NonZero<usize> = NonZero::new(4096).unwrap();
/// Separate places of one stream that are remembered, as many as lines that its component is known to fail on; beyond that the first is forgotten.
const PLACES: usize = 4096;

/// The dead letters of one transform.
pub struct Failures {
    transform: String,
    letters: DeadLetters,
    kept: Mutex<LruCache<StreamId, Places>>,
}

impl Failures {
    /// None yet.
    pub fn new(transform: &str, letters: DeadLetters) -> Self {
        Self { transform: transform.to_owned(), letters, kept: Mutex::new(LruCache::new(STREAMS)) }
    }

    /// The sink that takes them.
    pub fn sink(&self) -> &str {
        self.letters.sink()
    }

    /// Keeps what a batch held, event by event, but for what is kept already and for what was dropped before. `events`
    /// are as the component got them; their bytes begin at `offset` of the file. Blocks until they are safe on disk. False:
    /// it was all kept already.
    pub fn keep(
        &self,
        error: &str,
        stream: &Stream,
        offset: u64,
        bytes: &[u8],
        events: &Events,
    ) -> io::Result<bool> {
        // Held until the letters are kept: two lanes may come with the same batch at once.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let places = kept.get_or_insert_mut(stream.id, Places::default);
        let whole = offset..offset + bytes.len() as u64;
        if places.hold(&whole) {
            return Ok(false);
        }
        let mut lines = Vec::with_capacity(bytes.len() * 2);
        let mut start = offset;
        for index in 0..events.len() {
            let source = start..offset + u64::from(events.source_ends[index]);
            start = source.end;
            if events.labels[index] == DROPPED || places.hold(&source) {
                continue;
            }
            let letter = Letter {
                reason: Reason::ComponentFailed,
                by: By::Transform(&self.transform),
                error,
                stream,
                timestamp: events.timestamps[index],
                source,
                original: events.span(bytes, events.raw_starts[index], events.raw_ends[index]),
            };
            write(&letter, &mut lines).map_err(io::Error::other)?;
        }
        if !lines.is_empty() {
            self.letters.keep(&lines)?;
        }
        places.add(whole);
        Ok(true)
    }
}

/// Places of one stream: apart from each other, in order.
#[derive(Default)]
struct Places(Vec<Range<u64>>);

impl Places {
    /// All of it is in one of them. What is empty (one of several events that a component made of the same bytes) has to
    /// lie within: at a border it may belong to what is not kept.
    fn hold(&self, place: &Range<u64>) -> bool {
        self.0.iter().any(|kept| {
            if place.is_empty() {
                kept.start < place.start && place.end < kept.end
            } else {
                kept.start <= place.start && place.end <= kept.end
            }
        })
    }

    fn add(&mut self, mut place: Range<u64>) {
        self.0.retain(|kept| {
            let apart = kept.end < place.start || place.end < kept.start;
            if !apart {
                place = kept.start.min(place.start)..kept.end.max(place.end);
            }
            apart
        });
        let at = self.0.partition_point(|kept| kept.start < place.start);
        self.0.insert(at, place);
        if self.0.len() > PLACES {
            self.0.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_one_stream_4096_places_are_remembered_and_of_4097_the_first_is_forgotten() {
        let mut places = Places::default();
        let place = |number: u64| number * 10..number * 10 + 5;
        (0..4096).for_each(|number| places.add(place(number)));
        assert!((0..4096).all(|number| places.hold(&place(number))));
        places.add(place(4096));
        assert!(!places.hold(&place(0)) && (1..4097).all(|number| places.hold(&place(number))));
    }

    proptest! {
        #[test]
        fn a_byte_is_held_exactly_if_it_was_added(
            added in prop::collection::vec((0_u64..200, 1_u64..20), 0..20),
        ) {
            let mut places = Places::default();
            for (start, len) in &added {
                places.add(*start..start + len);
            }
            for byte in 0..220 {
                let expected = added.iter().any(|(start, len)| (*start..start + len).contains(&byte));
                prop_assert_eq!(places.hold(&(byte..byte + 1)), expected);
            }
            prop_assert!(places.0.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
