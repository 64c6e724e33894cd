//! What this normalizer promises.

use demo_component::Text;
use updraft_guest::testing::{self, Batch};

const LOG: &str = "\
[2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected
[2026-01-01T02:00:04.101+0200] {taskinstance.py:3336} ERROR - Task failed with exception
Traceback (most recent call last):
ConnectionError: lost the connection
";

fn events(log: &str, last: bool) -> Batch {
    testing::normalize(&mut Text, &testing::origin(), log, last).expect("within the contract")
}

#[test]
fn a_header_gives_time_level_source_and_message() {
    let rows = events(LOG, true).rows();
    assert_eq!(rows[0].text(), "Connected");
    assert_eq!(rows[0].timestamp_ns, Some(1_767_225_603_512_000_000));
    assert_eq!(rows[0].severity, 9);
    assert_eq!(
        rows[0].attribute("source").as_deref(),
        Some("warehouse.py:24")
    );
    assert_eq!(
        rows[1].timestamp_ns,
        Some(1_767_225_604_101_000_000),
        "offsets are taken off"
    );
}

#[test]
fn lines_without_a_header_belong_to_the_event_before() {
    let rows = events(LOG, true).rows();
    assert_eq!(rows.len(), 2);
    assert!(
        rows[1]
            .text()
            .ends_with("call last):\nConnectionError: lost the connection")
    );
}

#[test]
fn the_last_event_waits_for_its_lines_until_nothing_follows() {
    assert_eq!(events(LOG, false).consumed_lines, 1);
    assert_eq!(events(LOG, true).consumed_lines, 4);
}

#[test]
fn what_is_no_header_is_an_event_all_the_same() {
    let rows = events("no header\n[2026-01-01] {} LOUD - neither\n", true).rows();
    assert_eq!(rows[0].text(), "no header\n[2026-01-01] {} LOUD - neither");
    assert_eq!(rows[0].timestamp_ns, None);
}
