//! Reads receipts, and compares them with what is there: the file on disk, and the objects in the bucket.

use super::compare::{self, Local};
use super::{Entry, Outcome};
use crate::aws;
use crate::config::{Config, Layout, SinkKind};
use crate::cursor::{ReceiptRow, Receipts, StoreError};
use crate::sink::s3::client::Client;
use crate::source::Pattern;
use crate::source::identify::identify;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// What can be said of one generation of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Path below the log folder.
    pub path: String,
    /// Unique name of this generation.
    pub generation: String,
    /// When it was first seen, ms since the epoch.
    pub first_seen: i64,
    /// The most that was seen of it, bytes.
    pub size: u64,
    /// What its first bytes hash to, and how many; where it has come to its end.
    pub sha256: Option<([u8; 32], u64)>,
    /// The file on disk.
    pub local: Local,
    /// What each sink has of it.
    pub sinks: Vec<SinkProof>,
}

/// What one sink has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkProof {
    /// Id of the sink.
    pub sink: String,
    /// Up to which byte everything is acknowledged, refused or dropped; also what was before the receipt was begun.
    pub acknowledged: u64,
    /// What became of the events.
    pub targets: Vec<TargetProof>,
}

/// What became of events of one fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetProof {
    /// The line of the receipt.
    pub entry: Entry,
    /// What the service has, if it was asked.
    pub remote: Option<Verdict>,
}

/// What came of reading something back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Byte for byte what it should be.
    Matches,
    /// It hashes to what it should; the file itself is not there any more.
    SameHash,
    /// It is there, and so long as it should be. What components made cannot be compared byte for byte.
    There,
    /// It differs from this byte on.
    Differs {
        /// The first byte that is another, or that one of the two lacks.
        at: u64,
    },
    /// It hashes to something else; where it differs cannot be said without the file.
    OtherHash,
    /// It has so many bytes, and should have others.
    OtherLength {
        /// That it has.
        is: u64,
        /// That the receipt says.
        should_be: u64,
    },
    /// It is not there.
    Missing,
    /// It is there, and nobody knows what it should be: the file is gone, and was before it could be hashed.
    NothingToCompare,
    /// That kind of target is not read back.
    NotCompared(String),
    /// It could not be read.
    Failed(String),
}

impl Verdict {
    /// Nothing speaks against it.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Matches | Self::SameHash | Self::There | Self::NotCompared(_))
    }
}

impl Proof {
    /// Every sink has all of it, nothing was refused for good or lost, and nothing that was compared differs.
    pub fn holds(&self) -> bool {
        let given_up = |entry: &Entry| {
            entry.fate.outcome == Outcome::Lost
                || (entry.fate.outcome.is_refusal() && entry.fate.target.is_empty())
        };
        self.local != Local::Differs
            && !self.sinks.is_empty()
            && self.sinks.iter().all(|sink| {
                let targets = &sink.targets;
                sink.acknowledged >= self.size
                    && targets.iter().all(|it| !given_up(&it.entry))
                    && targets.iter().filter_map(|it| it.remote.as_ref()).all(Verdict::is_good)
            })
    }
}

/// Why nothing could be proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It can, but not this.
    #[error("the receipts in {dir} cannot be read: {error}")]
    Unreadable {
        /// The data dir.
        dir: std::path::PathBuf,
        /// What `SQLite` said.
        #[source]
        error: rusqlite::Error,
    },
    /// AWS cannot be asked at all.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// No host was ever at work there.
    #[error(
        "there is no store in {0}: has updraft run with this data dir? Name it with --data-dir, --config or UPDRAFT_DATA_DIR"
    )]
    NoStore(std::path::PathBuf),
}

/// The proofs of the files that are wanted. `config`: says where files are, and which sinks should have them. `remote`:
/// objects are read back.
pub async fn prove(
    data_dir: &Path,
    config: Option<&Config>,
    wanted: &Pattern,
    remote: bool,
) -> Result<Vec<Proof>, ProveError> {
    let store = Receipts::open(data_dir)?.ok_or_else(|| ProveError::NoStore(data_dir.to_owned()))?;
    let unreadable = |error| ProveError::Unreadable { dir: data_dir.to_owned(), error };
    let source = |id: &str| config?.sources.iter().find(|it| it.id == id);
    let root = |id: &str| Some(&source(id)?.base_log_folder);
    let wants = |id: &str, path: &str| {
        let task = identify(path, source(id).map_or(&[], |it| &it.path_patterns)).1;
        wanted.fits(path, root(id).map(|it| it.join(path)).as_deref(), task.as_ref())
    };
    let receipts = store.read(wants).map_err(unreadable)?;
    let buckets = match config {
        Some(config) if remote => Buckets::of(config).await?,
        _ => Buckets::default(),
    };
    let mut proofs = Vec::new();
    for receipt in &receipts {
        let path = root(&receipt.source).map(|root| root.join(&receipt.path));
        let file = path.as_deref().and_then(|path| compare::find(path, receipt));
        let local = match path {
            Some(_) => compare::local(file.as_deref(), receipt),
            None => Local::NotCompared,
        };
        let mut sinks = by_sink(receipt, config);
        if remote {
            let file = file.filter(|_| local != Local::Differs);
            for sink in &mut sinks {
                for target in &mut sink.targets {
                    target.remote =
                        buckets.read_back(&sink.sink, &target.entry, receipt, file.as_deref()).await;
                }
            }
        }
        proofs.push(Proof {
            path: receipt.path.clone(),
            generation: receipt.generation.clone(),
            first_seen: receipt.first_seen,
            size: receipt.size,
            sha256: receipt.seal.as_ref().map(|seal| (seal.sha256, seal.size)),
            local,
            sinks,
        });
    }
    Ok(proofs)
}

