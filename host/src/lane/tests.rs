//! What a lane promises: the cursor moves over what was acknowledged, and over nothing else.

use super::*;
use crate::event::{Events, NotHere, Origin, Recipe, StreamKind};
use crate::receipt::Outcome;
use crate::source::Stream;
use proptest::prelude::*;

fn origin() -> Origin {
    Origin {
        source: "airflow".into(),
        path: "a.log".into(),
        host: "h".into(),
        kind: StreamKind::Other,
        task: None,
        deployment: crate::event::Deployment::default(),
    }
}

fn batch(start: u64, end: u64) -> Batch {
    Batch {
        origin: Arc::new(origin()),
        range: start..end,
        bytes: Vec::new(),
        events: Events::default(),
        lines: 1,
        clock: end as i64,
        recipe: Recipe::default(),
        divisible: true,
    }
}

/// Events of ten bytes, each a line.
fn lines(count: usize) -> Batch {
    lines_from(0, count)
}

/// The same where so many lines come before them.
fn lines_from(first: usize, count: usize) -> Batch {
    let ends: Vec<u32> = (1..=count).map(|at| at as u32 * 10).collect();
    let events = Events {
        timestamps: ends.iter().map(|&end| i64::from(end)).collect(),
        source_ends: ends,
        ..Events::default()
    };
    Batch {
        bytes: b"123456789\n".repeat(count),
        events,
        ..batch(first as u64 * 10, (first + count) as u64 * 10)
    }
}

fn here() -> Fate {
    Fate::delivered("here")
}

/// One bit of a batch that says nothing more.
fn bit() -> Entry {
    Entry { fate: here(), range: 0..0, events: 0, bytes: 0 }
}

/// The offset and clock of the next advance.
fn offset(lane: &Lane) -> Option<(u64, i64)> {
    lane.advance().map(|it| (it.row.offset, it.row.clock))
}

fn lane() -> Lane {
    Lane::new(Arc::new(Stream::for_tests(origin())), None, CursorRow::default())
}

#[test]
fn what_somebody_waits_for_is_urgent_until_it_is_written_down_and_pressing_once_it_is_read() {
    let lane = lane();
    assert!(!lane.urgent() && !lane.pressing());
    lane.want(15);
    lane.want(5);
    assert!(lane.urgent() && lane.hurried(14) && !lane.hurried(15) && !lane.pressing());
    lane.begin(&batch(0, 10), 1, Tally::default()).unwrap();
    assert!(!lane.pressing());
    lane.begin(&batch(10, 20), 1, Tally::default()).unwrap();
    assert!(lane.pressing());
    lane.set_committed(10);
    assert!(lane.pressing());
    lane.set_committed(20);
    assert!(!lane.urgent() && !lane.pressing());
}

#[test]
fn what_is_lost_is_passed_after_what_is_under_way_and_once() {
    let lane = lane();
    let first = lane.begin(&batch(0, 10), 1, Tally::default()).unwrap();
    lane.stream.become_long_for_tests(25);
    lane.give_up_rest();
    lane.give_up_rest();
    assert!(!lane.rewind(1), "nobody can read it again");
    assert!(lane.all_read() && lane.advance().is_none());
    lane.acknowledge(first, bit());
    let moved = lane.advance().unwrap();
    assert_eq!((moved.row.offset, moved.row.clock), (25, 10));
    assert_eq!(moved.lost, [Range { start: 10, end: 25 }]);
    assert_eq!(lane.advance(), None);
}

#[test]
fn the_cursor_waits_for_the_batch_in_front() {
    let lane = lane();
    let first = lane.begin(&batch(0, 10), 2, Tally::default()).unwrap();
    let second = lane.begin(&batch(10, 20), 1, Tally::default()).unwrap();
    lane.acknowledge(second, bit());
    assert_eq!(offset(&lane), None);
    lane.acknowledge(first, bit());
    assert_eq!(offset(&lane), None);
    lane.acknowledge(first, bit());
    assert_eq!(offset(&lane), Some((20, 20)));
}

#[test]
fn a_batch_without_events_moves_the_cursor_only_after_those_before_it() {
    let lane = lane();
    let first = lane.begin(&batch(0, 10), 1, Tally::default()).unwrap();
    lane.begin(&batch(10, 20), 0, Tally::default()).unwrap();
    assert_eq!(offset(&lane), None);
    lane.acknowledge(first, bit());
    assert_eq!(offset(&lane), Some((20, 20)));
}

