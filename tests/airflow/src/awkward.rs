//! Files that real Airflows can write and that trouble a reader: names that have to be escaped somewhere, and contents.

use crate::Identity;
use crate::readers::Airflow;

/// A try's log: its path and its bytes.
pub type Log = (String, Vec<u8>);

/// All of it that an Airflow can meet: what it writes itself, and, after a move from 2 to 3, what the other wrote.
pub fn files_of(airflow: Airflow) -> Vec<Log> {
    let named = |lines: fn(&Identity) -> Vec<u8>| {
        identities().into_iter().map(move |identity| (identity.path(), lines(&identity)))
    };
    match airflow {
        Airflow::Two => named(lines_of_airflow_2).chain(texts()).collect(),
        Airflow::Three => named(lines_of_airflow_3).chain(texts()).chain(json()).collect(),
    }
}

/// Names that are good on disk.
fn identities() -> Vec<Identity> {
    let runs = [
        "manual__2026-11-21T12:00:00+00:00",
        "run with spaces",
        "überprüfung & größe; a=b, c~d",
        "1+1:2+2",
        "検査 三 ✓",
        // No `?`: Airflow reads S3 by URLs in which it escapes nothing.
        "100% of #1 'it' \"works\"",
    ];
    let plain = runs.iter().map(|run| Identity::new("etl.daily_v2", run, "load.warehouse-v2"));
    let tasks = ["größe", "検査", "a.b.c-d_e"].iter().map(|task| Identity::new("dag_ü検", "r", task));
    let mapped = [0, 7, 1023].map(|index| Identity::new("etl", "run 1:ü+検", "part").mapped(index));
    // What one is a prefix of the other.
    let retried = [1, 2, 10, 11].map(|number| Identity::new("etl", "retried", "flaky").retried(number));
    plain.chain(tasks).chain(mapped).chain(retried).collect()
}

/// A few lines as Airflow 2 writes them, which say whose they are.
fn lines_of_airflow_2(identity: &Identity) -> Vec<u8> {
    let path = identity.path();
    let record =
        |number| text_line(&format!("12:00:0{number}.250"), &format!("line {number} of {path}\n  and more"));
    [0, 1, 2].map(record).concat().into_bytes()
}

/// A few lines as Airflow 3 writes them, which say whose they are.
fn lines_of_airflow_3(identity: &Identity) -> Vec<u8> {
    let lines = (0..3).map(|number| {
        let event = format!("line {number} of {}\nand more", identity.path());
        json_line(&format!("12:00:0{number}.250000"), &serde_json::json!(event))
    });
    lines.collect::<String>().into_bytes()
}

/// One line of Airflow 3, of 2026-11-21.
pub fn json_line(time: &str, event: &serde_json::Value) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T{time}Z","level":"info","event":{event},"logger":"unusual_prefix","lineno":7}}"#
    ) + "\n"
}

fn log(task: &str, bytes: impl Into<Vec<u8>>) -> Log {
    (Identity::new("awkward", "contents", task).path(), bytes.into())
}

/// One line of Airflow 2, of 2026-11-21.
pub fn text_line(time: &str, message: &str) -> String {
    format!("[2026-11-21T{time}+0000] {{load.py:7}} INFO - {message}\n")
}

/// Texts that are UTF-8, as Airflow 2 writes them.
fn texts() -> Vec<Log> {
    let long = "x".repeat(1_000_000);
    vec![
        log(
            "no_final_newline",
            text_line("12:00:00.000", "first") + text_line("12:00:01.000", "last").trim_end(),
        ),
        log(
            "continuation_first",
            "the rest of a message\n\tits last line\n".to_owned() + &text_line("12:00:00.000", "a record"),
        ),
        log(
            "empty_lines",
            format!(
                "\n\n{}\n\n{}\n{}\n",
                text_line("12:00:00.000", "blank lines follow"),
                text_line("12:00:01.000", ""),
                text_line("12:00:02.000", "the end")
            ),
        ),
        log(
            "forged_stamps",
            text_line("12:00:00.000", "true")
                + "[1999-12-31T23:59:59.999+0000] {forged.py:1} INFO - looks like a record\n"
                + "its second line\n"
                + &text_line("12:00:01.000", "true again")
                + "[2999-12-31T23:59:59.999+0000] {forged.py:1} INFO - so does this\n"
                + &text_line("12:00:02.000", "the end"),
        ),
        log("a_megabyte", text_line("12:00:00.000", &long) + &text_line("12:00:01.000", "after it")),
    ]
}

/// JSON, as Airflow 3 writes it.
fn json() -> Vec<Log> {
    let long = "x".repeat(1_000_000);
    let json = |time: &str, event: &str| json_line(time, &serde_json::json!(event));
    vec![
        log(
            "json_without_final_newline",
            json("12:00:00.000001", "first") + json("12:00:01.000001", "last").trim_end(),
        ),
        log(
            "event_is_no_string",
            [
                json("12:00:00.000000", "a string"),
                json_line(
                    "12:00:01.000000",
                    &serde_json::json!({ "event_is": "a dict", "of": [1, null, true] }),
                ),
                json_line("12:00:02.000000", &serde_json::json!(99)),
                json_line("12:00:03.000000", &serde_json::Value::Null),
                json_line("12:00:04.000000", &serde_json::json!(["a", { "list": 1.5 }])),
                json("12:00:05.000000", "the end"),
            ]
            .concat(),
        ),
        log("a_megabyte_of_json", json("12:00:00.000000", &long) + &json("12:00:01.000000", "after it")),
        log(
            "every_sort_of_break",
            json("12:00:00.000000", "a\rb\u{b}c\u{c}d\u{1c}e\u{85}f\u{2028}g\u{2029}h")
                + &json("12:00:01.000000", "i"),
        ),
    ]
}

/// Texts that are not UTF-8: bytes of Latin-1, a character that is cut off, half a surrogate pair, a longer form.
pub fn bad_bytes() -> Vec<Log> {
    let line = |bytes: &[u8]| [text_line("12:00:00.000", "before").as_bytes(), bytes, b"\n"].concat();
    let after = text_line("12:00:02.000", "after");
    let inside = |bytes: &[u8]| [&line(bytes), after.as_bytes()].concat();
    vec![
        log("latin_1", inside(b"caf\xe9 \xfcber")),
        log("cut_off", line("検".as_bytes().split_last().map_or(b"", |(_, cut)| cut))),
        log("half_a_pair", inside(b"\xed\xa0\x80 and \xc0\xaf and \xf5\x80\x80\x80")),
        log(
            "among_good_ones",
            inside("grün \u{1f600} ".as_bytes()).into_iter().chain(*b"\xff\n").collect::<Vec<_>>(),
        ),
    ]
}

/// Each byte that is of no character, a question mark.
pub fn with_question_marks(bytes: &[u8]) -> Vec<u8> {
    let marked = bytes
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().bytes().chain(std::iter::repeat_n(b'?', chunk.invalid().len())));
    marked.collect()
}
