//! The same for YAML: just the text of the `events` is another, found by where the parser saw it. Comments stay.

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use std::ops::Range;

use super::{NewEvents, RewriteError};
use crate::config::write::{yaml_block, yaml_flow};

/// How much deeper the events of an output are, where there are none yet.
const INDENT: usize = 2;

/// A part of the text, in characters, and what comes in its place.
type Edit = (Range<usize>, String);

/// The text with other events. It may say something else then: whoever asks looks.
pub fn with_events(text: &str, changes: &[NewEvents], quoted: bool) -> Result<String, RewriteError> {
    let documents =
        MarkedYaml::load_from_str(text).map_err(|error| RewriteError::Broken(error.to_string()))?;
    let chars: Vec<char> = text.chars().collect();
    let break_ = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edits: Vec<Edit> = Vec::new();
    for change in changes {
        let found = documents.first().and_then(|root| Output::find(root, &chars, change));
        let shape =
            || RewriteError::Shape { test: change.test, from: format!("number {}", change.output + 1) };
        let output = found.ok_or_else(shape)?;
        edits.extend(
            output.edits(change, quoted).into_iter().map(|(part, new)| (part, new.replace('\n', break_))),
        );
    }
    edits.sort_by_key(|(part, _)| (part.start, part.end));
    // Two outputs that are one in the text: an anchor and its alias.
    if edits.windows(2).any(|pair| pair[1].0.start < pair[0].0.end) {
        let change = &changes[0];
        return Err(RewriteError::Shape { test: change.test, from: format!("number {}", change.output + 1) });
    }
    let (mut new, mut done) = (String::with_capacity(text.len()), 0);
    for (part, text) in edits {
        new.extend(&chars[done..part.start]);
        new.push_str(&text);
        done = part.end;
    }
    new.extend(&chars[done..]);
    Ok(new)
}

/// An output of a test, where it stands.
struct Output<'d> {
    chars: &'d [char],
    /// The mapping itself.
    node: &'d MarkedYaml<'d>,
    /// It is written between brackets, or something around it is.
    in_flow: bool,
}

impl<'d> Output<'d> {
    fn find(root: &'d MarkedYaml<'d>, chars: &'d [char], change: &NewEvents) -> Option<Self> {
        let tests = root.data.as_mapping_get("tests")?;
        let test = tests.data.as_sequence_get(change.test)?;
        let outputs = test.data.as_mapping_get("outputs")?;
        let node = outputs.data.as_sequence_get(change.output)?;
        let open = |node: &MarkedYaml<'_>| matches!(chars.get(node.span.start.index()), Some('[' | '{'));
        Some(Self { chars, node, in_flow: [root, tests, test, outputs, node].into_iter().any(open) })
    }

    fn entry(&self, name: &str) -> Option<(&MarkedYaml<'d>, &MarkedYaml<'d>)> {
        let YamlData::Mapping(entries) = &self.node.data else { return None };
        entries.iter().find(|(key, _)| key.data.as_str() == Some(name))
    }

    fn edits(&self, change: &NewEvents, quoted: bool) -> Vec<Edit> {
        let events = &change.events;
        let Some((key, value)) = self.entry("events") else { return self.added(change, quoted) };
        let start = value.span.start.index();
        let colon = self.after_colon(key.span.end.index());
        let column = key.span.start.col();
        let is_flow = self.chars.get(start) == Some(&'[');
        if is_flow && (self.in_flow || events.is_empty()) {
            let text = if events.is_empty() { "[]".to_owned() } else { yaml_flow(events) };
            return vec![(start..end_of(value, self.chars), text)];
        }
        let below = |indent: usize| format!("\n{}", yaml_block(events, indent, quoted));
        if is_flow {
            // The list goes below; a comment that stood behind it stays where it was.
            let end = end_of(value, self.chars);
            let line_end = self.line_end(end);
            return vec![(colon..end, String::new()), (line_end..line_end, below(column + INDENT))];
        }
        if !matches!(&value.data, YamlData::Sequence(_)) {
            // Nothing at all stands there.
            if events.is_empty() {
                return vec![(colon..colon, " []".to_owned())];
            }
            let line_end = self.line_end(colon);
            return vec![(line_end..line_end, below(column + INDENT))];
        }
        // A block: from the line of its first dash to the end of the last thing in it.
        let first_line = self.line_start(start);
        let dash = first_line + self.chars[first_line..].iter().take_while(|c| **c == ' ').count();
        let end = end_of(value, self.chars);
        if events.is_empty() {
            let before = first_line - usize::from(first_line > 0);
            let before = before - usize::from(self.chars.get(before.wrapping_sub(1)) == Some(&'\r'));
            return vec![(colon..colon, " []".to_owned()), (before..end, String::new())];
        }
        vec![(first_line..end, yaml_block(events, dash - first_line, quoted))]
    }

    /// There is no `events` yet.
    fn added(&self, change: &NewEvents, quoted: bool) -> Vec<Edit> {
        let events = &change.events;
        if self.in_flow {
            let mut end = end_of(self.node, self.chars).saturating_sub(1);
            while end > 0 && self.chars[end - 1].is_whitespace() {
                end -= 1;
            }
            return vec![(end..end, format!(", events: {}", yaml_flow(events)))];
        }
        let Some((key, value)) = self.entry("extract_from") else { return Vec::new() };
        let (column, line_end) = (key.span.start.col(), self.line_end(end_of(value, self.chars)));
        let list = if events.is_empty() {
            " []".to_owned()
        } else {
            format!("\n{}", yaml_block(events, column + INDENT, quoted))
        };
        vec![(line_end..line_end, format!("\n{:column$}events:{list}", ""))]
    }

    fn line_start(&self, at: usize) -> usize {
        self.chars[..at].iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1)
    }

    /// Before the line break.
    fn line_end(&self, at: usize) -> usize {
        let end = self.chars[at..].iter().position(|c| *c == '\n').map_or(self.chars.len(), |more| at + more);
        if end > at && self.chars[end - 1] == '\r' { end - 1 } else { end }
    }

    fn after_colon(&self, at: usize) -> usize {
        self.chars[at..].iter().position(|c| *c == ':').map_or(at, |more| at + more + 1)
    }
}

/// Where a node ends, without what follows it: the parser takes a block as far as the next token.
fn end_of(node: &MarkedYaml<'_>, chars: &[char]) -> usize {
    let (start, mut end) = (node.span.start.index(), node.span.end.index().min(chars.len()));
    match &node.data {
        // The parser leaves the bracket out.
        YamlData::Sequence(_) | YamlData::Mapping(_) if matches!(chars.get(start), Some('[' | '{')) => {
            end + 1
        }
        YamlData::Sequence(items) => items.last().map_or(end, |last| end_of(last, chars)),
        YamlData::Mapping(entries) => entries.iter().next_back().map_or(end, |(key, value)| {
            // What is nothing ends with the colon before it.
            let colon = key.span.end.index()..chars.len();
            let colon =
                chars[colon].iter().position(|c| *c == ':').map_or(0, |more| key.span.end.index() + more + 1);
            end_of(value, chars).max(colon)
        }),
        _ => {
            while end > start && chars[end - 1].is_whitespace() {
                end -= 1;
            }
            end
        }
    }
}
