//! What a lane promises.

use super::*;
use crate::event::{Events, Origin, Recipe, StreamKind};
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

fn lane() -> Lane {
    Lane::new(Arc::new(Stream::for_tests(origin())), None, CursorRow::default())
}

#[test]
fn the_cursor_waits_for_the_batch_in_front() {
    let lane = lane();
    let first = lane.begin(&batch(0, 10), 2).unwrap();
    let second = lane.begin(&batch(10, 20), 1).unwrap();
    lane.acknowledge(second, 1);
    assert_eq!(lane.advance(), None);
    lane.acknowledge(first, 1);
    assert_eq!(lane.advance(), None);
    lane.acknowledge(first, 1);
    let cursor = lane.advance().unwrap();
    assert_eq!((cursor.offset, cursor.clock), (20, 20));
}

#[test]
fn a_batch_without_events_moves_the_cursor_only_after_those_before_it() {
    let lane = lane();
    let first = lane.begin(&batch(0, 10), 1).unwrap();
    lane.begin(&batch(10, 20), 0).unwrap();
    assert_eq!(lane.advance(), None);
    lane.acknowledge(first, 1);
    assert_eq!(lane.advance().map(|cursor| cursor.offset), Some(20));
}

#[test]
fn the_cursor_moves_with_each_event_that_reading_may_begin_after() {
    let lane = lane();
    let seq = lane.begin_events(&lines(4), &[(0, 1), (1, 2), (3, 1)]).unwrap();
    lane.acknowledge_each(seq, [(1, 1)]);
    assert_eq!(lane.advance(), None, "the first is missing");
    lane.acknowledge_each(seq, [(0, 1)]);
    assert_eq!(lane.advance().map(|it| (it.offset, it.clock)), Some((10, 10)));
    lane.acknowledge_each(seq, [(1, 1)]);
    let past_the_dropped_one = lane.advance().map(|it| (it.offset, it.clock));
    assert_eq!(past_the_dropped_one, Some((30, 30)));
    lane.acknowledge_each(seq, [(2, 1)]);
    assert_eq!(lane.advance().map(|it| it.offset), Some(40));
    assert_eq!(lane.advance(), None);
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
        let seq = lane.begin_events(&batch, &[(0, 1), (1, 1)]).unwrap();
        lane.acknowledge_each(seq, [(0, 1)]);
        assert_eq!(lane.advance(), None);
        lane.acknowledge_each(seq, [(1, 1)]);
        assert_eq!(lane.advance().map(|it| it.offset), Some(20));
    }
}

#[test]
fn a_lane_that_is_rewound_reads_again_from_its_cursor() {
    let lane = lane();
    let seq = lane.begin_events(&lines(4), &[(0, 1), (1, 1), (2, 1), (3, 1)]).unwrap();
    lane.acknowledge_each(seq, [(0, 1)]);
    lane.advance().unwrap();
    assert!(!lane.rewind(2), "somebody else holds an event of it");
    assert!(lane.rewind(3));
    assert_eq!(lane.next(), (10, 10));
    lane.acknowledge_each(seq, [(1, 1)]);
    assert_eq!(lane.advance(), None, "what was let go of is acknowledged by nobody");
    assert_eq!(lane.begin(&batch(40, 50), 1), None, "a batch that was under way meanwhile leaves no gap");
    let seq = lane.begin(&batch(10, 40), 1).unwrap();
    lane.acknowledge(seq, 1);
    assert_eq!(lane.advance().map(|it| it.offset), Some(40));
}

#[test]
fn a_lane_is_not_rewound_over_what_was_acknowledged() {
    let split = Batch { divisible: false, ..lines(2) };
    for (batch, acknowledged) in [(lines(2), 1), (split, 0)] {
        let lane = lane();
        let seq = lane.begin_events(&batch, &[(0, 1), (1, 1)]).unwrap();
        lane.acknowledge_each(seq, [(acknowledged, 1)]);
        assert_eq!(lane.advance(), None);
        assert!(!lane.rewind(1));
    }
    let lane = lane();
    let seq = lane.begin_events(&lines(2), &[(0, 2), (1, 1)]).unwrap();
    lane.acknowledge_each(seq, [(0, 1)]);
    assert!(!lane.rewind(2), "a part of an event is there");
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
        let sent: Vec<(usize, u32)> = (0..12).map(|at| (at, 1)).collect();
        let seq = lane.begin_events(&lines(12), &sent).unwrap();
        let mut there = [false; 12];
        for at in order {
            lane.acknowledge_each(seq, [(at, 1)]);
            there[at] = true;
            lane.advance();
            let whole = there.iter().take_while(|it| **it).count() as u64 * 10;
            prop_assert_eq!(lane.cursor().offset, whole);
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
            let seq = lane.begin(&batch(at as u64 * 10, at as u64 * 10 + 10), events).unwrap();
            open.extend(std::iter::repeat_n((seq, at), events));
        }
        let mut cursor = 0;
        for index in order {
            if open.is_empty() { break; }
            let (seq, at) = open.swap_remove(index.index(open.len()));
            lane.acknowledge(seq, 1);
            left[at] -= 1;
            if let Some(row) = lane.advance() {
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
        let mut times = [0; LINES];
        let next_batch = |lane: &Lane, most: usize| {
            let first = lane.next().0 as usize / 10;
            lines_from(first, most.min(LINES - first))
        };
        let mut acknowledge = |(seq, event, line): (Seq, usize, usize)| {
            lane.acknowledge_each(seq, [(event, 1)]);
            lane.advance();
            times[line] += 1;
        };
        let begin = |lane: &Lane, batch: &Batch, held: &mut Vec<(Seq, usize, usize)>| {
            let (first, count) = (batch.range.start as usize / 10, batch.bytes.len() / 10);
            let sent: Vec<(usize, u32)> = (0..count).map(|at| (at, 1)).collect();
            if let Some(seq) = lane.begin_events(batch, &sent) {
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
        prop_assert_eq!(times, [1; LINES]);
    }
}
