//! JSON without a tree: one careful pass over a line's bytes that finds where its members lie.
//!
//! What is recognised here is JSON by RFC 8259 and valid UTF-8, so that a value's bytes can be passed on as they
//! stand. No number is parsed and no string is unescaped before somebody asks.

mod block;
mod name;
mod reader;
mod scan;
#[cfg(test)]
mod tests;
mod text;

pub use name::{Name, ShortName};
pub use reader::Reader;
use scan::Scanner;
pub use text::quote;
use text::{is_unicode, unescape};

/// Arrays and objects nested deeper than this are not recognised. Below the 128 of `serde_json`, so that whatever
/// is passed on can be read by others.
pub const MAX_DEPTH: usize = 64;

/// Members of an object that [`read_object`] gives; a record of a log has a few dozen.
pub const MAX_MEMBERS: usize = 1000;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, as written.
    Number,
    /// A string without any `\`: the bytes between its quotes are its text.
    Plain,
    /// A string that must be unescaped.
    Escaped,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

/// A value, known to be valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a> {
    kind: Kind,
    text: &'a [u8],
}

/// A member of an object: its name (a string) and its value.
pub type Member<'a> = (Json<'a>, Json<'a>);

impl<'a> Json<'a> {
    /// Reads one value; white space may stand around it. None: not JSON.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut scanner = Scanner::new(bytes);
        let value = scanner.value(MAX_DEPTH)?;
        (scanner.end() && scanner.is_utf8()).then_some(value)
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Its bytes, as they stand in the input.
    pub fn bytes(self) -> &'a [u8] {
        self.text
    }

    /// The text of a string. Borrowed from the input when it has no escapes, else unescaped into `scratch`, whose
    /// former content is lost; a lone surrogate becomes U+FFFD. None: not a string.
    #[inline]
    pub fn string<'s>(self, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]>
    where
        'a: 's,
    {
        match self.plain() {
            None => self.escaped(scratch),
            plain => plain,
        }
    }

    #[inline(never)]
    fn escaped(self, scratch: &mut Vec<u8>) -> Option<&[u8]> {
        if self.kind != Kind::Escaped {
            return None;
        }
        scratch.clear();
        unescape(&self.text[1..self.text.len() - 1], scratch);
        Some(scratch)
    }

    /// The text of a string that has no escapes: a piece of the input.
    #[inline]
    pub fn plain(self) -> Option<&'a [u8]> {
        match self.text {
            [b'"', text @ .., b'"'] if self.kind == Kind::Plain => Some(text),
            _ => None,
        }
    }

    /// False when it holds the escape of half a surrogate pair (`\udc80`): the grammar allows it, but no text can have
    /// it, and many readers refuse it.
    #[inline]
    pub fn is_unicode(self) -> bool {
        if !matches!(self.kind, Kind::Escaped | Kind::Array | Kind::Object) {
            return true;
        }
        is_unicode(self.text)
    }

    /// The members of an object in order, duplicates included; none at all for anything else.
    pub fn members(self) -> Vec<Member<'a>> {
        let mut members = Vec::new();
        self.each_member(|name, value| members.push((name, value)));
        members
    }

    /// The same one by one: there may be a million.
    pub(crate) fn each_member(self, mut found: impl FnMut(Json<'a>, Json<'a>)) {
        if self.kind == Kind::Object {
            Scanner::new(self.text).members(MAX_DEPTH, |name, value| found(name.json, value));
        }
    }

    /// The elements of an array in order; none at all for anything else.
    pub fn elements(self) -> Vec<Json<'a>> {
        let mut elements = Vec::new();
        self.each_element(|value| elements.push(value));
        elements
    }

    /// The same one by one: there may be a million.
    pub(crate) fn each_element(self, found: impl FnMut(Json<'a>)) {
        if self.kind == Kind::Array {
            Scanner::new(self.text).elements(MAX_DEPTH, found);
        }
    }
}

/// Reads the first [`MAX_MEMBERS`] members of an object into `members` (cleared first; duplicates included). Gives how
/// many it has. None: `bytes` are not an object.
pub fn read_object<'a>(bytes: &'a [u8], members: &mut Vec<Member<'a>>) -> Option<usize> {
    members.clear();
    each_member(bytes, |name, value| members.push((name.json, value)))
}

/// Gives the first [`MAX_MEMBERS`] members of an object (duplicates included) one by one, and how many it has. None:
/// `bytes` are not an object, which shows only at their end, after members have been given.
#[inline]
pub fn each_member<'a>(bytes: &'a [u8], mut found: impl FnMut(Name<'a>, Json<'a>)) -> Option<usize> {
    let mut count = 0;
    let mut scanner = Scanner::new(bytes);
    scanner.space();
    scanner.members(MAX_DEPTH, |name, value| {
        count += 1;
        if count <= MAX_MEMBERS {
            found(name, value);
        }
    })?;
    (scanner.end() && scanner.is_utf8()).then_some(count)
}
