//! The oracle must find what it is there for: each test doctors a run in which all is well.

use std::time::Duration;

use super::*;
use crate::accounts::SEES;
use crate::books::{How, marker};
use crate::ledger::Ledger;

const PATH: &str = "dag_id=a/attempt=1.log";
const ID: Id = Id { family: 0, generation: 0 };

/// One file of six lines, all of it delivered to all sinks.
struct Run {
    books: Books,
    arrived: Arrived,
    /// The second put: its answer may have been lost.
    lost_reply: bool,
}

fn line(piece: usize) -> String {
    format!("[2026-11-21T12:00:00.00{piece}+0000] {{a.py:1}} INFO - {} hello é", marker(ID, piece))
}

fn event(piece: usize) -> (i64, String) {
    (piece as i64 / 2, line(piece))
}

impl Run {
    fn good() -> Self {
        let mut books = Books::default();
        books.begin(ID, PATH);
        let file = books.of(ID);
        for piece in 0..6 {
            file.pieces.push(file.bytes.len());
            file.bytes.extend_from_slice((line(piece) + "\n").as_bytes());
            file.sizes.push((Instant::now(), file.bytes.len()));
        }
        let body = file.bytes.clone();
        let arrived = Arrived {
            log_streams: BTreeMap::from([(PATH.to_owned(), (0..6).map(event).collect())]),
            mirror: BTreeMap::from([(PATH.to_owned(), body.clone())]),
            lake: Some(BTreeMap::from([("lake".to_owned(), body)])),
            ..Arrived::default()
        };
        Self { books, arrived, lost_reply: false }
    }

    fn events(&mut self) -> &mut Vec<(i64, String)> {
        self.arrived.log_streams.get_mut(PATH).expect("it is there")
    }

    fn object(&mut self) -> &mut Vec<u8> {
        self.arrived.mirror.get_mut(PATH).expect("it is there")
    }

    fn lake(&mut self) -> &mut Vec<u8> {
        self.arrived.lake.as_mut().and_then(|lake| lake.get_mut("lake")).expect("it is there")
    }

    /// The file was deleted, and then all of it before `from` is in each sink, and nothing else.
    fn deleted(&mut self, from: usize) -> u64 {
        let start = self.books.of(ID).pieces[from];
        let lost = self.books.of(ID).bytes.len() - start;
        self.books.of(ID).ended = Some((How::Deleted, Instant::now() + SEES * 2));
        self.events().truncate(from);
        self.object().truncate(start);
        self.lake().truncate(start);
        lost as u64
    }

    fn report(&mut self, sink: &str, bytes: u64) {
        self.arrived.reports.insert((sink.to_owned(), PATH.to_owned()), bytes);
    }

    /// Each three events were one put.
    fn verdict(mut self) -> Result<Tally, Difference> {
        let ledger = Ledger::default();
        let lost_reply = self.lost_reply;
        for (number, events) in self.events().chunks(3).enumerate() {
            let put = ledger.put(PATH, events.len());
            if lost_reply && number == 1 {
                ledger.reply_lost(PATH, put);
            }
        }
        self.arrived.puts = ledger.puts();
        compare(&self.books, &self.arrived)
    }

    #[track_caller]
    fn finds(self, what: &str, piece: impl Into<Option<usize>>) {
        let difference = self.verdict().expect_err("the oracle finds it");
        assert_eq!(
            (difference.what.as_str(), difference.about.map(|it| it.1)),
            (what, piece.into()),
            "{difference}"
        );
    }
}

#[test]
fn a_good_run_is_called_good() {
    let tally = Run::good().verdict().expect("all is well");
    assert_eq!((tally.arrived, tally.repeated, tally.identical), (6, 0, 1));
}

#[test]
fn a_missing_line_is_found_at_the_end_and_in_the_middle() {
    let mut run = Run::good();
    run.events().pop();
    run.finds("lost", 5);
    let mut run = Run::good();
    run.events().remove(2);
    run.finds("lost", 2);
}

