//! What this normalizer promises.

use demo_component::Airflow;
use updraft_guest::testing::{self, Batch};

const TEXT: &str = "\
[2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected as Łukasz
[2026-01-01T02:00:04.101+0200] {taskinstance.py:3336} ERROR - Task failed with exception
Traceback (most recent call last):
ConnectionError: lost the connection
";
const JSON: &str = r#"{"timestamp":"2026-01-02T00:00:03.512402Z","level":"warning","event":"3 \u00fc","logger":"load","filename":"load.py","lineno":31,"orders":[17]}
"#;

fn events(log: &str, last: bool) -> Batch {
    testing::normalize(&mut Airflow, &testing::origin(), log, last).expect("within the contract")
}

#[test]
fn a_header_gives_time_level_source_and_message() {
    let rows = events(TEXT, true).rows();
    assert_eq!(rows[0].text(), "Connected as Łukasz");
    assert_eq!(rows[0].severity, 9);
    assert_eq!(rows[0].timestamp_ns, Some(1_767_225_603_512_000_000));
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
    let rows = events(TEXT, true).rows();
    assert_eq!(rows.len(), 2);
    assert!(
        rows[1]
            .text()
            .ends_with("call last):\nConnectionError: lost the connection")
    );
}

#[test]
fn a_json_line_gives_the_same_and_its_other_members() {
    let rows = events(JSON, true).rows();
    assert_eq!((rows[0].text().as_str(), rows[0].severity), ("3 ü", 13));
    assert_eq!(rows[0].timestamp_ns, Some(1_767_312_003_512_402_000));
    for (name, value) in [
        ("source", "load.py:31"),
        ("logger", "\"load\""),
        ("orders", "[17]"),
    ] {
        assert_eq!(rows[0].attribute(name).as_deref(), Some(value));
    }
}

#[test]
fn the_last_record_waits_for_its_lines_until_nothing_follows() {
    assert_eq!(events(TEXT, false).consumed_lines, 1);
    assert_eq!(events(TEXT, true).consumed_lines, 4);
    assert_eq!(events(JSON, false).consumed_lines, 1);
}

#[test]
fn what_is_no_record_is_an_event_all_the_same() {
    for log in [
        "no header\n[2026-01-01] {} LOUD - neither\n",
        "{\"event\": 7}\n",
        "{\"event\": \"torn",
        "[1]",
    ] {
        let rows = events(log, true).rows();
        assert_eq!(rows.len(), 1, "{log}");
        assert_eq!(
            (rows[0].text().as_str(), rows[0].timestamp_ns),
            (log.trim_end(), None)
        );
    }
}

#[test]
fn a_record_without_end_is_cut() {
    let rows = events(&"x\n".repeat(1200), true).rows();
    let lines: Vec<usize> = rows.iter().map(|row| row.source.len() / 2).collect();
    assert_eq!(lines, [500, 500, 200]);
}
