//! The folder of objects that hold many streams: a template that also speaks of the event's time (`date=%F/hour=%H`).

use std::fmt;

use jiff::Timestamp;

use super::template::{Names, Template, TemplateError};

/// Stands in a template's text for the `%` of a time specifier, so that a `%` in a name is none. A noncharacter: never
/// in valid text. <https://www.unicode.org/faq/private_use.html#nonchar1>
const MARK: char = '\u{fdd0}';

/// Time specifiers, by how long what they print stays the same, in seconds.
/// <https://docs.rs/jiff/latest/jiff/fmt/strtime/index.html#conversion-specifications>
const SPECIFIERS: [(&str, i64); 4] = [("YCymbBdeFjaAuwGV", 86_400), ("HIp", 3_600), ("MR", 60), ("STs", 1)];

/// A checked template of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    source: String,
    template: Template,
    /// What it prints is the same throughout so many seconds, counted from the epoch.
    unit: i64,
}

/// The folder of a stream and label, but for the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    text: String,
    unit: i64,
    /// The template named what the stream lacks, so it is the stream's path. Worth saying once.
    pub fell_back: bool,
}

/// Why a text is no such template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// As a template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A `%` that means nothing.
    #[error("unknown time `%{0}`; known are %Y %m %d %F %H %M %S %j %b %a and the like, and %% for a %")]
    Specifier(String),
}

impl Partition {
    /// Checks syntax, names and times. Times are outside of `{{ }}` and `{% %}` only.
    pub fn parse(source: &str) -> Result<Self, PartitionError> {
        let (mut marked, mut unit) = (String::new(), i64::MAX);
        let mut rest = source;
        while !rest.is_empty() {
            let mut braces = rest.match_indices('{').map(|(at, _)| at);
            let begin = braces.find(|&at| tag_at(&rest[at..]).is_some());
            let (literal, after) = rest.split_at(begin.unwrap_or(rest.len()));
            let (text, stays) = mark_times(literal)?;
            let tag = tag_at(after).unwrap_or_default();
            marked.extend([&text, tag]);
            unit = unit.min(stays);
            rest = &after[tag.len()..];
        }
        Ok(Self { source: source.to_owned(), template: Template::parse(&marked)?, unit })
    }

    /// Its names, as a template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The folder for one stream and label.
    pub fn render(&self, names: &Names<'_>) -> Result<Folder, TemplateError> {
        let rendered = self.template.render(names)?;
        Ok(Folder { text: rendered.text, unit: self.unit, fell_back: rendered.fell_back })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Folder {
    /// The stream's own path, as a folder.
    pub fn of_path(path: &str) -> Self {
        Self { text: path.to_owned(), unit: i64::MAX, fell_back: true }
    }

    /// A folder as [`written`](Self::written).
    pub fn of_written(text: &str) -> Result<Self, PartitionError> {
        let (text, unit) = mark_times(text)?;
        Ok(Self { text, unit, fell_back: false })
    }

    /// As a config would have it, with times as `%F`, and `%%` for a `%`.
    pub fn written(&self) -> String {
        self.text.replace('%', "%%").replace(MARK, "%")
    }

    /// Two times (ns since the epoch) with the same number have the same folder.
    pub fn period(&self, timestamp: i64) -> i64 {
        timestamp.div_euclid(1_000_000_000).div_euclid(self.unit)
    }

    /// The folder at a time, ns since the epoch.
    pub fn at(&self, timestamp: i64) -> String {
        let time = Timestamp::from_nanosecond(i128::from(timestamp)).unwrap_or_default();
        let mut text = String::with_capacity(self.text.len() + 16);
        let mut parts = self.text.split(MARK);
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let specifier = part.chars().next().unwrap_or('%');
            if unit_of(specifier).is_ok() {
                text.push_str(&time.strftime(&format!("%{specifier}")).to_string());
            }
            text.push_str(part.get(specifier.len_utf8()..).unwrap_or_default());
        }
        text
    }
}

/// Whether all times in the text of a folder are such as there are.
pub fn check_times(text: &str) -> Result<(), PartitionError> {
    mark_times(text).map(drop)
}

/// The text with its times marked, and for how many seconds it stays the same.
fn mark_times(text: &str) -> Result<(String, i64), PartitionError> {
    let (mut marked, mut unit) = (String::with_capacity(text.len()), i64::MAX);
    let mut parts = text.split('%');
    marked.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        if let Some(specifier) = part.chars().next() {
            unit = unit.min(unit_of(specifier)?);
            marked.push(MARK);
            marked.push_str(part);
        } else {
            // Two in a row are one that is meant.
            let after = parts.next().ok_or_else(|| PartitionError::Specifier(String::new()))?;
            marked.push('%');
            marked.push_str(after);
        }
    }
    Ok((marked, unit))
}

