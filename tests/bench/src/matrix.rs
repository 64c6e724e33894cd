//! The rows: what is measured, one file for each sort.

mod idle;
mod latency;
mod memory;
mod scale;
mod start;
mod throughput;

use crate::setting::Setting;
use crate::table::Figure;

/// A row of the table, or a few that come of the same runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// Text to CloudWatch, codec `json`, beside the floor.
    Text,
    /// JSON to CloudWatch, codec `json`, beside the floor.
    Json,
    /// Text to CloudWatch, codec `raw`, beside the floor.
    Raw,
    /// Copies of files to S3.
    Mirror,
    /// Both at once.
    Both,
    /// Only the component, beside the same natively.
    Parse,
    /// One log stream for all files.
    Fill,
    /// The same amount in few files and many.
    Scale,
    /// Streams that are known and quiet.
    Memory,
    /// Processors, while nothing grows.
    Idle,
    /// From a line to its acknowledgement.
    Latency,
    /// From nothing to the first put.
    Start,
}

impl Row {
    /// In the order in which they are measured.
    pub const ALL: [Self; 12] = [
        Self::Text,
        Self::Json,
        Self::Raw,
        Self::Mirror,
        Self::Both,
        Self::Parse,
        Self::Fill,
        Self::Scale,
        Self::Memory,
        Self::Idle,
        Self::Latency,
        Self::Start,
    ];

    /// By its name.
    pub fn named(name: &str) -> Result<Self, String> {
        let all = Self::ALL.map(Self::name);
        let at = all.iter().position(|it| *it == name);
        at.map(|at| Self::ALL[at])
            .ok_or_else(|| format!("no row is called {name:?}; there are {}", all.join(", ")))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Raw => "raw",
            Self::Mirror => "mirror",
            Self::Both => "both",
            Self::Parse => "parse",
            Self::Fill => "fill",
            Self::Scale => "scale",
            Self::Memory => "memory",
            Self::Idle => "idle",
            Self::Latency => "latency",
            Self::Start => "start",
        }
    }

    /// Its heading.
    pub fn about(self) -> String {
        let about = match self {
            Self::Text => "Airflow 2 text to CloudWatch, codec json",
            Self::Json => "Airflow 3 JSON to CloudWatch, codec json",
            Self::Raw => "Airflow 2 text to CloudWatch, codec raw",
            Self::Mirror => "files to S3",
            Self::Both => "CloudWatch and S3 at once",
            Self::Parse => "the component alone, and the same normalizer natively",
            Self::Fill => "all files in one log stream",
            Self::Scale => "the same amount in few files and many",
            Self::Memory => "known streams that are quiet",
            Self::Idle => "nothing grows",
            Self::Latency => "from a line to its acknowledgement",
            Self::Start => "a start with compiled components",
        };
        format!("{about} ({})", self.name())
    }

    /// Measures it.
    pub fn measure(self, setting: &Setting) -> Result<Vec<Figure>, String> {
        let figures = match self {
            Self::Text => throughput::text(setting),
            Self::Json => throughput::json(setting),
            Self::Raw => throughput::raw(setting),
            Self::Mirror => throughput::mirror(setting),
            Self::Both => throughput::both(setting),
            Self::Parse => throughput::parse(setting),
            Self::Fill => throughput::fill(setting),
            Self::Scale => scale::scale(setting),
            Self::Memory => memory::memory(setting),
            Self::Idle => idle::idle(setting),
            Self::Latency => latency::latency(setting),
            Self::Start => start::start(setting),
        }?;
        Ok(figures.into_iter().flatten().collect())
    }
}

/// Some figures; none where nothing could be measured.
type Figures = Result<Vec<Option<Figure>>, String>;
