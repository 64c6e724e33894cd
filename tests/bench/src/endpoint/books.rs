//! What the endpoint got: enough to tell a lost, doubled or changed event, and how full puts were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::puts::Put;

/// So many complaints are kept.
const MOST_WRONG: usize = 20;

/// All of it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// By group and name.
    pub streams: BTreeMap<String, LogStream>,
    /// By bucket and key: length and sum.
    pub objects: BTreeMap<String, (u64, u64)>,
    /// Parts of uploads that are not complete, by upload and number.
    pub parts: BTreeMap<String, BTreeMap<u16, Vec<u8>>>,
    /// By operation: how many, and bytes of their bodies.
    pub requests: BTreeMap<String, (u64, u64)>,
    /// What no service would have taken.
    pub wrong: Vec<String>,
    /// Lines written to measure latency.
    pub probes: Vec<Probe>,
}

/// One log stream.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    /// How many requests.
    pub puts: u64,
    /// How many events.
    pub events: u64,
    /// What they count, 26 bytes each included.
    pub weight: u64,
    /// Of all events, whatever their order: changes when one is lost, doubled or changed.
    pub sum: u64,
    /// The last put, which had no reason to be full: its events and what they count.
    pub last: (u64, u64),
}

/// When a numbered line was acknowledged, ns since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Its number.
    pub number: u64,
    /// When.
    pub ns: u64,
}

impl Books {
    /// A request of that operation.
    pub fn requested(&mut self, operation: &str, body: usize) {
        let known = self.requests.entry(operation.to_owned()).or_default();
        *known = (known.0 + 1, known.1 + body as u64);
    }

    /// A put that was taken.
    pub fn add_put(&mut self, put: Put) {
        let stream = self.streams.entry(format!("{} {}", put.group, put.stream)).or_default();
        stream.puts += 1;
        stream.events += put.events;
        stream.weight += put.weight;
        stream.sum = stream.sum.wrapping_add(put.sum);
        stream.last = (put.events, put.weight);
        if self.wrong.len() < MOST_WRONG {
            self.wrong.extend(put.wrong);
        }
    }

    /// How many requests of an operation.
    pub fn count(&self, operation: &str) -> u64 {
        self.requests.get(operation).map_or(0, |it| it.0)
    }

    /// How many events in all.
    pub fn events(&self) -> u64 {
        self.streams.values().map(|it| it.events).sum()
    }

    /// The sum over all log streams: that of the events, wherever they went.
    pub fn sum(&self) -> u64 {
        self.streams.values().fold(0, |sum, it| sum.wrapping_add(it.sum))
    }

    /// How full puts were, of what the limits allow; the last one of each log stream had nothing to wait for.
    pub fn fill(&self, max_bytes: u64, max_events: u64) -> Option<f64> {
        let (mut full, mut puts) = (0.0, 0);
        for LogStream { puts: all, events, weight, last, .. } in
            self.streams.values().filter(|it| it.puts > 1)
        {
            let (events, weight) = (events - last.0, weight - last.1);
            full += (weight as f64 / max_bytes as f64).max(events as f64 / max_events as f64);
            puts += all - 1;
        }
        (puts > 0).then(|| full / puts as f64)
    }
}
