//! JSON without a tree: one careful pass over a line's bytes that finds where its members lie.
//!
//! What is recognised here is JSON by RFC 8259 and valid UTF-8, so that a value's bytes can be passed on as they
//! stand. No number is parsed and no string is unescaped before somebody asks.

#[cfg(test)]
mod tests;
mod text;

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
    pub fn string<'s>(self, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]>
    where
        'a: 's,
    {
        match self.kind {
            Kind::Plain => self.plain(),
            Kind::Escaped => {
                scratch.clear();
                unescape(&self.text[1..self.text.len() - 1], scratch);
                Some(scratch)
            }
            _ => None,
        }
    }

    /// The text of a string that has no escapes: a piece of the input.
    pub fn plain(self) -> Option<&'a [u8]> {
        (self.kind == Kind::Plain).then(|| &self.text[1..self.text.len() - 1])
    }

    /// False when it holds the escape of half a surrogate pair (`\udc80`): the grammar allows it, but no text can have
    /// it, and many readers refuse it.
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
    pub(crate) fn each_member(self, found: impl FnMut(Json<'a>, Json<'a>)) {
        if self.kind == Kind::Object {
            Scanner::new(self.text).members(MAX_DEPTH, found);
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
    let mut count = 0;
    let mut scanner = Scanner::new(bytes);
    scanner.space();
    scanner.members(MAX_DEPTH, |name, value| {
        count += 1;
        if count <= MAX_MEMBERS {
            members.push((name, value));
        }
    })?;
    (scanner.end() && scanner.is_utf8()).then_some(count)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// All bytes of its strings, one over the other: a high bit is of a byte that is not ASCII.
    seen: u64,
}

impl<'a> Scanner<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, seen: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn end(&mut self) -> bool {
        self.space();
        self.at == self.bytes.len()
    }

    /// Of what was read to its end; what is not in strings is ASCII, or was refused.
    fn is_utf8(&self) -> bool {
        self.seen & HIGH == 0 || std::str::from_utf8(self.bytes).is_ok()
    }

    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        self.space();
        let start = self.at;
        let kind = match self.peek()? {
            b'"' => self.string()?,
            b'{' => {
                self.members(depth, |_, _| ())?;
                Kind::Object
            }
            b'[' => {
                self.elements(depth, |_| ())?;
                Kind::Array
            }
            b't' => self.word(b"true", Kind::Bool)?,
            b'f' => self.word(b"false", Kind::Bool)?,
            b'n' => self.word(b"null", Kind::Null)?,
            _ => self.number()?,
        };
        Some(Json { kind, text: &self.bytes[start..self.at] })
    }

    fn members(&mut self, depth: usize, mut found: impl FnMut(Json<'a>, Json<'a>)) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.take(b'{')?;
        self.space();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.space();
            let start = self.at;
            let name = Json { kind: self.string()?, text: &self.bytes[start..self.at] };
            self.space();
            self.take(b':')?;
            let value = self.value(depth)?;
            found(name, value);
            self.space();
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    fn elements(&mut self, depth: usize, mut found: impl FnMut(Json<'a>)) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.take(b'[')?;
        self.space();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            found(self.value(depth)?);
            self.space();
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Option<Kind> {
        self.bytes[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            kind
        })
    }

    fn number(&mut self) -> Option<Kind> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(Kind::Number)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<Kind> {
        self.take(b'"')?;
        let mut kind = Kind::Plain;
        loop {
            self.ordinary();
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(kind);
                }
                b'\\' => {
                    kind = Kind::Escaped;
                    self.at += 1;
                    self.escape()?;
                }
                // A control character must be escaped.
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let length = match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 1,
            b'u' => {
                let digits = self.bytes.get(self.at + 1..self.at + 5)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(5)?
            }
            _ => return None,
        };
        self.at += length;
        Some(())
    }

    /// Goes on to the first quote, backslash or control character; eight bytes at a time.
    fn ordinary(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            let word = u64::from_le_bytes(*word);
            self.seen |= word;
            let quote = zeros(word ^ (LOW * u64::from(b'"')));
            let backslash = zeros(word ^ (LOW * u64::from(b'\\')));
            let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
            let found = quote | backslash | control;
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        for byte in tail {
            if matches!(byte, b'"' | b'\\' | 0..0x20) {
                return;
            }
            self.seen |= u64::from(*byte);
            self.at += 1;
        }
    }
}

/// The lowest bit of each byte of a word…
const LOW: u64 = u64::MAX / 0xff;
/// …and the highest.
const HIGH: u64 = LOW << 7;

/// A high bit for each zero byte; the lowest one set is exact, which is all that counts.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}
