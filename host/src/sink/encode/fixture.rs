//! Events for the tests of the encoders, made one at a time.

use std::sync::Arc;

use crate::event::{Batch, Deployment, Events, Origin, Recipe, StreamKind, TaskTry};

/// An attribute: its key, its bytes, whether they are JSON.
pub type Attribute = (&'static str, Vec<u8>, bool);

/// One event of a task's first try.
#[derive(Debug, Clone)]
pub struct Event {
    pub timestamp: i64,
    pub severity: u8,
    pub raw: Vec<u8>,
    pub message: Vec<u8>,
    pub attributes: Vec<Attribute>,
    pub task: Option<TaskTry>,
}

impl Default for Event {
    fn default() -> Self {
        let task = TaskTry {
            dag_id: "sales".to_owned(),
            run_id: "manual".to_owned(),
            task_id: "load".to_owned(),
            map_index: None,
            try_number: 1,
        };
        Self {
            timestamp: 1_795_277_527_756_000_000,
            severity: 9,
            raw: b"a line\n".to_vec(),
            message: b"a line".to_vec(),
            attributes: Vec::new(),
            task: Some(task),
        }
    }
}

impl Event {
    /// A batch of this event alone: `raw` is its bytes, everything else is in the arena.
    pub fn batch(&self) -> Batch {
        let mut events = Events {
            timestamps: vec![self.timestamp],
            severities: vec![self.severity],
            source_ends: vec![self.raw.len() as u32],
            raw_starts: vec![0],
            raw_ends: vec![self.raw.len() as u32],
            labels: vec![0],
            label_names: vec!["default".to_owned()],
            ..Events::default()
        };
        let mut put = |bytes: &[u8]| {
            let start = self.raw.len() + events.arena.len();
            events.arena.extend_from_slice(bytes);
            (start as u32, (start + bytes.len()) as u32)
        };
        let (start, end) = put(&self.message);
        let spans: Vec<_> = self.attributes.iter().map(|(_, bytes, _)| put(bytes)).collect();
        (events.message_starts, events.message_ends) = (vec![start], vec![end]);
        for (at, ((key, _, json), (start, end))) in self.attributes.iter().zip(spans).enumerate() {
            events.attribute_events.push(0);
            events.attribute_keys.push(at as u16);
            events.key_names.push((*key).to_owned());
            events.attribute_starts.push(start);
            events.attribute_ends.push(end);
            events.attribute_json.push(*json);
        }
        let origin = Origin {
            source: "airflow".to_owned(),
            path: "dag_id=sales/run_id=manual/task_id=load/attempt=1.log".to_owned(),
            host: "worker-1".to_owned(),
            kind: StreamKind::Task,
            task: self.task.clone(),
            deployment: Deployment::default(),
        };
        Batch {
            origin: Arc::new(origin),
            range: 0..self.raw.len() as u64,
            bytes: self.raw.clone(),
            events,
            lines: 1,
            clock: self.timestamp,
            recipe: Recipe::default(),
            divisible: true,
        }
    }
}