/// Also of sinks that should have it and have nothing.
fn by_sink(receipt: &ReceiptRow, config: Option<&Config>) -> Vec<SinkProof> {
    let mut sinks: Vec<SinkProof> = Vec::new();
    let source = config.and_then(|it| it.sources.iter().position(|source| source.id == receipt.source));
    for sink in config.into_iter().flat_map(|config| &config.sinks) {
        if source.is_some_and(|source| sink.takes_from(source)) {
            sinks.push(SinkProof { sink: sink.id.clone(), acknowledged: 0, targets: Vec::new() });
        }
    }
    for (id, entry) in &receipt.entries {
        let known = sinks.iter().position(|sink| sink.sink == *id).unwrap_or_else(|| {
            sinks.push(SinkProof { sink: id.clone(), acknowledged: 0, targets: Vec::new() });
            sinks.len() - 1
        });
        let sink = &mut sinks[known];
        sink.acknowledged = sink.acknowledged.max(entry.range.end);
        sink.targets.push(TargetProof { entry: entry.clone(), remote: None });
    }
    for (id, stand) in &receipt.cursors {
        for sink in sinks.iter_mut().filter(|sink| sink.sink == *id) {
            sink.acknowledged = sink.acknowledged.max(stand.offset);
        }
    }
    sinks
}

/// The S3 sinks of a config, to be read from.
#[derive(Default)]
struct Buckets(HashMap<String, Bucket>);

struct Bucket {
    client: Client,
    /// Of which sources its objects are copies of files.
    copies: Vec<String>,
    /// An object is one file's.
    mirror: bool,
    /// It has `?` for what is not UTF-8.
    legible: bool,
}

impl Buckets {
    async fn of(config: &Config) -> Result<Self, aws::Error> {
        let mut buckets = HashMap::new();
        for sink in &config.sinks {
            let SinkKind::S3(options) = &sink.kind else { continue };
            let access = aws::access(&sink.id, &options.aws, &Arc::default()).await?;
            let copies = sink.branches.iter().filter(|branch| branch.transforms.is_empty());
            let copies = copies.map(|branch| config.sources[branch.source].id.clone()).collect();
            let mirror = matches!(options.layout, Layout::Mirror(_));
            let legible = matches!(&options.layout, Layout::Mirror(mirror) if mirror.legible);
            let client = Client::new(&access, options);
            buckets.insert(sink.id.clone(), Bucket { client, copies, mirror, legible });
        }
        Ok(Self(buckets))
    }

    /// None: nothing is there that could be read back.
    async fn read_back(
        &self,
        sink: &str,
        entry: &Entry,
        receipt: &ReceiptRow,
        file: Option<&Path>,
    ) -> Option<Verdict> {
        if entry.fate.outcome != Outcome::Delivered {
            return None;
        }
        let target = &*entry.fate.target;
        let not_compared = |why: &str| Some(Verdict::NotCompared(why.to_owned()));
        let Some(object) = target.strip_prefix("s3://") else {
            return not_compared("only objects are read back");
        };
        let Some(bucket) = self.0.get(sink) else {
            return not_compared("the config has no such sink of type aws_s3");
        };
        let Some(key) = object.strip_prefix(bucket.client.bucket()).and_then(|rest| rest.strip_prefix('/'))
        else {
            return not_compared("the sink's bucket is another by now");
        };
        // The receipt may have been begun when some of it was there already.
        let stands =
            receipt.cursors.iter().filter(|(id, _)| id == sink).find_map(|(_, it)| it.target.as_ref());
        let written = stands.filter(|(target, _)| target == key).map_or(entry.bytes, |(_, written)| *written);
        let replaced = receipt.entries.iter().any(|(id, other)| {
            id == sink && other.fate.outcome == Outcome::Replaced && other.fate.target == entry.fate.target
        });
        // Its hash is another than that of the file.
        let comparable = !replaced || file.is_some();
        Some(if bucket.mirror && bucket.copies.contains(&receipt.source) && comparable {
            compare::copy(&bucket.client, key, written, receipt, (file, bucket.legible)).await
        } else {
            compare::made(&bucket.client, key, bucket.mirror.then_some(written)).await
        })
    }
}