#[test]
fn a_line_that_comes_again_is_found_unless_a_lost_reply_allows_it() {
    let twice = || {
        let mut run = Run::good();
        let again = run.events()[5].clone();
        run.events().push(again);
        run
    };
    twice().finds("repeated more often than kills and lost replies allow", 5);
    let run = Run { lost_reply: true, ..twice() };
    assert_eq!(run.verdict().expect("it is allowed").repeated, 1);
    let mut run = Run { lost_reply: true, ..twice() };
    run.events().push((9, line(5)));
    run.finds("repeated more often than kills and lost replies allow", 5);
    let mut run = Run { lost_reply: true, ..Run::good() };
    // Another put brought it.
    run.events().push((9, line(0)));
    run.finds("repeated more often than kills and lost replies allow", 0);
}

#[test]
fn a_kill_allows_the_last_put_of_each_log_stream_once() {
    let ledger = Ledger::default();
    for stream in ["a", "a", "b"] {
        ledger.put(stream, 1);
    }
    ledger.killed(Instant::now());
    // Nothing was sent since.
    ledger.killed(Instant::now());
    let allowed = |stream: &str| ledger.puts()[stream].iter().map(|put| put.may_repeat).collect::<Vec<_>>();
    assert_eq!((allowed("a"), allowed("b")), (vec![0, 1], vec![1]));
}

#[test]
fn an_object_is_known_to_be_as_long_as_its_last_answered_write_unless_a_kill_followed_at_once() {
    let ledger = Ledger::default();
    let known = || ledger.known_lengths()["/b/k"];
    ledger.write("/b/k", Some(10));
    assert_eq!(known(), 10);
    ledger.write("/b/k", Some(20));
    ledger.write_unsure("/b/k");
    assert_eq!(known(), 10);
    ledger.write("/b/k", Some(30));
    ledger.killed(Instant::now() + Duration::from_mins(1));
    assert_eq!(known(), 30, "long written down");
    ledger.write("/b/k", Some(40));
    ledger.killed(Instant::now());
    assert_eq!(known(), 30);
    ledger.write("/b/k", None);
    assert_eq!(known(), 30, "the end of a multipart upload does not say");
}

#[test]
fn what_arrived_without_the_host_knowing_it_may_be_reported_too() {
    let vanished = |known: bool, more: u64| {
        let mut run = Run::good();
        let lost = run.deleted(4);
        let there = run.object().len();
        run.arrived.known_lengths.insert(format!("/{MIRROR_BUCKET}/{PATH}"), if known { there } else { 0 });
        run.report(MIRROR, lost + more);
        run.verdict()
    };
    assert!(vanished(false, 1).is_ok() && vanished(true, 0).is_ok());
    assert!(vanished(true, 1).is_err());
}

#[test]
fn a_swapped_pair_is_found_within_a_put_and_across_two() {
    let mut run = Run::good();
    let events = run.events();
    (events[0].1, events[1].1) = (events[1].1.clone(), events[0].1.clone());
    run.finds("out of order", 0);
    let mut run = Run::good();
    let events = run.events();
    (events[2].1, events[3].1) = (events[3].1.clone(), events[2].1.clone());
    run.finds("out of order", 2);
}

#[test]
fn within_a_put_the_time_decides_and_then_the_file() {
    let mut run = Run::good();
    let events = run.events();
    // The second line has an earlier time than the first: so it comes before it.
    (events[0], events[1]) = ((-1, line(1)), (0, line(0)));
    assert!(run.verdict().is_ok());
}

#[test]
fn a_changed_byte_is_found_in_a_line_and_in_an_object() {
    let mut run = Run::good();
    run.events()[4].1 = line(4).replace("hello", "hallo");
    run.finds("a line that nobody wrote so", 4);
    let mut run = Run::good();
    *run.object().last_mut().expect("it is not empty") = b'.';
    run.finds("an object that is not its file", None);
    let mut run = Run::good();
    let at = run.lake().len() - 3;
    run.lake()[at] = b'.';
    run.finds("a line that nobody wrote so", 5);
}

