//! Promise: nothing is dropped or cut for its size. What is too large for an event arrives in parts, each within the
//! limit and cut between characters; joined, they are the original.

use std::collections::BTreeMap;

use serde_json::Value;
use updraft_tests::{BUCKET, Event, LogFolder, Moto, TRY, updraft};

const GROUP: &str = "airflow";
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
const MAX_EVENT: usize = 1_048_576 - 26;

/// All events of these logs, in codec `codec`, with more options of the sink. The file's object is the file.
fn lifted(logs: &LogFolder, codec: &str, options: &str) -> Vec<Event> {
    let (moto, data) = (Moto::with_bucket(), LogFolder::empty());
    let config = format!(
        "
data_dir: '{}'
sources: {{ airflow: {{ type: airflow }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cloudwatch: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: {GROUP}, stream_name: lines,
    encoding: {{ codec: {codec} }}, {options} }}
  s3: {{ type: aws_s3, inputs: [airflow], bucket: {BUCKET}, key_prefix: logs/ }}
",
        data.path().display()
    );
    let done = updraft!("run", "--once").on(&moto).deployed(logs).as_anyone().config("p.yaml", &config).run();
    done.exits(0);
    assert!(done.stderr.contains(" 0 rejected"), "{}", done.stderr);
    assert!(moto.mirrored() == logs.task_files());
    let events = moto.log_events(GROUP, "lines");
    assert!(events.iter().all(|event| event.message.len() <= MAX_EVENT));
    events
}

/// Joins parts by their ids: the field `message` of each event, and how many parts it came in.
fn joined(events: &[Event]) -> Vec<(String, usize)> {
    let mut whole: Vec<(String, usize)> = Vec::new();
    let mut open: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for event in events.iter().map(Event::normalized) {
        let message = event["message"].as_str().unwrap_or_default();
        let Some(id) = event.get("part_id").and_then(Value::as_str) else {
            whole.push((message.to_owned(), 1));
            continue;
        };
        let (part, parts) = (event["part"].as_u64(), event["parts"].as_u64());
        let at = open.entry(id.to_owned()).or_insert_with(|| {
            whole.push((String::new(), 0));
            (whole.len() - 1, 0)
        });
        at.1 += 1;
        assert_eq!(part, Some(at.1), "in order");
        whole[at.0].0.push_str(message);
        whole[at.0].1 = usize::try_from(parts.unwrap_or_default()).expect("a number");
    }
    for (at, seen) in open.into_values() {
        assert_eq!(whole[at].1 as u64, seen, "all parts");
    }
    whole
}

/// A record with a message of so many bytes, of characters of one to four bytes each.
fn record(number: u32, bytes: usize) -> (String, String) {
    let pattern = "aß→🦀";
    let mut message = format!("m{number} ");
    while message.len() + pattern.len() <= bytes {
        message.push_str(pattern);
    }
    message.push_str(&"z".repeat(bytes - message.len()));
    (format!("[2026-11-21T12:{number:02}:00.000+0000] {{load.py:7}} INFO - {message}\n"), message)
}

#[test]
fn lines_of_any_size_arrive_whole() {
    let sizes = [300 << 10, 1_200_000, 5_000_000, 20_000_000];
    let records: Vec<(String, String)> =
        sizes.iter().zip(1..).map(|(bytes, number)| record(number, *bytes)).collect();
    let logs = LogFolder::with_lines(0..1);
    for (text, _) in &records {
        logs.append(TRY, text);
    }
    logs.append(TRY, "[2026-11-21T12:30:00.000+0000] {load.py:7} INFO - the end\n");

    let there = joined(&lifted(&logs, "json", ""));
    assert_eq!((&*there[0].0, there[1].0 == records[0].1, there[1].1), ("line 0", true, 1));
    assert!(there[2].0 == records[1].1 && there[3].0 == records[2].1, "1.2 MB and 5 MB");
    assert!(there[2].1 >= 2 && there[3].1 >= 5);
    // The host cuts a line over 8 MiB into several.
    let (last, longest) = (there.len() - 1, &there[4..there.len() - 1]);
    let together: String = longest.iter().map(|(message, _)| message.as_str()).collect();
    assert!(together == records[3].1, "20 MB");
    assert_eq!(there[last].0, "the end");
}

#[test]
fn lines_arrive_whole_in_codecs_that_mark_no_parts() {
    let records: Vec<(String, String)> = [300 << 10, 1_200_000, 5_000_000]
        .iter()
        .zip(1..)
        .map(|(bytes, number)| record(number, *bytes))
        .collect();
    let logs = LogFolder::with_lines(0..1);
    for (text, _) in &records {
        logs.append(TRY, text);
    }
    for codec in ["text", "raw"] {
        let together: String =
            lifted(&logs, codec, "").iter().map(|event| event.message.trim_end_matches('\n')).collect();
        let expected: String = match codec {
            "text" => {
                "line 0".to_owned() + &records.iter().map(|(_, message)| message.as_str()).collect::<String>()
            }
            _ => String::from_utf8_lossy(&logs.task_files()[TRY]).replace('\n', ""),
        };
        assert!(together == expected, "codec {codec}");
    }
}

#[test]
fn a_traceback_of_megabytes_arrives_whole() {
    let logs = LogFolder::with_lines(0..1);
    let mut expected = String::from("line 0");
    logs.append(
        TRY,
        "[2026-11-21T12:10:00.000+0000] {taskinstance.py:1} ERROR - Task failed with exception\n",
    );
    logs.append(TRY, "Traceback (most recent call last):\n");
    expected.push_str("\nTask failed with exception\nTraceback (most recent call last):");
    let mut frames = String::new();
    for number in 0..27_000 {
        let frame = format!(
            "  File \"/opt/airflow/dags/déjà_{number}.py\", line {number}, in call\n    recurse({number}) # {}\n",
            "…".repeat(10)
        );
        frames.push_str(&frame);
    }
    assert!(frames.len() > 2_700_000);
    frames.push_str("RecursionError: maximum recursion depth exceeded\n");
    logs.append(TRY, &frames);
    expected.push('\n');
    expected.push_str(frames.trim_end());
    logs.append(TRY, "[2026-11-21T12:20:00.000+0000] {load.py:7} INFO - after it\n");
    expected.push_str("\nafter it");

    let raw: String = lifted(&logs, "raw", "").iter().map(|event| event.message.clone() + "\n").collect();
    let original = String::from_utf8_lossy(&logs.task_files()[TRY]).into_owned();
    // Where an event was cut in the middle of a line there is no break; whole events end with theirs.
    let without = |text: &str| text.replace('\n', "");
    assert!(without(&raw) == without(&original));
    let text: String =
        lifted(&logs, "text", "").iter().map(|event| event.message.clone()).collect::<Vec<_>>().join("\n");
    assert!(without(&text) == without(&expected));
}

#[test]
fn an_event_of_exactly_the_limit_is_one_and_a_byte_more_makes_two() {
    for (limit, options) in [(MAX_EVENT, ""), (1_000, "batch: { max_bytes: 1026 }")] {
        let sizes = [limit - 1, limit, limit + 1, 2 * limit, 2 * limit + 1];
        let logs = LogFolder::empty();
        let messages: Vec<String> = ["a", "b", "c", "d", "e"]
            .iter()
            .zip(sizes)
            .map(|(letter, bytes)| {
                let message = letter.repeat(bytes);
                logs.append(TRY, format!("[2026-11-21T12:00:00.000+0000] {{load.py:7}} INFO - {message}\n"));
                message
            })
            .collect();
        let events = lifted(&logs, "text", options);
        assert!(events.iter().all(|event| event.message.len() <= limit));
        for (message, parts) in messages.iter().zip([1, 1, 2, 2, 3]) {
            let its = events.iter().filter(|event| event.message[..1] == message[..1]);
            let its: Vec<&str> = its.map(|event| event.message.as_str()).collect();
            assert_eq!(its.len(), parts, "{} of {limit}", message.len());
            assert!(its.concat() == *message);
        }
    }
}

#[test]
fn no_character_is_ever_cut_wherever_the_limit_falls() {
    let logs = LogFolder::empty();
    let mut expected = Vec::new();
    // Each shift puts the cuts at other bytes of the characters of one to four bytes.
    for shift in 0..40 {
        let (_, message) = record(0, 3_000);
        let message = "s".repeat(shift) + &message;
        let (minute, second) = (shift / 60, shift % 60);
        logs.append(
            TRY,
            format!("[2026-11-21T12:{minute:02}:{second:02}.000+0000] {{load.py:7}} INFO - {message}\n"),
        );
        expected.push(message);
    }
    for (codec, max_bytes) in [("json", 1_024), ("text", 1_025), ("raw", 1_026)] {
        let events = lifted(&logs, codec, &format!("batch: {{ max_bytes: {max_bytes} }}"));
        assert!(events.iter().all(|event| event.message.len() + 26 <= max_bytes));
        let raw = |text: String| text.lines().collect::<Vec<_>>().concat();
        if codec == "json" {
            let messages: Vec<String> = joined(&events).into_iter().map(|(message, _)| message).collect();
            assert_eq!(messages, expected);
        } else {
            let together: String = events.iter().map(|event| event.message.as_str()).collect();
            let expected = match codec {
                "raw" => raw(String::from_utf8_lossy(&logs.task_files()[TRY]).into_owned()),
                _ => expected.concat(),
            };
            assert_eq!(raw(together), expected, "codec {codec} of {max_bytes} bytes");
        }
    }
}
