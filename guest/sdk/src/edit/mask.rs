//! What a mask asks of an event: is there anything to hide, and: hide it wherever it stands.

use super::{Attribute, Event, Text};
use crate::host;
use crate::keys::LEFT_OUT;
use crate::replace::{Finder, any_reading, replaced};
use std::collections::BTreeSet;

/// Names that the contract gives, which hide nothing: a mask leaves them alone.
const NAMES: [&str; 8] =
    ["logger", "source", "dag_id", "run_id", "task_id", "map_index", "try_number", "exception"];

impl Event<'_> {
    /// Replaces every match in the message, the attributes (names and values) **and** `raw`: what a mask hides is
    /// gone. What JSON escapes is read too, so that a match behind them does not survive: in JSON, in what is left of it,
    /// and in JSON that a text quotes.
    pub fn replace(&mut self, mut finder: impl Finder, with: impl AsRef<[u8]>) {
        let with = with.as_ref();
        let message = replaced(self.message(), &mut finder, with);
        let raw = replaced(self.raw(), &mut finder, with);
        self.load();
        let mut attributes = self.attributes.take().unwrap_or_default();
        for attribute in &mut attributes {
            if let Some(text) = replaced(self.read(&attribute.text), &mut finder, with) {
                attribute.json &= crate::json::Json::parse(&text).is_some();
                attribute.text = Text::Made(text);
                self.changed = true;
            }
        }
        self.rename(&mut attributes, &mut finder, with);
        self.attributes = Some(attributes);
        if let Some(message) = message {
            self.replace_message(message);
        }
        if let Some(raw) = raw {
            self.replace_raw(raw);
        }
    }

    /// Whether `look` says so of any text that [`replace`](Self::replace) would search, but the names of attributes
    /// ([`EventSet::key_names`] has those): `raw`, the message, each attribute's value, and each of them with its escapes
    /// undone. The cheap question before the dear one: nothing is copied for it.
    ///
    /// `look` is also told whether it sees a piece of `raw` only, which it has seen before.
    pub fn any_text(&self, mut look: impl FnMut(&[u8], bool) -> bool) -> bool {
        if any_reading(self.raw(), &mut |text| look(text, false)) {
            return true;
        }
        let has_escapes = self.raw().contains(&b'\\');
        let mut any = |text: &Text| {
            let seen = self.is_in_raw(text);
            if seen && !has_escapes {
                return look(self.read(text), true);
            }
            any_reading(self.read(text), &mut |text| look(text, seen))
        };
        any(&self.message)
            || match &self.attributes {
                Some(attributes) => attributes.iter().any(|attribute| any(&attribute.text)),
                None => self.given().iter().any(|attribute| any(&attribute.text)),
            }
    }

    fn is_in_raw(&self, text: &Text) -> bool {
        match (text, &self.raw) {
            (Text::Given(start, end), Text::Given(first, last)) => first <= start && end <= last,
            _ => false,
        }
    }

    /// Replaces every match in the names of attributes. One that is taken then gets a `_` more.
    fn rename(&mut self, attributes: &mut Vec<Attribute>, finder: &mut impl Finder, with: &[u8]) {
        let mut taken: BTreeSet<u16> = attributes.iter().map(|attribute| attribute.key).collect();
        attributes.retain_mut(|attribute| {
            // The finder is the author's: nothing stays borrowed while it looks.
            let name = self.set.changes.borrow().keys.name(attribute.key).to_owned();
            let masked = if NAMES.contains(&&*name) { None } else { replaced(name.as_bytes(), finder, with) };
            let Some(masked) = masked else { return true };
            let mut name = String::from_utf8_lossy(&masked).into_owned();
            let keys = &mut self.set.changes.borrow_mut().keys;
            taken.remove(&attribute.key);
            while keys.find(&name).is_some_and(|key| taken.contains(&key)) {
                name.push('_');
            }
            self.changed = true;
            let Some(key) = keys.add(&name) else {
                host::count(LEFT_OUT, 1);
                return false;
            };
            taken.insert(key);
            attribute.key = key;
            true
        });
    }
}
