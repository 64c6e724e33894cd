//! Replacing text wherever an event carries it: what a mask hides must not survive in another spelling.
//!
//! A text is searched as it stands and as it reads, escapes undone: the strings of JSON each for itself, so that it
//! stays JSON; then all of it in both ways, so that a value is found that only its key gives away. Whatever one of these
//! finds is hidden, though it were JSON no more. What is read is searched in the same way: logs quote JSON that quotes
//! JSON.

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

/// In order; those that overlap or touch as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|it| it.start);
    ranges.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    ranges
}

fn search(text: &[u8], finder: &mut impl Finder, must_be_escaped: bool, levels: usize) -> Vec<Match> {
    let has_escapes = text.contains(&b'\\');
    let json = if has_escapes || must_be_escaped { Json::parse(text) } else { None };
    if let Some(json) = json {
        return InJson { text, finder, must_be_escaped, levels, found: Vec::new(), done: 0 }.search(json);
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
    found: Vec<Match>,
    /// How much of the text has been searched as it stands, between the strings that have escapes, or need not be.
    done: usize,
}

impl<'a, F: Finder> InJson<'a, F> {
    fn search(mut self, json: Json<'a>) -> Vec<Match> {
        self.value(json);
        self.as_it_stands(self.text.len());
        if let Some(read) = Unescaped::of(self.text) {
            for at in find_all(read.text(), self.finder) {
                self.found.push(Match { at: read.source(&at), escapes: 1 });
            }
            self.all_as_it_stands(&read);
        }
        self.found
    }

    /// Finds what begins in one string and ends in another, or behind it, whatever they escape. Half an escape is no
    /// match, but part of one.
    fn all_as_it_stands(&mut self, read: &Unescaped) {
        let hidden = joined(self.found.iter().map(|it| it.at.clone()).collect());
        for found in find_all(self.text, self.finder) {
            let Some((within, mut at)) = read.whole(&found) else { continue };
            let next = hidden.partition_point(|it| it.end < at.start);
            let mut near = hidden[next..].iter().take_while(|it| it.start <= at.end).peekable();
            // As it reads it was found, too, and without the letter that is half an escape.
            if near.clone().any(|it| it.start <= within.start && within.end <= it.end && !within.is_empty()) {
                continue;
            }
            // What touches it is more of the same.
            let first = near.peek().map_or(at.start, |it| it.start);
            let last = near.last().map_or(at.end, |it| it.end);
            at = at.start.min(first)..at.end.max(last);
            self.found.push(Match { at, escapes: 1 });
        }
    }

    fn value(&mut self, json: Json<'a>) {
        match json.kind() {
            Kind::Object => json.each_member(|name, value| {
                self.value(name);
                self.value(value);
            }),
            Kind::Array => json.each_element(|element| self.value(element)),
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
            }
            Kind::Plain | Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    fn inside(&self, string: Json<'a>) -> Range<usize> {
        let start = string.bytes().as_ptr() as usize - self.text.as_ptr() as usize;
        start + 1..start + string.bytes().len() - 1
    }

    /// What stands between strings with escapes is also searched for itself: no match in them hides one here.
    fn as_it_stands(&mut self, end: usize) {
        for at in find_all(&self.text[self.done..end], self.finder) {
            self.found.push(Match { at: self.done + at.start..self.done + at.end, escapes: 1 });
        }
        self.done = end;
    }
}

#[cfg(test)]
mod tests;
