//! How much a sink holds in memory, and how much of that in vain: events of log streams that are held up may fill one
//! half of the room and never the other, so that however many are dead the healthy ones go on. A batch that goes to several
//! log streams cannot be let go of once one of them has its events; so such batches may have no more than one half either.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::MAX_PUT_BYTES;

/// Events waiting for one log stream, counted as AWS counts them: one put under way and one being filled… (With a
/// sink for dead letters, as much again for their original bytes.)
pub const OUTLET_BYTES: usize = 2 * MAX_PUT_BYTES;
/// …for all log streams of a sink together…
pub const SINK_BYTES: usize = 16 * MAX_PUT_BYTES;
/// …and of those that are not held up, so many when a lane begins a turn: what is left is for those that have begun one, to
/// fill the puts that they began…
pub const BEGIN_BYTES: usize = 6 * MAX_PUT_BYTES;
/// …and of all for log streams that are held up. What is more is let go of, and read again when it can be sent.
pub const HELD_UP_BYTES: usize = SINK_BYTES / 2;
/// …and of batches that go to several log streams.
pub const MIXED_BYTES: usize = SINK_BYTES / 2;

/// What one log stream has of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Bytes.
    pub bytes: usize,
    /// They cannot go just now.
    pub held_up: bool,
}

/// The room of one sink.
#[derive(Debug, Default)]
pub struct Room {
    all: AtomicUsize,
    held_up: AtomicUsize,
    /// Of batches that go to several log streams.
    pub mixed: Mixed,
}

/// What of batches that go to several log streams has no answer yet, in bytes.
#[derive(Debug, Clone, Default)]
pub struct Mixed(Arc<AtomicUsize>);

impl Mixed {
    /// An event of them waits.
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }

    /// One that waited is answered, or let go of.
    pub fn remove(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// They have their half.
    pub fn is_enough(&self) -> bool {
        self.0.load(Ordering::Acquire) >= MIXED_BYTES
    }
}

impl Room {
    /// A log stream has other than before.
    pub fn change(&self, before: Share, after: Share) {
        let held_up = |share: Share| if share.held_up { share.bytes } else { 0 };
        self.all.fetch_add(after.bytes, Ordering::AcqRel);
        self.all.fetch_sub(before.bytes, Ordering::AcqRel);
        self.held_up.fetch_add(held_up(after), Ordering::AcqRel);
        self.held_up.fetch_sub(held_up(before), Ordering::AcqRel);
    }

    /// There is room for another batch, of a lane that begins its turn, or of one in the middle of it.
    pub fn has_space(&self, begins: bool) -> bool {
        let (all, held_up) = (self.all.load(Ordering::Acquire), self.held_up.load(Ordering::Acquire));
        all < SINK_BYTES && (!begins || all.saturating_sub(held_up) < BEGIN_BYTES)
    }

    /// Those that are held up have more than their half.
    pub fn is_crowded(&self) -> bool {
        self.held_up.load(Ordering::Acquire) > HELD_UP_BYTES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share() -> impl Strategy<Value = Share> {
        (0_usize..4 * MAX_PUT_BYTES, any::<bool>()).prop_map(|(bytes, held_up)| Share { bytes, held_up })
    }

    #[test]
    fn batches_of_several_log_streams_have_no_more_than_their_half() {
        let room = Room::default();
        room.mixed.add(MIXED_BYTES - 1);
        assert!(!room.mixed.is_enough());
        room.mixed.clone().add(1);
        assert!(room.mixed.is_enough());
        room.mixed.remove(1);
        assert!(!room.mixed.is_enough());
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_what_all_have(changes in prop::collection::vec((0_usize..8, share()), 0..200)) {
            let (room, mut shares) = (Room::default(), [Share::default(); 8]);
            for (whose, after) in changes {
                room.change(std::mem::replace(&mut shares[whose], after), after);
                let all: usize = shares.iter().map(|share| share.bytes).sum();
                let held_up: usize = shares.iter().filter(|it| it.held_up).map(|it| it.bytes).sum();
                prop_assert_eq!(room.has_space(false), all < SINK_BYTES);
                prop_assert_eq!(room.has_space(true), all < SINK_BYTES && all - held_up < BEGIN_BYTES);
                prop_assert_eq!(room.is_crowded(), held_up > HELD_UP_BYTES);
            }
        }
    }
}
