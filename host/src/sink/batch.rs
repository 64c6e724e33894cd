//! Packs encoded events of many lanes into puts for one log stream: as full as the limits allow, each lane in order.
//!
//! Greedy, in order of arrival: an event joins the open put if it fits; if not, its lane waits for the next put (so
//! a lane's events never overtake each other) while the other lanes go on. Files of different days, which must not
//! share a put, thus still make full ones. No clock, no network.

use std::collections::HashSet;

use super::piece::{Piece, Pieces, Text};

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
#[derive(Debug)]
pub struct Put<T> {
    /// Never none.
    pub pieces: Pieces<T>,
    /// What they count together.
    pub bytes: usize,
}

/// The queue of one log stream. Bounded by its caller: add only while it is not [`Packer::is_full`].
#[derive(Debug)]
pub struct Packer<T> {
    limits: Limits,
    /// What the next put holds so far, in order of arrival.
    open: Pieces<T>,
    open_bytes: usize,
    oldest_ms: i64,
    newest_ms: i64,
    /// What the next put holds so far is in order of time, too.
    in_order: bool,
    /// An event was left out for want of room.
    overflowed: bool,
    /// Lanes that have an event among the waiting.
    blocked: HashSet<u64>,
    /// What the open put can't hold, in order of arrival.
    waiting: Pieces<T>,
    waiting_bytes: usize,
}

impl<T> Packer<T> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: Pieces::default(),
            open_bytes: 0,
            oldest_ms: i64::MAX,
            newest_ms: i64::MIN,
            in_order: true,
            overflowed: false,
            blocked: HashSet::new(),
            waiting: Pieces::default(),
            waiting_bytes: 0,
        }
    }

    /// Whether some put can hold an event.
    pub fn fits(&self, text: &Text) -> Result<(), Misfit> {
        let (weight, max_bytes) = (self.weight_of(text), self.limits.max_bytes);
        match text.len {
            0 => Err(Misfit::Empty),
            _ if weight > max_bytes => Err(Misfit::TooLarge { weight, max_bytes }),
            _ => Ok(()),
        }
    }

    /// Queues events that [fit](Self::fits) behind all others of their lane.
    pub fn add(&mut self, mut piece: Piece<T>) {
        if self.blocked.contains(&piece.lane()) {
            return self.wait(piece);
        }
        let count = self.count_in(piece.texts());
        if count == piece.texts().len() {
            return self.open.push(piece);
        }
        self.blocked.insert(piece.lane());
        let rest = piece.split_off(count);
        if count > 0 {
            self.open.push(piece);
        }
        self.wait(rest);
    }

    /// The next put and room for more; none if nothing is queued.
    pub fn take(&mut self) -> Option<Put<T>> {
        if self.open.is_empty() {
            return None;
        }
        let Self { open: mut pieces, open_bytes: bytes, waiting, in_order, .. } =
            std::mem::replace(self, Self::new(self.limits));
        if !in_order {
            pieces.sort();
        }
        waiting.into_iter().for_each(|piece| self.add(piece));
        Some(Put { pieces, bytes })
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
    pub fn queued(&self) -> impl Iterator<Item = &Piece<T>> {
        self.open.iter().chain(self.waiting.iter())
    }

    /// Forgets what is not to stay.
    pub fn retain(&mut self, stays: impl Fn(&Piece<T>) -> bool) {
        let Self { open, waiting, .. } = std::mem::replace(self, Self::new(self.limits));
        open.into_iter().chain(waiting).filter(stays).for_each(|piece| self.add(piece));
    }

    /// What the events of a piece count.
    pub fn weight(&self, piece: &Piece<T>) -> usize {
        piece.texts().iter().map(|text| self.weight_of(text)).sum()
    }

    /// The ticket of the event that has been queued for longest; it is always in the next put.
    pub fn oldest(&self) -> Option<&T> {
        self.open.iter().next().map(Piece::ticket)
    }

    /// The ticket of the event that was queued last.
    pub fn newest(&self) -> Option<&T> {
        self.waiting.iter().next_back().or(self.open.iter().next_back()).map(Piece::ticket)
    }

    fn weight_of(&self, text: &Text) -> usize {
        self.limits.weight(text.len as usize)
    }

    /// Counts as many of the first of these as the open put can hold.
    fn count_in(&mut self, texts: &[Text]) -> usize {
        let room = self.limits.max_events.saturating_sub(self.open.len());
        for (count, text) in texts.iter().enumerate() {
            let bytes = self.open_bytes + self.weight_of(text);
            let has_room = count < room && bytes <= self.limits.max_bytes;
            let oldest_ms = self.oldest_ms.min(text.timestamp_ms);
            let newest_ms = self.newest_ms.max(text.timestamp_ms);
            if !has_room || newest_ms.abs_diff(oldest_ms) >= self.limits.span_ms {
                self.overflowed |= !has_room;
                return count;
            }
            self.in_order &= text.timestamp_ms >= self.newest_ms;
            (self.oldest_ms, self.newest_ms, self.open_bytes) = (oldest_ms, newest_ms, bytes);
        }
        texts.len()
    }

    fn wait(&mut self, piece: Piece<T>) {
        self.waiting_bytes += self.weight(&piece);
        self.waiting.push(piece);
    }
}

#[cfg(test)]
mod tests;
