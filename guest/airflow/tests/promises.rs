//! What the normalizer promises about each awkwardness of Airflow's text, on real lines where there are any.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

mod support;

use support::{JSON, RECORD, batch, events, events_in_batches, find, fixture, of, one};
use updraft_guest::testing::{self, Row};
use updraft_guest::{NO_TIMESTAMP, Normalizer};
use updraft_guest_airflow::{Airflow, MAX_EVENT_BYTES, MAX_EVENT_LINES};

const CONSOLE: &str = "airflow2/default_utc/dag_id=console_outputs/run_id=manual__2024-05-01T00:00:00+00:00";
const FAILURES: &str = "airflow2/default_utc/dag_id=failures/run_id=nightly.run:42+retry";

// --- Airflow 2's text -------------------------------------------------------------------------------------------

#[test]
fn messages_keep_their_inner_line_breaks_and_spaces() {
    let rows = of(CONSOLE, "multiline");
    assert_eq!(
        find(&rows, "first line").text(),
        "first line\nsecond line\n\tthird line indented\n\nfifth after empty"
    );
    assert_eq!(find(&rows, "ends with newline").text(), "ends with newline\n");
    assert_eq!(find(&rows, "\nstarts").text(), "\nstarts with newline");
    assert_eq!(find(&rows, "windows").text(), "windows\r\nline\r\nends");
    assert_eq!(find(&rows, "   leading").text(), "   leading and trailing spaces   ");
    assert!(rows.iter().any(|row| row.message.is_empty()), "an empty message is a message");
    assert!(find(&rows, "table:").text().ends_with("+----+------+"));
}

#[test]
fn forged_records_are_reported_as_they_claim() {
    let rows = of(CONSOLE, "multiline");
    assert_eq!(find(&rows, "looks like").text(), "looks like a record:");
    assert_eq!(find(&rows, "forged old line").timestamp_ns, Some(946_684_799_999_000_000));
    assert_eq!(find(&rows, "forged old line").severity, 17);
    assert_eq!(find(&rows, "{\"timestamp\":\"2001").severity, 9, "JSON within a message is a message");
}

#[test]
fn a_traceback_is_the_exception_of_the_record_before_it() {
    let rows = of(FAILURES, "chained_exceptions");
    let row = find(&rows, "Task failed with exception");
    let exception = row.attribute("exception").unwrap();
    assert_eq!(row.text(), "Task failed with exception");
    assert!(
        exception.starts_with("Traceback (most recent call last):\n  File \"/opt/airflow/deploy/dags_main")
    );
    assert!(
        exception.contains(
            "\n\nThe above exception was the direct cause of the following exception:\n\nTraceback"
        )
    );
    assert!(exception.ends_with("\nRuntimeError: pipeline failed while handling"));
    assert_eq!(row.severity, 17);
}

#[test]
fn the_traceback_of_an_exception_group_is_one_too() {
    let rows = of(FAILURES, "exception_group");
    let exception = find(&rows, "Task failed with exception").attribute("exception").unwrap();
    assert!(exception.starts_with("  + Exception Group Traceback (most recent call last):\n  |   File"));
    assert!(exception.ends_with("\n    +------------------------------------"));
}

#[test]
fn a_record_quoted_in_a_message_is_no_record() {
    let rows = events(&fixture("airflow2/default_utc/scheduler/2026-11-21/d10_broken.py.log"));
    let row = rows.iter().find(|row| row.text().contains("Failed to import")).unwrap();
    assert!(row.text().starts_with("[2026-11-21T19:3"), "{}", row.text());
    assert_eq!(row.severity, 9);
    assert!(row.attribute("exception").unwrap().ends_with("No module named 'nonexistent_package_xyz'"));
}

#[test]
fn the_record_glued_to_the_half_line_of_a_full_disk_is_an_event_of_its_own() {
    let rows = events(&fixture(
        "airflow2/disk_full/dag_id=disk_full/run_id=disk-1/task_id=stays_full/attempt=1.log",
    ));
    let at = rows.iter().position(|row| row.text().starts_with("while the disk is full, line 3")).unwrap();
    assert!(rows[at].text().ends_with('·'));
    assert!(!rows[at].source.ends_with(b"\n"));
    assert_eq!(rows[at + 1].text(), "Received SIGTERM. Terminating subprocesses");
    assert_eq!(rows[at + 1].severity, 17);
    assert!(rows[at + 1].timestamp_ns > rows[at].timestamp_ns);
}