#[test]
fn the_cursor_moves_with_each_event_that_reading_may_begin_after() {
    let lane = lane();
    let seq = lane.begin_events(&lines(4), &[1, 2, 0, 1], &NotHere::default()).unwrap();
    lane.acknowledge_each(seq, [(1, 1, &here())]);
    assert_eq!(offset(&lane), None, "the first is missing");
    lane.acknowledge_each(seq, [(0, 1, &here())]);
    assert_eq!(offset(&lane), Some((10, 10)));
    lane.acknowledge_each(seq, [(1, 1, &here())]);
    assert_eq!(offset(&lane), Some((30, 30)), "past the dropped one");
    lane.acknowledge_each(seq, [(3, 1, &here())]);
    assert_eq!(offset(&lane), Some((40, 40)));
    assert_eq!(offset(&lane), None);
}

#[test]
fn the_receipt_says_of_each_event_what_became_of_it_and_only_when_the_cursor_passes_it() {
    let lane = lane();
    let seq = lane.begin_events(&lines(5), &[1, 2, 0, 1, 1], &NotHere::default()).unwrap();
    let refused = Fate { outcome: Outcome::TooOld, target: "".into() };
    lane.acknowledge_each(seq, [(0, 1, &here()), (1, 1, &refused), (3, 1, &here())]);
    let Advance { entries, .. } = lane.advance().expect("the first is acknowledged");
    assert_eq!(entries, [Entry { fate: here(), range: 0..10, events: 1, bytes: 10 }]);
    // One part of it was refused: so it is.
    lane.acknowledge_each(seq, [(1, 1, &here())]);
    let Advance { row, entries, .. } = lane.advance().expect("four are acknowledged");
    assert_eq!(row.offset, 40);
    let one = |fate, range| Entry { fate, range, events: 1, bytes: 10 };
    assert_eq!(entries, [one(refused, 10..20), one(Fate::dropped(), 20..30), one(here(), 30..40)]);
}

#[test]
fn a_batch_that_cannot_be_divided_moves_the_cursor_as_a_whole() {
    let split = Batch { divisible: false, ..lines(2) };
    let mut within_a_line = lines(2);
    within_a_line.bytes[9] = b'x';
    let mut twice_the_same_line = lines(2);
    twice_the_same_line.events.source_ends = vec![20, 20];
    for batch in [split, within_a_line, twice_the_same_line] {
        let lane = lane();
        let seq = lane.begin_events(&batch, &[1, 1], &NotHere::default()).unwrap();
        lane.acknowledge_each(seq, [(0, 1, &here())]);
        assert_eq!(offset(&lane), None);
        lane.acknowledge_each(seq, [(1, 1, &here())]);
        let Advance { row, entries, .. } = lane.advance().expect("all is acknowledged");
        assert_eq!((row.offset, entries.len(), entries[0].events), (20, 1, 2));
    }
}

#[test]
fn a_lane_that_is_rewound_reads_again_from_its_cursor() {
    let lane = lane();
    let seq = lane.begin_events(&lines(4), &[1; 4], &NotHere::default()).unwrap();
    lane.acknowledge_each(seq, [(0, 1, &here())]);
    lane.advance().unwrap();
    assert!(!lane.rewind(2), "somebody else holds an event of it");
    assert!(lane.rewind(3));
    assert_eq!(lane.next(), (10, 10));
    lane.acknowledge_each(seq, [(1, 1, &here())]);
    assert_eq!(offset(&lane), None, "what was let go of is acknowledged by nobody");
    let early = lane.begin(&batch(40, 50), 1, Tally::default());
    assert_eq!(early, None, "a batch that was under way meanwhile leaves no gap");
    let seq = lane.begin(&batch(10, 40), 1, Tally::default()).unwrap();
    lane.acknowledge(seq, bit());
    assert_eq!(offset(&lane), Some((40, 40)));
}

#[test]
fn a_lane_is_not_rewound_over_what_was_acknowledged() {
    let split = Batch { divisible: false, ..lines(2) };
    for (batch, acknowledged) in [(lines(2), 1), (split, 0)] {
        let lane = lane();
        let seq = lane.begin_events(&batch, &[1, 1], &NotHere::default()).unwrap();
        lane.acknowledge_each(seq, [(acknowledged, 1, &here())]);
        assert_eq!(offset(&lane), None);
        assert!(!lane.rewind(1));
    }
    let lane = lane();
    let seq = lane.begin_events(&lines(2), &[2, 1], &NotHere::default()).unwrap();
    lane.acknowledge_each(seq, [(0, 1, &here())]);
    assert!(!lane.rewind(2), "a part of an event is there");
}

