//! A name as routers see it, and what each service allows of names. What a template prints is made to fit; what a router
//! returns has to fit as it is.

use super::{LOG_GROUP_NAME_MAX_CHARS, LOG_STREAM_NAME_MAX_CHARS, OBJECT_KEY_MAX_BYTES, partition};
use std::fmt;

/// How the name of a log group must not begin.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
const RESERVED_GROUPS: &str = "aws/";
/// Characters of a bad name that an error shows.
const SHOWN: usize = 200;

/// A log stream, and the group that it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogStreamName {
    /// Log group.
    pub group: String,
    /// Log stream in it.
    pub name: String,
}

impl LogStreamName {
    /// As receipts name it. Neither name can hold a `:`.
    pub fn target(&self) -> String {
        format!("log-group:{}:log-stream:{}", self.group, self.name)
    }
}

impl fmt::Display for LogStreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log stream {:?} of log group {:?}", self.name, self.group)
    }
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a log stream.
    LogStream(LogStreamName),
    /// Into an object, or a file: its key below what the config puts before all keys. With layout `batch` the folder, times
    /// of events in it as strftime has them. Of a sink that has no names, nothing.
    Object(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogStream(name) => name.fmt(f),
            Self::Object(key) => write!(f, "{key:?}"),
        }
    }
}

/// What is asked of a router: where the events of a label go in a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The label.
    pub label: String,
    /// Id of the sink.
    pub sink: String,
    /// Its `type`.
    pub kind: &'static str,
    /// What its own templates say.
    pub standard: Target,
    /// What its service allows.
    pub rules: Rules,
}

/// What a service allows of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Those of CloudWatch.
    LogStream,
    /// A key after so many bytes that stand before all keys.
    Key(usize),
    /// The same for a folder, with times in it.
    Folder(usize),
    /// There are no names: whatever is said is all right.
    Nameless,
}

/// A router's name breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("named {what} {name:?}: {rule}")]
pub struct BadName {
    /// What it is the name of.
    pub what: &'static str,
    /// The name, or how it begins.
    pub name: String,
    /// The rule.
    pub rule: String,
}

impl Rules {
    /// Whether the service takes the name as it is.
    pub fn check(self, target: &Target) -> Result<(), BadName> {
        match (self, target) {
            (Self::Nameless, _) => Ok(()),
            (Self::LogStream, Target::LogStream(LogStreamName { group, name })) => {
                bad("the log group", group, log_group(group))?;
                bad("the log stream", name, log_stream(name))
            }
            (Self::Key(prefix), Target::Object(name)) => bad("the key", name, key(name, prefix)),
            (Self::Folder(prefix), Target::Object(name)) => {
                let time = || partition::check_times(name).err().map(|error| error.to_string());
                bad("the folder", name, key(name, prefix).or_else(time))
            }
            (Self::LogStream, Target::Object(key)) => {
                bad("an object key", key, Some("this sink has log streams".into()))
            }
            (Self::Key(_) | Self::Folder(_), Target::LogStream(it)) => {
                bad("a log stream", &it.name, Some("this sink has object keys".into()))
            }
        }
    }
}

fn bad(what: &'static str, name: &str, rule: Option<String>) -> Result<(), BadName> {
    rule.map_or(Ok(()), |rule| Err(BadName { what, name: name.chars().take(SHOWN).collect(), rule }))
}

fn log_group(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#');
    let length = name.chars().count();
    let rule = if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        format!("CloudWatch allows A-Z a-z 0-9 . - _ / # in it, and no {bad:?}")
    } else if !(1..=LOG_GROUP_NAME_MAX_CHARS).contains(&length) {
        format!("CloudWatch allows 1 to {LOG_GROUP_NAME_MAX_CHARS} characters, and it has {length}")
    } else if name.starts_with(RESERVED_GROUPS) {
        format!("names that begin with {RESERVED_GROUPS:?} are reserved for AWS")
    } else {
        return None;
    };
    Some(rule)
}

