//! Packs encoded events of many lanes into puts for one log stream: as full as the limits allow, each lane in order.
//!
//! Greedy, in order of arrival: an event joins the open put if it fits; if not, its lane waits for the next put (so
//! a lane's events never overtake each other) while the other lanes go on. Files of different days, which must not
//! share a put, thus still make full ones. No clock, no network.

use std::collections::{HashSet, VecDeque};

use super::text::Text;

/// What one put may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events.
    pub max_events: usize,
    /// Bytes, `event_overhead` of each event included.
    pub max_bytes: usize,
    /// What each event counts besides its text, in bytes.
    pub event_overhead: usize,
    /// The newest event is less than this after the oldest, in milliseconds.
    pub span_ms: u64,
}

impl Limits {
    /// What an event of that many bytes of text counts.
    pub fn weight(&self, text_len: usize) -> usize {
        text_len.saturating_add(self.event_overhead)
    }
}

/// One event, ready to be sent. `T` is whatever the caller needs to acknowledge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded<T> {
    /// Whose order it keeps.
    pub lane: u64,
    /// Milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// What is sent.
    pub text: Text,
    /// The caller's receipt.
    pub ticket: T,
}

/// An event that no put can hold; the caller splits or replaces it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The service takes no empty text.
    #[error("an event without text can't be put")]
    Empty,
    /// Too large for a put of its own.
    #[error("an event counts {weight} bytes, a put holds {max_bytes}")]
    TooLarge {
        /// What it counts.
        weight: usize,
        /// What a put holds.
        max_bytes: usize,
    },
}

/// What goes out in one request: events by time, those of the same millisecond in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put<T> {
    /// Never empty.
    pub events: Vec<Encoded<T>>,
    /// What they count together.
    pub bytes: usize,
}

/// The queue of one log stream. Bounded by its caller: push only while it is not [`Packer::is_full`].
#[derive(Debug)]
pub struct Packer<T> {
    limits: Limits,
    /// What the next put holds so far, in order of arrival.
    open: Vec<Encoded<T>>,
    open_bytes: usize,
    oldest_ms: i64,
    newest_ms: i64,
    /// An event was left out for want of room.
    overflowed: bool,
    /// Lanes that have an event among the waiting.
    blocked: HashSet<u64>,
    /// What the open put can't hold, in order of arrival.
    waiting: VecDeque<Encoded<T>>,
    waiting_bytes: usize,
}

