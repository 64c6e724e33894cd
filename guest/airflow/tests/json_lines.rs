//! What the normalizer promises about JSON lines, on real ones where there are any.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

mod support;

use support::{JSON, RECORD, batch, events, find, of, one};
use updraft_guest::json::MAX_MEMBERS;
use updraft_guest::testing::Row;

const CONSOLE: &str = "airflow3/default_utc/dag_id=console_outputs/run_id=manual__2024-05-01T00:00:00+00:00";
const FAILURES: &str = "airflow3/default_utc/dag_id=failures/run_id=nightly.run:42+retry";
const ELASTIC: &str = "airflow2/es_json_format/dag_id=console_outputs/run_id=es-1";

#[test]
fn a_message_without_escapes_is_not_copied() {
    let batch = batch(format!("{RECORD}{JSON}\n"), true);
    assert!(batch.columns.arena.is_empty());
}

#[test]
fn airflow_3_messages_are_unescaped() {
    let rows = of(CONSOLE, "multiline");
    assert_eq!(
        find(&rows, "first line").text(),
        "first line\nsecond line\n\tthird line indented\n\nfifth after empty"
    );
    assert_eq!(find(&rows, "windows").text(), "windows\r\nline\r\nends");
}

#[test]
fn an_event_that_is_no_string_is_its_json() {
    let rows = of(CONSOLE, "json_messages");
    let all: Vec<Row> = rows.into_iter().chain(of(CONSOLE, "levels")).collect();
    assert_eq!(find(&all, "{\"event_is\"").text(), r#"{"event_is":"a dict"}"#);
    assert_eq!(find(&all, "99").text(), "99");
}

#[test]
fn context_stands_at_the_top_and_extras_keep_their_names_and_types() {
    let all: Vec<Row> = of(CONSOLE, "levels");
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
fn fields_never_take_each_others_place() {
    let row = one(
        r#"{"timestamp":"2026-11-21T19:42:07Z","level":"info","event":"e","message":"THE USERS","fields.message":"other","rows":1,"fields.rows":"KEPT","claimed_timestamp":"soon"}"#,
    );
    for (key, json) in [
        ("fields.message", r#""THE USERS""#),
        ("fields.fields.message", r#""other""#),
        ("rows", "1"),
        ("fields.fields.rows", r#""KEPT""#),
        ("fields.claimed_timestamp", r#""soon""#),
    ] {
        assert_eq!(row.attribute(key).as_deref(), Some(json), "{key}");
    }
}

/// A record with so many fields of its own.
fn wide(record: usize, fields: usize) -> String {
    let fields = (0..fields).map(|at| format!(r#","k{record}_{at}":{at}"#)).collect::<Vec<_>>().concat();
    format!(r#"{{"timestamp":"2026-11-21T19:42:07Z","level":"info","event":"e{record}"{fields}}}"#) + "\n"
}

#[test]
fn a_record_of_more_than_1000_members_keeps_its_fields_together() {
    let widest = one(&wide(0, MAX_MEMBERS - 3));
    assert_eq!(widest.attributes.len(), MAX_MEMBERS - 3);
    for fields in [MAX_MEMBERS - 2, 70_000] {
        let line = wide(0, fields);
        let rows = events(format!("{line}{}", wide(1, 2)).as_bytes());
        assert_eq!((rows[0].text().as_str(), rows[0].severity), ("e0", 9));
        assert!(rows[0].timestamp_ns.is_some());
        assert_eq!(rows[0].attributes, [("more".to_owned(), line.trim_end().as_bytes().to_vec(), true)]);
        assert_eq!(rows[1].attribute("k1_1").as_deref(), Some("1"), "later records lose nothing");
    }
}

#[test]
fn a_batch_ends_before_it_has_too_many_names() {
    let records = 200;
    let log: String = (0..records).map(|record| wide(record, 900)).collect();
    let (mut at, mut total) = (0, 0);
    while at < log.len() {
        let batch = batch(&log[at..], false);
        assert!(batch.consumed_lines > 0 && batch.columns.key_names.len() < 1 << 16);
        total += batch.rows().iter().filter(|row| row.attributes.len() == 900).count();
        at += batch.consumed_bytes;
    }
    assert_eq!(total, records, "every field of every record");
    // Where all must be used, nothing is lost either.
    let rows = batch(log.as_str(), true).rows();
    let all_said = |row: &Row| row.attributes.len() == 900 || row.attribute("more").is_some();
    assert!(rows.len() == records && rows.iter().all(all_said));
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
    let rows = of(FAILURES, "chained_exceptions");
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
    let deep = of(FAILURES, "deep_traceback");
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
fn an_error_detail_of_more_than_1_mib_stays_a_field() {
    let line = |detail: usize| {
        let around = r#"[{"exc_type":"E","exc_value":""}]"#.len();
        let value = "x".repeat(detail - around);
        let detail = format!(r#"[{{"exc_type":"E","exc_value":"{value}"}}]"#);
        one(&format!(r#"{{"timestamp":"2026-11-21T19:42:07Z","event":"e","error_detail":{detail}}}"#))
    };
    let (fits, over) = (line(1 << 20), line((1 << 20) + 1));
    assert!(fits.attribute("exception").is_some() && fits.attribute("error_detail").is_none());
    assert!(over.attribute("exception").is_none() && over.attribute("error_detail").is_some());
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
fn a_traceback_in_an_elastic_message_stays_there_where_the_record_has_an_exception_of_its_own() {
    let row = one(
        r#"{"asctime":"2026-11-21T19:42:07Z","levelname":"ERROR","message":"m\nTraceback (most recent call last):\nX: y","exception":"own"}"#,
    );
    assert_eq!(row.text(), "m\nTraceback (most recent call last):\nX: y");
    assert_eq!(row.attribute("exception").as_deref(), Some("own"));
}

#[test]
fn an_elastic_record_with_a_name_and_a_logger_keeps_both() {
    let of = |members: &str| one(&format!(r#"{{"asctime":"2026-11-21T19:42:07Z","message":"m",{members}}}"#));
    assert_eq!(of(r#""name":"a""#).attribute("logger").as_deref(), Some("a"));
    let both = of(r#""logger":"b","name":"a""#);
    assert_eq!(both.attribute("logger").as_deref(), Some("b"));
    assert_eq!(both.attribute("name").as_deref(), Some(r#""a""#));
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