fn log_stream(name: &str) -> Option<String> {
    let length = name.chars().count();
    if let Some(bad) = name.chars().find(|c| matches!(c, ':' | '*')) {
        return Some(format!("CloudWatch allows no ':' and no '*' in it, and it has {bad:?}"));
    }
    (!(1..=LOG_STREAM_NAME_MAX_CHARS).contains(&length)).then(|| {
        format!("CloudWatch allows 1 to {LOG_STREAM_NAME_MAX_CHARS} characters, and it has {length}")
    })
}

fn key(name: &str, prefix: usize) -> Option<String> {
    let rule = if name.split('/').all(str::is_empty) {
        "there is nothing in it but slashes".to_owned()
    } else if let Some(part) = name.split('/').find(|part| matches!(*part, "." | "..")) {
        format!("a part of it is {part:?}, which leads elsewhere")
    } else if name.chars().any(char::is_control) {
        "it holds a control character".to_owned()
    } else if prefix + name.len() > OBJECT_KEY_MAX_BYTES {
        let length = prefix + name.len();
        format!("keys have {OBJECT_KEY_MAX_BYTES} bytes at most, and with the prefix it has {length}")
    } else {
        return None;
    };
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_stream(group: &str, name: &str) -> Target {
        Target::LogStream(LogStreamName { group: group.into(), name: name.into() })
    }

    fn said(rules: Rules, target: &Target) -> String {
        rules.check(target).expect_err("it breaks a rule").to_string()
    }

    #[test]
    fn names_of_512_characters_are_taken_and_such_of_513_are_not() {
        let (longest, longer) = ("a".repeat(512), "a".repeat(513));
        assert_eq!(Rules::LogStream.check(&log_stream(&longest, &"é".repeat(512))), Ok(()));
        assert!(
            said(Rules::LogStream, &log_stream(&longer, "a")).contains("1 to 512 characters, and it has 513")
        );
        assert!(
            said(Rules::LogStream, &log_stream("a", &longer)).contains("1 to 512 characters, and it has 513")
        );
        assert!(said(Rules::LogStream, &log_stream("", "a")).contains("it has 0"));
        assert!(said(Rules::LogStream, &log_stream("a", "")).contains("it has 0"));
    }

    #[test]
    fn what_the_service_forbids_is_named_with_the_rule() {
        assert_eq!(
            said(Rules::LogStream, &log_stream("/air flow", "a")),
            r#"named the log group "/air flow": CloudWatch allows A-Z a-z 0-9 . - _ / # in it, and no ' '"#
        );
        assert!(said(Rules::LogStream, &log_stream("a", "b:c")).contains("no ':' and no '*'"));
        assert!(said(Rules::LogStream, &log_stream("aws/x", "a")).contains("reserved for AWS"));
        assert!(said(Rules::Key(0), &Target::Object("a/../b".into())).contains(r#"a part of it is "..""#));
        assert!(said(Rules::Key(0), &Target::Object("a\nb".into())).contains("control character"));
        assert!(said(Rules::Key(0), &Target::Object("//".into())).contains("nothing in it"));
    }

    #[test]
    fn a_key_of_1024_bytes_with_its_prefix_is_taken_and_one_of_1025_is_not() {
        assert_eq!(Rules::Key(5).check(&Target::Object("a".repeat(1019))), Ok(()));
        assert!(said(Rules::Key(5), &Target::Object("a".repeat(1020))).contains("it has 1025"));
    }

    #[test]
    fn a_folder_may_hold_times_that_there_are() {
        assert_eq!(Rules::Folder(0).check(&Target::Object("date=%F/100%%".into())), Ok(()));
        assert!(said(Rules::Folder(0), &Target::Object("date=%Q".into())).contains("%Q"));
    }

    #[test]
    fn a_target_of_the_other_kind_is_refused_and_what_has_no_names_takes_all() {
        assert!(said(Rules::LogStream, &Target::Object("a".into())).contains("this sink has log streams"));
        assert!(said(Rules::Key(0), &log_stream("a", "b")).contains("this sink has object keys"));
        assert_eq!(Rules::Nameless.check(&log_stream("", "")), Ok(()));
    }
}
