//! What a sink's own templates say, by the kind of names that it has, with each step on the way: what a template printed
//! and what became of that by the service's rules.

use super::partition::{Folder, Partition};
use super::target::{LogStreamName, Rules, Target};
use super::template::{Names, Rendered, Template, TemplateError};
use crate::config::{Layout, SinkKind};

/// How one kind of sink names what it writes to.
pub trait Standard: Send + Sync {
    /// A name.
    type Name: Clone + Send + Sync;

    /// What its templates say of a stream and label, and how it came to that.
    fn name(&self, names: &Names<'_>) -> (Self::Name, Vec<Part>);

    /// A name as routers see it.
    fn target(&self, name: &Self::Name) -> Target;

    /// A name that a router gave and that the rules allow; none: there is none like it here.
    fn of_target(&self, target: Target) -> Option<Self::Name>;

    /// What the service allows.
    fn rules(&self) -> Rules;
}

/// A template of a sink, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The option of the sink.
    pub field: &'static str,
    /// The template.
    pub template: String,
    /// What it printed.
    pub printed: String,
    /// Why that is the stream's path instead; none: it is not.
    pub fell_back: Option<FellBack>,
    /// What that became by the service's rules.
    pub name: String,
}

/// Why a template did not print what it was to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FellBack {
    /// It names what the stream lacks, or came to nothing.
    #[error("names what this stream lacks")]
    Lacking,
    /// It failed.
    #[error(transparent)]
    Failed(#[from] TemplateError),
}

impl Part {
    fn of(
        field: &'static str,
        template: &Template,
        names: &Names<'_>,
        fit: impl FnOnce(&str) -> String,
    ) -> Self {
        let (printed, fell_back) = match template.render(names) {
            Ok(Rendered { text, fell_back }) => (text, fell_back.then_some(FellBack::Lacking)),
            Err(error) => (names.origin.path.clone(), Some(error.into())),
        };
        Self { field, template: template.source().to_owned(), name: fit(&printed), printed, fell_back }
    }
}

/// Log streams.
#[derive(Debug, Clone)]
pub struct LogStreams {
    /// The group.
    pub group_name: Template,
    /// The stream in it.
    pub stream_name: Template,
}

impl Standard for LogStreams {
    type Name = LogStreamName;

    fn name(&self, names: &Names<'_>) -> (LogStreamName, Vec<Part>) {
        let group = Part::of("group_name", &self.group_name, names, super::log_group_name);
        let stream = Part::of("stream_name", &self.stream_name, names, super::log_stream_name);
        (LogStreamName { group: group.name.clone(), name: stream.name.clone() }, vec![group, stream])
    }

    fn target(&self, name: &LogStreamName) -> Target {
        Target::LogStream(name.clone())
    }

    fn of_target(&self, target: Target) -> Option<LogStreamName> {
        match target {
            Target::LogStream(name) => Some(name),
            Target::Object(_) => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules::LogStream
    }
}

/// Keys of objects, or paths of files, one for a stream.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The key…
    pub key: Template,
    /// …after this.
    pub prefix: String,
}

impl Standard for Keys {
    /// With the prefix.
    type Name = String;

    fn name(&self, names: &Names<'_>) -> (String, Vec<Part>) {
        let key = Part::of("key", &self.key, names, |text| super::object_key(&self.prefix, text));
        (key.name.clone(), vec![key])
    }

    fn target(&self, name: &String) -> Target {
        Target::Object(name.strip_prefix(&self.prefix).unwrap_or(name).to_owned())
    }

    fn of_target(&self, target: Target) -> Option<String> {
        match target {
            Target::Object(key) => Some(super::object_key(&self.prefix, &key)),
            Target::LogStream(_) => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules::Key(self.prefix.len())
    }
}

/// Folders of objects, or of files, that hold many streams; without the prefix.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The folder…
    pub folder: Partition,
    /// …after so many bytes.
    pub prefix: usize,
}

impl Standard for Folders {
    type Name = Folder;

    fn name(&self, names: &Names<'_>) -> (Folder, Vec<Part>) {
        let (folder, fell_back) = match self.folder.render(names) {
            Ok(folder) => {
                let lacking = folder.fell_back.then_some(FellBack::Lacking);
                (folder, lacking)
            }
            Err(error) => (Folder::of_path(&names.origin.path), Some(error.into())),
        };
        let (printed, template) = (folder.written(), self.folder.to_string());
        let part = Part { field: "key", template, name: printed.clone(), printed, fell_back };
        (folder, vec![part])
    }

    fn target(&self, name: &Folder) -> Target {
        Target::Object(name.written())
    }

    fn of_target(&self, target: Target) -> Option<Folder> {
        match target {
            Target::Object(folder) => Folder::of_written(&folder).ok(),
            Target::LogStream(_) => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules::Folder(self.prefix)
    }
}

/// A sink without names: a router says only what goes there.
#[derive(Debug, Clone, Copy)]
pub struct Nameless;

impl Standard for Nameless {
    type Name = ();

    fn name(&self, _: &Names<'_>) -> ((), Vec<Part>) {
        ((), Vec::new())
    }

    fn target(&self, (): &()) -> Target {
        Target::Object(String::new())
    }

    fn of_target(&self, _: Target) -> Option<()> {
        Some(())
    }

    fn rules(&self) -> Rules {
        Rules::Nameless
    }
}

/// Any of them, for those who only want to know.
#[derive(Debug, Clone)]
pub enum Any {
    /// Of `aws_cloudwatch_logs`.
    LogStreams(LogStreams),
    /// Of layout `mirror`.
    Keys(Keys),
    /// Of layout `batch`.
    Folders(Folders),
    /// Of all else.
    Nameless(Nameless),
}

impl Any {
    /// That of a sink.
    pub fn of(sink: &SinkKind) -> Self {
        let prefix = match sink {
            SinkKind::S3(options) => options.key_prefix.as_str(),
            _ => "",
        };
        match (sink, sink.layout()) {
            (SinkKind::CloudWatch(options), _) => Self::LogStreams(LogStreams {
                group_name: options.group_name.clone(),
                stream_name: options.stream_name.clone(),
            }),
            (_, Some(Layout::Mirror(mirror))) => {
                Self::Keys(Keys { key: mirror.key.clone(), prefix: prefix.to_owned() })
            }
            (_, Some(Layout::Batch(batch))) => {
                Self::Folders(Folders { folder: batch.folder.clone(), prefix: prefix.len() })
            }
            (_, None) => Self::Nameless(Nameless),
        }
    }

    /// What its templates say of a stream and label, and how it came to that.
    pub fn name(&self, names: &Names<'_>) -> (Target, Vec<Part>) {
        fn of<S: Standard>(standard: &S, names: &Names<'_>) -> (Target, Vec<Part>) {
            let (name, parts) = standard.name(names);
            (standard.target(&name), parts)
        }
        match self {
            Self::LogStreams(it) => of(it, names),
            Self::Keys(it) => of(it, names),
            Self::Folders(it) => of(it, names),
            Self::Nameless(it) => of(it, names),
        }
    }

    /// What the service allows.
    pub fn rules(&self) -> Rules {
        match self {
            Self::LogStreams(it) => it.rules(),
            Self::Keys(it) => it.rules(),
            Self::Folders(it) => it.rules(),
            Self::Nameless(it) => it.rules(),
        }
    }
}