/// The Jinja tag that the text begins with.
fn tag_at(text: &str) -> Option<&str> {
    let close = match text.get(..2)? {
        "{{" => "}}",
        "{%" => "%}",
        "{#" => "#}",
        _ => return None,
    };
    // Without its end it is a syntax error, which the engine says better.
    Some(text.find(close).map_or(text, |end| &text[..end + close.len()]))
}

fn unit_of(specifier: char) -> Result<i64, PartitionError> {
    let found = SPECIFIERS.iter().find(|(specifiers, _)| specifiers.contains(specifier));
    found.map(|(_, unit)| *unit).ok_or_else(|| PartitionError::Specifier(specifier.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::event::{Deployment, Origin, StreamKind, TaskTry};

    const NOON: i64 = 1_763_726_400_000_000_000; // 2025-11-21T12:00:00Z

    fn origin(dag_id: &str) -> Origin {
        let task = TaskTry {
            dag_id: dag_id.into(),
            run_id: "r".into(),
            task_id: "t".into(),
            map_index: None,
            try_number: 1,
        };
        Origin {
            source: "airflow".into(),
            path: "a.log".into(),
            host: "h".into(),
            kind: StreamKind::Task,
            task: Some(task),
            deployment: Deployment::default(),
        }
    }

    fn folder(template: &str, dag_id: &str) -> Folder {
        let names = Names { origin: &origin(dag_id), label: "default", env: &BTreeMap::new() };
        Partition::parse(template).and_then(|it| Ok(it.render(&names)?)).expect("a good template")
    }

    #[test]
    fn a_folder_speaks_of_the_stream_and_of_the_events_time() {
        let folder = folder("date=%F/hour=%H/dag_id={{ dag_id }}", "etl");
        assert_eq!(folder.at(NOON), "date=2025-11-21/hour=12/dag_id=etl");
        assert_eq!(folder.at(NOON - 1), "date=2025-11-21/hour=11/dag_id=etl");
        assert_eq!(folder.at(i64::MIN), folder.at(i64::MIN), "absurd times do no harm");
    }

    #[test]
    fn times_are_in_literal_text_only() {
        assert_eq!(folder("{{ dag_id }}/%Y/100%%", "50%F").at(NOON), "50%F/2025/100%");
        assert_eq!(folder("{% if dag_id %}%d{% endif %}", "x").at(NOON), "21");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["%Q", "a%", "%é", "{{ nothing }}", ""] {
            assert!(Partition::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_down_reads_as_it_was() {
        let folder = folder("{{ dag_id }}/%F/100%%", "50%F");
        assert_eq!(folder.written(), "50%%F/%F/100%%");
        assert_eq!(Folder::of_written(&folder.written()), Ok(folder));
        assert!(Folder::of_written("%").is_err() && Folder::of_written("%Q").is_err());
    }

    proptest! {
        #[test]
        fn one_period_has_one_folder(at in -9_000_000_000_i64..9_000_000_000, by in 0_i64..200_000) {
            for template in ["%F", "%F/%H", "%H:%M", "%T", "plain", "%j/%a-%b-%B"] {
                let folder = folder(template, "etl");
                let (one, other) = (at * 1_000_000_000, (at + by) * 1_000_000_000);
                if folder.period(one) == folder.period(other) {
                    prop_assert_eq!(folder.at(one), folder.at(other));
                }
            }
        }
    }
}
