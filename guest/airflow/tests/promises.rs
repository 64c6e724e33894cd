//! What the normalizer promises about each awkwardness of Airflow's logs, on real lines where there are any.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

mod support;

use support::{events, fixture};
use updraft_guest::testing::{self, Batch, Row};
use updraft_guest::{NO_TIMESTAMP, Normalizer};
use updraft_guest_airflow::{Airflow, MAX_EVENT_BYTES, MAX_EVENT_LINES};

const CONSOLE_2: &str =
    "airflow2/default_utc/dag_id=console_outputs/run_id=manual__2024-05-01T00:00:00+00:00";
const CONSOLE_3: &str =
    "airflow3/default_utc/dag_id=console_outputs/run_id=manual__2024-05-01T00:00:00+00:00";
const FAILURES_2: &str = "airflow2/default_utc/dag_id=failures/run_id=nightly.run:42+retry";
const FAILURES_3: &str = "airflow3/default_utc/dag_id=failures/run_id=nightly.run:42+retry";
const ELASTIC: &str = "airflow2/es_json_format/dag_id=console_outputs/run_id=es-1";

const RECORD: &str = "[2026-11-21T16:12:07.756-0330] {etl.py:7} INFO - hello\n";
const JSON: &str = r#"{"timestamp":"2026-11-21T19:42:07.756123Z","level":"info","event":"hello"}"#;

fn of(folder: &str, task: &str) -> Vec<Row> {
    events(&fixture(&format!("{folder}/task_id={task}/attempt=1.log")))
}

/// The event whose message begins so.
fn find<'a>(rows: &'a [Row], begins: &str) -> &'a Row {
    rows.iter()
        .find(|row| row.text().starts_with(begins))
        .unwrap_or_else(|| panic!("no event begins with {begins:?}"))
}

fn batch(bytes: impl Into<Vec<u8>>, last: bool) -> Batch {
    testing::normalize(&mut Airflow, &testing::origin(), bytes, last).unwrap()
}

fn one(line: &str) -> Row {
    let rows = events(line.as_bytes());
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}

// --- Airflow 2's text -------------------------------------------------------------------------------------------

#[test]
fn messages_keep_their_inner_line_breaks_and_spaces() {
    let rows = of(CONSOLE_2, "multiline");
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
    let rows = of(CONSOLE_2, "multiline");
    assert_eq!(find(&rows, "looks like").text(), "looks like a record:");
    assert_eq!(find(&rows, "forged old line").timestamp_ns, Some(946_684_799_999_000_000));
    assert_eq!(find(&rows, "forged old line").severity, 17);
    assert_eq!(find(&rows, "{\"timestamp\":\"2001").severity, 9, "JSON within a message is a message");
}

#[test]
fn a_traceback_is_the_exception_of_the_record_before_it() {
    let rows = of(FAILURES_2, "chained_exceptions");
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
    let rows = of(FAILURES_2, "exception_group");
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
fn a_mere_time_begins_a_record_only_where_nothing_better_does() {
    let rows = events(b"2026-11-21 16:12:07 started\n2026-11-21 16:12:08 ended\n");
    assert_eq!(rows.iter().map(Row::text).collect::<Vec<_>>(), ["started", "ended"]);
    let table = one(&format!("{RECORD}2024-01-01 00:00:00  12.3\n2024-01-02 00:00:00  12.4\n"));
    assert!(table.text().ends_with("\n2024-01-02 00:00:00  12.4"));
}

// --- Odd bytes --------------------------------------------------------------------------------------------------

#[test]
fn carriage_returns_escapes_separators_and_zero_bytes_end_no_line() {
    let rows = of(CONSOLE_2, "carriage");
    assert_eq!(find(&rows, "cr inside").text(), "cr inside\rmessage");
    assert_eq!(find(&rows, "trailing cr").text(), "trailing cr\r");
    let rows = of(CONSOLE_2, "unicode");
    assert!(
        find(&rows, "line sep \u{2028} para sep \u{2029} nel \u{85} vt \x0b ff \x0c fs \x1c end").severity
            == 9
    );
    assert!(rows.iter().any(|row| row.message.contains(&0)), "a zero byte, raw");
    assert!(of(CONSOLE_2, "ansi").iter().any(|row| row.message.contains(&0x1b)));
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
fn lines_that_follow_nothing_are_one_event_without_time_and_severity() {
    let rows = events(format!("  File \"x.py\", line 1, in f\n\nValueError: x\n{RECORD}").as_bytes());
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].timestamp_ns, rows[0].severity), (None, 0));
    assert_eq!(rows[0].text(), "  File \"x.py\", line 1, in f\n\nValueError: x");
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