impl<T> Packer<T> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            open_bytes: 0,
            oldest_ms: i64::MAX,
            newest_ms: i64::MIN,
            overflowed: false,
            blocked: HashSet::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    /// Whether some put can hold an event.
    pub fn fits(&self, event: &Encoded<T>) -> Result<(), Misfit> {
        let (weight, max_bytes) = (self.weight(event), self.limits.max_bytes);
        match event.text.is_empty() {
            true => Err(Misfit::Empty),
            false if weight > max_bytes => Err(Misfit::TooLarge { weight, max_bytes }),
            false => Ok(()),
        }
    }

    /// So many events come: room for them is made at once.
    pub fn expect(&mut self, events: usize) {
        self.open.reserve(events.min(self.limits.max_events.saturating_sub(self.open.len())));
    }

    /// Queues an event that [`fits`](Self::fits) behind all others of its lane.
    pub fn add(&mut self, event: Encoded<T>) {
        let weight = self.weight(&event);
        self.place(event, weight);
    }

    /// Queues an event behind all others of its lane.
    #[cfg(test)]
    pub fn push(&mut self, event: Encoded<T>) -> Result<(), Misfit> {
        self.fits(&event)?;
        self.add(event);
        Ok(())
    }

    /// The next put and room for more; none if nothing is queued.
    pub fn take(&mut self) -> Option<Put<T>> {
        if self.open.is_empty() {
            return None;
        }
        let mut events = std::mem::take(&mut self.open);
        let bytes = std::mem::take(&mut self.open_bytes);
        events.sort_by_key(|event| event.timestamp_ms);

        let waiting = std::mem::take(&mut self.waiting);
        *self = Self::new(self.limits);
        for event in waiting {
            let weight = self.limits.weight(event.text.len());
            self.place(event, weight);
        }
        Some(Put { events, bytes })
    }

    /// Waiting longer would not make the next put any fuller, or as much again waits for the one after it: send.
    pub fn is_full(&self) -> bool {
        self.overflowed
            || self.open.len() >= self.limits.max_events
            || self.waiting.len() >= self.limits.max_events
            || self.waiting_bytes >= self.limits.max_bytes
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What the queued events count.
    pub fn bytes(&self) -> usize {
        self.open_bytes + self.waiting_bytes
    }

    /// All that is queued, each lane's in order.
    pub fn queued(&self) -> impl Iterator<Item = &Encoded<T>> {
        self.open.iter().chain(&self.waiting)
    }

    /// Forgets what is not to stay.
    pub fn retain(&mut self, stays: impl Fn(&Encoded<T>) -> bool) {
        let queued = std::mem::replace(self, Self::new(self.limits));
        for event in queued.open.into_iter().chain(queued.waiting).filter(stays) {
            let weight = self.weight(&event);
            self.place(event, weight);
        }
    }

    /// What an event counts.
    pub fn weight(&self, event: &Encoded<T>) -> usize {
        self.limits.weight(event.text.len())
    }

    /// The ticket of the event that has been queued for longest; it is always in the next put.
    pub fn oldest(&self) -> Option<&T> {
        self.open.first().map(|event| &event.ticket)
    }

    /// The ticket of the event that was queued last.
    pub fn newest(&self) -> Option<&T> {
        self.waiting.back().or(self.open.last()).map(|event| &event.ticket)
    }

    fn place(&mut self, event: Encoded<T>, weight: usize) {
        if self.blocked.contains(&event.lane) {
            self.wait(event, weight);
            return;
        }
        let has_room =
            self.open.len() < self.limits.max_events && self.open_bytes + weight <= self.limits.max_bytes;
        let oldest_ms = self.oldest_ms.min(event.timestamp_ms);
        let newest_ms = self.newest_ms.max(event.timestamp_ms);
        if has_room && newest_ms.abs_diff(oldest_ms) < self.limits.span_ms {
            (self.oldest_ms, self.newest_ms) = (oldest_ms, newest_ms);
            self.open_bytes += weight;
            self.open.push(event);
        } else {
            self.overflowed |= !has_room;
            self.blocked.insert(event.lane);
            self.wait(event, weight);
        }
    }

    fn wait(&mut self, event: Encoded<T>, weight: usize) {
        self.waiting_bytes += weight;
        self.waiting.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn limits(max_events: usize, max_bytes: usize) -> Limits {
        Limits { max_events, max_bytes, event_overhead: 26, span_ms: DAY_MS }
    }

    fn event(lane: u64, timestamp_ms: i64, text_len: usize, ticket: usize) -> Encoded<usize> {
        Encoded { lane, timestamp_ms, text: "x".repeat(text_len).into(), ticket }
    }

    fn tickets(put: Option<Put<usize>>) -> Vec<usize> {
        put.map(|put| put.events.iter().map(|event| event.ticket).collect()).unwrap_or_default()
    }

    fn packer(limits: Limits, events: impl IntoIterator<Item = Encoded<usize>>) -> Packer<usize> {
        let mut packer = Packer::new(limits);
        for event in events {
            assert_eq!(packer.push(event), Ok(()));
        }
        packer
    }

    #[test]
    fn a_put_holds_as_many_events_as_allowed_and_not_one_more() {
        let mut packer = packer(limits(3, 10_000), (0..4).map(|at| event(0, 0, 1, at)));
        assert_eq!(tickets(packer.take()), [0, 1, 2]);
        assert_eq!(tickets(packer.take()), [3]);
        assert_eq!(packer.take(), None);
    }

    #[test]
    fn a_put_holds_as_many_bytes_as_allowed_and_not_one_more() {
        let both = 2 * (10 + 26);
        let mut fits = packer(limits(9, both), [event(0, 0, 10, 0), event(0, 0, 10, 1)]);
        assert_eq!(fits.take().map(|put| (put.events.len(), put.bytes)), Some((2, both)));
        let mut one_over = packer(limits(9, both), [event(0, 0, 10, 0), event(0, 0, 11, 1)]);
        assert_eq!(tickets(one_over.take()), [0]);
        assert_eq!(tickets(one_over.take()), [1]);
    }

    #[test]
    fn an_event_larger_than_a_put_is_refused() {
        let mut packer = Packer::new(limits(9, 100));
        assert_eq!(packer.push(event(0, 0, 74, 0)), Ok(()));
        assert_eq!(packer.push(event(0, 0, 75, 1)), Err(Misfit::TooLarge { weight: 101, max_bytes: 100 }));
        assert_eq!(packer.push(event(0, 0, 0, 2)), Err(Misfit::Empty));
        assert!(!packer.is_empty());
    }

    #[test]
    fn a_put_never_spans_24_hours() {
        let day = DAY_MS as i64;
        let mut within = packer(limits(9, 1000), [event(0, day - 1, 1, 0), event(0, 0, 1, 1)]);
        assert_eq!(tickets(within.take()), [1, 0]);
        let mut across = packer(limits(9, 1000), [event(0, day, 1, 0), event(0, 0, 1, 1)]);
        assert_eq!(tickets(across.take()), [0]);
        assert_eq!(tickets(across.take()), [1]);
    }

    #[test]
    fn times_at_the_ends_of_the_clock_do_no_harm() {
        let mut packer = packer(limits(9, 1000), [event(0, i64::MIN, 1, 0), event(0, i64::MAX, 1, 1)]);
        assert_eq!(tickets(packer.take()), [0]);
        assert_eq!(tickets(packer.take()), [1]);
    }

    #[test]
    fn files_of_different_days_still_make_full_puts() {
        let day = DAY_MS as i64;
        let interleaved = (0..8).map(|at| event(at % 2, at as i64 % 2 * 3 * day, 1, at as usize));
        let mut packer = packer(limits(4, 1000), interleaved);
        assert_eq!(tickets(packer.take()), [0, 2, 4, 6]);
        assert_eq!(tickets(packer.take()), [1, 3, 5, 7]);
    }

    #[test]
    fn events_of_the_same_millisecond_stay_in_order_of_arrival() {
        let mut packer = packer(limits(9, 1000), [event(1, 5, 1, 0), event(2, 3, 1, 1), event(3, 5, 1, 2)]);
        assert_eq!(tickets(packer.take()), [1, 0, 2]);
    }

    #[test]
    fn it_is_full_exactly_when_waiting_gains_nothing() {
        let by_count = packer(limits(2, 1000), [event(0, 0, 1, 0)]);
        assert!(!by_count.is_full());
        let by_count = packer(limits(2, 1000), [event(0, 0, 1, 0), event(0, 0, 1, 1)]);
        assert!(by_count.is_full());
        let by_bytes = packer(limits(9, 60), [event(0, 0, 30, 0), event(0, 0, 30, 1)]);
        assert!(by_bytes.is_full());
        let another_day = packer(limits(9, 1000), [event(0, 0, 1, 0), event(0, DAY_MS as i64, 1, 1)]);
        assert!(!another_day.is_full(), "other lanes may still fill the open put");
    }

    #[test]
    fn a_queue_whose_events_cannot_share_a_put_gets_full_as_well() {
        let mut packer = Packer::new(limits(3, 1000));
        let pushed = (0..).take_while(|&at| {
            let more = !packer.is_full();
            more && packer.push(event(at, at as i64 * DAY_MS as i64, 1, 0)).is_ok()
        });
        assert_eq!(pushed.count(), 4, "one open, a put's worth waiting");
    }

    #[test]
    fn what_is_forgotten_makes_room_for_what_stays() {
        let queued = [event(1, 0, 1, 0), event(2, 0, 1, 1), event(1, 0, 1, 2), event(2, 0, 1, 3)];
        let mut packer = packer(limits(2, 1000), queued);
        packer.retain(|event| event.lane == 2);
        assert_eq!((packer.bytes(), packer.queued().count()), (2 * 27, 2));
        assert_eq!(tickets(packer.take()), [1, 3]);
        assert!(packer.is_empty());
    }

    prop_compose! {
        fn any_event()(
            lane in 0_u64..4,
            hour in 0_i64..80,
            ms in 0_i64..3_600_000,
            text_len in 1_usize..60,
        ) -> (u64, i64, usize) {
            (lane, hour * 3_600_000 + ms, text_len)
        }
    }

    proptest! {
        #[test]
        fn any_input_is_put_once_in_order_and_within_every_limit(
            input in prop::collection::vec(any_event(), 0..120),
            max_events in 1_usize..20,
            max_bytes in 86_usize..600,
            take_after in prop::collection::vec(any::<bool>(), 120),
        ) {
            let limits = limits(max_events, max_bytes);
            let mut packer = Packer::new(limits);
            let mut puts = Vec::new();
            for (at, &(lane, timestamp_ms, text_len)) in input.iter().enumerate() {
                prop_assert_eq!(packer.push(event(lane, timestamp_ms, text_len, at)), Ok(()));
                if take_after[at] && packer.is_full() {
                    puts.extend(packer.take());
                }
            }
            while !packer.is_empty() {
                let oldest = packer.oldest().copied();
                let put = packer.take().ok_or_else(|| TestCaseError::fail("queued, but no put"))?;
                prop_assert!(put.events.iter().any(|event| Some(event.ticket) == oldest));
                puts.push(put);
            }
            prop_assert_eq!((packer.is_empty(), packer.bytes()), (true, 0));

            let mut seen = Vec::new();
            let mut last_put_of_lane: HashMap<u64, usize> = HashMap::new();
            for (number, put) in puts.iter().enumerate() {
                let weights: usize = put.events.iter().map(|event| event.text.len() + 26).sum();
                prop_assert_eq!(put.bytes, weights);
                prop_assert!(!put.events.is_empty());
                prop_assert!(put.events.len() <= max_events && weights <= max_bytes);
                prop_assert!(put.events.is_sorted_by_key(|event| (event.timestamp_ms, event.ticket)));
                let (first, last) = (&put.events[0], &put.events[put.events.len() - 1]);
                prop_assert!(last.timestamp_ms.abs_diff(first.timestamp_ms) < DAY_MS);
                let mut arrivals: Vec<_> = put.events.iter().map(|e| (e.ticket, e.lane)).collect();
                arrivals.sort_unstable();
                for (ticket, lane) in arrivals {
                    let before = last_put_of_lane.insert(lane, ticket);
                    prop_assert!(before.is_none_or(|before| before < ticket), "put {} overtakes", number);
                    seen.push(ticket);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..input.len()).collect::<Vec<_>>());
        }

        #[test]
        fn no_waiting_event_would_have_fitted(
            input in prop::collection::vec(any_event(), 1..120),
            max_events in 1_usize..20,
            max_bytes in 86_usize..600,
        ) {
            let events = input.iter().enumerate().map(|(at, &(lane, ms, len))| event(lane, ms, len, at));
            let mut packer = packer(limits(max_events, max_bytes), events);
            let put = packer.take().ok_or_else(|| TestCaseError::fail("queued, but no put"))?;
            let taken: HashSet<usize> = put.events.iter().map(|event| event.ticket).collect();
            let mut heads: HashMap<u64, (i64, usize)> = HashMap::new();
            for (at, &(lane, ms, len)) in input.iter().enumerate() {
                if !taken.contains(&at) {
                    heads.entry(lane).or_insert((ms, len));
                }
            }
            let (first, last) = (put.events[0].timestamp_ms, put.events[put.events.len() - 1].timestamp_ms);
            for (ms, len) in heads.into_values() {
                let span = last.max(ms).abs_diff(first.min(ms));
                let fits = put.events.len() < max_events && put.bytes + len + 26 <= max_bytes && span < DAY_MS;
                prop_assert!(!fits, "an event of {} bytes at {} was left out", len, ms);
            }
        }
    }
}
