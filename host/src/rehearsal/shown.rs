//! An event as people and configs see it: the normalized event and what else can be said of it, under the names that tests
//! use.

use crate::config::{Codec, SinkKind};
use crate::event::{DEFAULT_LABEL, EventRef, Origin};
use crate::sink::cloudwatch::limits;
use crate::sink::encode;
use serde_json::{Map, Value};

/// Members that the path of a file says.
const OF_THE_PATH: [&str; 6] = ["dag_id", "run_id", "task_id", "map_index", "try_number", "kind"];
/// Members that are long, and mostly say what others do.
const LONG: [&str; 2] = ["raw", "written"];

/// The normalized event, its label and its raw bytes.
pub fn event(event: EventRef<'_>) -> Map<String, Value> {
    let mut json = Vec::new();
    encode::encode(Codec::Json, event, &mut json);
    let mut shown = match serde_json::from_slice(&json) {
        Ok(Value::Object(shown)) => shown,
        // A component may give numbers that are JSON and that nobody here can hold.
        _ => Map::from_iter([("written".to_owned(), Value::from(encode::lossy(json)))]),
    };
    if let Some(label) = event.label() {
        shown.insert("label".to_owned(), label.into());
    }
    shown.insert("raw".to_owned(), encode::lossy(event.raw().to_vec()).into());
    shown
}

/// What a sink writes of an event; several texts where it is too large for one.
pub fn written(sink: &SinkKind, event: EventRef<'_>) -> Vec<String> {
    let (codec, most) = match sink {
        SinkKind::CloudWatch(options) => {
            let limits = limits::of_put(options.max_events, options.max_bytes);
            (options.codec, limits::max_event_bytes(&limits))
        }
        SinkKind::Console(codec) | SinkKind::Blackhole(codec) => (*codec, usize::MAX),
        SinkKind::S3(_) | SinkKind::File(_) => match sink.layout() {
            Some(crate::config::Layout::Batch(batch)) => (batch.codec, usize::MAX),
            Some(crate::config::Layout::Mirror(mirror)) if matches!(sink, SinkKind::File(_)) => {
                (mirror.codec, usize::MAX)
            }
            _ => (Codec::Raw, usize::MAX),
        },
    };
    let mut texts = Vec::new();
    encode::texts(codec, event, most, |text| texts.push(text));
    texts
}

/// What would be written down of it: nothing that the path says already, no label that is the default one, and what is long
/// only where it is wanted.
pub fn without_noise(
    mut event: Map<String, Value>,
    of_the_path: &Map<String, Value>,
    wanted: &dyn Fn(&str) -> bool,
) -> Map<String, Value> {
    event.retain(|name, value| match name.as_str() {
        "label" => value != DEFAULT_LABEL,
        name if LONG.contains(&name) => wanted(name),
        name => of_the_path.get(name) != Some(value),
    });
    event
}

/// What the path of a file says, as an event has it.
pub fn of_the_path(origin: &Origin) -> Map<String, Value> {
    let mut said = Map::new();
    if let Some(task) = &origin.task {
        said.insert(OF_THE_PATH[0].into(), task.dag_id.clone().into());
        said.insert(OF_THE_PATH[1].into(), task.run_id.clone().into());
        said.insert(OF_THE_PATH[2].into(), task.task_id.clone().into());
        if let Some(index) = task.map_index {
            said.insert(OF_THE_PATH[3].into(), index.into());
        }
        said.insert(OF_THE_PATH[4].into(), task.try_number.into());
    }
    said.insert(OF_THE_PATH[5].into(), origin.kind.as_str().into());
    said
}
