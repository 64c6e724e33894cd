//! Puts are full, within every limit, and in order, whatever comes in which pieces.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::sink::piece::Written;

const DAY_MS: u64 = 86_400_000;

fn limits(max_events: usize, max_bytes: usize) -> Limits {
    Limits { max_events, max_bytes, event_overhead: 26, span_ms: DAY_MS }
}

fn event(lane: u64, timestamp_ms: i64, text_len: usize, number: usize) -> Piece<()> {
    let mut written = Written::default();
    written.add_text(number as u32, timestamp_ms, &"x".repeat(text_len));
    Piece::of(lane, written, ()).expect("a text was written")
}

fn fits(packer: &Packer<()>, piece: &Piece<()>) -> Result<(), Misfit> {
    piece.texts().iter().try_for_each(|text| packer.fits(text))
}

fn numbers(put: Option<Put<()>>) -> Vec<u32> {
    put.map(|put| put.pieces.texts().map(|((), text)| text.event).collect()).unwrap_or_default()
}

fn packer(limits: Limits, events: impl IntoIterator<Item = Piece<()>>) -> Packer<()> {
    let mut packer = Packer::new(limits);
    for event in events {
        assert_eq!(fits(&packer, &event), Ok(()));
        packer.add(event);
    }
    packer
}

#[test]
fn a_put_holds_as_many_events_as_allowed_and_not_one_more() {
    let mut packer = packer(limits(3, 10_000), (0..4).map(|at| event(0, 0, 1, at)));
    assert_eq!(numbers(packer.take()), [0, 1, 2]);
    assert_eq!(numbers(packer.take()), [3]);
    assert!(packer.take().is_none());
}

#[test]
fn a_put_holds_as_many_bytes_as_allowed_and_not_one_more() {
    let both = 2 * (10 + 26);
    let mut fits = packer(limits(9, both), [event(0, 0, 10, 0), event(0, 0, 10, 1)]);
    assert_eq!(fits.take().map(|put| (put.pieces.len(), put.bytes)), Some((2, both)));
    let mut one_over = packer(limits(9, both), [event(0, 0, 10, 0), event(0, 0, 11, 1)]);
    assert_eq!(numbers(one_over.take()), [0]);
    assert_eq!(numbers(one_over.take()), [1]);
}

#[test]
fn an_event_larger_than_a_put_is_refused() {
    let packer = Packer::new(limits(9, 100));
    assert_eq!(fits(&packer, &event(0, 0, 74, 0)), Ok(()));
    assert_eq!(fits(&packer, &event(0, 0, 75, 1)), Err(Misfit::TooLarge { weight: 101, max_bytes: 100 }));
    assert_eq!(fits(&packer, &event(0, 0, 0, 2)), Err(Misfit::Empty));
}

#[test]
fn a_put_never_spans_24_hours() {
    let day = DAY_MS as i64;
    let mut within = packer(limits(9, 1000), [event(0, day - 1, 1, 0), event(0, 0, 1, 1)]);
    assert_eq!(numbers(within.take()), [1, 0]);
    let mut across = packer(limits(9, 1000), [event(0, day, 1, 0), event(0, 0, 1, 1)]);
    assert_eq!(numbers(across.take()), [0]);
    assert_eq!(numbers(across.take()), [1]);
}

#[test]
fn times_at_the_ends_of_the_clock_do_no_harm() {
    let mut packer = packer(limits(9, 1000), [event(0, i64::MIN, 1, 0), event(0, i64::MAX, 1, 1)]);
    assert_eq!(numbers(packer.take()), [0]);
    assert_eq!(numbers(packer.take()), [1]);
}

#[test]
fn files_of_different_days_still_make_full_puts() {
    let day = DAY_MS as i64;
    let interleaved = (0..8).map(|at| event(at % 2, at as i64 % 2 * 3 * day, 1, at as usize));
    let mut packer = packer(limits(4, 1000), interleaved);
    assert_eq!(numbers(packer.take()), [0, 2, 4, 6]);
    assert_eq!(numbers(packer.take()), [1, 3, 5, 7]);
}

#[test]
fn events_of_the_same_millisecond_stay_in_order_of_arrival() {
    let mut packer = packer(limits(9, 1000), [event(1, 5, 1, 0), event(2, 3, 1, 1), event(3, 5, 1, 2)]);
    assert_eq!(numbers(packer.take()), [1, 0, 2]);
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
        packer.add(event(at, at as i64 * DAY_MS as i64, 1, 0));
        more
    });
    assert_eq!(pushed.count(), 4, "one open, a put's worth waiting");
}

