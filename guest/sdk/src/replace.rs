//! Replacing text wherever an event carries it: what a mask hides must not survive in another spelling.
//!
//! A text is searched as it stands and as it reads, escapes undone: the strings of JSON each for itself, so that it
//! stays JSON; then all of it, so that a value is found that only its key gives away. What is read so is searched in
//! the same way: logs quote JSON that quotes JSON.

use crate::json::{Json, Kind, quote};
use crate::unescaped::Unescaped;
use std::ops::Range;

/// How often what was escaped may have been escaped again. A bound, since each level is one more pass over the text.
const MAX_LEVELS: usize = 8;

/// Finds what is to be replaced: a text, or a function that gives the first match (say, of a regular expression).
pub trait Finder {
    /// Appends where the matches are, in any order. They may overlap; empty ones are ignored.
    fn find_all(&mut self, text: &[u8], found: &mut Vec<Range<usize>>);
}

impl<F: FnMut(&[u8]) -> Option<Range<usize>>> Finder for F {
    fn find_all(&mut self, text: &[u8], found: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(next) = self(&text[from..]) {
            if next.is_empty() || next.end > text.len() - from {
                break;
            }
            found.push(from + next.start..from + next.end);
            from += next.end;
        }
    }
}

impl Finder for &[u8] {
    fn find_all(&mut self, text: &[u8], found: &mut Vec<Range<usize>>) {
        let Some(first) = self.first() else { return };
        let mut from = 0;
        // `position` of one byte looks at many at once.
        while let Some(next) = text[from..].iter().position(|byte| byte == first) {
            let start = from + next;
            if text[start..].starts_with(self) {
                found.push(start..start + self.len());
                from = start + self.len();
            } else {
                from = start + 1;
            }
        }
    }
}

impl Finder for &str {
    fn find_all(&mut self, text: &[u8], found: &mut Vec<Range<usize>>) {
        self.as_bytes().find_all(text, found);
    }
}

/// A match, and how often what takes its place must be escaped there.
#[derive(Debug, PartialEq, Eq)]
struct Match {
    at: Range<usize>,
    escapes: usize,
}

/// The text with every match replaced; none when there is no match.
pub(crate) fn replaced(text: &[u8], finder: &mut impl Finder, with: &[u8]) -> Option<Vec<u8>> {
    let must_be_escaped = quoted(with) != with;
    let mut found = search(text, finder, must_be_escaped, MAX_LEVELS);
    found.sort_by_key(|it| it.at.start);
    let mut out = Vec::with_capacity(if found.is_empty() { 0 } else { text.len() });
    let mut copied = 0;
    let mut matches = found.into_iter().peekable();
    while let Some(Match { mut at, mut escapes }) = matches.next() {
        while let Some(other) = matches.next_if(|other| other.at.start < at.end) {
            at.end = at.end.max(other.at.end);
            escapes = escapes.max(other.escapes);
        }
        out.extend_from_slice(&text[copied..at.start]);
        if must_be_escaped {
            out.extend((0..escapes).fold(with.to_vec(), |with, _| quoted(&with)));
        } else {
            out.extend_from_slice(with);
        }
        copied = at.end;
    }
    (copied > 0).then(|| {
        out.extend_from_slice(&text[copied..]);
        out
    })
}

/// Whether `look` says so of the text as it stands, or of it as it reads with its escapes undone, once or more.
pub(crate) fn any_reading(text: &[u8], look: &mut impl FnMut(&[u8]) -> bool) -> bool {
    if look(text) {
        return true;
    }
    let mut reading = Unescaped::of(text);
    for _ in 0..MAX_LEVELS {
        let Some(read) = reading else { return false };
        if look(read.text()) {
            return true;
        }
        reading = Unescaped::of(read.text());
    }
    false
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quote(text, &mut quoted);
    quoted[1..quoted.len() - 1].to_vec()
}

fn find_all(text: &[u8], finder: &mut impl Finder) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    finder.find_all(text, &mut found);
    found.retain(|it| !it.is_empty() && it.end <= text.len());
    found
}

fn search(text: &[u8], finder: &mut impl Finder, must_be_escaped: bool, levels: usize) -> Vec<Match> {
    let has_escapes = text.contains(&b'\\');
    let json = if has_escapes || must_be_escaped { Json::parse(text) } else { None };
    if let Some(json) = json {
        return InJson {
            text,
            finder,
            must_be_escaped,
            levels,
            strings: Vec::new(),
            found: Vec::new(),
            done: 0,
        }
        .search(json);
    }
    let as_it_stands = find_all(text, finder).into_iter().map(|at| Match { at, escapes: 0 });
    let mut found: Vec<Match> = as_it_stands.collect();
    if let Some(read) = Unescaped::of(text).filter(|_| levels > 0) {
        for Match { at, escapes } in search(read.text(), finder, must_be_escaped, levels - 1) {
            found.push(Match { at: read.source(&at), escapes: escapes + 1 });
        }
    }
    found
}

/// The search of a JSON text.
struct InJson<'a, F> {
    text: &'a [u8],
    finder: &'a mut F,
    must_be_escaped: bool,
    levels: usize,
    /// The insides of its strings, names included.
    strings: Vec<Range<usize>>,
    found: Vec<Match>,
    /// How much of the text has been searched as it stands, or need not be.
    done: usize,
}

impl<'a, F: Finder> InJson<'a, F> {
    fn search(mut self, json: Json<'a>) -> Vec<Match> {
        self.value(json);
        self.as_it_stands(self.text.len());
        if let Some(read) = Unescaped::of(self.text) {
            for at in find_all(read.text(), self.finder) {
                let at = read.source(&at);
                // Here quotes that are text look like those that hold the JSON together: only within one string is a
                // match what it seems.
                let string = self.strings.partition_point(|string| string.start <= at.start).checked_sub(1);
                if string.is_some_and(|string| at.end <= self.strings[string].end) {
                    self.found.push(Match { at, escapes: 1 });
                }
            }
        }
        self.found
    }

    fn value(&mut self, json: Json<'a>) {
        match json.kind() {
            Kind::Object => json.each_member(|name, value| {
                self.value(name);
                self.value(value);
            }),
            Kind::Array => json.each_element(|element| self.value(element)),
            Kind::Plain => self.strings.push(self.inside(json)),
            Kind::Escaped => {
                let inside = self.inside(json);
                self.as_it_stands(inside.start);
                self.done = inside.end;
                if let Some(read) = Unescaped::of(&self.text[inside.clone()]).filter(|_| self.levels > 0) {
                    for Match { at, escapes } in
                        search(read.text(), self.finder, self.must_be_escaped, self.levels - 1)
                    {
                        let at = read.source(&at);
                        let at = inside.start + at.start..inside.start + at.end;
                        self.found.push(Match { at, escapes: escapes + 1 });
                    }
                }
                self.strings.push(inside);
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    fn inside(&self, string: Json<'a>) -> Range<usize> {
        let start = string.bytes().as_ptr() as usize - self.text.as_ptr() as usize;
        start + 1..start + string.bytes().len() - 1
    }

    /// A string with escapes is not searched so: it would find half an escape.
    fn as_it_stands(&mut self, end: usize) {
        for at in find_all(&self.text[self.done..end], self.finder) {
            self.found.push(Match { at: self.done + at.start..self.done + at.end, escapes: 1 });
        }
        self.done = end;
    }
}

#[cfg(test)]
mod tests;