#[test]
fn a_line_with_a_glued_record_is_used_as_a_whole_or_not_at_all() {
    let text = format!("{RECORD}more of it, and hal{RECORD}more\n");
    let open = batch(text.as_str(), false);
    assert_eq!((open.consumed_lines, open.columns.len()), (0, 0));
    let done = batch(format!("{text}{RECORD}"), false);
    assert_eq!((done.consumed_lines, done.columns.len()), (3, 2));
    assert_eq!(done.rows()[0].text(), "hello\nmore of it, and hal");
    assert_eq!(done.rows()[1].text(), "hello\nmore");
}

#[test]
fn custom_formats_give_time_level_logger_and_message() {
    let folder =
        "airflow2/tz_st_johns_custom_format/dag_id=console_outputs/run_id=manual__2024-11-03T01:30:00-02:30";
    let rows = of(folder, "multiline");
    let row = find(&rows, "table:");
    assert_eq!(row.timestamp_ns, Some(1_795_290_127_757_000_000));
    assert_eq!(row.severity, 13);
    assert!(row.attribute("logger").unwrap().ends_with("_d01_console"));
    assert_eq!(row.attribute("pid").as_deref(), Some("28137"));
    assert_eq!(find(&rows, "   leading").text(), "   leading and trailing spaces   ");
}

#[test]
fn a_mere_time_is_no_record_and_stays_in_the_message() {
    let rows = events(b"2026-11-21 16:12:07 started\n2026-11-21 16:12:08 ended\n");
    let read: Vec<_> = rows.iter().map(|row| (row.timestamp_ns, row.text())).collect();
    let whole = ["2026-11-21 16:12:07 started", "2026-11-21 16:12:08 ended"].map(|it| (None, it.to_owned()));
    assert_eq!(read, whole);
    let table = one(&format!("{RECORD}2024-01-01 00:00:00  12.3\n2024-01-02 00:00:00  12.4\n"));
    assert!(table.text().ends_with("\n2024-01-02 00:00:00  12.4"));
}

#[test]
fn a_table_of_1500_rows_that_begin_with_a_time_is_read_alike_however_the_file_is_cut() {
    let row = |at: usize| format!("2026-11-21 {:02}:{:02}:39  row {at}\n", at / 60, at % 60);
    let log = format!("{RECORD}{}{RECORD}", (0..1440).chain(0..60).map(row).collect::<String>());
    let whole = events(log.as_bytes());
    assert_eq!(whole.iter().filter(|row| row.timestamp_ns.is_some()).count(), 2);
    assert_eq!(whole.len(), 2, "the table belongs to the record before it");
    assert_eq!(whole[0].source.split_inclusive(|byte| *byte == b'\n').count(), 1501);
    for lines in [1, 7, 300, 1000, 1001, 1400] {
        assert!(events_in_batches(log.as_bytes(), lines) == whole, "in batches of {lines}");
    }
}

#[test]
fn a_field_of_a_header_that_was_there_already_is_the_messages() {
    let row = one("2026-11-21 16:12:07,756 | INFO | airflow.task | try=1 | try=2 | msg\n");
    assert_eq!((row.attribute("try").as_deref(), row.text().as_str()), (Some("1"), "try=2 | msg"));
    let row = one("2026-11-21 16:12:07,756 | SUCCESS | airflow.task | pid=1 | level=2 | msg\n");
    assert_eq!(
        (row.attribute("fields.level").as_deref(), row.text().as_str()),
        (Some("SUCCESS"), "level=2 | msg")
    );
    let many = (0..40).map(|at| format!("f{at}=1 | ")).collect::<Vec<_>>().concat();
    let row = one(&format!("2026-11-21 16:12:07,756 | INFO | airflow.task | {many}msg\n"));
    assert!(row.text().starts_with("f32=1 | ") && row.attribute("f31").is_some());
}

