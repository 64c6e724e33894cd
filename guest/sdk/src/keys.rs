//! Attribute names by index: each line names a dozen of them, so a look-up must cost next to nothing.

use std::collections::BTreeMap;

/// Indices are 16 bits wide in the WIT.
const MAX_KEYS: usize = 1 << 16;
/// What the host is told to count where there was no room for an attribute's name.
pub(crate) const LEFT_OUT: &str = "attributes_left_out";
const SLOTS: usize = 256;
/// So many names are searched one by one sooner than an index of them is made.
const FEW: usize = 32;

/// The names of a batch's attributes and their indices.
#[derive(Debug)]
pub(crate) struct Keys {
    names: Vec<String>,
    /// Last name seen per cheap hash: nearly every look-up ends here.
    slots: [u16; SLOTS],
    /// Of all names, once they are more than [`FEW`].
    index: BTreeMap<String, u16>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { names: Vec::new(), slots: [0; SLOTS], index: BTreeMap::new() }
    }
}

impl Keys {
    /// Begins with names that a stage before this one gave.
    pub fn from_names(names: Vec<String>) -> Self {
        let mut it = Self { names, ..Self::default() };
        it.index_if_many();
        it
    }

    fn index_if_many(&mut self) {
        if self.names.len() > FEW {
            // Of equal names the first one's index counts: only `add` must not make more.
            let names = self.names.iter().enumerate().rev();
            self.index = names.map(|(at, name)| (name.clone(), at as u16)).collect();
        }
    }

    /// The index of a name; none when there are [`MAX_KEYS`] others already.
    pub fn add(&mut self, name: &str) -> Option<u16> {
        let slot = slot(name);
        let guess = self.slots[slot];
        if self.names.get(guess as usize).is_some_and(|known| same(known.as_bytes(), name.as_bytes())) {
            return Some(guess);
        }
        let key = match self.find(name) {
            Some(key) => key,
            None if self.names.len() < MAX_KEYS => self.push(name),
            None => return None,
        };
        self.slots[slot] = key;
        Some(key)
    }

    fn push(&mut self, name: &str) -> u16 {
        let key = self.names.len() as u16;
        self.names.push(name.to_owned());
        if self.index.is_empty() {
            self.index_if_many();
        } else {
            self.index.insert(name.to_owned(), key);
        }
        key
    }

    pub fn find(&self, name: &str) -> Option<u16> {
        if self.names.len() > FEW {
            return self.index.get(name).copied();
        }
        let at = self.names.iter().position(|known| same(known.as_bytes(), name.as_bytes()))?;
        Some(at as u16)
    }

    pub fn name(&self, key: u16) -> &str {
        &self.names[key as usize]
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Whether two short names are the same: here, eight or four bytes at a time, since WebAssembly's own comparison is a
/// call of a function that goes byte by byte.
fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match (left.last_chunk::<8>(), right.last_chunk::<8>()) {
        (Some(left_end), Some(right_end)) => {
            left_end == right_end && left.as_chunks::<8>().0 == right.as_chunks::<8>().0
        }
        _ => match (left.first_chunk::<4>(), right.first_chunk::<4>()) {
            (Some(left_start), Some(right_start)) => {
                left_start == right_start && left.last_chunk::<4>() == right.last_chunk::<4>()
            }
            _ => left.iter().zip(right).all(|(left, right)| left == right),
        },
    }
}

fn slot(name: &str) -> usize {
    let bytes = name.as_bytes();
    let ends = bytes
        .first()
        .zip(bytes.last())
        .map_or(0, |(first, last)| usize::from(*first).wrapping_mul(31).wrapping_add(usize::from(*last)));
    (ends.wrapping_mul(7).wrapping_add(bytes.len())) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_index_and_the_65537th_has_none() {
        let mut keys = Keys::default();
        for at in 0..MAX_KEYS {
            assert_eq!(keys.add(&format!("key{at}")), Some(at as u16));
        }
        assert_eq!(keys.add("one too many"), None);
        assert_eq!(keys.add("key7"), Some(7));
        assert_eq!(keys.into_names().len(), MAX_KEYS);
    }

    proptest::proptest! {
        #[test]
        fn a_name_is_found_where_it_first_stands_however_many_there_are(
            given in proptest::collection::vec("[a-c]{0,5}", 0..60),
            added in proptest::collection::vec("[a-d]{0,5}", 0..60),
        ) {
            let mut keys = Keys::from_names(given.clone());
            let mut names = given;
            for name in added {
                if !names.contains(&name) {
                    names.push(name.clone());
                }
                let first = names.iter().position(|it| *it == name).map(|at| at as u16);
                proptest::prop_assert_eq!(keys.add(&name), first);
            }
            for name in &names {
                let first = names.iter().position(|it| it == name).map(|at| at as u16);
                proptest::prop_assert_eq!(keys.find(name), first);
            }
            proptest::prop_assert_eq!(keys.into_names(), names);
        }
    }
}
