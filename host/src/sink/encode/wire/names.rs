//! What the attribute keys of a batch are: looked at once for all its events.

use std::collections::HashMap;

use super::super::json::{FIELD_PREFIX, PLACES};
use crate::sink::encode::escape;

/// One key.
pub struct Name {
    /// Its place among an object's own keys, if it has one.
    pub place: Option<usize>,
    /// The first key of the batch with the same name.
    pub same: u16,
    /// `"name":` as it stands in the body; and how much of it are escapes.
    pub member: (Vec<u8>, usize),
    /// Without the prefix of fields, where it has that.
    pub bare: Option<Bare>,
}

/// A field's name without its prefix.
pub struct Bare {
    /// The first key of the batch that is called so without one.
    pub taken_by: Option<u16>,
    /// As in [`Name`].
    pub member: (Vec<u8>, usize),
}

/// Those of a batch, by index.
pub fn names(keys: &[String]) -> Vec<Name> {
    let mut first = HashMap::with_capacity(keys.len());
    // An attribute's key is an index of 16 bits.
    for (at, key) in keys.iter().take(usize::from(u16::MAX) + 1).enumerate() {
        first.entry(key.as_str()).or_insert(at as u16);
    }
    keys.iter()
        .map(|key| Name {
            place: PLACES.iter().position(|place| place == key),
            same: first.get(key.as_str()).copied().unwrap_or_default(),
            member: member(key),
            bare: key
                .strip_prefix(FIELD_PREFIX)
                .map(|bare| Bare { taken_by: first.get(bare).copied(), member: member(bare) }),
        })
        .collect()
}

/// `"name":` as it stands in the body, and how much of it are escapes.
pub fn member(name: &str) -> (Vec<u8>, usize) {
    let mut out = b"\\\"".to_vec();
    let inner = escape::twice(name.as_bytes(), &mut out);
    out.extend_from_slice(b"\\\":");
    let extra = out.len() - inner - "\"\":".len();
    (out, extra)
}