#[test]
fn a_line_that_was_cut_is_found() {
    let mut run = Run::good();
    let cut = line(1).len() - 4;
    run.events()[1].1.truncate(cut);
    run.finds("a line that nobody wrote so", 1);
}

#[test]
fn a_line_of_nobodys_is_found() {
    let mut run = Run::good();
    run.events()[1].1 = "who wrote this?".into();
    run.finds("somebody's text", None);
}

#[test]
fn an_object_that_lacks_the_end_or_is_not_there_or_is_of_nobodys_is_found() {
    let mut run = Run::good();
    run.object().pop();
    run.finds("an object that lacks the end of its file", None);
    let mut run = Run::good();
    run.arrived.mirror.clear();
    run.finds("an object that lacks the end of its file", None);
    let mut run = Run::good();
    run.arrived.mirror.insert("what/is/this.log".into(), b"x".to_vec());
    run.finds("an object of nobody's", None);
}

#[test]
fn two_objects_of_one_generation_are_found() {
    let mut run = Run::good();
    let body = run.object().clone();
    run.arrived.mirror.insert(format!("{PATH}.20261121T120000.000Z-host"), body);
    run.finds("two objects of one generation", None);
}

#[test]
fn a_line_in_two_objects_of_layout_batch_is_found_and_one_in_none() {
    let mut run = Run::good();
    run.arrived.lake.as_mut().expect("there is one").insert("other".into(), (line(3) + "\n").into_bytes());
    run.finds("in two objects", 3);
    let mut run = Run::good();
    let short = run.lake().len() - line(5).len() - 1;
    run.lake().truncate(short);
    run.finds("lost", 5);
}

#[test]
fn what_vanished_must_be_reported_to_the_byte_where_the_host_looked_on() {
    let all_reported = |less: u64, more: u64| {
        let mut run = Run::good();
        let lost = run.deleted(4);
        for sink in [CLOUDWATCH, MIRROR, LAKE] {
            run.report(sink, lost - less + more);
        }
        run.arrived.ups = vec![(Instant::now(), Instant::now() + SEES * 4)];
        run
    };
    let tally = all_reported(0, 0).verdict().expect("all of it is reported");
    assert_eq!((tally.gone, tally.reported, tally.unseen > 0), (tally.reported, tally.gone, false));
    all_reported(1, 0).finds("lost without a report", 4);
    all_reported(0, 1).finds("reported as lost, and it is not", 4);
}

#[test]
fn what_vanished_while_nobody_looked_must_be_reported_as_far_as_another_sink_had_it() {
    let unseen = |reported: u64| {
        let mut run = Run::good();
        let before = run.object().clone();
        let lost = run.deleted(4);
        // The mirror had five lines, the others have four.
        let fifth = line(4).len() + 1;
        *run.object() = before[..before.len() - (lost as usize - fifth)].to_vec();
        run.report(CLOUDWATCH, reported.min(fifth as u64));
        run.report(LAKE, fifth as u64);
        run
    };
    assert!(unseen(u64::MAX).verdict().is_ok());
    unseen(0).finds("lost without a report", 4);
}

#[test]
fn a_report_of_a_file_that_never_was_is_found() {
    let mut run = Run::good();
    run.arrived.reports.insert((MIRROR.into(), "no/such.log".into()), 1);
    run.finds("a report of nobody's", None);
}

#[test]
fn a_proxy_that_saw_less_than_arrived_is_no_witness() {
    let mut run = Run::good();
    run.arrived.log_streams.insert("another".into(), vec![(0, line(0))]);
    run.finds("the harness's own books", None);
}

#[test]
fn a_size_is_known_from_when_it_was_written() {
    let run = Run::good();
    let file = &run.books.generations[&ID];
    assert_eq!(file.size_before(Instant::now(), Duration::ZERO), file.bytes.len());
    assert_eq!(file.size_before(Instant::now(), Duration::from_mins(1)), 0);
}
