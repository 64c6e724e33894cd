//! The pass over a line's bytes.
#![expect(clippy::inline_always, reason = "measured: the pass over a flat object is one loop, without calls")]

use super::block::{BLOCK, Block, Look, look, pad};
use super::{Json, Kind, Name, ShortName};

/// Where in its bytes the pass is. What is nested gets a copy, so that the pass over a flat object, which nearly every
/// line is, stays in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    /// Whether its strings, and what stands close behind them, are ASCII.
    is_ascii: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, rest: bytes, is_ascii: true }
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> Option<()> {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                Some(())
            }
            _ => None,
        }
    }

    /// Takes a byte that white space may stand before.
    #[inline(always)]
    fn take_next(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        self.take(byte)
    }

    /// [`Self::space`], where there is hardly ever any.
    #[inline(always)]
    pub fn skip_space(&mut self) {
        if let [0..=b' ', ..] = self.rest {
            self.space();
        }
    }

    /// After a member or an element: whether another one follows.
    #[inline(always)]
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        if !matches!(self.rest, [byte, ..] if *byte == b',' || *byte == close) {
            self.space();
        }
        match self.rest {
            [b',', rest @ ..] => {
                self.rest = rest;
                Some(true)
            }
            [byte, rest @ ..] if *byte == close => {
                self.rest = rest;
                Some(false)
            }
            _ => None,
        }
    }

    pub fn space(&mut self) {
        self.rest = after_space(self.rest);
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn end(&mut self) -> bool {
        self.space();
        self.rest.is_empty()
    }

    /// Of what was read to its end; what is not in strings is ASCII, or was refused.
    pub fn is_utf8(&self) -> bool {
        self.is_ascii || std::str::from_utf8(self.bytes).is_ok()
    }

    /// What was read since.
    #[inline(always)]
    fn since(&self, start: &'a [u8]) -> &'a [u8] {
        &start[..start.len() - self.rest.len()]
    }

    #[inline(always)]
    pub fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        let start = self.rest;
        let kind = match start {
            [b'"', rest @ ..] => {
                self.rest = rest;
                self.string(Kind::Plain)?
            }
            [b'0'..=b'9', ..] => self.number()?,
            _ => {
                let value;
                (*self, value) = self.any_value(depth)?;
                return Some(value);
            }
        };
        Some(Json { kind, text: self.since(start) })
    }

    /// Any value; space may stand before it.
    #[inline(never)]
    fn any_value(mut self, depth: usize) -> Option<(Self, Json<'a>)> {
        self.skip_space();
        let start = self.rest;
        let kind = match start.first()? {
            b'"' => {
                self.rest = &start[1..];
                self.string(Kind::Plain)?
            }
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
            b'-' => {
                self.rest = &start[1..];
                self.number()?
            }
            _ => self.number()?,
        };
        Some((self, Json { kind, text: self.since(start) }))
    }

    #[inline(always)]
    pub fn members(&mut self, depth: usize, mut found: impl FnMut(Name<'a>, Json<'a>)) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.members_at(|name, scanner| {
            found(name, scanner.value(depth)?);
            Some(())
        })
    }

    /// `read` reads the value of each member.
    #[inline(always)]
    pub fn members_at(&mut self, mut read: impl FnMut(Name<'a>, &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take_next(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.name()?;
            read(name, self)?;
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    #[inline(always)]
    pub fn elements(&mut self, depth: usize, mut found: impl FnMut(Json<'a>)) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.elements_at(|scanner| {
            found(scanner.value(depth)?);
            Some(())
        })
    }

    /// `read` reads each element.
    #[inline(always)]
    pub fn elements_at(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take_next(b']').is_some() {
            return Some(());
        }
        loop {
            read(self)?;
            if !self.goes_on(b']')? {
                return Some(());
            }
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Option<Kind> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(kind)
    }

    /// A number, after its sign.
    #[inline(always)]
    fn number(&mut self) -> Option<Kind> {
        match self.rest {
            [b'0', rest @ ..] => self.rest = rest,
            [b'1'..=b'9', rest @ ..] => self.rest = after_digits(rest),
            _ => return None,
        }
        if let Some(b'.' | b'e' | b'E') = self.rest.first() {
            self.rest = after_fraction(self.rest)?;
        }
        Some(Kind::Number)
    }

    /// A name and the colon after it.
    #[inline(always)]
    fn name(&mut self) -> Option<Name<'a>> {
        if let [b'"', inside @ ..] = self.rest {
            let mut padded = Block::default();
            let block = inside.first_chunk().unwrap_or_else(|| pad(inside, &mut padded));
            let Look { ordinary, is_ascii } = look(block);
            if let Some([b'"', b':', rest @ ..]) = inside.get(ordinary..)
                && ordinary < BLOCK
            {
                let text = &self.rest[..ordinary + 2];
                self.is_ascii &= is_ascii;
                self.rest = rest;
                let short = Some(ShortName::of_block(block, ordinary));
                return Some(Name { json: Json { kind: Kind::Plain, text }, short });
            }
        }
        let name;
        (*self, name) = self.any_name()?;
        Some(name)
    }

    /// One that is long, has escapes or has space around it.
    #[inline(never)]
    fn any_name(mut self) -> Option<(Self, Name<'a>)> {
        self.space();
        let start = self.rest;
        self.take(b'"')?;
        let json = Json { kind: self.string(Kind::Plain)?, text: self.since(start) };
        self.take_next(b':')?;
        Some((self, Name { json, short: json.plain().and_then(ShortName::new) }))
    }

    /// What follows a string's opening quote, and the one that closes it.
    #[inline(always)]
    fn string(&mut self, mut kind: Kind) -> Option<Kind> {
        loop {
            let Look { ordinary, is_ascii } = match self.rest.first_chunk() {
                Some(block) => look(block),
                None => look(pad(self.rest, &mut Block::default())),
            };
            self.is_ascii &= is_ascii;
            match self.rest.get(ordinary..)? {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(kind);
                }
                [b'\\', rest @ ..] => {
                    kind = Kind::Escaped;
                    self.rest = after_escape(rest)?;
                }
                rest if ordinary == BLOCK => self.rest = rest,
                // A control character must be escaped.
                _ => return None,
            }
        }
    }
}

#[inline(never)]
fn after_space(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', after @ ..] = rest {
        rest = after;
    }
    rest
}

#[inline(always)]
fn after_digits(mut rest: &[u8]) -> &[u8] {
    while let [b'0'..=b'9', after @ ..] = rest {
        rest = after;
    }
    rest
}

fn after_some_digits(rest: &[u8]) -> Option<&[u8]> {
    let after = after_digits(rest);
    (after.len() < rest.len()).then_some(after)
}

/// What follows a number's fraction and exponent, one of which begins here.
#[inline(never)]
fn after_fraction(mut rest: &[u8]) -> Option<&[u8]> {
    if let [b'.', after @ ..] = rest {
        rest = after_some_digits(after)?;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = match after {
            [b'+' | b'-', after @ ..] => after_some_digits(after)?,
            _ => after_some_digits(after)?,
        };
    }
    Some(rest)
}

/// What follows an escape, which goes on here after its backslash.
#[inline(always)]
fn after_escape(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => Some(rest),
        [b'u', a, b, c, d, rest @ ..] => [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit).then_some(rest),
        _ => None,
    }
}