#[test]
fn what_is_acknowledged_behind_others_is_told_when_they_are_and_needs_no_memory_for_its_events() {
    let lane = lane();
    let first = lane.begin(&batch(0, 10), 1, Tally::default()).unwrap();
    let lines = Batch { range: 10..50, ..lines(4) };
    let second = lane.begin_events(&lines, &[0, 0, 1, 0], &NotHere::default()).unwrap();
    assert_eq!(lane.ahead(), 0);
    lane.acknowledge_each(second, [(2, 1, &here())]);
    assert_eq!((lane.ahead(), offset(&lane)), (1, None));
    assert!(lane.state().pending[1].is_over(), "only its sums are left");
    lane.acknowledge(first, bit());
    let Advance { row, entries, .. } = lane.advance().unwrap();
    assert_eq!((row.offset, lane.ahead()), (50, 0));
    let dropped = Entry { fate: Fate::dropped(), range: 10..50, events: 3, bytes: 30 };
    let sent = Entry { fate: here(), range: 30..40, events: 1, bytes: 10 };
    assert_eq!(entries[1..], [dropped, sent]);
}

#[test]
fn what_leaves_again_is_counted_once() {
    let lane = lane();
    assert_eq!((lane.count_up_to(20), lane.count_up_to(10), lane.count_up_to(30)), (0, 20, 20));
}

proptest! {
    #[test]
    fn an_event_moves_the_cursor_when_all_before_it_are_acknowledged(
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let lane = lane();
        let seq = lane.begin_events(&lines(12), &[1; 12], &NotHere::default()).unwrap();
        let mut there = [false; 12];
        let (mut told, mut events) = (0, 0);
        for at in order {
            lane.acknowledge_each(seq, [(at, 1, &here())]);
            there[at] = true;
            for entry in lane.advance().into_iter().flat_map(|it| it.entries) {
                prop_assert_eq!(entry.range.start, told);
                told = entry.range.end;
                events += entry.events;
            }
            let whole = there.iter().take_while(|it| **it).count() as u64 * 10;
            prop_assert_eq!((lane.cursor().offset, told, events), (whole, whole, whole / 10));
        }
    }

    #[test]
    fn the_cursor_never_passes_an_event_that_was_not_acknowledged(
        sizes in prop::collection::vec(0usize..4, 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let lane = lane();
        let mut open: Vec<(Seq, usize)> = Vec::new();
        let mut left = sizes.clone();
        for (at, &events) in sizes.iter().enumerate() {
            let batch = batch(at as u64 * 10, at as u64 * 10 + 10);
            let seq = lane.begin(&batch, events, Tally::default()).unwrap();
            open.extend(std::iter::repeat_n((seq, at), events));
        }
        let mut cursor = 0;
        for index in order {
            if open.is_empty() { break; }
            let (seq, at) = open.swap_remove(index.index(open.len()));
            lane.acknowledge(seq, bit());
            left[at] -= 1;
            if let Some(Advance { row, .. }) = lane.advance() {
                prop_assert!(row.offset > cursor);
                cursor = row.offset;
            }
            let whole = left.iter().take_while(|&&left| left == 0).count() as u64 * 10;
            prop_assert_eq!(cursor, whole);
        }
    }

    #[test]
    fn however_often_it_is_rewound_each_event_is_sent_on_and_acknowledged_once(
        steps in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 0..200),
    ) {
        const LINES: usize = 60;
        let lane = lane();
        let mut held: Vec<(Seq, usize, usize)> = Vec::new();
        let (mut times, mut told) = ([0; LINES], 0);
        let next_batch = |lane: &Lane, most: usize| {
            let first = lane.next().0 as usize / 10;
            lines_from(first, most.min(LINES - first))
        };
        let mut acknowledge = |(seq, event, line): (Seq, usize, usize)| {
            lane.acknowledge_each(seq, [(event, 1, &here())]);
            told += lane.advance().into_iter().flat_map(|it| it.entries).map(|it| it.events).sum::<u64>();
            times[line] += 1;
        };
        let begin = |lane: &Lane, batch: &Batch, held: &mut Vec<(Seq, usize, usize)>| {
            let (first, count) = (batch.range.start as usize / 10, batch.bytes.len() / 10);
            if let Some(seq) = lane.begin_events(batch, &vec![1; count], &NotHere::default()) {
                held.extend((0..count).map(|at| (seq, at, first + at)));
            }
        };
        for (step, index) in steps {
            match step {
                0 => begin(&lane, &next_batch(&lane, index.index(9) + 1), &mut held),
                1 if !held.is_empty() => acknowledge(held.remove(0)),
                2 if !held.is_empty() => acknowledge(held.swap_remove(index.index(held.len()))),
                // A batch is being made while the lane is rewound.
                3 => {
                    let batch = next_batch(&lane, index.index(9) + 1);
                    if lane.rewind(held.len()) {
                        held.clear();
                    }
                    begin(&lane, &batch, &mut held);
                }
                _ => {}
            }
        }
        loop {
            held.drain(..).for_each(&mut acknowledge);
            if lane.cursor().offset as usize == LINES * 10 {
                break;
            }
            begin(&lane, &next_batch(&lane, 7), &mut held);
        }
        prop_assert_eq!((times, told), ([1; LINES], LINES as u64), "also in the receipt");
    }
}
