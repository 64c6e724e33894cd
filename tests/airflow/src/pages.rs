//! What the page of a log shows: all that is in the file, as far as Airflow's own reader shows any such line.

use std::collections::BTreeSet;

use crate::readers::{Airflow, Answer};
use crate::records::{MAX_EVENT, Shown, object, text_of_airflow_2};

/// Where Python's `splitlines` breaks lines, as Airflow 2 does.
const BREAKS: [char; 10] =
    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// What an Airflow leaves out of a page that read these objects, of these bytes altogether.
pub fn missing_of_objects(airflow: Airflow, answer: &Answer, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let wanted: Vec<String> = match airflow {
        Airflow::Two => text.split(BREAKS).map(str::to_owned).collect(),
        Airflow::Three => {
            text.split('\n').map(|line| message(line).unwrap_or_else(|| line.to_owned())).collect()
        }
    };
    missing(wanted, &shown(airflow, answer))
}

/// The same of a log stream with these lines.
pub fn missing_of_events(airflow: Airflow, answer: &Answer, lines: &[Shown]) -> Vec<String> {
    // What is too long for an event is in several, and a page shows these.
    let texts = lines.iter().map(|line| &line.text).filter(|text| text.len() <= MAX_EVENT);
    let wanted: Vec<String> = match airflow {
        Airflow::Two => texts.flat_map(|text| text.split(BREAKS)).map(str::to_owned).collect(),
        Airflow::Three => texts.map(|text| message(text).unwrap_or_else(|| text.clone())).collect(),
    };
    let shown = shown(airflow, answer).into_iter();
    let found = match airflow {
        Airflow::Two => shown.map(|line| text_of_airflow_2(&line)).collect(),
        Airflow::Three => shown.flat_map(|event| lines_and_all(&event)).collect(),
    };
    missing(wanted, &found)
}

/// An event as it is, and each of its lines.
fn lines_and_all(event: &str) -> Vec<String> {
    event.split('\n').map(|line| line.trim_end_matches('\r')).chain([event]).map(str::to_owned).collect()
}

fn missing(wanted: Vec<String>, shown: &BTreeSet<String>) -> Vec<String> {
    // Airflow's readers drop empty lines.
    wanted.into_iter().filter(|line| !line.is_empty() && !shown.contains(line)).collect()
}

/// What the page has below its header: lines of Airflow 2, messages of Airflow 3.
fn shown(airflow: Airflow, answer: &Answer) -> BTreeSet<String> {
    let all = answer.shown.iter().map(|line| match airflow {
        Airflow::Two => line.clone(),
        Airflow::Three => message(line).unwrap_or_else(|| panic!("no message: {line}")),
    });
    all.skip_while(|line| !line.contains("::endgroup::")).skip(1).collect()
}

/// The message of a JSON record.
fn message(line: &str) -> Option<String> {
    object(line)?.get("event")?.as_str().map(str::to_owned)
}
