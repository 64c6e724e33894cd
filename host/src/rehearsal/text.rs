//! An account as people read it: a table of at most 100 columns.

use super::account::{Account, KeptBack, Made, Passage, Put, Reading, Stage, changes, on_error, replaced};
use super::place::Where;
use crate::event::DEFAULT_LABEL;
use crate::route::naming::Answer;
use serde_json::Value;
use std::fmt::{self, Write};
use std::ops::Range;

/// Characters of a line.
const WIDTH: usize = 100;
/// Characters of names of members.
const NAMES: usize = 11;
/// Lines of a value, or of the lines themselves, that are shown.
const MOST: usize = 8;
/// Members that are shown only where they change.
const ONLY_CHANGES: [&str; 1] = ["raw"];

impl Account {
    /// As a table. `written`: with what each sink writes.
    pub fn to_text(&self, written: bool) -> String {
        let mut table = Table(String::new());
        table.account(self, written);
        table.0
    }
}

struct Table(String);

impl Table {
    /// Writing to a string does not fail.
    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}");
    }

    /// A headline: what does not fit goes on below it, further in.
    fn head(&mut self, indent: usize, text: &str) {
        let below = indent + 4;
        for (at, piece) in pieces(text, WIDTH - below).iter().enumerate() {
            let indent = if at == 0 { indent } else { below };
            self.line(format_args!("{:indent$}{piece}", ""));
        }
    }

    /// A value behind its name, over several lines where it is long.
    fn row(&mut self, indent: usize, name: &str, value: &str) {
        let room = WIDTH - indent - NAMES - 1;
        let pieces = pieces(value, room);
        for (at, piece) in pieces.iter().take(MOST).enumerate() {
            let name = if at == 0 { name } else { "" };
            self.line(format_args!("{:indent$}{name:NAMES$} {piece}", ""));
        }
        if pieces.len() > MOST {
            let more = pieces.len() - MOST;
            self.line(format_args!(
                "{:indent$}{:NAMES$} … {more} lines more (--format json has all)",
                "", ""
            ));
        }
    }

    fn account(&mut self, account: &Account, written: bool) {
        self.row(0, "file", &account.file.display().to_string());
        self.row(0, "path", &account.path);
        let lines = match &account.lines.asked {
            Some(asked) => format!("{} of {}", range(asked), account.lines.there),
            None => format!("all {}", account.lines.there),
        };
        self.row(0, "lines", &lines);
        let said = account.says.iter().map(|(name, value)| format!("{name} {}", plain(value)));
        self.row(0, "source", &account.source);
        for said in said {
            let (name, value) = said.split_once(' ').unwrap_or((&said, ""));
            self.row(0, name, value);
        }
        for copied in &account.copied {
            self.line(format_args!(""));
            self.head(0, &format!("→ {} ({}) copies the file's bytes as they are", copied.sink, copied.kind));
            self.place(4, &copied.place, &copied.names);
        }
        for reading in &account.readings {
            self.reading(reading, account.readings.len() > 1, written);
        }
    }

    fn reading(&mut self, reading: &Reading, several: bool, written: bool) {
        if several {
            match &reading.by {
                Some(id) => self.line(format_args!("\n══ as `{id}` reads it ══")),
                None => self.line(format_args!("\n══ each line as it stands ══")),
            }
        }
        for passage in &reading.passages {
            self.passage(passage, written);
        }
        if reading.more > 0 {
            self.line(format_args!("\n… {} events more: ask for some lines, as FILE:FROM-TO", reading.more));
        }
        for (halt, line, sinks) in &reading.waits {
            let sinks = sinks.join(", ");
            self.line(format_args!(""));
            self.head(0, &format!("From line {line} on nothing goes to {sinks} (on_error: halt)"));
            self.row(4, &halt.transform, &halt.error);
        }
    }

    fn passage(&mut self, passage: &Passage, written: bool) {
        let title = format!("── {} ", range(&passage.lines));
        self.line(format_args!("\n{title}{}", "─".repeat(WIDTH.saturating_sub(title.chars().count()))));
        let lines: Vec<_> = passage.text.lines().collect();
        for line in lines.iter().take(MOST) {
            let cut: String = line.chars().map(visible).take(WIDTH - 3).collect();
            let dots = if line.chars().count() > WIDTH - 3 { "…" } else { "" };
            self.line(format_args!("│ {cut}{dots}"));
        }
        if lines.len() > MOST {
            self.line(format_args!("│ … {} lines more", lines.len() - MOST));
        }
        for stage in &passage.stages {
            self.stage(stage);
        }
        for put in &passage.puts {
            self.put(put, written);
        }
    }

    fn stage(&mut self, stage: &Stage) {
        match &stage.transform {
            Some((id, component)) => {
                let after = stage.after.as_ref().map(|id| format!(", after {id}")).unwrap_or_default();
                self.head(2, &format!("{id} ({component}{after})"));
            }
            None => self.line(format_args!("  each line an event, as it stands")),
        }
        if let Some((how, error)) = &stage.failed {
            self.row(4, "FAILED", error);
            self.row(4, "", &format!("so it goes the way of on_error: {}", on_error(*how)));
        }
        match &stage.before {
            Some(before) if before.len() == stage.events.len() => {
                let mut same = true;
                for (at, (before, after)) in before.iter().zip(&stage.events).enumerate() {
                    let changes = changes(before, after);
                    let dropped = after.dropped && !before.dropped;
                    if (dropped || !changes.is_empty()) && stage.events.len() > 1 {
                        self.line(format_args!("    part {} of {}", at + 1, stage.events.len()));
                    }
                    if dropped {
                        self.line(format_args!("    drops it"));
                    }
                    same &= !dropped && changes.is_empty();
                    // What is gone is no news of an event that is dropped.
                    for (name, from, to) in changes.into_iter().filter(|_| !dropped) {
                        self.change(&name, from.as_ref(), to.as_ref());
                    }
                }
                if same && stage.failed.is_none() {
                    self.line(format_args!("    changes nothing"));
                }
            }
            before => {
                if before.is_some() {
                    self.line(format_args!("    splits it into {}", stage.events.len()));
                }
                for (at, made) in stage.events.iter().enumerate() {
                    if stage.events.len() > 1 {
                        self.line(format_args!("    part {} of {}", at + 1, stage.events.len()));
                    }
                    self.made(made, &stage.events);
                }
            }
        }
    }

    fn made(&mut self, made: &Made, all: &[Made]) {
        if made.dropped {
            self.line(format_args!("    dropped"));
        }
        for (name, value) in &made.event {
            match value {
                _ if ONLY_CHANGES.contains(&name.as_str()) && all.len() == 1 => {}
                // The head says it.
                _ if matches!(
                    name.as_str(),
                    "dag_id" | "run_id" | "task_id" | "map_index" | "try_number" | "kind"
                ) => {}
                Value::String(label) if name == "label" && label == DEFAULT_LABEL => {}
                Value::Object(fields) if name == "fields" => {
                    for (key, value) in fields {
                        self.row(4, &format!("fields.{key}"), &plain(value));
                    }
                }
                _ => self.row(4, name, &plain(value)),
            }
        }
    }

    fn change(&mut self, name: &str, from: Option<&Value>, to: Option<&Value>) {
        let signs = [("-", from), ("+", to)].into_iter().filter_map(|(sign, value)| Some((sign, value?)));
        for (at, (sign, value)) in signs.enumerate() {
            self.row(4, if at == 0 { name } else { "" }, &format!("{sign} {}", plain(value)));
        }
    }

    fn put(&mut self, put: &Put, written: bool) {
        let title = format!("{} ({})", put.sink, put.kind);
        match &put.kept_back {
            Some((KeptBack::Waits, transform)) => {
                self.head(2, &format!("⨯ {title}: waits for `{transform}`"));
            }
            Some((KeptBack::Dropped, transform)) => {
                self.head(2, &format!("⨯ {title}: dropped by `{transform}`"));
            }
            None => {}
        }
        let mut said: Vec<(&Where, &[(&str, String)])> = Vec::new();
        for event in &put.events {
            let label =
                if event.label == DEFAULT_LABEL { String::new() } else { format!(", label {}", event.label) };
            let there = (&*event.place, &*event.names);
            // The parts of an event that was split go one way, as a rule.
            if !said.contains(&there) {
                said.push(there);
                let arrow = if event.place.target.is_some() { "→" } else { "⨯" };
                self.head(2, &format!("{arrow} {title}{label}"));
                self.place(6, &event.place, &event.names);
            }
            for text in event.written.iter().filter(|_| written) {
                self.row(6, "written", text);
            }
        }
    }

    fn place(&mut self, indent: usize, place: &Where, names: &[(&'static str, String)]) {
        let router = place.router.as_deref().unwrap_or_default();
        if place.target.is_none() {
            return self.row(indent, "not here", &format!("route `{router}` says so"));
        }
        for (name, value) in names {
            self.row(indent, name, value);
        }
        match &place.answer {
            Answer::NoRouter | Answer::NotHere => {}
            Answer::Standard => {
                self.row(indent, "route", &format!("`{router}` leaves it at the sink's own name"));
            }
            Answer::Changed(_) => self.row(indent, "route", &format!("`{router}` chose this name")),
            Answer::Failed(error) => {
                let said = format!("`{router}` FAILED, so the sink's own name is used: {error}");
                self.row(indent, "route", &said);
            }
        }
        if place.for_all_labels && names.iter().any(|(name, _)| *name == "key") && !router.is_empty() {
            self.row(indent, "", "(one name for all labels: that of label default)");
        }
        for part in place.parts.iter().filter(|_| !matches!(place.answer, Answer::Changed(_))) {
            let fell_back = part.fell_back.as_ref();
            let fell_back =
                fell_back.map(|why| format!("; it {why}, so the path is used")).unwrap_or_default();
            self.row(indent, "", &format!("by {} `{}`{fell_back}", part.field, part.template));
            for replaced in replaced(part) {
                self.row(indent, "", &replaced);
            }
        }
    }
}

fn range(lines: &Range<u64>) -> String {
    let (first, last) = (lines.start, lines.end - 1);
    if first == last { format!("line {first}") } else { format!("lines {first}–{last}") }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a terminal would take for an order is shown as a mark.
fn visible(c: char) -> char {
    if c.is_control() && c != '\t' { '␦' } else { c }
}

/// Pieces of at most so many characters: by its lines, and by words where that is possible.
fn pieces(text: &str, room: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    for line in text.lines() {
        let mut rest: Vec<char> = line.chars().map(visible).collect();
        while rest.len() > room {
            let space = rest[..room].iter().rposition(|c| *c == ' ').filter(|at| *at > room / 2);
            let tail = rest.split_off(space.map_or(room, |at| at + 1));
            pieces.push(rest.iter().collect::<String>().trim_end().to_owned());
            rest = tail;
        }
        pieces.push(rest.into_iter().collect());
    }
    if pieces.is_empty() {
        pieces.push(String::new());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_headline_is_wider_than_the_table_wherever_a_component_lies() {
        let mut table = Table(String::new());
        table.head(2, &format!("labels (/check/{}/guest.wasm, after mask)", "a".repeat(150)));
        let lines: Vec<_> = table.0.lines().collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("  labels (/check") && lines[1].starts_with("      aaa"), "{lines:?}");
    }

    #[test]
    fn what_is_long_is_broken_at_words_and_what_has_none_where_it_must_be() {
        assert_eq!(pieces("one two three", 8), ["one two", "three"]);
        assert_eq!(pieces("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(pieces("a\nb\u{1b}[31m", 10), ["a", "b␦[31m"]);
        assert_eq!(pieces("", 10), [""]);
    }
}