#[test]
fn a_level_that_is_not_one_of_the_contracts_keeps_its_word() {
    for (word, severity, kept) in [
        ("INFO", 9, None),
        ("WARN", 13, None),
        ("FATAL", 21, None),
        ("SUCCESS", 9, Some("SUCCESS")),
        ("NOTSET", 0, Some("NOTSET")),
        ("NOTICE", 10, Some("NOTICE")),
        ("EXCEPTION", 17, Some("EXCEPTION")),
    ] {
        let kept_in = |line: &str| {
            let row = one(line);
            assert_eq!(row.severity, severity, "{line}");
            row.attribute("fields.level").map(|word| word.trim_matches('"').to_owned())
        };
        let text = kept_in(&format!("[2026-11-21T16:12:07.756-0330] {{etl.py:7}} {word} - hello"));
        let custom = kept_in(&format!("2026-11-21 16:12:07,756 {word} hello"));
        let json =
            kept_in(&format!(r#"{{"timestamp":"2026-11-21T19:42:07Z","level":"{word}","event":"hello"}}"#));
        assert_eq!([text.as_deref(), custom.as_deref(), json.as_deref()], [kept; 3], "{word}");
    }
}

#[test]
fn a_record_of_airflows_own_format_is_one_whatever_its_time() {
    for time in
        ["9999-12-31T23:59:59.999+0000", "2262-11-21T16:12:07.756+0000", "2026-02-30T25:12:07.756-0330"]
    {
        let row = one(&format!("[{time}] {{etl.py:7}} ERROR - hello\n"));
        assert_eq!((row.timestamp_ns, row.severity, row.text().as_str()), (None, 17, "hello"));
        assert_eq!(row.attribute("source").as_deref(), Some("etl.py:7"));
        assert_eq!(row.attribute("claimed_timestamp").as_deref(), Some(time));
    }
    let leap = one("[2026-11-21T16:12:60.756-0330] {etl.py:7} INFO - hello\n");
    assert_eq!(
        leap.timestamp_ns,
        one("[2026-11-21T16:12:59.756-0330] {etl.py:7} INFO - hello\n").timestamp_ns
    );
    assert!(leap.timestamp_ns.is_some());
}

// --- Odd bytes --------------------------------------------------------------------------------------------------

#[test]
fn carriage_returns_escapes_separators_and_zero_bytes_end_no_line() {
    let rows = of(CONSOLE, "carriage");
    assert_eq!(find(&rows, "cr inside").text(), "cr inside\rmessage");
    assert_eq!(find(&rows, "trailing cr").text(), "trailing cr\r");
    let rows = of(CONSOLE, "unicode");
    assert!(
        find(&rows, "line sep \u{2028} para sep \u{2029} nel \u{85} vt \x0b ff \x0c fs \x1c end").severity
            == 9
    );
    assert!(rows.iter().any(|row| row.message.contains(&0)), "a zero byte, raw");
    assert!(of(CONSOLE, "ansi").iter().any(|row| row.message.contains(&0x1b)));
}

#[test]
fn bytes_that_are_not_utf_8_stay_as_they_are() {
    let rows = events(b"[2026-11-21T16:12:07.756-0330] {etl.py:7} INFO - caf\xe9 \xff\xfe\n");
    assert_eq!(rows[0].message, b"caf\xe9 \xff\xfe");
    let rows = events(b"{\"timestamp\":\"2026-11-21T19:42:07Z\",\"level\":\"info\",\"event\":\"caf\xe9\"}\n");
    assert_eq!(
        (rows.len(), rows[0].timestamp_ns, rows[0].severity),
        (1, None, 0),
        "not JSON: a line of its own"
    );
}

#[test]
fn a_line_over_1_mib_is_one_event() {
    let rows = of("airflow2/default_utc/dag_id=long_lines/run_id=long-1", "m1");
    assert!(rows.iter().any(|row| row.message.len() > 1_048_576 && row.timestamp_ns.is_some()));
}

#[test]
fn a_file_without_a_final_line_break_loses_nothing() {
    let row = one("[2026-11-21T16:12:07.756-0330] {etl.py:7} INFO - hal");
    assert_eq!(row.text(), "hal");
    let latest = events(&fixture("airflow2/default_utc/scheduler/latest"));
    assert_eq!((latest.len(), latest[0].text().as_str()), (1, "2026-11-21"));
}

#[test]
fn lines_that_follow_no_record_are_events_of_their_own_unless_indented() {
    let rows = events(format!("Killed\n\nwith:\n  rc 1\n\tof 2\n137\n{RECORD}").as_bytes());
    let texts: Vec<_> = rows.iter().map(Row::text).collect();
    assert_eq!(texts, ["Killed", "", "with:\n  rc 1\n\tof 2", "137", "hello"]);
    assert!(rows[..4].iter().all(|row| (row.timestamp_ns, row.severity) == (None, 0)));
}

#[test]
fn a_traceback_that_follows_no_record_is_one_event() {
    for begins in [
        "Traceback (most recent call last):",
        "  + Exception Group Traceback (most recent call last):",
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    ] {
        let traceback = format!("{begins}\n  File \"x.py\", line 1, in f\nValueError: x\n\ny");
        let rows = events(format!("{JSON}\n{traceback}\n{RECORD}").as_bytes());
        assert_eq!(rows.len(), 3, "{begins}");
        assert_eq!((rows[1].timestamp_ns, rows[1].severity, rows[1].text()), (None, 0, traceback));
    }
}

#[test]
fn a_line_that_was_cut_goes_on_in_the_next() {
    // As the host cuts a line of more than 8 MiB; the rest happens to look like a record.
    let lines = updraft_guest::Lines::new(
        format!("{JSON}{RECORD}").into_bytes(),
        vec![JSON.len() as u32, (JSON.len() + RECORD.len()) as u32],
        true,
    );
    let (consumed, columns) =
        updraft_guest::run_normalizer(&mut Airflow, &testing::origin(), &lines).unwrap();
    assert_eq!((consumed, columns.len()), (2, 2));
    assert_eq!(columns.timestamps[1], NO_TIMESTAMP);
}

// --- How far a batch is used ------------------------------------------------------------------------------------

#[test]
fn the_last_text_event_waits_for_what_may_follow() {
    let held = batch(format!("{RECORD}more\n{RECORD}more\n"), false);
    assert_eq!((held.consumed_lines, held.columns.len()), (2, 1));
    let only = batch(format!("{RECORD}more\n"), false);
    assert_eq!((only.consumed_lines, only.columns.len()), (0, 0));
    let last = batch(format!("{RECORD}more\n"), true);
    assert_eq!((last.consumed_lines, last.columns.len()), (2, 1));
    assert_eq!(batch("", false).consumed_lines, 0);
}

#[test]
fn json_lines_are_used_at_once() {
    let json = batch(format!("{JSON}\n{JSON}\n"), false);
    assert_eq!((json.consumed_lines, json.columns.len()), (2, 2));
    let mixed = batch(format!("{JSON}\nplain\nlines\n{JSON}\nplain\n"), false);
    assert_eq!((mixed.consumed_lines, mixed.columns.len()), (4, 4));
    assert_eq!(mixed.rows()[1].text(), "plain");
    assert_eq!(mixed.rows()[1].timestamp_ns, None);
}

#[test]
fn an_event_has_1000_lines_and_the_next_begins_another() {
    let full = format!("{RECORD}{}", "x\n".repeat(MAX_EVENT_LINES - 1));
    let whole = batch(full.as_str(), false);
    assert_eq!(
        (whole.consumed_lines, whole.columns.len()),
        (MAX_EVENT_LINES, 1),
        "it can grow no more: used at once"
    );
    let over = batch(format!("{full}x\n"), true);
    assert_eq!(over.columns.len(), 2);
    assert_eq!(over.rows()[1].source, b"x\n");
    assert_eq!((over.rows()[1].timestamp_ns, over.rows()[1].severity), (None, 0));
}

#[test]
fn an_event_has_256_kib_and_the_next_line_begins_another() {
    let line = |bytes: usize| format!("{}\n", "x".repeat(bytes - 1));
    let fits = events(format!("{RECORD}{}", line(MAX_EVENT_BYTES - RECORD.len())).as_bytes());
    assert_eq!(fits.len(), 1);
    let over = events(format!("{RECORD}{}", line(MAX_EVENT_BYTES - RECORD.len() + 1)).as_bytes());
    assert_eq!(over.len(), 2);
}

#[test]
fn it_has_no_options() {
    assert!(Airflow::configure("{}").is_ok());
    assert!(Airflow::configure(" { } ").is_ok());
    for wrong in ["", "[]", "null", r#"{"x":1}"#] {
        assert!(Airflow::configure(wrong).unwrap_err().contains("no options"), "{wrong}");
    }
}