// --- JSON lines -------------------------------------------------------------------------------------------------

#[test]
fn a_message_without_escapes_is_not_copied() {
    let batch = batch(format!("{RECORD}{JSON}\n"), true);
    assert!(batch.columns.arena.is_empty());
}

#[test]
fn airflow_3_messages_are_unescaped() {
    let rows = of(CONSOLE_3, "multiline");
    assert_eq!(
        find(&rows, "first line").text(),
        "first line\nsecond line\n\tthird line indented\n\nfifth after empty"
    );
    assert_eq!(find(&rows, "windows").text(), "windows\r\nline\r\nends");
}

#[test]
fn an_event_that_is_no_string_is_its_json() {
    let rows = of(CONSOLE_3, "json_messages");
    let all: Vec<Row> = rows.into_iter().chain(of(CONSOLE_3, "levels")).collect();
    assert_eq!(find(&all, "{\"event_is\"").text(), r#"{"event_is":"a dict"}"#);
    assert_eq!(find(&all, "99").text(), "99");
}

#[test]
fn context_stands_at_the_top_and_extras_keep_their_names_and_types() {
    let all: Vec<Row> = of(CONSOLE_3, "levels");
    let row = all.iter().find(|row| row.attribute("user_id").is_some()).unwrap();
    for (key, json) in
        [("user_id", "42"), ("ratio", "0.25"), ("ok", "true"), ("none", "null"), ("tags", r#"["a","b"]"#)]
    {
        assert!(
            row.attributes.contains(&(key.to_owned(), json.as_bytes().to_vec(), true)),
            "{key} in {row:?}"
        );
    }
    assert_eq!(row.attribute("dag_id").as_deref(), Some("console_outputs"));
    assert_eq!(row.attribute("try_number").as_deref(), Some("1"));
    assert_eq!(row.attribute("map_index"), None, "-1 is not mapped");
    assert_eq!(row.attribute("lineno"), None);
}

#[test]
fn a_field_that_has_the_name_of_something_else_stands_below_fields() {
    let row = one(
        r#"{"timestamp":"2026-11-21T19:42:07Z","level":"odd","event":"e","message":"m","source":1,"kind":"k","logger":7,"map_index":3,"exception":null}"#,
    );
    assert_eq!(row.text(), "e");
    for (key, json) in [
        ("message", r#""m""#),
        ("source", "1"),
        ("kind", r#""k""#),
        ("logger", "7"),
        ("level", r#""odd""#),
        ("exception", "null"),
    ] {
        assert_eq!(row.attribute(&format!("fields.{key}")).as_deref(), Some(json), "{key}");
        assert_eq!(row.attribute(key), None, "{key}");
    }
    assert_eq!(row.attribute("map_index").as_deref(), Some("3"));
    assert_eq!(row.severity, 0);
}

#[test]
fn of_two_members_of_one_name_the_last_counts() {
    let row = one(
        r#"{"timestamp":"1999-11-21T19:42:07Z","timestamp":"1970-01-01T00:00:01Z","event":"a","event":"b","x":1,"x":2}"#,
    );
    assert_eq!((row.text().as_str(), row.timestamp_ns), ("b", Some(1_000_000_000)));
    assert_eq!(row.attributes, [("x".to_owned(), b"2".to_vec(), true)]);
}

#[test]
fn a_time_that_cannot_be_read_is_kept_as_a_field() {
    let row = one(r#"{"timestamp":"yesterday","level":"info","event":"e"}"#);
    assert_eq!(
        (row.timestamp_ns, row.attribute("fields.timestamp").as_deref()),
        (None, Some(r#""yesterday""#))
    );
}

#[test]
fn error_detail_becomes_the_exception_oldest_first() {
    let rows = of(FAILURES_3, "chained_exceptions");
    let row = rows.iter().find(|row| row.attribute("exception").is_some()).unwrap();
    let exception = row.attribute("exception").unwrap();
    let order = [
        "KeyError: 'amount'",
        "direct cause",
        "OrderError: row",
        "During handling",
        "RuntimeError: pipeline",
    ];
    let places: Vec<usize> = order.iter().map(|part| exception.find(part).unwrap()).collect();
    assert!(places.is_sorted());
    let deep = of(FAILURES_3, "deep_traceback");
    assert!(
        deep.iter().any(|row| row
            .attribute("exception")
            .is_some_and(|it| it.contains("\n  [Skipped frames: 21]\n")))
    );
}

#[test]
fn an_error_detail_of_another_shape_stays_a_field() {
    let row = one(
        r#"{"timestamp":"2026-11-21T19:42:07Z","level":"error","event":"e","error_detail":"none of ours","exception":"Traceback…"}"#,
    );
    assert_eq!(row.attribute("error_detail").as_deref(), Some(r#""none of ours""#));
    assert_eq!(row.attribute("exception").as_deref(), Some("Traceback…"));
}

#[test]
fn elastic_json_reads_like_the_text_it_stands_for() {
    let rows = of(ELASTIC, "multiline");
    let row = find(&rows, "first line");
    assert_eq!(row.timestamp_ns, Some(1_795_290_315_548_000_000));
    assert_eq!(row.attribute("source").as_deref(), Some("d01_console.py:42"));
    assert!(row.attributes.contains(&("try_number".to_owned(), b"1".to_vec(), true)));
    assert_eq!(row.attribute("offset").as_deref(), Some("1795290315548583168"));
    let end = find(&rows, "end_of_log");
    assert_eq!((end.severity, end.attribute("levelname").as_deref()), (0, Some(r#""Level None""#)));
    assert_eq!(end.attribute("source"), None);
    let rows = of("airflow2/es_json_format/dag_id=failures/run_id=es-2", "chained_exceptions");
    let row = rows.iter().find(|row| row.attribute("exception").is_some()).unwrap();
    assert_eq!(row.text(), "Task failed with exception");
    assert!(row.attribute("exception").unwrap().ends_with("RuntimeError: pipeline failed while handling"));
}

#[test]
fn half_a_json_line_is_kept_apart_from_the_whole_one_glued_to_it() {
    let half = &JSON[..50];
    let rows = events(format!("{JSON}\n{half}{JSON}\n").as_bytes());
    assert_eq!(rows.iter().map(Row::text).collect::<Vec<_>>(), ["hello", half, "hello"]);
    assert_eq!((rows[1].timestamp_ns, rows[2].timestamp_ns.is_some()), (None, true));
    let rows = events(format!("{half}{RECORD}").as_bytes());
    assert_eq!(rows.iter().map(Row::text).collect::<Vec<_>>(), [half, "hello"]);
}

#[test]
fn json_that_is_no_record_is_a_line_like_any_other() {
    let row = one(&format!("{RECORD}{{\"pretty\": true}}\n[1, 2]\n{{\n}}\n"));
    assert_eq!(row.text(), "hello\n{\"pretty\": true}\n[1, 2]\n{\n}");
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
    assert_eq!((mixed.consumed_lines, mixed.columns.len()), (4, 3));
    assert_eq!(mixed.rows()[1].text(), "plain\nlines");
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
