//! What the fuzz targets call: the two doors by which a component's author comes in. Only there with `--cfg fuzzing`.

use crate::config;
use crate::event::{Batch, Events};
use crate::transform::{Binary, Engine, Stats, check};
use std::sync::{Arc, OnceLock};

/// Bytes that columns may show besides what they came from.
const MOST: u64 = 1 << 20;

/// Columns that a normalizer returned for these lines, and then those that a transform returned for them. Panics where
/// they pass the checks and cannot be read.
pub fn columns(
    mut bytes: Vec<u8>,
    ends: &[u32],
    last: bool,
    consumed: u32,
    mut normalized: Events,
    mut transformed: Events,
) {
    if check::normalized(&mut bytes, ends, last, consumed, &mut normalized, MOST).is_err() {
        return;
    }
    let given = Batch::of_nobody(bytes, normalized);
    check::read_all(&given);
    if check::transformed(&given.bytes, &given.events, &mut transformed, MOST).is_ok() {
        check::read_all(&Batch::of_nobody(given.bytes, transformed));
    }
}

/// A component of these bytes, which is loaded and takes its config, or does not.
pub fn component(bytes: &[u8]) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(None).unwrap_or_else(|error| panic!("{error}")));
    let binary = Binary { name: "fuzzed".to_owned(), bytes: bytes.to_vec().into(), hash: "0".repeat(64) };
    let transform = config::Transform::bare("fuzzed", config::Component::Builtin("airflow".to_owned()));
    // What it says is for its author; here it has only to come to an end.
    let _ = engine.load_binary(binary, &transform, &Arc::new(Stats::default()));
}