#[test]
fn what_is_forgotten_makes_room_for_what_stays() {
    let queued = [event(1, 0, 1, 0), event(2, 0, 1, 1), event(1, 0, 1, 2), event(2, 0, 1, 3)];
    let mut packer = packer(limits(2, 1000), queued);
    packer.retain(|piece| piece.lane() == 2);
    assert_eq!((packer.bytes(), packer.queued().count()), (2 * 27, 2));
    assert_eq!(numbers(packer.take()), [1, 3]);
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

/// As they come, up to so many events of a lane in one piece.
fn pieces(input: &[(u64, i64, usize)], in_one: usize) -> Vec<Piece<()>> {
    let mut pieces = Vec::new();
    let mut number = 0;
    for run in input.chunk_by(|one, next| one.0 == next.0).flat_map(|run| run.chunks(in_one)) {
        let mut written = Written::default();
        for &(_, timestamp_ms, text_len) in run {
            written.add_text(number, timestamp_ms, &"x".repeat(text_len));
            number += 1;
        }
        pieces.extend(Piece::of(run[0].0, written, ()));
    }
    pieces
}

fn texts(put: &Put<()>) -> Vec<(u64, Text)> {
    let of_piece =
        |piece: &Piece<()>| piece.texts().iter().map(|text| (piece.lane(), *text)).collect::<Vec<_>>();
    put.pieces.iter().flat_map(of_piece).collect()
}

proptest! {
    #[test]
    fn any_input_is_put_once_in_order_and_within_every_limit(
        input in prop::collection::vec(any_event(), 0..120),
        in_one in 1_usize..9,
        max_events in 1_usize..20,
        max_bytes in 86_usize..600,
        take_after in prop::collection::vec(any::<bool>(), 120),
    ) {
        let limits = limits(max_events, max_bytes);
        let mut packer = Packer::new(limits);
        let mut puts = Vec::new();
        for (piece, take) in pieces(&input, in_one).into_iter().zip(take_after) {
            prop_assert_eq!(fits(&packer, &piece), Ok(()));
            packer.add(piece);
            if take && packer.is_full() {
                puts.extend(packer.take());
            }
        }
        while !packer.is_empty() {
            let oldest = packer.queued().next().map(|piece| piece.texts()[0]);
            let put = packer.take().ok_or_else(|| TestCaseError::fail("queued, but no put"))?;
            prop_assert!(texts(&put).iter().any(|(_, text)| Some(*text) == oldest));
            puts.push(put);
        }
        prop_assert_eq!((packer.is_empty(), packer.bytes()), (true, 0));

        let mut seen = Vec::new();
        let mut last_put_of_lane: HashMap<u64, u32> = HashMap::new();
        for (number, put) in puts.iter().enumerate() {
            let events = texts(put);
            let weights: usize = events.iter().map(|(_, text)| text.len as usize + 26).sum();
            prop_assert_eq!((put.bytes, put.pieces.len()), (weights, events.len()));
            prop_assert!(!events.is_empty());
            prop_assert!(events.len() <= max_events && weights <= max_bytes);
            prop_assert!(events.is_sorted_by_key(|(_, text)| (text.timestamp_ms, text.event)));
            let (first, last) = (events[0].1, events[events.len() - 1].1);
            prop_assert!(last.timestamp_ms.abs_diff(first.timestamp_ms) < DAY_MS);
            let mut arrivals: Vec<_> = events.iter().map(|(lane, text)| (text.event, *lane)).collect();
            arrivals.sort_unstable();
            for (event, lane) in arrivals {
                let before = last_put_of_lane.insert(lane, event);
                prop_assert!(before.is_none_or(|before| before < event), "put {} overtakes", number);
                let (_, ms, len) = input[event as usize];
                prop_assert!(events.iter().any(|(_, text)| (text.event, text.timestamp_ms, text.len) == (event, ms, len as u32)));
                seen.push(event as usize);
            }
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..input.len()).collect::<Vec<_>>());
    }

    #[test]
    fn no_waiting_event_would_have_fitted(
        input in prop::collection::vec(any_event(), 1..120),
        in_one in 1_usize..9,
        max_events in 1_usize..20,
        max_bytes in 86_usize..600,
    ) {
        let mut packer = packer(limits(max_events, max_bytes), pieces(&input, in_one));
        let put = packer.take().ok_or_else(|| TestCaseError::fail("queued, but no put"))?;
        let events = texts(&put);
        let taken: HashSet<usize> = events.iter().map(|(_, text)| text.event as usize).collect();
        let mut heads: HashMap<u64, (i64, usize)> = HashMap::new();
        for (at, &(lane, ms, len)) in input.iter().enumerate() {
            if !taken.contains(&at) {
                heads.entry(lane).or_insert((ms, len));
            }
        }
        let (first, last) = (events[0].1.timestamp_ms, events[events.len() - 1].1.timestamp_ms);
        for (ms, len) in heads.into_values() {
            let span = last.max(ms).abs_diff(first.min(ms));
            let fits = events.len() < max_events && put.bytes + len + 26 <= max_bytes && span < DAY_MS;
            prop_assert!(!fits, "an event of {} bytes at {} was left out", len, ms);
        }
    }

    #[test]
    fn any_part_of_some_pieces_is_those_texts(
        input in prop::collection::vec(any_event(), 1..60),
        in_one in 1_usize..9,
        ends in (0_usize..61, 0_usize..61),
    ) {
        let all: Pieces<()> = pieces(&input, in_one).into_iter().collect();
        let part = ends.0.min(ends.1).min(input.len())..ends.0.max(ends.1).min(input.len());
        let of = all.part(part.clone());
        let numbers: Vec<usize> = of.texts().map(|((), text)| text.event as usize).collect();
        prop_assert_eq!(of.len(), part.len());
        prop_assert_eq!(numbers, part.collect::<Vec<_>>());
    }
}
