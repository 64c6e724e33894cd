//! What a run is to be like. Whatever is left to chance follows from the seed.

use std::time::Duration;

/// What the writer does to files besides appending to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    /// A file gets another name, and a new one takes its place.
    Rename,
    /// A file is copied, and cut to nothing.
    Copy,
    /// A file is cut to nothing and written anew.
    Truncation,
    /// A file is deleted; another may take its place.
    Deletion,
    /// A folder is removed with all that is in it, and made again.
    Folder,
}

impl Disturbance {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Rename, Self::Copy, Self::Truncation, Self::Deletion, Self::Folder];

    /// All but those of these names, as `renames,copies`; an error names one that is none.
    pub fn all_but(names: &str) -> Result<Vec<Self>, String> {
        let mut all = Self::ALL.to_vec();
        for name in names.split(',').filter(|name| !name.is_empty()) {
            let found = all.iter().position(|it| it.name() == name);
            all.remove(
                found.ok_or_else(|| format!("no disturbance is called {name:?}, or it is out already"))?,
            );
        }
        Ok(all)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rename => "renames",
            Self::Copy => "copies",
            Self::Truncation => "truncations",
            Self::Deletion => "deletions",
            Self::Folder => "folders",
        }
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is left to chance follows from it.
    pub seed: u64,
    /// What happens to files.
    pub disturbances: Vec<Disturbance>,
    /// How long the writer writes, at least.
    pub length: Duration,
    /// How often the host is ended, at least.
    pub ends: u32,
    /// Files that grow at a time.
    pub actors: u32,
    /// Lines that all of them are given in a second, more or less.
    pub lines_per_second: u32,
    /// How long the host is left alone, at most.
    pub between_ends: Duration,
    /// How long any trouble of the services lasts, at most.
    pub spell: Duration,
    /// What requests are given before they count as timed out, in seconds.
    pub timeout_secs: f64,
}

impl Plan {
    /// For every day: some seconds.
    pub fn short(seed: u64) -> Self {
        Self {
            seed,
            disturbances: Disturbance::ALL.to_vec(),
            length: Duration::from_secs(6),
            ends: 3,
            actors: 10,
            lines_per_second: 400,
            between_ends: Duration::from_secs(2),
            spell: Duration::from_millis(700),
            timeout_secs: 1.0,
        }
    }

    /// For as long as you like.
    pub fn long(seed: u64, length: Duration) -> Self {
        Self {
            length,
            ends: 5,
            actors: 28,
            lines_per_second: 500,
            between_ends: Duration::from_secs(25),
            spell: Duration::from_mins(1).min(length / 5),
            timeout_secs: 2.0,
            ..Self::short(seed)
        }
    }

    /// Chance for one part of the run, the same for the same seed.
    pub fn rng(&self, part: &str) -> fastrand::Rng {
        let salt = part.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt)
    }

    /// Whether all files share one log stream.
    pub fn one_log_stream(&self) -> bool {
        self.seed.is_multiple_of(2)
    }

    /// Whether there is a sink of layout `batch`, too.
    pub fn with_lake(&self) -> bool {
        !self.seed.is_multiple_of(3)
    }
}
